"""What compiled files need, and which of them fit a base image."""

import struct

import pytest

from faas_cli.errors import BuildError
from faas_cli.images.base import base_of_name
from faas_cli.images.builders.layers import LayerEntry
from faas_cli.images.elf import read_elf
from faas_cli.images.native import native_needs

AMD64, ARM64 = 62, 183
GLIBC, MUSL = "libc.so.6", "libc.musl-x86_64.so.1"


def elf(machine=AMD64, needed=(), versions=()):
    """A shared library with program headers, a dynamic section and strings, and nothing else."""
    strings = b"\0"
    places = {}
    for name in [*needed, *versions]:
        places[name] = len(strings)
        strings += name.encode() + b"\0"
    head, dynamic_at = 64 + 2 * 56, 64 + 2 * 56
    entries = [(1, places[name]) for name in needed]
    count = len(entries) + (4 if versions else 2)
    strings_at = dynamic_at + 16 * count
    versions_at = strings_at + len(strings)
    auxiliary = b"".join(
        struct.pack("<IHHII", 0, 0, 2, places[name], 16 if name != versions[-1] else 0) for name in versions
    )
    content = struct.pack("<HHIII", 1, len(versions), places[needed[0]], 16, 0) + auxiliary if versions else b""
    # Addresses differ from offsets in the file, as in real libraries.
    shift = 0x1000
    entries.append((5, strings_at + shift))
    if versions:
        entries += [(0x6FFFFFFE, versions_at + shift), (0x6FFFFFFF, 1)]
    entries.append((0, 0))
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    total = head + len(dynamic) + len(strings) + len(content)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    header += struct.pack("<IIQQQQQQ", 1, 5, 0, shift, shift, total, total, 4096)
    header += struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, dynamic_at + shift, 0, len(dynamic), len(dynamic), 8)
    return header + dynamic + strings + content


def test_reading_elf(tmp_path):
    """Machine, libraries and symbol versions; anything else or a torn file is none."""
    path = tmp_path / "lib.so"
    path.write_bytes(elf(ARM64, [GLIBC, "libm.so.6"], ["GLIBC_2.17", "GLIBC_2.34"]))
    found = read_elf(path)
    assert (found.machine, found.needed, found.libc, found.glibc_version) == (
        "arm64",
        (GLIBC, "libm.so.6"),
        "glibc",
        (2, 34),
    )
    path.write_bytes(elf(needed=[MUSL]))
    assert read_elf(path).libc == "musl"
    path.write_bytes(elf())
    assert read_elf(path).libc == ""
    for other in (b"", b"#!/bin/sh\n", b"\x7fELF", elf(needed=[GLIBC])[:100]):
        path.write_bytes(other)
        assert read_elf(path) is None


PYTHON = "python:3.13-bookworm"
NODE = "node:22-alpine"
MODULE = "packages/fast/core.cpython-{}-x86_64-linux-gnu.so"


@pytest.mark.parametrize(
    ("base", "name", "content", "said"),
    [
        (PYTHON, MODULE.format("311"), elf(needed=[GLIBC]), "is for Python 3.11, but the base image"),
        (PYTHON, MODULE.format("313t"), elf(needed=[GLIBC]), "is for Python 3.13t"),
        (
            "team/base:1",
            MODULE.format("313"),
            elf(needed=[GLIBC]),
            "is for Python 3.13, and the version of the base image `team/base:1` is not known",
        ),
        ("python:3.13-alpine", MODULE.format("313"), elf(), "needs glibc, but the base image"),
        (PYTHON, "packages/fast/core.abi3.so", elf(needed=[MUSL]), "needs musl, but the base image"),
        (PYTHON, "packages/fast.libs/libx-1.so.3", elf(ARM64, [GLIBC]), "is for arm64, but the image is for amd64"),
        (PYTHON, "packages/fast/core.abi3.so", elf(needed=[GLIBC], versions=["GLIBC_2.38"]), "needs glibc 2.38, but"),
        (NODE, "function/node_modules/@s/fast-linux-x64/fast.node", elf(needed=[GLIBC]), "needs glibc, but"),
        (
            NODE,
            "function/node_modules/fast/b.node",
            elf() + b"node_register_module_v115\0",
            "is for Node's ABI 115, but",
        ),
        (NODE, "function/node_modules/fast/bin/tool", elf(needed=[GLIBC]), "needs glibc, but the base image"),
    ],
)
def test_a_file_that_does_not_fit(tmp_path, base, name, content, said):
    """The build stops with the file's name, the base, and a way out."""
    with pytest.raises(BuildError) as failed:
        native_needs(_entries(tmp_path, {name: content}), base_of_name(base, "amd64"), "hi")
    assert f"`hi`: {name} {said}" in failed.value.message
    assert "--builder docker" in failed.value.hint


@pytest.mark.parametrize(
    ("base", "files", "needs"),
    [
        (PYTHON, {MODULE.format("313"): elf(needed=[GLIBC])}, {"glibc", "python3.13"}),
        (PYTHON, {"packages/x.abi3.so": elf(needed=[GLIBC], versions=["GLIBC_2.17"])}, {"glibc"}),
        (PYTHON, {"packages/x.py": b"\x7fELF", "packages/gui.exe": b"MZ", "packages/l.so": b"INPUT(x)"}, set()),
        (PYTHON, {MODULE.format(each): elf(needed=[GLIBC]) for each in (311, 313)}, {"glibc", "python3.13"}),
        (NODE, {"function/node_modules/esbuild/bin/esbuild": elf()}, set()),
        (
            NODE,
            {
                "function/node_modules/b/prebuilds/linux-x64/b.glibc.node": elf(needed=[GLIBC]),
                "function/node_modules/b/prebuilds/linux-x64/b.musl.node": elf(needed=[MUSL]),
                "function/node_modules/b/prebuilds/linux-arm64/b.node": elf(ARM64, [GLIBC]),
            },
            {"musl"},
        ),
        ("scratch", {"handler": elf(needed=[GLIBC])}, {"glibc"}),
    ],
)
def test_files_that_fit(tmp_path, base, files, needs):
    """A package with files for several platforms fits if one of them does."""
    assert native_needs(_entries(tmp_path, files), base_of_name(base, "amd64"), "hi") == needs


def _entries(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [LayerEntry(f"home/app/{name}", 0o644, source=folder / name) for name in files]
