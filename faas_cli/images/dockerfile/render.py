"""Rendering the Dockerfile of a template with a recipe, from one skeleton and the template's steps."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faas_cli.errors import BuildError
from faas_cli.images.dependencies import declared_inputs
from faas_cli.images.dockerfile.instructions import STAGING, copies_by_folder, copy, scripts
from faas_cli.images.image import HOME, USER, WATCHDOG, source_labels, system_files
from faas_cli.images.tree import DOCKERFILE_NAME, SUPPORT_FOLDER
from faas_cli.templates.find import builtin_folder
from faas_runtime.core.files import write_file
from faas_runtime.core.paths import host_architecture, watchdog_binary

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

    from faas_cli.images.model import BuildJob
    from faas_cli.templates.model import Recipe, Template

SKELETON = "_base/Dockerfile.j2"
TEMPLATE_FILE = "Dockerfile.j2"
PACKAGES = "ADDITIONAL_PACKAGE"

_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class ContextLayout:
    """The files and folders of a build context that its Dockerfile names."""

    files: tuple[str, ...]
    """The inputs of the recipe's steps that exist, as paths of the context."""
    top_files: tuple[str, ...]
    top_folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """Everything a rendered Dockerfile depends on, besides the template's files."""

    function: str
    template: Template
    recipe: Recipe
    layout: ContextLayout
    buildkit: bool = False
    architecture: str = "amd64"
    """The engine's, for the classic builder, which does not set `TARGETARCH`."""
    arguments: tuple[str, ...] = ()
    packages: bool = False
    secrets: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def is_generated(job: BuildJob) -> bool:
    """Whether we generate the job's Dockerfile: its template has a recipe and no Dockerfile."""
    template = job.template
    return template is not None and template.recipe is not None and not (template.folder / DOCKERFILE_NAME).exists()


def write_dockerfile(job: BuildJob, *, buildkit: bool, project: Path, cache: Path) -> None:
    """Write the generated Dockerfile into a job's context; `cache` holds earlier ones.

    Raises BuildError for an invalid name of an argument or secret, or an invalid template.
    """
    request = render_request(job, buildkit=buildkit, project=project)
    known = cache / _key(request)
    try:
        text = known.read_text(encoding="utf-8")
    except OSError:
        text = render(request)
        write_file(known, text, durable=False)
    (job.context / DOCKERFILE_NAME).write_text(text, encoding="utf-8")


def write_support(job: BuildJob, *, rootfs: bool) -> None:
    """Write the files that a Dockerfile copies from us: watchdogs and, with `rootfs`, system files.

    Raises BuildError for a platform without a watchdog in this package.
    """
    folder = job.context / SUPPORT_FOLDER
    folder.mkdir(exist_ok=True)
    write_watchdogs(job, folder)
    for entry in system_files() if rootfs else ():
        target = folder / "rootfs" / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.source is not None:
            shutil.copyfile(entry.source, target)
        elif entry.content is not None:
            target.write_bytes(entry.content)
        else:
            target.mkdir(exist_ok=True)
        target.chmod(entry.mode)


def write_watchdogs(job: BuildJob, folder: Path) -> None:
    """Copy the watchdogs for the job's platforms into `folder`. Raises BuildError for a platform without one."""
    for architecture in architectures(job):
        try:
            source = watchdog_binary("linux", architecture)
        except FileNotFoundError as err:
            raise BuildError(f"`{job.function.name}` cannot be built for linux/{architecture}: {err}") from None
        shutil.copy(source, folder / f"fwatchdog-{architecture}")


def platforms(job: BuildJob) -> list[str]:
    """The platforms requested by flag or stack file; empty means the engine's own."""
    return list(job.options.platforms) or [each.strip() for each in job.function.platforms.split(",") if each.strip()]


def architectures(job: BuildJob) -> list[str]:
    """The architectures to build for, as OCI names them: `amd64`, `arm64`, ..."""
    return sorted({platform.split("/")[1] for platform in platforms(job) if "/" in platform}) or [host_architecture()]


def uses_buildkit(job: BuildJob) -> bool:
    """Whether BuildKit is requested or needed: for build secrets, ssh, or other platforms."""
    if job.options.builder == "buildx":
        return True
    ssh = job.template is not None and job.template.mount_ssh
    return bool(job.function.build_secrets) or ssh or architectures(job) != [host_architecture()]


def render_request(job: BuildJob, *, buildkit: bool, project: Path) -> RenderRequest:
    """The input for `render`. Raises BuildError for an invalid name of an argument or secret."""
    assert job.template is not None
    assert job.template.recipe is not None
    name = job.function.name
    for argument in job.build_args:
        if not _ARGUMENT.fullmatch(argument):
            raise BuildError(f"`{name}`: `{argument}` is not a valid name for a build argument")
    for secret in job.function.build_secrets:
        if not _SECRET.fullmatch(secret):
            raise BuildError(f"`{name}`: `{secret}` is not a valid name for a build secret")
    recipe = job.template.recipe
    labels = {"org.opencontainers.image.title": name, **recipe.runtime.labels, **source_labels(project.resolve())}
    version = job.image.rpartition(":")[2]
    return RenderRequest(
        function=name,
        template=job.template,
        recipe=recipe,
        layout=context_layout(job.context, recipe),
        buildkit=buildkit,
        architecture=host_architecture(),
        arguments=tuple(sorted(argument for argument in job.build_args if argument != PACKAGES)),
        packages=bool(job.build_args.get(PACKAGES)),
        secrets=tuple(sorted(job.function.build_secrets)),
        labels={**labels, "org.opencontainers.image.version": version},
    )


def context_layout(context: Path, recipe: Recipe) -> ContextLayout:
    """The layout of a context, without files that are not the function's."""
    inputs = recipe.dependencies.inputs if recipe.dependencies else []
    ours = {DOCKERFILE_NAME, SUPPORT_FOLDER, "template.yml", "meta.json", ".dockerignore"}
    entries = sorted(entry for entry in context.iterdir() if entry.name not in ours)
    return ContextLayout(
        files=tuple(declared_inputs(context, inputs)),
        top_files=tuple(entry.name for entry in entries if not entry.is_dir()),
        top_folders=tuple(entry.name for entry in entries if entry.is_dir()),
    )


def render(request: RenderRequest) -> str:
    """Render the Dockerfile. Raises BuildError naming the template's file and line."""
    import jinja2

    environment = _environment(request.template.folder.resolve())
    own = (request.template.folder / TEMPLATE_FILE).is_file()
    try:
        text = environment.get_template(TEMPLATE_FILE if own else SKELETON).render(_variables(request))
    except jinja2.TemplateSyntaxError as err:
        raise BuildError(
            f"`{request.function}`: the Dockerfile of its template cannot be rendered: "
            f"{err.filename or err.name}:{err.lineno}: {err.message}"
        ) from None
    except jinja2.TemplateError as err:
        raise BuildError(f"`{request.function}`: the Dockerfile of its template cannot be rendered: {err}") from None
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _variables(request: RenderRequest) -> dict[str, Any]:
    recipe, layout = request.recipe, request.layout
    return {
        "name": request.function,
        "recipe": recipe,
        "buildkit": request.buildkit,
        "cross": False,
        "caches": [],
        "architecture": request.architecture,
        "scratch": recipe.images.runtime == "scratch",
        "support": SUPPORT_FOLDER,
        "home": f"/{HOME}",
        "user": USER,
        "watchdog_path": WATCHDOG,
        "handler": request.template.handler_folder,
        "staging": STAGING,
        "arguments": request.arguments,
        "additional_packages": request.packages,
        "secrets": request.secrets,
        "inputs": copies_by_folder(layout.files),
        "template_files": [copy(layout.top_files, "./")] if layout.top_files else [],
        "folders": [copy([f"{folder}/"], f"./{folder}/") for folder in layout.top_folders],
        "outputs": recipe.dependencies.outputs if recipe.dependencies else [],
        "scripts": scripts(recipe),
        "environment": {"fprocess": request.template.fprocess, **recipe.runtime.env},
        "labels": dict(request.labels),
    }


@functools.lru_cache
def _environment(template: Path) -> SandboxedEnvironment:
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    # A template may come from any repository: it must not do more than compute text.
    environment = SandboxedEnvironment(
        loader=jinja2.FileSystemLoader([template, builtin_folder()]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"shell": shlex.quote, "quoted": quoted, "json": json.dumps}
    return environment


def quoted(value: str) -> str:
    """A value quoted for ENV or LABEL, without substitution. Raises BuildError for line feeds."""
    if "\n" in value or "\r" in value:
        raise BuildError(f"`{value.splitlines()[0]}`... has several lines, which a Dockerfile does not support")
    return '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'


def _key(request: RenderRequest) -> str:
    import msgspec

    texts = [
        path.read_text(encoding="utf-8")
        for path in (request.template.folder / TEMPLATE_FILE, *sorted((builtin_folder() / "_base").glob("*.j2")))
        if path.is_file()
    ]
    values = {name: value for name, value in _variables(request).items() if name != "recipe"}
    parts = [texts, msgspec.to_builtins(request.recipe), values]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
