"""Building with the engine's classic builder through its API; the `docker` command is not needed."""

from __future__ import annotations

import http.client
import os
import re
import threading
from collections.abc import Iterator, Mapping
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from faas_cli.errors import BuildError
from faas_cli.images.builders.engine import START_HINT, connect, image_id
from faas_cli.images.context_files import complete
from faas_cli.images.dockerfile.parse import Dockerfile, parse
from faas_cli.images.dockerignore import PatternError, sent_files
from faas_cli.images.model import Builder, BuildJob, BuildOutcome, BuildReporter
from faas_cli.images.tree import DOCKERFILE_NAME

if TYPE_CHECKING:
    from docker import APIClient

    from faas_runtime.core.engine_address import EngineAddress

_Event = Mapping[str, Any] | Exception | None
"""An event of the engine's stream; an error or None ends it."""

_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
_EXIT_CODE = re.compile(r"(?:returned a non-zero code|exit code): (\d+)\s*$")
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "ftp_proxy")


class DockerBuilder(Builder):
    """Builds with the engine's classic builder; the images go to the engine."""

    name = "docker"

    def __init__(self, engine: EngineAddress) -> None:
        self._engine = engine
        self._local = threading.local()
        self._running: set[SimpleQueue[_Event]] = set()

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build one image. Raises BuildError naming the failing step and its line; `detail` holds all output."""
        import docker.errors
        import requests
        import urllib3.exceptions

        complete(job, report, buildkit=False)
        dockerfile = parse((job.context / DOCKERFILE_NAME).read_text(encoding="utf-8"))
        progress = Progress(job, report, dockerfile)
        try:
            client = self._client()
            before = image_id(self._engine, job.image)
            for event in self._events(client, job):
                progress.feed(event)
            after = image_id(self._engine, job.image)
        except docker.errors.APIError as err:
            raise progress.failure(err.explanation or str(err)) from None
        except (
            docker.errors.DockerException,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
        ) as err:
            raise engine_gone(job, self._engine, _reason(err), progress.text()) from None
        if not after:
            raise progress.failure("the engine reported no error and no image")
        return BuildOutcome(digest=after, cached=progress.all_cached and before == after)

    def _client(self) -> APIClient:
        # One client per thread: the library's sessions are not thread-safe.
        if not hasattr(self._local, "client"):
            self._local.client = connect(self._engine)
        client: APIClient = self._local.client
        return client

    def stop(self) -> None:
        """End all running builds. The engine ends them when their connections close, with this process."""
        for queue in list(self._running):
            queue.put(BuildError("the build was stopped"))

    def _events(self, client: APIClient, job: BuildJob) -> Iterator[Mapping[str, Any]]:
        """The engine's stream, read in a thread of its own: waiting for a silent step could not be interrupted."""
        queue: SimpleQueue[_Event] = SimpleQueue()

        def read() -> None:
            try:
                for event in self._stream(client, job):
                    queue.put(event)
            except Exception as err:
                queue.put(err)
            else:
                queue.put(None)

        self._running.add(queue)
        try:
            threading.Thread(target=read, name=f"build {job.function.name}", daemon=True).start()
            while (event := queue.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self._running.discard(queue)

    def _stream(self, client: APIClient, job: BuildJob) -> Iterator[Mapping[str, Any]]:
        from docker.utils import create_archive

        options = job.options
        try:
            files = sent_files(job.context)
        except PatternError as err:
            raise BuildError(f"`{job.function.name}`: {job.context}/{err}") from None
        # docker-py reads `.dockerignore` otherwise than Docker does.
        archive: Any = create_archive(str(job.context), files)
        events = client.build(
            fileobj=archive,
            custom_context=True,
            dockerfile=DOCKERFILE_NAME,
            tag=job.image,
            nocache=options.no_cache,
            pull=options.pull,
            squash=options.squash,
            rm=True,
            forcerm=True,
            decode=True,
            labels=dict(options.labels) or None,
            buildargs=build_arguments(job),
        )
        return iter(events)


class Progress:
    """Parses the engine's build events, forwards them to the reporter, and locates the failing instruction."""

    def __init__(self, job: BuildJob, report: BuildReporter, dockerfile: Dockerfile) -> None:
        self._job, self._report, self._dockerfile = job, report, dockerfile
        self._output: list[str] = []
        self._step = ""
        self._number = 0
        self._moved: dict[str, dict[str, tuple[int, int]]] = {}
        self.all_cached = True

    def feed(self, event: Mapping[str, Any]) -> None:
        """Handle one event of the engine's stream. Raises BuildError when the event reports a failure."""
        if "error" in event:
            detail = event.get("errorDetail")
            message = detail.get("message") if isinstance(detail, dict) else None
            raise self.failure(str(message or event["error"]))
        if status := event.get("status"):
            # While a base image is pulled, each layer reports many times a second.
            if detail := event.get("progressDetail"):
                self._pulled(str(event.get("id")), str(status), detail)
            else:
                self._line(f"{event.get('id', '')} {status}".strip())
            return
        for line in str(event.get("stream") or "").splitlines():
            self._stream(line)

    def failure(self, message: str) -> BuildError:
        """The build's error, naming the failing step and its line; `detail` holds all output."""
        name = self._job.function.name
        if not self._step:
            return BuildError(f"`{name}` cannot be built: {failure_reason(message)}", detail=self.text())
        line = self._line_of_step()
        place = f"`{place_of(self._job)}` line {line}" if line else "its Dockerfile"
        return BuildError(
            f"`{name}` cannot be built: {place}: `{short(self._step)}`: {failure_reason(message)}", detail=self.text()
        )

    def text(self) -> str:
        """All output so far."""
        return "\n".join(self._output)

    def _stream(self, line: str) -> None:
        line = plain(line)
        found = _STEP.match(line)
        if found:
            self._number, self._step = int(found[1]), found[3]
            self._output.append(line)
            self._report.step(self._job.function.name, f"step {found[1]}/{found[2]}: {short(found[3])}")
            return
        if line.startswith(" ---> Running in"):
            self.all_cached = False
        if line.strip():
            self._line(line)

    def _pulled(self, layer: str, status: str, detail: Mapping[str, Any]) -> None:
        """Bytes of the base image that were downloaded or unpacked, of all its layers together."""
        if not detail.get("total"):
            return
        moved = self._moved.setdefault(status, {})
        moved[layer] = (int(detail.get("current", 0)), int(detail["total"]))
        done, total = (sum(numbers) for numbers in zip(*moved.values(), strict=True))
        self._report.transfer(self._job.function.name, f"{status.lower()} the base image", min(done, total), total)

    def _line(self, line: str) -> None:
        self._output.append(line)
        self._report.line(self._job.function.name, line)

    def _line_of_step(self) -> int:
        steps = self._dockerfile.instructions
        return steps[self._number - 1].line if 0 < self._number <= len(steps) else 0


def engine_gone(job: BuildJob, engine: EngineAddress, reason: str, output: str) -> BuildError:
    """The error for an engine that stopped answering during a build."""
    message = f"`{job.function.name}`: the engine at `{engine.url}` stopped answering during the build: {reason}"
    return BuildError(message, hint=START_HINT, detail=output)


def build_arguments(job: BuildJob) -> dict[str, str]:
    """The build arguments: the proxy settings of this shell, overridden by the user's."""
    proxies = {name: value for proxy in _PROXIES for name in (proxy, proxy.upper()) if (value := os.environ.get(name))}
    return {**proxies, **job.build_args}


def place_of(job: BuildJob) -> str:
    """Path of a build's Dockerfile, for people."""
    return f"build/{job.function.name}/{DOCKERFILE_NAME}"


def short(text: str, length: int = 100) -> str:
    """A text on one line, cut to `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def failure_reason(message: str) -> str:
    """An engine's message on one line; for a failed command only the exit code, since the step is named beside it."""
    code = _EXIT_CODE.search(message)
    return f"it ended with exit code {code[1]}" if code else " ".join(message.split())


def plain(line: str) -> str:
    """A line without terminal escape sequences."""
    return _TERMINAL.sub("", line).rstrip("\r")


def _reason(err: BaseException) -> str:
    # The library wraps the reason several times; the innermost is the useful one.
    while err.__cause__ or err.__context__:
        err = err.__cause__ or err.__context__ or err
    if isinstance(err, http.client.IncompleteRead):
        return "it closed the connection"
    return getattr(err, "strerror", None) or str(err) or type(err).__name__
