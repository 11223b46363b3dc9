"""The change report of `faas build --why`: a function's inputs compared with those of its last successful build.

Only digests of inputs are kept, since a build argument may be a password.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from faas_cli.errors import BuildError
from faas_cli.images.dockerfile.render import is_generated
from faas_cli.images.image import source_labels
from faas_cli.images.model import BuildJob
from faas_cli.images.toolchains import toolchain_of
from faas_cli.images.tree import DOCKERFILE_NAME, file_digest
from faas_runtime.core.files import write_file
from faas_runtime.core.paths import host_architecture, watchdog_binary

_SHOWN = 6


class InputRecord:
    """The inputs of a build, with those of the function's last successful build, kept below `cache`."""

    def __init__(self, job: BuildJob, builder: str, cache: Path, project: Path) -> None:
        name = hashlib.sha256(str(job.context.resolve()).encode()).hexdigest()[:16]
        self._path = cache / "inputs" / f"{job.function.name}-{name}.json"
        self._inputs = inputs_of(job, builder, project)
        self._forced = job.options.no_cache

    def explain(self) -> str:
        """The report, one sentence."""
        last = _read(self._path)
        if last is None:
            return "this is its first build on this machine"
        changes = differences(last, self._inputs)
        if not changes:
            again = ", but `--no-cache` runs every step" if self._forced else ""
            return f"no input has changed since its last build{again}"
        more = f", and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        return f"since its last build: {', '.join(changes[:_SHOWN])}{more}"

    def save(self) -> None:
        """Record the inputs of a successful build."""
        if _read(self._path) == self._inputs:
            return
        write_file(self._path, json.dumps(self._inputs), durable=False)


def differences(last: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The changed, new and removed inputs by name, one phrase each."""
    words = dict.fromkeys(now.keys() - last.keys(), "is new") | dict.fromkeys(last.keys() - now, "was removed")
    words |= {name: "has changed" for name in now.keys() & last.keys() if now[name] != last[name]}
    return [f"{name} {words[name]}" for name in sorted(words)]


def inputs_of(job: BuildJob, builder: str, project: Path) -> dict[str, str]:
    """The digest of every input of a build, by its name in reports. The context must be assembled."""
    named = _file_names(job)
    found = {named(name): digest for name, digest in job.digests.items()}
    dockerfile = job.context / DOCKERFILE_NAME
    if not is_generated(job) and dockerfile.is_file():
        found[named(DOCKERFILE_NAME)] = file_digest(dockerfile)
    found |= {f"the build argument `{name}`": _digest(value) for name, value in job.build_args.items()}
    found |= {f"the label `{name}`": _digest(value) for name, value in job.options.labels.items()}
    found["the builder"] = builder
    found["faas's watchdog"] = _watchdog()
    if job.template is not None and job.template.recipe is not None:
        recipe = [msgspec.to_builtins(job.template.recipe), job.template.fprocess]
        found[f"the recipe of the template `{job.template.name}`"] = _digest(json.dumps(recipe, sort_keys=True))
        if builder == "oci":
            with contextlib.suppress(BuildError):
                found["this machine's toolchain"] = toolchain_of(job.template.recipe).identity
        else:
            # These labels are only in the Dockerfile.
            labels = source_labels(project.resolve())
            found |= {f"the label `{name}`": _digest(value) for name, value in labels.items()}
    return found


def _file_names(job: BuildJob) -> Callable[[str], str]:
    """How a path of the context is shown: as that of the file it was copied from."""
    handler = Path(job.function.handler).as_posix()
    below = f"{Path(job.template.handler_folder).as_posix()}/" if job.template is not None else ""

    def named(path: str) -> str:
        if path.startswith(below):
            return f"`{handler}/{path.removeprefix(below)}`".replace("`./", "`")
        return f"the template's `{path}`"

    return named


def _watchdog() -> str:
    try:
        status = watchdog_binary("linux", host_architecture()).stat()
    except FileNotFoundError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> dict[str, str] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
