"""Running a template's build steps with this machine's own tools."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from faas_cli.errors import BuildError
from faas_cli.templates.model import Step


class StepRunner:
    """Runs the steps of one build in one folder; they can be stopped together from any thread."""

    def __init__(self, folder: Path, environment: Mapping[str, str], line: Callable[[str], None]) -> None:
        self._folder = folder
        self._environment = environment
        self._line = line
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, step: Step, failure: str) -> None:
        """Run a step and pass on its output line by line.

        Raises BuildError with the message `failure` and all of the output when it fails, or is stopped.
        """
        process = self._start(step)
        output: list[str] = []
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                output.append(line)
                self._line(line.rstrip("\n"))
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        if code != 0:
            raise BuildError(f"{failure}: `{step.run}` ended with exit code {code}", detail="".join(output))

    def stop(self) -> None:
        """Kill what runs, with everything it started; nothing can be run after this."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _start(self, step: Step) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise BuildError("the build was stopped")
            process = subprocess.Popen(
                ["/bin/sh", "-c", step.run],
                cwd=self._folder,
                env={**self._environment, **step.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
            return process
