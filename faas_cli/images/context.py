"""Assembling the build context `build/NAME/`: the template overlaid with the function's handler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from faas_cli.errors import BuildError
from faas_cli.images.overlay import Overlay
from faas_cli.stack.variables import unset_hint
from faas_cli.templates.find import PROJECT_FOLDER

if TYPE_CHECKING:
    from faas_cli.stack.model import Function
    from faas_cli.templates.model import Template

BUILD_FOLDER = "build"

# Never part of a function: tools create these again wherever it is built.
_NEVER = frozenset({".git", "node_modules", "__pycache__", ".venv", ".pytest_cache", ".mypy_cache"})
_TEMPLATE_ONLY = frozenset({"cookiecutter.json", "hooks", "Dockerfile.j2"})
_SHOWN = 3


def assemble(
    function: Function,
    template: Template | None,
    project: Path,
    extra: Iterable[str] = (),
    remark: Callable[[str], object] = lambda text: None,
) -> Path:
    """Create a function's build context; returns its folder, `build/NAME` below `project`.

    `template` is None for `lang: dockerfile`, whose handler folder is the context. `extra` are paths
    inside the project that are copied beside the handler. Symbolic links are followed if they stay
    inside the project. A `.dockerignore` is not applied here: the engine applies the context's own.
    `remark` is called with what the user should know. Raises BuildError naming the path.
    """
    handler = project / function.handler
    _check_handler(function, handler)
    context = project / BUILD_FOLDER / function.name
    context.parent.mkdir(exist_ok=True)
    overlay = Overlay(function.name, context, project, [context.parent, project / PROJECT_FOLDER])
    never: frozenset[str] = frozenset() if template is None else _NEVER
    folder = "" if template is None else Path(template.handler_folder).as_posix().removeprefix(".")
    if template is not None:
        overlay.add_template(template.folder, _NEVER, _TEMPLATE_ONLY)
    overlay.add(handler, folder, never)
    for path in extra:
        _add_extra(overlay, project, path, folder, function.name, never)
    overlay.write()
    if overlay.left_out:
        more = len(overlay.left_out) - _SHOWN
        names = ", ".join(overlay.left_out[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        remark(f"left out, since an image cannot hold it: {names}")
    return context


def _check_handler(function: Function, handler: Path) -> None:
    if not function.handler:
        raise BuildError(
            f"`{function.name}` has no `handler` in the stack file",
            hint=unset_hint() or f"add `handler: ./{function.name}`",
        )
    if not handler.exists():
        raise BuildError(
            f"`{function.name}`: its handler folder `{function.handler}` does not exist",
            hint="the path is relative to the folder you run faas in",
        )
    if not handler.is_dir():
        raise BuildError(f"`{function.name}`: its handler `{function.handler}` is a file; name its folder")


def _add_extra(overlay: Overlay, project: Path, path: str, below: str, function: str, never: frozenset[str]) -> None:
    source = (project / path).resolve()
    if source == project.resolve() or not source.is_relative_to(project.resolve()):
        raise BuildError(
            f"`{function}`: the extra path `{path}` must be inside the project, below `{project.resolve()}`"
        )
    if not source.exists():
        raise BuildError(f"`{function}`: the extra path `{path}` does not exist")
    target = f"{below}/{source.relative_to(project.resolve()).as_posix()}".lstrip("/")
    if source.is_dir():
        overlay.add(source, target, never)
    else:
        overlay.add_file(source, target)
