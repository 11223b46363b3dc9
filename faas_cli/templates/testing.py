"""Testing a template: creates a function from it, builds it without an engine, starts and calls it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from faas_cli.devloop.foreground import RunPlan, listen
from faas_cli.devloop.local_run import plan_process
from faas_cli.errors import FaasError
from faas_cli.images.builders.oci import OciBuilder
from faas_cli.images.model import BuildOptions, BuildReporter
from faas_cli.images.plan import build_functions
from faas_cli.stack.model import Function, Provider, Stack
from faas_cli.templates.find import PROJECT_FOLDER, find_template
from faas_cli.templates.scaffold import render
from faas_runtime.images.store import ImageStore

FUNCTION = "template-test"
_POLL_INTERVAL = 0.05
_MAX_LOG_CHARS = 2000
"""Maximum length of a failing function's log in the report."""


class TestStep(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one step (`read`, `scaffold`, `build`, `start` or `call`), with the reason if it failed."""

    template: str
    step: str
    passed: bool
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TemplateTest:
    """The test of one template. Every finished step is reported; the first that fails ends the test."""

    name: str
    body: bytes
    timeout: float
    """Seconds the started function may take to become ready, and then to answer."""
    report: Callable[[TestStep], object]
    tool_output: Callable[[str], object]
    """Called with each line the tools print."""

    def run(self) -> bool:
        """Run the test in a temporary folder; returns whether every step passed."""
        with tempfile.TemporaryDirectory(prefix="faas-template-test-") as work:
            try:
                self._run(Path(work))
            except FaasError:
                return False
        return True

    def _run(self, work: Path) -> None:
        project = work / "project"
        with self._step("read"):
            template = find_template(self.name)
            shutil.copytree(template.folder, project / PROJECT_FOLDER / template.name)
        with self._step("scaffold"):
            render(template, FUNCTION, project)
        function = Function(name=FUNCTION, lang=template.name, handler="./function", image=f"{FUNCTION}:latest")
        store = ImageStore(work / "images")
        with self._step("build"):
            self._build(function, store, project, work / "build")
        with listen(0) as listener, contextlib.ExitStack() as stack:
            port = listener.getsockname()[1]
            with self._step("start"):
                plan = plan_process(function, function.image, port, {}, store, work / "roots").on(listener)
                process, log = stack.enter_context(_running(plan, listener.fileno(), work / "log"))
                _wait_until_ready(port, process, log, self.timeout)
            with self._step("call"):
                _call(port, self.body, log, self.timeout)

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        except (FaasError, OSError) as err:
            failure = err if isinstance(err, FaasError) else FaasError(f"{err.strerror}: {err.filename}")
            seconds = round(time.monotonic() - begun, 3)
            if failure.detail:
                self.tool_output(failure.detail.rstrip())
            self.report(TestStep(template=self.name, step=name, passed=False, seconds=seconds, detail=failure.message))
            raise failure from None
        self.report(TestStep(template=self.name, step=name, passed=True, seconds=round(time.monotonic() - begun, 3)))

    def _build(self, function: Function, store: ImageStore, project: Path, cache: Path) -> None:
        stack = Stack(provider=Provider(name="openfaas"), functions={function.name: function})
        builder = OciBuilder(store, cache)
        (result,) = build_functions(
            stack, [function], BuildOptions(builder="oci"), _Report(self.tool_output), builder, project
        )
        if result.error is not None:
            raise result.error


@dataclass(frozen=True, slots=True)
class _Report(BuildReporter):
    """Reports the names of steps; output of a failed step is in the result."""

    tool_output: Callable[[str], object]

    def step(self, function: str, text: str) -> None:
        """A step began."""
        self.tool_output(f"  {text}")


@contextlib.contextmanager
def _running(plan: RunPlan, listener: int, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    environment = {**os.environ, **plan.environment}
    with log.open("wb") as output:
        process = subprocess.Popen(
            plan.command, cwd=plan.folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            pass_fds=(listener,), process_group=0,
        )  # fmt: skip
    try:
        yield process, log
    finally:
        process.send_signal(plan.stop_signal)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        status, _ = _request(port, "GET", "/_/ready", b"", timeout)
        if status == 200:
            return
        if process.poll() is not None:
            raise FaasError(f"the function ended with exit code {process.returncode}", detail=_end_of(log))
        if time.monotonic() > deadline:
            raise FaasError(f"the function was not ready after {timeout:g} s", detail=_end_of(log))
        time.sleep(_POLL_INTERVAL)


def _call(port: int, body: bytes, log: Path, timeout: float) -> None:
    status, answer = _request(port, "POST", "/", body, timeout)
    if not 200 <= status < 300:
        text = answer[:200].decode("utf-8", "replace").strip() or "no answer"
        raise FaasError(f"the sample handler answered {status or 'nothing'}: {text}", detail=_end_of(log))


def _request(port: int, method: str, path: str, body: bytes, timeout: float) -> tuple[int, bytes]:
    """Status and body of an answer; status 0 when there is none."""
    import urllib3

    # A loopback address: no proxy applies.
    with urllib3.HTTPConnectionPool("127.0.0.1", port, timeout=timeout, retries=False) as pool:
        try:
            answer = pool.request(method, path, body=body)
        except urllib3.exceptions.HTTPError:
            return 0, b""
        return answer.status, bytes(answer.data)


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-_MAX_LOG_CHARS:]
