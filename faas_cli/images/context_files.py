"""Completing a build context for a container engine: the watchdog's binaries, and a user's Dockerfile with them."""

from __future__ import annotations

from faas_cli.errors import BuildError
from faas_cli.images.context import DOCKERFILE_NAME, SUPPORT_FOLDER
from faas_cli.images.dockerfile.inject import SCRIPT, Injection, NothingToRun, inject
from faas_cli.images.dockerfile.parse import DockerfileError, parse
from faas_cli.images.dockerfile.render import architectures, is_generated, write_support
from faas_cli.images.model import BuildJob, BuildReporter


def complete(job: BuildJob, report: BuildReporter, *, buildkit: bool) -> None:
    """Make the context what an engine is given. Raises BuildError when its Dockerfile is missing or no Dockerfile."""
    name = job.function.name
    if is_generated(job):
        write_support(job, rootfs=job.template is not None and _on_scratch(job))
        return
    text = dockerfile_text(job)
    try:
        if job.template is not None or not job.options.inject:
            parse(text)
            return
        (architecture, *_) = architectures(job)
        injection = inject(text, fprocess=job.function.fprocess, buildkit=buildkit, architecture=architecture)
    except DockerfileError as err:
        raise BuildError(f"`{name}`: {_own_place(job)}:{err.line}: {err.message}") from None
    except NothingToRun:
        raise BuildError(
            f"`{name}`: its Dockerfile has neither `ENTRYPOINT` nor `CMD`, so there is nothing to run for a request",
            hint="add one of them, or `fprocess: COMMAND` to the stack file; `--no-inject` builds it as it is",
        ) from None
    if injection.text != text:
        _write(job, injection)
        for note in injection.notes:
            report.note(name, note)


def dockerfile_text(job: BuildJob) -> str:
    """The Dockerfile in a job's context. Raises BuildError when there is none that can be read."""
    try:
        return (job.context / DOCKERFILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BuildError(
            f"`{job.function.name}`: there is no `{DOCKERFILE_NAME}` in `{_folder(job)}`",
            hint="`lang: dockerfile` builds the handler's own; other templates bring theirs",
        ) from None
    except UnicodeDecodeError:
        raise BuildError(f"`{job.function.name}`: {_own_place(job)} is not text in UTF-8") from None


def _write(job: BuildJob, injection: Injection) -> None:
    write_support(job, rootfs=injection.temporary)
    folder = job.context / SUPPORT_FOLDER
    if injection.script:
        (folder / SCRIPT).write_text(injection.script, encoding="utf-8")
        (folder / SCRIPT).chmod(0o755)
    (job.context / DOCKERFILE_NAME).write_text(injection.text, encoding="utf-8")
    ignored = job.context / ".dockerignore"
    if ignored.exists():
        # The user's patterns do not know of our folder; the last one that matches wins.
        ignored.write_text(f"{ignored.read_text(encoding='utf-8')}\n!{SUPPORT_FOLDER}\n", encoding="utf-8")


def _on_scratch(job: BuildJob) -> bool:
    recipe = job.template.recipe if job.template else None
    return recipe is not None and recipe.images.runtime == "scratch"


def _folder(job: BuildJob) -> str:
    if job.template is not None:
        return str(job.template.folder)
    return job.function.handler.removeprefix("./").rstrip("/") or "."


def _own_place(job: BuildJob) -> str:
    return f"{_folder(job)}/{DOCKERFILE_NAME}"
