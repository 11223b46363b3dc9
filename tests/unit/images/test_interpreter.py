"""Which interpreter runs an image as a process."""

import pytest

from faas_runtime.images import interpreter
from faas_runtime.images.interpreter import (
    Interpreter,
    NotRunnable,
    choose_interpreter,
    interpreter_labels,
    local_annotations,
)


@pytest.fixture
def machine(monkeypatch):
    """A machine with glibc, python3.11 as `python3`, and those interpreters that the test adds."""
    found = {"3.11": "/usr/bin/python3"}
    monkeypatch.setattr(interpreter, "find_python", lambda minor: found.get(minor, ""))
    monkeypatch.setattr(interpreter, "default_python", lambda: "/usr/bin/python3")
    monkeypatch.setattr(interpreter, "python_minor", lambda python: "3.11")
    monkeypatch.setattr(interpreter, "machine_libc", lambda: "glibc")
    return found


def test_the_version_of_the_base_is_preferred(machine):
    """A function without compiled packages runs with any version, and with its own if there is one."""
    labels = interpreter_labels("3.13", set())
    assert choose_interpreter(labels, {}) == Interpreter()
    machine["3.13"] = "/opt/my python/python3.13"
    chosen = choose_interpreter(labels, {})
    assert chosen.command("python3 index.py") == "'/opt/my python/python3.13' index.py"
    assert chosen.command("./handler") == "./handler"
    assert choose_interpreter(interpreter_labels("3.11", {"python3.11"}), {}) == Interpreter()


def test_compiled_packages_need_their_version(machine):
    """Without it, the packages kept for this machine are used, or the missing interpreter is named."""
    labels = interpreter_labels("3.13", {"python3.13", "glibc"})
    with pytest.raises(NotRunnable, match=r"it needs python3\.13; this machine has python3\.11"):
        choose_interpreter(labels, {})
    kept = local_annotations("sha256:a", "sha256:b", "3.11")
    assert choose_interpreter(labels, kept) == Interpreter(local=True)
    machine["3.13"] = "/opt/python3.13"
    assert choose_interpreter(labels, kept) == Interpreter("/opt/python3.13")


def test_compiled_packages_need_their_c_library(machine):
    """Packages for musl do not run under glibc."""
    labels = interpreter_labels("", {"musl"})
    with pytest.raises(NotRunnable, match="need musl; this machine has glibc"):
        choose_interpreter(labels, {})
    assert choose_interpreter(labels, local_annotations("sha256:a", "sha256:b", "")) == Interpreter(local=True)
