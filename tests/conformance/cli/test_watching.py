"""`faas dev` notices every save, in whatever way editors save, and builds only what it is in."""

import signal
import subprocess
import threading
import time

import pytest

STACK = """provider: {name: openfaas}
functions:
  a: {lang: text, handler: ./a, image: a:latest, environment: {LEVEL: "0"}}
  b: {lang: text, handler: ./b, image: b:latest}
"""
VERSION = {"sha": "s", "release": "1"}
INFO = {"provider": {"provider": "p", "version": VERSION, "orchestration": "o"}, "version": VERSION}
# Nothing to install and nothing to compile: it is the watch that is tested.
TEMPLATE = (
    "language: text\nfprocess: cat function/handler.txt\nfaas:\n  toolchain: sh\n  runtime: {include: [function]}\n"
)


def in_place(path, text):
    """As most programs do."""
    path.write_text(text)


def by_renaming(path, text):
    """A new file takes the place of the old one."""
    new = path.with_name(f".{path.name}.swp")
    new.write_text(text)
    new.replace(path)


def with_a_backup(path, text):
    """The old file moves away, then the new one is written."""
    path.rename(path.with_name(f"{path.name}~"))
    path.write_text(text)
    path.with_name(f"{path.name}~").unlink()


class Dev:
    """`faas dev` on a project of two functions."""

    def __init__(self, client):
        self.gateway = client.gateway
        self.gateway.answers["GET /system/info"] = (200, INFO)
        for name in ("a", "b"):
            (client.folder / name).mkdir()
            (client.folder / name / "handler.txt").write_text(name)
        client.write("stack.yml", STACK)
        (client.folder / "template" / "text").mkdir(parents=True)
        client.write("template/text/template.yml", TEMPLATE)
        self.folder = client.folder
        env = {**client.env, "FAAS_STATE_DIR": str(client.folder.parent / "state")}
        self.process = subprocess.Popen(
            [*client.cli, "dev", "-f", "stack.yml", "--builder", "oci"],
            cwd=client.folder, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.output = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            self.output += line

    def deployed(self):
        """The functions in the order they were deployed."""
        return [request.json["service"] for request in self.gateway.requests if request.method in ("PUT", "POST")]

    def until(self, reached):
        deadline = time.monotonic() + 60
        while not reached():
            assert time.monotonic() < deadline, (self.output, self.deployed())
            assert self.process.poll() is None, self.output
            time.sleep(0.01)


@pytest.fixture
def dev(client):
    made = Dev(client)
    made.until(lambda: "watching" in made.output)
    yield made
    made.process.send_signal(signal.SIGINT)
    made.process.wait(30)
    made.process.stderr.close()


def test_every_way_to_save(dev):
    """Each save brings the one function it is in, and no other; so again and again."""
    expected = ["a", "b"]
    assert dev.deployed() == expected
    for number, save in enumerate((by_renaming, in_place, with_a_backup, by_renaming)):
        for name in ("a", "b"):
            save(dev.folder / name / "handler.txt", f"{name} {number}")
            expected.append(name)
            dev.until(lambda: len(dev.deployed()) >= len(expected))
    assert dev.deployed() == expected


def test_every_way_to_save_the_stack_file(dev):
    """A replaced stack file is read again and deployed."""
    for number, save in enumerate((by_renaming, with_a_backup, in_place, by_renaming), start=1):
        wanted = len(dev.deployed()) + 2
        save(dev.folder / "stack.yml", STACK.replace('"0"', f'"{number}"'))
        dev.until(lambda wanted=wanted: len(dev.deployed()) >= wanted)
        brought = [request.json for request in dev.gateway.requests if request.method == "PUT"][-2:]
        assert [each["service"] for each in brought] == ["a", "b"]
        assert brought[0]["envVars"]["LEVEL"] == str(number)
