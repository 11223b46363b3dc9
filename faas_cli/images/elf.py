"""Reading what an ELF file (a program or a library of Linux) needs: machine, C library, ABI."""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# e_machine, as OCI names architectures.
_MACHINES = {3: "386", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_VERNEED, _DT_VERNEEDNUM = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF
_GLIBC = re.compile(r"(libc|libpthread|libm|libdl|librt)\.so\.6?\d?|ld-linux.*")


@dataclass(frozen=True, slots=True)
class Elf:
    """The facts of one file. `versions` are symbol versions it needs of libraries, such as `GLIBC_2.34`."""

    machine: str
    needed: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    interpreter: str = ""
    node_abi: str = ""
    """The version of Node's own ABI it was compiled for; empty if any will do (N-API) or it is no addon."""

    @property
    def libc(self) -> str:
        """The C library it needs: `glibc`, `musl`, or empty if any will do."""
        names = [*self.needed, self.interpreter.rpartition("/")[2]]
        if any(name == "libc.so" or name.startswith(("libc.musl-", "ld-musl-")) for name in names):
            return "musl"
        if any(_GLIBC.fullmatch(name) for name in names) or self.glibc_version:
            return "glibc"
        return ""

    @property
    def glibc_version(self) -> tuple[int, ...]:
        """The least glibc that has every symbol it needs; empty if it needs none."""
        found = (re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", name) for name in self.versions)
        return max(((int(each[1]), int(each[2])) for each in found if each), default=())


def read_elf(path: Path) -> Elf | None:
    """The facts of a file; None if it is not an ELF file, or only the start of one."""
    with path.open("rb") as stream:
        if stream.read(4) != b"\x7fELF":
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).read(addon=path.suffix == ".node")
            except (struct.error, IndexError, ValueError):
                return None


class _Reader:
    """Reads program headers and the dynamic section; sections may have been stripped."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._wide = data[4] == 2
        self._order = "<" if data[5] == 1 else ">"
        self._loads: list[tuple[int, int, int]] = []

    def read(self, *, addon: bool) -> Elf:
        machine = self._unpack("H", 18)[0]
        dynamic: dict[int, list[int]] = {}
        interpreter = ""
        segments = list(self._segments())
        self._loads = [(address, size, offset) for kind, offset, address, size in segments if kind == _PT_LOAD]
        for kind, offset, _, size in segments:
            if kind == _PT_INTERP:
                interpreter = self._data[offset : offset + size].rstrip(b"\0").decode()
            elif kind == _PT_DYNAMIC:
                for tag, value in self._entries(offset, size):
                    dynamic.setdefault(tag, []).append(value)
        abi = re.search(rb"node_register_module_v(\d+)\0", self._data) if addon else None
        return Elf(
            _MACHINES.get(machine, f"machine {machine}"),
            tuple(self._text(dynamic, name) for name in dynamic.get(_DT_NEEDED, [])),
            tuple(self._versions(dynamic)),
            interpreter,
            abi[1].decode() if abi else "",
        )

    def _segments(self) -> Iterator[tuple[int, int, int, int]]:
        """Type, offset, address and size in the file of each segment."""
        start = self._unpack("Q" if self._wide else "I", 32 if self._wide else 28)[0]
        size, count = self._unpack("HH", 54 if self._wide else 42)
        for number in range(count):
            place = start + number * size
            if self._wide:
                kind, _, offset, address, _, length = self._unpack("IIQQQQ", place)
            else:
                kind, offset, address, _, length = self._unpack("IIIII", place)
            yield kind, offset, address, length

    def _entries(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        form, step = ("QQ", 16) if self._wide else ("II", 8)
        for place in range(offset, offset + size, step):
            tag, value = self._unpack(form, place)
            if tag == 0:
                return
            yield tag, value

    def _versions(self, dynamic: dict[int, list[int]]) -> Iterator[str]:
        if _DT_VERNEED not in dynamic:
            return
        place = self._offset(dynamic[_DT_VERNEED][0])
        for _ in range(dynamic[_DT_VERNEEDNUM][0]):
            _, count, _, first, following = self._unpack("HHIII", place)
            entry = place + first
            for _ in range(count):
                _, _, _, name, step = self._unpack("IHHII", entry)
                yield self._text(dynamic, name)
                entry += step
            place += following

    def _text(self, dynamic: dict[int, list[int]], name: int) -> str:
        start = self._offset(dynamic[_DT_STRTAB][0]) + name
        return self._data[start : self._data.find(b"\0", start)].decode()

    def _offset(self, address: int) -> int:
        for start, size, offset in self._loads:
            if start <= address < start + size:
                return address - start + offset
        raise ValueError(f"address {address:#x} is in no segment")

    def _unpack(self, form: str, place: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + form, self._data, place)
