"""Static mode: files of a folder."""

from __future__ import annotations

import pytest


@pytest.fixture
def site(start, tmp_path):
    folder = tmp_path / "public"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>index</h1>")
    (folder / "a.txt").write_text("0123456789")
    (folder / "sub" / ".dot").write_text("dot")
    return start(mode="static", static_path=str(folder))


def test_index(site):
    answer = site.get("/")

    assert (answer.status, answer.text) == (200, "<h1>index</h1>")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(("path", "location"), [("/index.html", "./"), ("/sub", "sub/")])
def test_redirects(site, path, location):
    answer = site.get(path)

    assert (answer.status, answer.headers["Location"]) == (301, location)


def test_folder_is_listed(site):
    assert ".dot" in site.get("/sub/").text


def test_ranges(site):
    part = site.get("/a.txt", Range="bytes=2-4")

    assert (part.status, part.text) == (206, "234")
    assert site.get("/a.txt", Range="bytes=100-").status == 416


def test_file_that_has_not_changed(site):
    stamp = site.get("/a.txt").headers["Last-Modified"]

    assert site.get("/a.txt", If_Modified_Since=stamp).status == 304


def test_post_returns_the_file_too(site):
    assert site.call("POST", "/a.txt").text == "0123456789"


def test_missing_file(site):
    answer = site.get("/nope")

    assert (answer.status, answer.text) == (404, "404 page not found\n")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_way_out_of_the_folder(site):
    assert site.raw("GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").split()[1] != b"200"


def test_missing_folder_is_empty(start):
    assert start(mode="static", static_path="/nonexistent").get("/a").status == 404
