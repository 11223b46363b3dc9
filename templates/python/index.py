"""Reads one request from standard input, calls the handler, writes its answer to standard output."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "packages"))

from function import handler  # noqa: E402  (the line above makes its dependencies importable)


def main() -> None:
    """Answer one request; text, bytes and None are written as they are."""
    answer = handler.handle(sys.stdin.buffer.read().decode("utf-8", "surrogateescape"))
    if answer is None:
        return
    if not isinstance(answer, (bytes, bytearray)):
        answer = str(answer).encode("utf-8", "surrogateescape")
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
