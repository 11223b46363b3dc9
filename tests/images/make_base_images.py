"""Stand-ins for the base images of the templates, under their real names, made from this machine's toolchains.

A test machine has no registry to pull `golang:1.25-alpine` from, and the generated Dockerfiles
are to be built as they are. Each image holds the toolchain as it is installed here, a shell
and the common tools, and the libraries they are linked with. An image that is there already,
ours or a real one, is kept.

    python tests/images/make_base_images.py [NAME...]
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

COMMANDS = (
    "sh", "cat", "chmod", "cp", "cut", "dirname", "echo", "env", "find", "grep", "head", "id", "ln", "ls", "mkdir",
    "mv", "printf", "pwd", "readlink", "rm", "rmdir", "sed", "sleep", "sort", "tail", "tar", "test", "touch", "tr",
    "true", "uname", "wc", "xargs",
)  # fmt: skip
PATH = "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Rootfs:
    """Collects files of this machine, each with the libraries it is linked with, as one archive."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._archive = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT)
        self._seen: set[str] = set()
        for folder in ("bin", "etc", "usr", "usr/bin", "usr/lib", "usr/local", "usr/local/bin", "root", "home", "var"):
            self.folder(folder)
        self.folder("tmp", 0o1777)
        self.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        self.text("etc/group", "root:x:0:\n")
        # Name lookups in glibc need this file; certificates are for package managers.
        self.text("etc/nsswitch.conf", "hosts: files dns\n")
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        if certificates.exists():
            self.file(certificates, "etc/ssl/certs/ca-certificates.crt")

    def folder(self, path: str, mode: int = 0o755) -> None:
        """An empty folder."""
        info = tarfile.TarInfo(path)
        info.type, info.mode = tarfile.DIRTYPE, mode
        self._archive.addfile(info)

    def text(self, path: str, content: str, mode: int = 0o644) -> None:
        """A file with this content."""
        info = tarfile.TarInfo(path)
        info.size, info.mode = len(content.encode()), mode
        self._archive.addfile(info, io.BytesIO(content.encode()))

    def file(self, source: Path, target: str) -> None:
        """One file, links resolved."""
        if target in self._seen:
            return
        self._seen.add(target)
        info = tarfile.TarInfo(target)
        info.size, info.mode = source.stat().st_size, source.stat().st_mode & 0o777
        with source.open("rb") as stream:
            self._archive.addfile(info, stream)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        info = tarfile.TarInfo(path)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self._archive.addfile(info)

    def program(self, source: Path, target: str) -> None:
        """A program or library, and what it is linked with at the paths the linker looks at."""
        real = source.resolve()
        self.file(real, target)
        for library in linked(real):
            self.file(library.resolve(), str(library).lstrip("/"))

    def tree(self, source: Path, target: str, leave_out: Callable[[Path], bool] = lambda path: False) -> None:
        """A folder with everything below it; shared libraries bring what they need."""
        self.folder(target)
        for entry in sorted(source.iterdir()):
            name = f"{target}/{entry.name}"
            if leave_out(entry):
                continue
            if entry.is_symlink() and not os.path.isabs(os.readlink(entry)):
                self.link(name, os.readlink(entry))
            elif entry.is_dir():
                self.tree(entry, name, leave_out)
            elif entry.is_file() and ".so" in entry.suffixes:
                self.program(entry, name)
            elif entry.is_file():
                self.file(entry, name)

    def close(self) -> None:
        """End the archive."""
        self._archive.close()


def linked(program: Path) -> Iterator[Path]:
    """The shared libraries of a program, and its loader."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    for found in re.finditer(r"(?:=> )?(/\S+) \(0x", done.stdout):
        yield Path(found[1])


def tools(root: Rootfs) -> None:
    """A shell and the common commands."""
    for name in COMMANDS:
        found = shutil.which(name, path="/usr/bin:/bin")
        if found:
            root.program(Path(found), f"bin/{name}")
    root.link("usr/bin/env", "/bin/env")


def go(root: Rootfs) -> None:
    """The Go toolchain, at the place its official image has it."""
    home = Path(subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip())
    unused = {home / "test", home / "api", home / "doc", home / "misc"}
    root.tree(home, "usr/local/go", lambda path: path in unused or path.name == "testdata")
    root.folder("go", 0o777)


def system_libraries(root: Rootfs) -> None:
    """Libraries of every Debian that compiled packages are linked with, some by names of older systems."""
    names = ("pthread.so.0", "dl.so.2", "rt.so.1", "util.so.1", "m.so.6", "resolv.so.2", "gcc_s.so.1", "stdc++.so.6")
    for name in names:
        for path in Path("/lib").glob(f"*-linux-gnu/lib{name}"):
            root.program(path, str(path).lstrip("/"))


def python(root: Rootfs, program: str = sys.executable) -> None:
    """A Python with its standard library and pip, below its own prefix."""
    ask = "import sys; print(sys.base_prefix); print('python%d.%d' % sys.version_info[:2])"
    prefix, name = subprocess.run([program, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    unused = {"test", "idlelib", "turtledemo", "__pycache__", "tkinter", "config"}
    library = Path(prefix) / "lib" / name

    def leave_out(path: Path) -> bool:
        foreign = path.parent.name == "site-packages" and not path.name.startswith("pip")
        return path.name in unused or path.name.startswith("config-") or path.suffix == ".a" or foreign

    root.tree(library, f"usr/local/lib/{name}", leave_out)
    root.program(Path(prefix) / "bin" / name, f"usr/local/bin/{name}")
    system_libraries(root)
    for shared in (Path(prefix) / "lib").glob("libpython*.so*"):
        root.program(shared, f"usr/local/lib/{shared.name}")
    root.link("usr/local/bin/python3", name)
    root.link("usr/local/bin/python", name)
    root.text("usr/local/bin/pip", '#!/bin/sh\nexec python3 -m pip "$@"\n', 0o755)


def node(root: Rootfs) -> None:
    """Node.js and npm."""
    program = Path(shutil.which("node") or "").resolve()
    library = next(
        path for path in (program.parents[1] / "lib/node_modules", Path("/usr/share/nodejs")) if path.is_dir()
    )
    root.program(program, "usr/local/bin/node")
    system_libraries(root)
    root.tree(library / "npm", "usr/local/lib/node_modules/npm")
    root.link("usr/local/bin/npm", "../lib/node_modules/npm/bin/npm-cli.js")


IMAGES: dict[str, tuple[Callable[[Rootfs], None], dict[str, str]]] = {
    "golang:1.25-alpine": (go, {"GOPATH": "/go", "GOTOOLCHAIN": "local"}),
    "python:3.13-slim": (python, {"LD_LIBRARY_PATH": "/usr/local/lib", "PYTHONHOME": "/usr/local"}),
    "node:22-alpine": (node, {}),
    "debian:stable-slim": (lambda root: None, {}),
}


def exists(name: str) -> bool:
    """Whether the engine has an image of this name."""
    return subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0


def make(name: str) -> None:
    """Import one stand-in."""
    content, environment = IMAGES[name]
    changes = {"PATH": PATH, **environment}
    arguments = [word for key, value in changes.items() for word in ("--change", f"ENV {key}={value}")]
    process = subprocess.Popen(
        ["docker", "import", *arguments, "--change", "LABEL io.faas.stand-in=true", "-", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    with process.stdin as stream:
        root = Rootfs(stream)
        tools(root)
        content(root)
        root.close()
    if process.wait() != 0:
        raise SystemExit(f"`docker import` of {name} failed")


def ensure(names: Iterable[str] = IMAGES) -> None:
    """Make those stand-ins the engine has no image for."""
    for name in names:
        if not exists(name):
            make(name)


if __name__ == "__main__":
    ensure(sys.argv[1:] or IMAGES)
