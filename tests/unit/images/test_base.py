"""What a base image runs, by its name or configuration."""

import itertools

import pytest

from faas_cli.images.base import base_of_config, base_of_name


@pytest.mark.parametrize(
    ("image", "python", "node", "libc", "glibc"),
    [
        ("python:3.13-slim", "3.13", "", "glibc", None),
        ("python:3.12.4-alpine3.20", "3.12", "", "musl", None),
        ("python:3.9-bullseye", "3.9", "", "glibc", (2, 31)),
        ("localhost:5000/mirror/python:3.14@sha256:abc", "3.14", "", "glibc", None),
        ("python:slim", "", "", "glibc", None),
        ("gcr.io/distroless/python3-debian12:nonroot", "3.11", "", "glibc", (2, 36)),
        ("node:22-alpine", "", "22", "musl", None),
        ("node:alpine3.20", "", "", "musl", None),
        ("docker.io/library/node:22-bookworm-slim", "", "22", "glibc", (2, 36)),
        ("gcr.io/distroless/nodejs22-debian12", "", "22", "glibc", (2, 36)),
        ("scratch", "", "", "", None),
    ],
)
def test_facts_of_a_name(image, python, node, libc, glibc):
    """The name of an official image states version and C library."""
    base = base_of_name(image, "amd64")
    assert (base.python, base.node, base.libc, base.glibc) == (python, node, libc, glibc)


def test_facts_of_a_configuration():
    """What a name does not state, the image's environment and history do."""
    config = {
        "config": {"Env": ["PATH=/bin", "PYTHON_VERSION=3.12.7"]},
        "history": [{"created_by": "ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit"}],
    }
    base = base_of_config(base_of_name("team/base:1", "amd64"), config)
    assert (base.python, base.libc) == ("3.12", "musl")
    assert (
        base_of_config(base_of_name("team/base:1", "amd64"), {"config": {"Env": ["NODE_VERSION=22.1.0"]}}).node == "22"
    )


def test_package_managers_are_asked_for_the_base():
    """The options name version, ABI, C library and processor."""
    glibc = base_of_name("python:3.13-bookworm", "arm64").pip_options()
    assert glibc[:6] == ["--python-version", "3.13", "--implementation", "cp", "--abi", "cp313"]
    platforms = [value for name, value in itertools.pairwise(glibc) if name == "--platform"]
    assert platforms[0] == "manylinux_2_36_aarch64"
    assert {"manylinux_2_17_aarch64", "manylinux2014_aarch64"} < set(platforms)
    musl = base_of_name("python:3.13-alpine", "amd64").pip_options()
    assert "musllinux_1_2_x86_64" in musl
    assert not any("manylinux" in option for option in musl)
    node = base_of_name("node:22-alpine", "amd64").npm_environment()
    assert node == {"npm_config_os": "linux", "npm_config_cpu": "x64", "npm_config_libc": "musl"}
