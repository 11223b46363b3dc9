"""Which interpreter runs an image as a process of this machine, and with which of its packages.

An image states the Python of its base and what its compiled files need. Where this machine has another Python or
C library, its builder kept a layer with the same packages for this machine.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from faas_runtime.core.interpreters import default_python, find_python, machine_libc, python_minor

PYTHON_LABEL = "io.faas.python"
"""Image label: the version of Python that the base has, such as `3.13`."""
NEEDS_LABEL = "io.faas.needs"
"""Image label: what compiled files need, separated by spaces: `glibc` or `musl`, `python3.13`."""
LOCAL_LAYER = "io.faas.local-layer"
"""Annotation in the local store: `LAYER LOCAL PYTHON`, a layer's digest, that of its substitute on this machine, and
the version of Python the substitute needs (empty for Node)."""


class NotRunnable(Exception):
    """This machine has no interpreter for the image; the message says which is missing."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """How to run an image: `python` replaces `python3` in its command unless empty; `local` selects the local layer."""

    python: str = ""
    local: bool = False

    def command(self, fprocess: str) -> str:
        """The command with this interpreter."""
        first, space, rest = fprocess.partition(" ")
        return (
            f"{shlex.quote(self.python)}{space}{rest}" if self.python and first in ("python3", "python") else fprocess
        )


PLAIN = Interpreter()
"""The image as it is, with the interpreters of PATH."""


def interpreter_labels(python: str, needs: Collection[str]) -> dict[str, str]:
    """The labels of an image whose base has this version of Python (empty if none)."""
    labels = {PYTHON_LABEL: python, NEEDS_LABEL: " ".join(sorted(needs))}
    return {name: value for name, value in labels.items() if value}


def local_annotations(layer: str, local: str, python: str) -> dict[str, str]:
    """The annotation that names a layer's substitute on this machine; both are digests."""
    return {LOCAL_LAYER: f"{layer} {local} {python}".rstrip()}


def local_layers(manifest: Mapping[str, Any]) -> list[str]:
    """Digests of the layers that an image has for this machine only."""
    named: str = (manifest.get("annotations") or {}).get(LOCAL_LAYER, "")
    return named.split()[1:2]


def choose_interpreter(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Interpreter:
    """How this machine runs an image with these labels and annotations. Raises NotRunnable."""
    python, needs = labels.get(PYTHON_LABEL, ""), labels.get(NEEDS_LABEL, "").split()
    libcs = {"glibc", "musl"} & set(needs)
    path = find_python(python) if python else ""
    fits = not libcs or libcs == {machine_libc()}
    if fits and (path or not any(each.startswith("python") for each in needs)):
        return Interpreter("" if path == default_python() else path)
    substitute = annotations.get(LOCAL_LAYER, "").split()
    if substitute:
        local = find_python(substitute[2]) if substitute[2:] else ""
        if local or not substitute[2:]:
            return Interpreter("" if local == default_python() else local, local=True)
        python = substitute[2]
    if not fits and not substitute:
        raise NotRunnable(f"its compiled packages need {libcs.pop()}; this machine has {machine_libc()}")
    raise NotRunnable(f"it needs python{python}; this machine has python{python_minor(default_python())}")
