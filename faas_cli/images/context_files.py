"""Completing a build context for a container engine: adds the watchdog, also to a user's own Dockerfile."""

from __future__ import annotations

import re

from faas_cli.errors import BuildError
from faas_cli.images.dockerfile.inject import Injection, NothingToRun, inject
from faas_cli.images.dockerfile.parse import Dockerfile, DockerfileError, parse
from faas_cli.images.dockerfile.render import architectures, is_generated, write_support
from faas_cli.images.dockerignore import PatternError, ignore_file, top_names
from faas_cli.images.model import BuildJob, BuildReporter
from faas_cli.images.tree import DOCKERFILE_NAME, SUPPORT_FOLDER

_WINDOWS = re.compile(r"(?:^|/)(?:windows/|windowsservercore|nanoserver)|[:-](?:windowsservercore|nanoserver)")


def complete(job: BuildJob, report: BuildReporter, *, buildkit: bool) -> None:
    """Complete the context. Raises BuildError when its Dockerfile is missing or invalid."""
    name = job.function.name
    if is_generated(job):
        write_support(job, rootfs=job.template is not None and _on_scratch(job))
        return
    text = dockerfile_text(job)
    try:
        if job.template is not None or not job.options.inject:
            _refuse_windows(job, parse(text))
            return
        _refuse_windows(job, parse(text))
        (architecture, *_) = architectures(job)
        injection = inject(
            text,
            fprocess=job.function.fprocess,
            buildkit=buildkit,
            architecture=architecture,
            top=top_names(job.context),
        )
    except PatternError as err:
        raise BuildError(f"`{name}`: {_folder(job)}/{err}") from None
    except DockerfileError as err:
        raise BuildError(f"`{name}`: {_source_path(job)}:{err.line}: {err.message}") from None
    except NothingToRun:
        raise BuildError(
            f"`{name}`: its Dockerfile has neither `ENTRYPOINT` nor `CMD`: no command to run for a request",
            hint="add one of them, or `fprocess: COMMAND` to the stack file; `--no-inject` builds it unchanged",
        ) from None
    if injection.text != text:
        _write(job, injection)
        for note in injection.notes:
            report.note(name, note)


def dockerfile_text(job: BuildJob) -> str:
    """The Dockerfile of a job's context. Raises BuildError when it is missing or not UTF-8."""
    try:
        return (job.context / DOCKERFILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BuildError(
            f"`{job.function.name}`: there is no `{DOCKERFILE_NAME}` in `{_folder(job)}`",
            hint="with `lang: dockerfile` the handler's folder must have one, otherwise the template",
        ) from None
    except UnicodeDecodeError:
        raise BuildError(f"`{job.function.name}`: {_source_path(job)} is not text in UTF-8") from None


def _write(job: BuildJob, injection: Injection) -> None:
    write_support(job, rootfs=injection.temporary)
    (job.context / DOCKERFILE_NAME).write_text(injection.text, encoding="utf-8")
    if ignored := ignore_file(job.context):
        # The user's patterns may exclude our folder; the last pattern that matches wins.
        with ignored.open("ab") as stream:
            stream.write(f"\n!{SUPPORT_FOLDER}\n".encode())


def _refuse_windows(job: BuildJob, dockerfile: Dockerfile) -> None:
    for stage in dockerfile.chain():
        if _WINDOWS.search(stage.image.lower()):
            raise BuildError(
                f"`{job.function.name}`: {_source_path(job)}:{stage.line}: `{stage.image}` is a Windows image, "
                "and functions run on Linux",
                hint="use a base image for Linux",
            )


def _on_scratch(job: BuildJob) -> bool:
    recipe = job.template.recipe if job.template else None
    return recipe is not None and recipe.images.runtime == "scratch"


def _folder(job: BuildJob) -> str:
    if job.template is not None:
        return str(job.template.folder)
    return job.function.handler.removeprefix("./").rstrip("/") or "."


def _source_path(job: BuildJob) -> str:
    return f"{_folder(job)}/{DOCKERFILE_NAME}"
