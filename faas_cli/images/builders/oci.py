"""The builder that needs no engine: this machine's own tools, then deterministic layers in the local store.

What a build needs is all in its context, its template's recipe and the tools' versions; a
digest over these finds an earlier result, so a build without changes runs no step. Steps
run in a working copy of the context, kept from build to build with its dependencies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from faas_cli.errors import BuildError
from faas_cli.images.builders.layers import collect, write_layer
from faas_cli.images.builders.oci_keys import FORMAT, build_key, inputs_digest
from faas_cli.images.builders.steps import StepRunner
from faas_cli.images.image import app_entries, image_annotations, image_config, system_entries
from faas_cli.images.model import BuildJob, BuildOutcome, BuildReporter
from faas_cli.images.sync_tree import mirror
from faas_cli.images.toolchains import Toolchain, find_toolchain, write_shims
from faas_cli.templates.model import Recipe, Step
from faas_runtime.core.files import write_file
from faas_runtime.core.paths import host_architecture, watchdog_binary
from faas_runtime.images.store import Descriptor, ImageStore


class OciBuilder:
    """Builds into the image store of a state directory; keeps its working copies there too.

    `architecture` is the image's, this machine's own unless told. Another one can be built for where
    the compiler can do so and nothing but the result goes into the image: Go, without a base.
    """

    name = "oci"

    def __init__(self, store: ImageStore, cache: Path, architecture: str = "") -> None:
        self._store = store
        self._cache = cache
        self._architecture = architecture or host_architecture()

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build one image. Raises BuildError with the failing tool's own output as `detail`."""
        recipe = self.check(job)
        toolchain = find_toolchain(recipe.toolchain)
        key = build_key(job, recipe, toolchain, self._architecture)
        known = None if job.options.no_cache else self._known(key)
        if known is not None:
            self._name(job.image, known)
            return BuildOutcome(digest=known, cached=True)
        with self._working_copy(job) as work:
            digest = _Build(self._store, job, recipe, toolchain, work, report, self._architecture).run()
        self._remember(key, digest)
        return BuildOutcome(digest=digest)

    def check(self, job: BuildJob) -> Recipe:
        """The recipe of a job this builder can do. Raises BuildError saying what is in its way."""
        recipe = _recipe(job)
        name = f"`{job.function.name}`"
        try:
            watchdog_binary("linux", self._architecture)
        except FileNotFoundError as err:
            raise BuildError(f"{name} cannot be built: {err}", hint="install faas from its wheel") from None
        if self._architecture == host_architecture():
            return recipe
        if recipe.toolchain != "go" or recipe.images.runtime != "scratch":
            platform = f"linux/{self._architecture}"
            raise BuildError(
                f"{name} cannot be built for {platform} on this machine without an engine",
                hint=f"build it with `--builder buildx`, or on a machine that is {platform}",
            )
        return recipe

    def _known(self, key: str) -> str | None:
        try:
            digest = (self._cache / "results" / key).read_text(encoding="utf-8")
            manifest = self._store.manifest(digest)
        except (OSError, LookupError):
            return None
        needed = [manifest["config"], *manifest["layers"]]
        return digest if all(self._store.has(blob["digest"]) for blob in needed) else None

    def _name(self, image: str, digest: str) -> None:
        with contextlib.suppress(LookupError):
            if self._store.digest_of(image) == digest:
                return
        self._store.tag(digest, image)

    def _remember(self, key: str, digest: str) -> None:
        write_file(self._cache / "results" / key, digest, durable=False)

    @contextlib.contextmanager
    def _working_copy(self, job: BuildJob) -> Iterator[Path]:
        """A copy of the context that keeps the outputs of earlier steps; one build at a time may use it."""
        name = hashlib.sha256(str(job.context.resolve()).encode()).hexdigest()[:16]
        folder = self._cache / "work" / f"{job.function.name}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if job.options.no_cache:
                shutil.rmtree(folder / "context", ignore_errors=True)
                (folder / "dependencies.json").unlink(missing_ok=True)
            yield folder


class _Build:
    """One run of a recipe."""

    def __init__(
        self,
        store: ImageStore,
        job: BuildJob,
        recipe: Recipe,
        toolchain: Toolchain,
        folder: Path,
        report: BuildReporter,
        architecture: str,
    ) -> None:
        self._architecture = architecture
        self._store, self._job, self._recipe, self._report = store, job, recipe, report
        self._toolchain = toolchain
        self._folder = folder
        self._work = folder / "context"
        self._name = job.function.name

    def run(self) -> str:
        outputs = self._recipe.dependencies.outputs if self._recipe.dependencies else []
        fresh = not self._work.exists()
        mirror(self._job.context, self._work, keep=outputs)
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._folder) as scratch:
            environment = {**write_shims(self._toolchain, Path(scratch)), **self._job.build_args}
            if self._architecture != host_architecture():
                environment |= {"GOOS": "linux", "GOARCH": self._architecture}
            runner = StepRunner(
                self._work, environment, lambda line: self._report.line(self._name, self._readable(line))
            )
            try:
                dependencies = self._dependencies(runner)
                self._compile(runner, together=not fresh)
            except BuildError as err:
                raise BuildError(err.message, hint=err.hint, detail=self._readable(err.detail)) from None
            finally:
                runner.stop()
        return self._write(dependencies)

    def _dependencies(self, runner: StepRunner) -> Descriptor | None:
        """Run the dependency step when its inputs have changed; returns the layer of what it made."""
        step = self._recipe.dependencies
        if step is None:
            return None
        record = self._folder / "dependencies.json"
        inputs = inputs_digest(self._work, step, self._toolchain)
        known = _read_record(record)
        if known.get("inputs") == inputs and self._has_layer(known):
            return _descriptor(known.get("layer"))
        self._report.step(self._name, "installing dependencies")
        record.unlink(missing_ok=True)
        for output in step.outputs:
            shutil.rmtree(self._work / output, ignore_errors=True)
        runner.run(step, f"the dependencies of `{self._name}` cannot be installed")
        layer = self._dependency_layer(step)
        write_file(record, json.dumps({"inputs": inputs, "layer": layer and layer.as_json()}), durable=False)
        return layer

    def _has_layer(self, record: Mapping[str, object]) -> bool:
        layer = _descriptor(record.get("layer"))
        return layer is None or self._store.has(layer.digest)

    def _dependency_layer(self, step: Step) -> Descriptor | None:
        entries = collect(self._work, step.outputs, "home/app", self._recipe.runtime.exclude)
        return write_layer(self._store, entries) if entries else None

    def _compile(self, runner: StepRunner, *, together: bool) -> None:
        """Build and test: at the same time after an edit, when each has a few files to compile.

        The first time each would compile the whole standard library; one after the other, the second
        finds what the first has compiled (13 s instead of 33 s for Go on two cores).
        """
        steps = [
            (self._recipe.build, f"`{self._name}` does not compile"),
            (self._recipe.test, f"the tests of `{self._name}` fail"),
        ]
        if self._architecture != host_architecture():
            # What is built for another machine cannot be run on this one.
            del steps[1]
        wanted = [(step, failure) for step, failure in steps if step is not None]
        if not wanted:
            return
        self._report.step(self._name, "building and testing" if len(wanted) == 2 else "testing")
        with ThreadPoolExecutor(len(wanted) if together else 1) as pool:
            try:
                running = [pool.submit(runner.run, step, failure) for step, failure in wanted]
                wait(running, return_when=FIRST_EXCEPTION)
                # What does not compile fails its tests as well: the compiler's words come first.
                for job in running:
                    job.result()
            except BaseException:
                runner.stop()
                raise

    def _write(self, dependencies: Descriptor | None) -> str:
        self._report.step(self._name, "writing the image")
        architecture = self._architecture
        layers = [self._system_layer(watchdog_binary("linux", architecture))]
        if dependencies is not None:
            layers.append(dependencies)
        layers.append(write_layer(self._store, app_entries(self._recipe, self._work)))
        config = image_config(self._job, self._recipe, architecture, [layer.digest for layer in layers])
        return self._store.put_image(self._job.image, config, layers, image_annotations(self._recipe))

    def _system_layer(self, watchdog: Path) -> Descriptor:
        """The layer every function of these templates shares; hashing it anew would take longer than a compiler."""
        entries = system_entries(self._recipe, watchdog)
        sources = [entry.source.stat() for entry in entries if entry.source is not None]
        parts = [FORMAT, [entry.path for entry in entries], [(each.st_size, each.st_mtime_ns) for each in sources]]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        record = self._folder.parents[1] / "layers" / key
        known = _descriptor(_read_record(record))
        if known is not None and self._store.has(known.digest):
            return known
        layer = write_layer(self._store, entries)
        write_file(record, json.dumps(layer.as_json()), durable=False)
        return layer

    def _readable(self, text: str) -> str:
        """A tool's words with the paths a user knows: the handler's own, not the copy's."""
        template = self._job.template
        assert template is not None
        handler = self._job.function.handler.removeprefix("./").rstrip("/")
        text = text.replace(f"{self._work}/{template.handler_folder}/", f"{handler}/")
        return text.replace(f"{template.handler_folder}/", f"{handler}/").replace(f"{self._work}/", "")


def _recipe(job: BuildJob) -> Recipe:
    if job.template is None or job.template.recipe is None:
        kind = (
            "a Dockerfile"
            if job.template is None
            else f"the template `{job.template.name}`, which only has a Dockerfile"
        )
        raise BuildError(
            f"`{job.function.name}` is built from {kind}, and that takes a container engine",
            hint="start Docker and build with `--builder docker`",
        )
    if job.build_args.get("ADDITIONAL_PACKAGE"):
        raise BuildError(
            f"`{job.function.name}` asks for system packages ({job.build_args['ADDITIONAL_PACKAGE']}), "
            "and installing them takes a container engine",
            hint="start Docker and build with `--builder docker`",
        )
    return job.template.recipe


def _read_record(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}


def _descriptor(value: object) -> Descriptor | None:
    if not isinstance(value, dict) or "digest" not in value:
        return None
    return Descriptor(value["mediaType"], value["digest"], value["size"])
