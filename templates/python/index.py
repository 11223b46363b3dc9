"""Reads one request from standard input, calls the handler, writes its answer to standard output."""

import atexit
import os
import sys


def descriptors() -> int:
    """How many files are open; 0 when that cannot be told."""
    try:
        # Reading the folder takes far longer than asking for its size, which older systems do not know.
        return os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH116, PTH208
    except OSError:
        return 0


# Those that came with the process are nobody's here.
inherited = descriptors()

# pathlib and contextlib would take milliseconds to import, of every request.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "packages"))  # noqa: PTH118, PTH120

from function import handler  # (the line above makes its dependencies importable)


def main() -> None:
    """Answer one request: what the handler printed comes first, then what it returned."""
    answer = handler.handle(read())
    if hasattr(answer, "__await__") or hasattr(answer, "__aiter__"):
        import asyncio

        asyncio.run(write_later(answer))
    else:
        write(answer)
    leave()


def read() -> "str | bytes":
    """The request's body: text, or bytes for a handler whose parameter is annotated so."""
    body = sys.stdin.buffer.read()
    annotations = getattr(handler.handle, "__annotations__", {})
    if annotations and next(iter(annotations.values())) in (bytes, "bytes") and next(iter(annotations)) != "return":
        return body
    return body.decode("utf-8", "surrogateescape")


def write(answer: object) -> None:
    """Write an answer behind what was printed: text and bytes as they are, a generator piece by piece."""
    if hasattr(answer, "__next__"):
        for piece in answer:
            write(piece)
        return
    sys.stdout.flush()
    if answer is not None:
        if not isinstance(answer, (bytes, bytearray, memoryview)):
            answer = str(answer).encode("utf-8", "surrogateescape")
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


async def write_later(answer: object) -> None:
    """Write what a coroutine returns, or an asynchronous generator yields."""
    if hasattr(answer, "__await__"):
        answer = await answer
    if hasattr(answer, "__aiter__"):
        async for piece in answer:
            write(piece)
    else:
        write(answer)


def leave() -> None:
    """End the process as the interpreter would, but for taking apart every object, which the answer would wait for."""
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()  # waits for all threads but daemons
    atexit._run_exitfuncs()
    flush_files()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def flush_files() -> None:
    """Write what waits in the buffers of files that nobody has closed."""
    if inherited and descriptors() == inherited:
        return  # to look at every object takes milliseconds
    import gc
    import io

    # The type is asked, as objects may pretend to be something else, and work or fail when they are looked at.
    everything = gc.get_objects()
    texts = [each for each in everything if issubclass(type(each), io.TextIOWrapper)]
    binaries = [each for each in everything if issubclass(type(each), (io.BufferedWriter, io.BufferedRandom))]
    for each in texts + binaries:  # in this order: a text ends up in the buffer below it
        try:  # noqa: SIM105
            each.flush()
        except (OSError, ValueError):  # closed, or nobody reads it
            pass


if __name__ == "__main__":
    main()
