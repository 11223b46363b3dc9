"""The dependency step of a build: for the base of the image, and for this machine where that differs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from faas_cli.errors import BuildError
from faas_cli.images.base import Base
from faas_cli.images.builders.layers import LayerEntry, collect, write_layer
from faas_cli.images.dependencies import declared_inputs
from faas_cli.images.image import HOME, dependency_excludes
from faas_cli.images.model import BuildJob, BuildReporter
from faas_cli.images.native import native_needs
from faas_cli.images.toolchains import Toolchain
from faas_cli.images.tree import file_digest
from faas_cli.templates.model import Recipe, Step
from faas_runtime.core.files import write_file
from faas_runtime.images.store import Descriptor, ImageStore

if TYPE_CHECKING:
    from faas_cli.images.builders.steps import StepRunner

# Part of every key: increase it when a build writes something else for the same inputs.
FORMAT = "3"


@dataclass
class Dependencies:
    """The result of a dependency step: the layer of its outputs, and what their compiled files need.

    `local` is the layer with the same packages for this machine, if those of `layer` cannot run here; `runnable` is
    False if there are none.
    """

    inputs: str = ""
    layer: Descriptor | None = None
    needs: list[str] = field(default_factory=list)
    local: Descriptor | None = None
    runnable: bool = True

    def layers(self) -> list[Descriptor]:
        """The layers in the store, the image's own first."""
        return [each for each in (self.layer, self.local) if each is not None]


class Installer:
    """Installs the dependencies of one function into its working copy, below `folder`."""

    def __init__(
        self, store: ImageStore, job: BuildJob, recipe: Recipe, base: Base, toolchain: Toolchain, folder: Path
    ) -> None:
        self._store, self._recipe, self._base, self._toolchain = store, recipe, base, toolchain
        self._name = job.function.name
        self._folder = folder
        self._work = folder / "context"

    @property
    def differs(self) -> bool:
        """Whether packages for this machine may not run on the base."""
        if self._recipe.toolchain == "python" and self._base.python:
            return self._toolchain.python != self._base.python or not self._base.is_this_machine()
        return self._recipe.toolchain == "node" and not self._base.is_this_machine()

    def run(self, runner: StepRunner, for_base: StepRunner | None, report: BuildReporter) -> Dependencies:
        """Run the step if its inputs have changed; `for_base` runs it with tools that fetch for another base.

        Compiled packages of another base are installed a second time, for this machine: to test the function and to
        run it here. They stay in the working copy; only the store refers to their layer.
        """
        step = self._recipe.dependencies
        if step is None:
            return Dependencies()
        record = self._folder / "dependencies.json"
        inputs = inputs_digest(self._work, step, self._toolchain, self._base)
        known = _read_record(record, inputs)
        if known is not None and all(self._store.has(layer.digest, layer.size) for layer in known.layers()):
            return known
        report.step(self._name, "installing dependencies")
        record.unlink(missing_ok=True)
        self._install(step, for_base or runner, f"the dependencies of `{self._name}` cannot be installed")
        layer, needs = self._dependency_layer(step)
        found = Dependencies(inputs, layer, sorted(needs))
        if for_base is not None and needs:
            report.step(self._name, "installing dependencies for this machine, to test it")
            try:
                self._install(step, runner, f"the dependencies of `{self._name}` cannot be installed on this machine")
                found.local = write_layer(self._store, self._dependency_entries(step))
            except BuildError:
                if self._recipe.toolchain != "python":
                    raise
                found.runnable = False
        write_file(record, msgspec.json.encode(found), durable=False)
        return found

    def _install(self, step: Step, runner: StepRunner, failure: str) -> None:
        for output in step.outputs:
            shutil.rmtree(self._work / output, ignore_errors=True)
        try:
            runner.run(step, failure)
        except BuildError as err:
            raise self._no_wheel(err) if self.differs else err from None

    def _no_wheel(self, err: BuildError) -> BuildError:
        """The error for a package without a wheel for the base, in place of pip's own."""
        found = re.search(r"No matching distribution found for (\S+)", err.detail)
        if found is None or self._recipe.toolchain != "python":
            return err
        base = self._base
        libc = " and musl" if base.libc == "musl" else ""
        return BuildError(
            f"`{self._name}`: there is no wheel of `{found[1]}` for Python {base.python}{libc}, which its base image "
            f"`{base.image}` has, and this machine has Python {self._toolchain.python} to build one",
            hint=f"build it with `--builder docker`, or install python{base.python} on this machine"
            if not libc
            else "build it with `--builder docker`, or use a base with glibc in the template",
            detail=err.detail,
        )

    def _dependency_entries(self, step: Step) -> list[LayerEntry]:
        return collect(self._work, step.outputs, HOME, dependency_excludes(self._recipe))

    def _dependency_layer(self, step: Step) -> tuple[Descriptor | None, set[str]]:
        entries = self._dependency_entries(step)
        needs = native_needs(entries, self._base, self._name)
        return (write_layer(self._store, entries) if entries else None), needs


def inputs_digest(work: Path, step: Step, toolchain: Toolchain, base: Base) -> str:
    """A digest of a step's inputs, command, toolchain and base."""
    total = hashlib.sha256(f"{FORMAT}\0{step.run}\0{toolchain.identity}\0{base}\0".encode())
    for name in declared_inputs(work, step.inputs):
        total.update(os.fsencode(f"{name}\0"))
        total.update(bytes.fromhex(file_digest(work / name)))
    return total.hexdigest()


def _read_record(path: Path, inputs: str) -> Dependencies | None:
    """The result of an earlier step with the same inputs."""
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Dependencies)
    except (OSError, msgspec.MsgspecError):
        return None
    return known if known.inputs == inputs else None
