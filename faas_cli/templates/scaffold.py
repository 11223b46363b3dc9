"""`faas new`: creates a handler and its entry in a stack file.

Everything is created in a temporary folder and renamed at the end, so a failure leaves nothing
behind; existing files are never overwritten.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb

from faas_cli.errors import FaasError, UsageError
from faas_cli.gateway.credentials import gateway_of
from faas_cli.stack.edit import append_function, edit_file, new_stack_text
from faas_cli.stack.model import Function, Resources
from faas_cli.templates.model import Template
from faas_runtime.core.files import locked, write_file

COOKIECUTTER = "cookiecutter.json"
IGNORED = ("template", "build", ".secrets")

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What to create: the folder `handler` with a new function, and `stack_file` with `stack_text`."""

    name: str
    template: Template
    handler: Path
    stack_file: Path
    stack_text: str
    append: Function | None = None
    """The function to add to an existing stack file; None for a new file."""


def plan(
    name: str,
    template: Template,
    *,
    handler: str = "",
    prefix: str = "",
    append: str = "",
    stack_file: str = "",
    gateway: str | None = None,
    requests: Resources | None = None,
    limits: Resources | None = None,
) -> Scaffold:
    """The scaffold for the flags of `faas new`; an empty one means its default. Raises UsageError, StackError.

    Creates nothing, and reads only the stack file to append to.
    """
    folder = Path(handler or name)
    prefix = prefix.strip().rstrip("/")
    function = Function(
        name=name,
        lang=template.name,
        handler=f"./{folder}" if not folder.is_absolute() else str(folder),
        image=f"{prefix}/{name}:latest" if prefix else f"{name}:latest",
        requests=requests,
        limits=limits,
    )
    path = Path(append or stack_file or f"{name}.yml")
    if path.suffix not in (".yml", ".yaml"):
        raise UsageError(f"`{path}` cannot be a stack file: its name must end in `.yml` or `.yaml`")
    if append and not path.is_file():
        raise UsageError(f"the stack file `{path}` does not exist")
    if not append:
        return Scaffold(name, template, folder, path, new_stack_text(gateway_of(gateway), function))
    text = append_function(path.read_text(encoding="utf-8"), function, str(path))
    return Scaffold(name, template, folder, path, text, append=function)


def check_name(name: str) -> None:
    """Raise UsageError unless `name` is a valid function name: a DNS label, which every engine requires."""
    if not _NAME.fullmatch(name):
        suggestion = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        raise UsageError(
            f"`{name}` cannot be a function's name: use lower-case letters, digits and `-`, no `-` at the ends",
            hint=f"for example `{suggestion}`" if suggestion else "",
        )
    if len(name) > 63:
        raise UsageError(f"`{name}` is too long for a function's name: {len(name)} characters, 63 are allowed")


def create(scaffold: Scaffold) -> None:
    """Create the handler's folder, write the stack file, extend `.gitignore`.

    Raises UsageError when a file already exists, FaasError when a file cannot be written.
    In both cases nothing is changed.
    """
    _check_free(scaffold)
    undo: list[Callable[[], object]] = []
    try:
        with tempfile.TemporaryDirectory(prefix=".faas-new-", dir=scaffold.handler.parent) as aside:
            made = render(scaffold.template, scaffold.name, Path(aside))
            made.rename(scaffold.handler)
            undo.append(lambda: shutil.rmtree(scaffold.handler, ignore_errors=True))
            _write_stack(scaffold, undo)
        with locked(scaffold.stack_file.parent):
            keep_ignored(scaffold.stack_file.parent)
    except OSError as err:
        _undo(undo)
        raise FaasError(f"cannot create `{scaffold.name}`: {err.strerror}: {err.filename}") from None
    except BaseException:
        _undo(undo)
        raise


def render(template: Template, name: str, into: Path) -> Path:
    """Create a template's sample handler for a function called `name`; returns its folder, below `into`.

    A template with a `cookiecutter.json` is rendered by cookiecutter; of other templates the
    handler folder is copied unchanged.
    """
    if not (template.folder / COOKIECUTTER).is_file():
        target = into / "function"
        source = template.folder / template.handler_folder
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir()
        return target
    from cookiecutter.exceptions import CookiecutterException
    from cookiecutter.generate import generate_files
    from jinja2 import TemplateError

    context = json.loads((template.folder / COOKIECUTTER).read_text(encoding="utf-8"))
    context |= {"name": name, "folder": "function"}
    try:
        generate_files(
            repo_dir=str(template.folder), context={"cookiecutter": context}, output_dir=str(into), accept_hooks=False
        )
    except (CookiecutterException, TemplateError) as err:
        raise _template_error(template, err) from None
    # Running a template's own files leaves caches in it, which cookiecutter copies.
    for cache in list((into / "function").rglob("__pycache__")):
        shutil.rmtree(cache)
    return into / "function"


def _template_error(template: Template, err: Exception) -> FaasError:
    """The error for a template file that Jinja cannot render, with file, line and a hint."""
    cause = getattr(err, "error", err)
    name, line = getattr(cause, "name", None), getattr(cause, "lineno", 0)
    for frame, number in walk_tb(cause.__traceback__):
        # Jinja adds the template's file (a relative path) and line to the traceback.
        if not frame.f_code.co_filename.startswith(("/", "<")):
            name, line = frame.f_code.co_filename, number
    folder = next(template.folder.glob("{{*"), template.folder)
    place = folder / name if name else template.folder / COOKIECUTTER
    reason = str(cause).partition("\n")[0]
    return FaasError(
        f"`{place}{f':{line}' if line else ''}`: the template cannot be rendered: {reason}",
        hint="add files with literal braces to `_copy_without_render` in the template's cookiecutter.json",
    )


def keep_ignored(folder: Path) -> None:
    """Add the files that faas generates to `.gitignore`."""
    path = folder / ".gitignore"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    present = {line.strip().strip("/") for line in text.splitlines()}
    missing = [name for name in IGNORED if name not in present]
    if not missing:
        return
    if text and not text.endswith("\n"):
        text += "\n"
    write_file(path, text + "".join(f"{name}\n" for name in missing))


def _check_free(scaffold: Scaffold) -> None:
    if scaffold.handler.exists() or scaffold.handler.is_symlink():
        raise UsageError(
            f"folder `{scaffold.handler}` already exists; nothing was changed",
            hint="choose another name, or another folder with `--handler`",
        )
    if not scaffold.handler.parent.is_dir():
        raise UsageError(f"the folder `{scaffold.handler.parent}` for `{scaffold.handler.name}` does not exist")
    if not scaffold.append and scaffold.stack_file.exists():
        raise UsageError(
            f"stack file `{scaffold.stack_file}` already exists; nothing was changed",
            hint=f"add the function to it with `--append {scaffold.stack_file}`",
        )


def _write_stack(scaffold: Scaffold, undo: list[Callable[[], object]]) -> None:
    path, function = scaffold.stack_file, scaffold.append
    if function is not None:
        # Read again: another command may have added functions meanwhile.
        before = edit_file(path, lambda text: append_function(text, function, str(path)))
        undo.append(lambda: write_file(path, before))
        return
    write_file(path, scaffold.stack_text, parents=False)
    undo.append(path.unlink)


def _undo(steps: list[Callable[[], object]]) -> None:
    for step in reversed(steps):
        with contextlib.suppress(OSError):
            step()
