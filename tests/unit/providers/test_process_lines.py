"""Splitting a function's output into lines."""

from faas_runtime.providers.common.logs import MAX_LINE_BYTES, LineSplitter


def test_lines_come_when_they_are_complete():
    splitter = LineSplitter()

    assert splitter.feed(b"one\ntw") == ["one"]
    assert splitter.feed(b"o\r\n\nthree") == ["two", ""]
    assert splitter.rest() == ["three"]
    assert splitter.rest() == []


def test_an_endless_line_is_cut():
    splitter = LineSplitter()

    chunks = splitter.feed(b"x" * (2 * MAX_LINE_BYTES + 5))
    assert [len(chunk) for chunk in chunks] == [MAX_LINE_BYTES, MAX_LINE_BYTES]
    assert splitter.rest() == ["xxxxx"]


def test_bytes_that_are_no_text_do_not_stop_it():
    assert LineSplitter().feed(b"\xff\xfe ok\n") == ["\ufffd\ufffd ok"]
