"""Cleaning paths: a clean path is unchanged, any other has one clean form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.target import cleaned

PATHS = st.lists(st.sampled_from([b"/", b".", b"..", b"a", b"%2e", b"%2F", b"%41", b"~"]), max_size=8).map(
    lambda parts: b"/" + b"".join(parts)
)


@pytest.mark.parametrize("path", [b"/", b"/a/b", b"/a/b/", b"/a.b", b"/a..", b"/.a", b"/%2F", b"/%41", b"/a%2e%2eb"])
def test_clean_path_is_unchanged(path: bytes):
    assert cleaned(path) is None


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        (b"//", b"/"),
        (b"/a//b", b"/a/b"),
        (b"/a/./b", b"/a/b"),
        (b"/a/../b", b"/b"),
        (b"/a/b/..", b"/a/"),
        (b"/a/.", b"/a/"),
        (b"/../..", b"/"),
        (b"/a/%2e%2E/b", b"/b"),
        (b"/a%2Fb//c", b"/a%2Fb/c"),
    ],
)
def test_empty_and_dot_segments_are_resolved(path: bytes, clean: bytes):
    assert cleaned(path) == clean


@pytest.mark.parametrize(
    "path", [b"/a\\b", b"/%", b"/%4", b"/%g0", b"/%00", b"/..%2f", b"/.%2F/.", b"/a/..%2fb", b"/%2f..%2f"]
)
def test_path_with_hidden_segments_is_refused(path: bytes):
    with pytest.raises(Malformed):
        cleaned(path)


@given(PATHS)
def test_clean_form_is_clean(path: bytes):
    """One redirect is enough, and it never leads to another host."""
    try:
        clean = cleaned(path)
    except Malformed:
        return
    if clean is not None:
        assert cleaned(clean) is None
        assert clean.startswith(b"/")
        assert not clean.startswith(b"//")
