"""Building the functions of a stack, several in parallel."""

from __future__ import annotations

import errno
import functools
import hashlib
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from faas_cli.errors import BuildError, FaasError
from faas_cli.images.change_report import InputRecord
from faas_cli.images.context import assemble
from faas_cli.images.context_files import complete
from faas_cli.images.dependencies import fit_python
from faas_cli.images.dockerfile.render import is_generated, uses_buildkit, write_dockerfile
from faas_cli.images.go_modules import fit
from faas_cli.images.model import Builder, BuildJob, BuildOptions, BuildReporter, BuildResult
from faas_cli.images.tags import image_reference
from faas_cli.images.workers import work_on
from faas_cli.stack.model import Function, Stack
from faas_cli.templates.model import Template
from faas_cli.templates.pull import obtain_template
from faas_runtime.core.files import locked
from faas_runtime.core.paths import default_state_dir

_FETCHING = threading.Lock()

DOCKERFILE = "dockerfile"
"""The language whose handler folder is the build context."""


def build_functions(
    stack: Stack,
    functions: Sequence[Function],
    options: BuildOptions,
    report: BuildReporter,
    builder: Builder,
    project: Path = Path(),
) -> list[BuildResult]:
    """Build functions of a stack, up to `options.parallel` at a time.

    Returns one result per function, in the given order; a failure does not stop the other builds.
    Raises UsageError for invalid options; other errors are in the results.
    """
    stopped = False

    def work(worker: int, function: Function) -> BuildResult:
        report.started(worker, function.name)
        result = _build_one(stack, function, options, report, builder, project)
        if not stopped:
            report.finished(worker, result)
        return result

    def stop() -> None:
        nonlocal stopped
        stopped = True
        builder.stop()

    return work_on(functions, options.parallel, work, stop=stop, ended=report.ended)


def _build_one(
    stack: Stack, function: Function, options: BuildOptions, report: BuildReporter, builder: Builder, project: Path
) -> BuildResult:
    begun = time.monotonic()
    image = function.image
    try:
        if function.skip_build:
            return BuildResult(function.name, image, 0.0, skipped=True)
        _check(stack, function, options, builder, project)
        with exclusive(function, project, report):
            job = prepare(stack, function, options, project)
            image = job.image
            for remark in job.remarks:
                report.note(function.name, remark)
            if options.shrinkwrap:
                complete(job, report, buildkit=uses_buildkit(job))
                return BuildResult(function.name, image, time.monotonic() - begun)
            inputs = InputRecord(job, builder.name, default_state_dir() / "build", project)
            if options.why:
                report.note(function.name, inputs.explain())
            outcome = builder.build(job, report)
            inputs.save()
            return BuildResult(function.name, image, time.monotonic() - begun, outcome)
    except FaasError as err:
        return BuildResult(function.name, image, time.monotonic() - begun, error=err)
    except OSError as err:
        return BuildResult(function.name, image, time.monotonic() - begun, error=_file_error(function, err))


def refusals(
    stack: Stack, functions: Sequence[Function], options: BuildOptions, builder: Builder, project: Path = Path()
) -> list[FaasError]:
    """The errors of functions that the builder cannot build for their gateway, found before anything is built."""
    found = []
    for function in functions:
        try:
            if not function.skip_build:
                _check(stack, function, options, builder, project)
        except FaasError as err:
            found.append(err)
    return found


def _check(stack: Stack, function: Function, options: BuildOptions, builder: Builder, project: Path) -> None:
    if not options.shrinkwrap:
        template = template_of(function, project, stack)
        builder.check(function, template, build_arguments(function, template, options))


def exclusive(function: Function, project: Path, report: BuildReporter) -> AbstractContextManager[None]:
    """Wait while another process builds the same function: both would write the same context. Raises OSError."""
    folder = default_state_dir() / "build" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    place = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:16]
    waiting = functools.partial(report.note, function.name, "waiting for another build of this function")
    return locked(folder / f"{function.name}-{place}", waiting)


def _file_error(function: Function, err: OSError) -> BuildError:
    """The error for a file or folder that cannot be read or written."""
    place = f": `{err.filename}`" if err.filename else ""
    hint = ""
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"free disk space for `{default_state_dir()}`, or set `FAAS_STATE_DIR` to another folder"
    return BuildError(f"`{function.name}` cannot be built: {err.strerror or err}{place}", hint=hint)


def prepare(stack: Stack, function: Function, options: BuildOptions, project: Path) -> BuildJob:
    """Find the function's template, name its image and assemble its context. Raises FaasError."""
    template = template_of(function, project, stack)
    if template is not None and (recipe := template.recipe) is not None and not options.test:
        template = copy(template)
        template.recipe = structs.replace(recipe, test=None)
    image = image_reference(function, options.tag, project)
    if "@" in image:
        raise BuildError(
            f"`{function.name}`: `{image}` names a digest, which an image that is built cannot have",
            hint="omit the digest, or add `skip_build: true` for an image that is built elsewhere",
        )
    arguments = build_arguments(function, template, options)
    extra = [*stack.configuration.copy, *options.copy_extra]
    remarks: list[str] = []
    context = assemble(function, template, project, extra, remarks.append)
    job = BuildJob(
        function=function, template=template, context=context, image=image, options=options, build_args=arguments
    )
    handler = project / function.handler
    job = replace(job, remarks=(*remarks, *fit(job, handler), *fit_python(job, handler)))
    if is_generated(job):
        cache = default_state_dir() / "build" / "dockerfiles"
        write_dockerfile(job, buildkit=uses_buildkit(job), project=project, cache=cache)
    return job


def template_of(function: Function, project: Path, stack: Stack) -> Template | None:
    """A function's template, fetched if it is missing; None for `lang: dockerfile`. Raises FaasError."""
    if not function.lang:
        raise BuildError(
            f"`{function.name}` has no `lang` in the stack file",
            hint="add `lang: NAME`, or `skip_build: true` for an image that is built elsewhere",
        )
    if function.lang.lower() == DOCKERFILE:
        return None
    # When two functions lack the same template, it is fetched once.
    with _FETCHING:
        return obtain_template(function.lang, project, stack.configuration.templates, report=_ignore)


def _ignore(text: str) -> None:
    """A fetched template is not reported during a build."""


def build_arguments(function: Function, template: Template | None, options: BuildOptions) -> dict[str, str]:
    """Build arguments; those of the command line override those of the stack file.

    The packages of all requested build options are joined into `ADDITIONAL_PACKAGE`, sorted.
    Raises BuildError for a build option that the template does not have.
    """
    arguments = {**function.build_args, **options.build_args}
    packages = set(arguments.pop("ADDITIONAL_PACKAGE", "").split())
    known = {option.name: option.packages for option in template.build_options} if template else {}
    for name in dict.fromkeys([*function.build_options, *options.build_options]):
        if name not in known:
            offered = f"it has: {', '.join(sorted(known))}" if known else "it has none"
            raise BuildError(f"`{function.name}`: its template has no build option `{name}`", hint=offered)
        packages.update(known[name])
    return {**arguments, "ADDITIONAL_PACKAGE": " ".join(sorted(packages))} if packages else arguments
