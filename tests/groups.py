"""Which tests run one after another in one process, when several processes run the suites side by side.

The tests of a file are one group. Tests that need a container engine are two groups, whatever their file: those that
build images, since an engine that builds and removes the same layers twice at a time fails, and those that run
containers and Swarms, since they share the engine's events and the kernel's networks.
"""

import re

import pytest

GROUPS = (
    (
        "images",
        re.compile(r"tests/integration/docker_build/|tests/e2e/test_(docker|gateway_install)|tests/real/.*docker"),
    ),
    ("engine", re.compile(r"docker|swarm")),
)
"""Names of groups, and what the id of a test contains that is in one. The first that fits holds."""

ENGINE_FIXTURES = frozenset({"engine_client", "swarm", "large"})

FIRST = (
    "images",
    "engine",
    "tests/conformance/proxy_compiled/",
    "tests/e2e/",
    "tests/real/",
    "tests/integration/templates/",
    "tests/conformance/watchdog/",
)
"""Beginnings of the names of groups that take long, the longest first: started last, one would run alone at the end."""


def group_of(nodeid: str) -> str:
    """The group of a test: of those with a name, else its file."""
    named = (name for name, pattern in GROUPS if pattern.search(nodeid))
    return next(named, nodeid.partition("::")[0])


def suite_of(nodeid: str) -> str:
    """The folder of a test: `integration/gateway` of `tests/integration/gateway/test_x.py::test_y`."""
    return nodeid.partition("::")[0].rpartition("/")[0].removeprefix("tests/")


def arrange(items: list[pytest.Item]) -> None:
    """Put the groups that take long first. Raises UsageError for a test with an engine in no such group."""
    for item in items:
        if group_of(item.nodeid) not in ("images", "engine") and not ENGINE_FIXTURES.isdisjoint(
            getattr(item, "fixturenames", ())
        ):
            raise pytest.UsageError(
                f"{item.nodeid} needs a container engine, which other tests use at the same time: "
                "call its file `test_docker_...` or `test_swarm_...`, or add it to GROUPS in tests/groups.py"
            )
    items.sort(key=lambda item: _place(group_of(item.nodeid)))


def _place(group: str) -> tuple[int, str]:
    place = next((index for index, beginning in enumerate(FIRST) if group.startswith(beginning)), len(FIRST))
    return place, group
