"""A repository of templates served by a real git, and a cache of its own for every test."""

import socket
import subprocess
import time
from typing import Any

import pytest


class Repository:
    """A repository with two templates, at an address git can clone from."""

    def __init__(self, base):
        self.base, self.folder = base, base / "templates.git"
        self.folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.write("lang-a", "one")
        self.write("lang-b", "one")
        self.first = self.commit("first")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"git://127.0.0.1:{port}/templates.git"
        self.process = subprocess.Popen(
            [
                "git",
                "daemon",
                "--reuseaddr",
                f"--base-path={base}",
                "--export-all",
                "--listen=127.0.0.1",
                f"--port={port}",
            ],
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while subprocess.run(["git", "ls-remote", self.url], capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def git(self, *arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def write(self, name, language, handler="x"):
        folder = self.folder / "template" / name / "function"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "handler.txt").write_text(handler)
        (folder.parent / "template.yml").write_text(f"language: {language}\nfprocess: cat\n")

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def state(tmp_path_factory, monkeypatch):
    """The cache of all projects, empty for every test."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("FAAS_STATE_DIR", str(folder))
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    made: Any = Repository(tmp_path_factory.mktemp("repositories"))
    made.git("tag", "v1")
    made.git("checkout", "--quiet", "-b", "next")
    made.write("lang-a", "two")
    made.second = made.commit("second")
    made.git("checkout", "--quiet", "main")
    yield made
    made.process.terminate()
    made.process.wait()
