"""Running a template's build steps with local tools, and writing the result as an image."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from faas_cli.errors import BuildError
from faas_cli.images.base import Base
from faas_cli.images.builders.install import FORMAT, Dependencies, Installer
from faas_cli.images.builders.layers import write_layer
from faas_cli.images.image import app_entries, image_annotations, image_config, system_entries
from faas_cli.images.model import BuildJob, BuildReporter
from faas_cli.images.native import native_needs
from faas_cli.images.toolchains import Toolchain, write_shims
from faas_cli.images.tree import sync_tree
from faas_cli.interrupt import on_interrupt, scratch_folder
from faas_cli.templates.model import Recipe, Step
from faas_runtime.core.files import write_file
from faas_runtime.core.paths import host_architecture, watchdog_binary
from faas_runtime.images.interpreter import interpreter_labels, local_annotations
from faas_runtime.images.store import Descriptor, ImageStore


class StepRunner:
    """Runs the steps of one build in one folder; `stop` ends them all, from any thread."""

    def __init__(self, folder: Path, environment: Mapping[str, str], line: Callable[[str], None]) -> None:
        self._folder = folder
        self._environment = environment
        self._line = line
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, step: Step, failure: str) -> None:
        """Run a step and forward its output line by line.

        Raises BuildError with the message `failure` and all output when it fails or is stopped.
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
        """Kill the running steps with their child processes; later steps are refused."""
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


class RecipeRun:
    """One run of a recipe for a job."""

    def __init__(
        self,
        store: ImageStore,
        job: BuildJob,
        recipe: Recipe,
        toolchain: Toolchain,
        folder: Path,
        report: BuildReporter,
        base: Base,
    ) -> None:
        self._base = base
        self._architecture = base.architecture
        self._store, self._job, self._recipe, self._report = store, job, recipe, report
        self._toolchain = toolchain
        self._folder = folder
        self._work = folder / "context"
        self._name = job.function.name
        self._runners: list[StepRunner] = []

    def stop(self) -> None:
        """Kill the running step; the others are refused. Can be called from any thread."""
        for runner in self._runners:
            runner.stop()

    def run(self) -> str:
        outputs = self._recipe.dependencies.outputs if self._recipe.dependencies else []
        fresh = not self._work.exists()
        sync_tree(self._job.context, self._work, keep=outputs)
        with scratch_folder("run-", self._folder) as scratch, on_interrupt(self.stop):
            installer = Installer(self._store, self._job, self._recipe, self._base, self._toolchain, self._folder)
            runner = self._new_runner(self._toolchain, scratch)
            for_base = self._new_runner(self._toolchain.for_base(self._base), scratch) if installer.differs else None
            try:
                dependencies = installer.run(runner, for_base, self._report)
                self._compile(runner, together=not fresh, runnable=dependencies.runnable)
            except BuildError as err:
                raise BuildError(err.message, hint=err.hint, detail=self._readable(err.detail)) from None
            finally:
                self.stop()
        return self._write(dependencies)

    def _new_runner(self, toolchain: Toolchain, scratch: Path) -> StepRunner:
        environment = {**write_shims(toolchain, scratch), **self._job.build_args}
        if self._architecture != host_architecture():
            environment |= {"GOOS": "linux", "GOARCH": self._architecture}
        runner = StepRunner(self._work, environment, lambda line: self._report.line(self._name, self._readable(line)))
        self._runners.append(runner)
        return runner

    def _compile(self, runner: StepRunner, *, together: bool, runnable: bool) -> None:
        """Build and test: in parallel after an edit, when each has few files to compile.

        In the first build each would compile the whole standard library; run in sequence, the second
        reuses what the first has compiled.
        """
        steps = [
            (self._recipe.build, f"`{self._name}` does not compile"),
            (self._recipe.test, f"the tests of `{self._name}` fail"),
        ]
        if not runnable:
            self._report.note(
                self._name,
                f"its handler is not checked and not tested: its packages for Python {self._base.python} do not run "
                f"here, and they cannot be installed for this machine's Python {self._toolchain.python}",
            )
            return
        if self._recipe.check is not None:
            # Tests may need what this step makes.
            self._report.step(self._name, "checking the handler")
            runner.run(self._recipe.check, f"`{self._name}` cannot be called")
        if self._architecture != host_architecture():
            # A program for another architecture cannot run here.
            del steps[1]
        present = [(step, failure) for step, failure in steps if step is not None]
        if not present:
            return
        self._report.step(self._name, "building and testing" if len(present) == 2 else "testing")
        with ThreadPoolExecutor(len(present) if together else 1) as pool:
            try:
                running = [pool.submit(runner.run, step, failure) for step, failure in present]
                wait(running, return_when=FIRST_EXCEPTION)
                # Code that does not compile fails its tests, too: report the compiler's error first.
                for job in running:
                    job.result()
            except BaseException:
                runner.stop()
                raise

    def _write(self, dependencies: Dependencies) -> str:
        self._report.step(self._name, "writing the image")
        architecture = self._architecture
        entries = app_entries(self._recipe, self._work)
        needs = native_needs(entries, self._base, self._name) | set(dependencies.needs)
        layers = [self._system_layer(watchdog_binary("linux", architecture)), *dependencies.layers()[:1]]
        layers.append(write_layer(self._store, entries))
        config = image_config(self._job, self._recipe, architecture, [layer.digest for layer in layers])
        config["config"]["Labels"] |= interpreter_labels(self._base.python, needs)
        annotations = image_annotations(self._recipe)
        if dependencies.local is not None and dependencies.layer is not None:
            layer, local = dependencies.layer.digest, dependencies.local.digest
            annotations |= local_annotations(layer, local, self._toolchain.python)
        return self._store.put_image(self._job.image, config, layers, annotations)

    def _system_layer(self, watchdog: Path) -> Descriptor:
        """The layer shared by all functions of a template, cached: hashing it takes longer than compiling."""
        entries = system_entries(self._recipe, watchdog)
        sources = [entry.source.stat() for entry in entries if entry.source is not None]
        parts = [FORMAT, [entry.path for entry in entries], [(each.st_size, each.st_mtime_ns) for each in sources]]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        record = self._folder.parents[1] / "layers" / key
        known = _read_layer(record)
        if known is not None and self._store.has(known.digest, known.size):
            return known
        layer = write_layer(self._store, entries)
        write_file(record, json.dumps(layer.as_json()), durable=False)
        return layer

    def _readable(self, text: str) -> str:
        """A tool's output with paths of the handler instead of those of the working copy."""
        template = self._job.template
        assert template is not None
        handler = self._job.function.handler.removeprefix("./").rstrip("/")
        text = text.replace(f"{self._work}/{template.handler_folder}/", f"{handler}/")
        return text.replace(f"{template.handler_folder}/", f"{handler}/").replace(f"{self._work}/", "")


def _read_layer(path: Path) -> Descriptor | None:
    try:
        value = json.loads(path.read_bytes())
        return Descriptor(value["mediaType"], value["digest"], value["size"])
    except (OSError, ValueError, LookupError):
        return None
