"""What is made of the words of an engine and of BuildKit."""

from pathlib import Path

import pytest

from faas_cli.errors import BuildError
from faas_cli.images.builders.buildx import PlainProgress
from faas_cli.images.builders.docker import Progress, failure_reason, plain, short
from faas_cli.images.dockerfile.parse import parse
from faas_cli.images.model import BuildJob, BuildOptions
from faas_cli.stack.model import Function

DOCKERFILE = parse("ARG V=1\nFROM a:$V AS one\n\nRUN first\nFROM b\nRUN second \\\n  more\n")
JOB = BuildJob(Function(name="fn"), None, Path("build/fn"), "fn:latest", BuildOptions(), {})


class Recorder:
    """A reporter that remembers."""

    def __init__(self):
        self.steps, self.lines, self.transfers = [], [], []

    def step(self, function, text):
        self.steps.append(text)

    def line(self, function, text):
        self.lines.append(text)

    def transfer(self, function, text, done, total):
        self.transfers.append((text, done, total))


@pytest.fixture
def recorder():
    return Recorder()


def test_the_engines_stream(recorder):
    """Steps are steps, output is lines, colours are gone; an error names the step's own line."""
    progress = Progress(JOB, recorder, DOCKERFILE)
    progress.feed({"stream": "Step 1/5 : ARG V=1\n"})
    progress.feed({"stream": "Step 5/5 : RUN second   more\n"})
    progress.feed({"stream": " ---> Running in 1234\n"})
    progress.feed({"stream": "\x1b[91mbad\x1b[0m\n\n"})
    message = "The command '/bin/sh -c x' returned a non-zero code: 2"
    with pytest.raises(BuildError) as caught:
        progress.feed({"errorDetail": {"code": 2, "message": message}, "error": message})
    assert recorder.steps == ["step 1/5: ARG V=1", "step 5/5: RUN second more"]
    assert recorder.lines == [" ---> Running in 1234", "bad"]
    assert not progress.all_cached
    assert caught.value.message == (
        "`fn` cannot be built: `build/fn/Dockerfile` line 6: `RUN second more`: it ended with exit code 2"
    )
    assert caught.value.detail.endswith("bad")


def test_a_pull_in_the_stream(recorder):
    """Bytes of all layers are added up; they are no lines."""
    progress = Progress(JOB, recorder, DOCKERFILE)
    progress.feed({"status": "Pulling from library/a", "id": "1"})
    progress.feed({"status": "Downloading", "id": "x", "progressDetail": {"current": 1, "total": 2}})
    progress.feed({"status": "Downloading", "id": "y", "progressDetail": {"current": 3, "total": 8}})
    progress.feed({"status": "Extracting", "id": "x", "progressDetail": {"current": 1, "units": "s"}})
    assert recorder.lines == ["1 Pulling from library/a"]
    assert recorder.transfers == [("downloading the base image", 1, 2), ("downloading the base image", 4, 10)]


def test_an_error_before_any_step(recorder):
    """There is no line to name."""
    with pytest.raises(BuildError, match=r"^`fn` cannot be built: no space left on device$"):
        Progress(JOB, recorder, DOCKERFILE).feed({"error": "no space left\n on device"})


FAILED = """\
#1 [internal] load build definition from Dockerfile
#1 sha256:{digest}
#1 DONE 0.0s

#5 [one 2/2] RUN first
#5 CACHED
#6 [stage-1 2/2] RUN --mount=type=cache,target=/x second   more
#6 0.101 hello
#6 ERROR: executor failed running [/bin/sh -c second]: exit code: 3
------
 > [stage-1 2/2] RUN second more:
------
executor failed running [/bin/sh -c second]: exit code: 3
""".format(digest="0" * 64)


def test_buildkits_words(recorder):
    """The same in BuildKit's own way of saying it."""
    progress = PlainProgress(JOB, recorder, DOCKERFILE)
    for line in FAILED.splitlines():
        progress.feed(line)
    assert recorder.steps == ["[one 2/2] RUN first", "[stage-1 2/2] RUN second more"]
    assert recorder.lines == ["CACHED [one 2/2]", "hello"]
    assert progress.failure(1).message == (
        "`fn` cannot be built: `build/fn/Dockerfile` line 6: `RUN second more`: it ended with exit code 3"
    )


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "#2 [internal] load metadata for docker.io/library/a:1\n#2 ERROR: not found\nfailed to solve: x",
            "`build/fn/Dockerfile` line 2: `FROM a:1`: not found",
        ),
        ("failed to solve with frontend: no space left", "failed to solve with frontend: no space left"),
        ("unknown flag: --load", "unknown flag: --load"),
        ("something else", "something else"),
        ("", "`docker` ended with exit code 1"),
    ],
)
def test_other_failures_of_buildkit(recorder, output, message):
    """The most telling line is the one that is shown."""
    progress = PlainProgress(JOB, recorder, DOCKERFILE)
    for line in output.splitlines():
        progress.feed(line)
    assert progress.failure(1).message == f"`fn` cannot be built: {message}"


def test_newer_buildkit_names_the_line_itself(recorder):
    """Its word is taken."""
    progress = PlainProgress(JOB, recorder, DOCKERFILE)
    for line in ("#6 [stage-1 2/2] RUN other", "#6 ERROR: x", "Dockerfile:9"):
        progress.feed(line)
    assert "line 9" in progress.failure(1).message


def test_words():
    """Shortened, on one line, without colours."""
    assert short("a\n  b") == "a b"
    assert len(short("x" * 200)) == 100
    assert plain("\x1b[1;31mred\x1b[K\r") == "red"
    assert failure_reason("two\nlines") == "two lines"
