"""`faas new`: a handler and its entry in a stack file.

Everything is made in a folder aside and moved into place at the end, so a failure leaves
no debris; nothing that exists is written over.
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
from faas_cli.stack.edit import append_function, edit_file, locked, new_stack_text
from faas_cli.stack.model import Function, Resources
from faas_cli.templates.model import Template
from faas_runtime.core.files import write_file

COOKIECUTTER = "cookiecutter.json"
IGNORED = ("template", "build", ".secrets")

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What is to be made: the folder `handler` with a new function in it, and `stack_file` with `stack_text`."""

    name: str
    template: Template
    handler: Path
    stack_file: Path
    stack_text: str
    append: Function | None = None
    """The function to add to a stack file that is there; None when the file is new."""


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
    """What `faas new` makes of its flags; an empty one means its default. Raises UsageError, StackError.

    Nothing is made yet, and nothing but the stack file to append to is read.
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
        raise UsageError(f"there is no stack file `{path}` to add to")
    if not append:
        return Scaffold(name, template, folder, path, new_stack_text(gateway_of(gateway), function))
    text = append_function(path.read_text(encoding="utf-8"), function, str(path))
    return Scaffold(name, template, folder, path, text, append=function)


def check_name(name: str) -> None:
    """Raise UsageError unless `name` is a function's name: a DNS label, as every engine needs it."""
    if not _NAME.fullmatch(name):
        suggestion = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        raise UsageError(
            f"`{name}` cannot be a function's name: use lower-case letters, digits and `-`, no `-` at the ends",
            hint=f"for example `{suggestion}`" if suggestion else "",
        )
    if len(name) > 63:
        raise UsageError(f"`{name}` is too long for a function's name: {len(name)} characters, 63 are allowed")


def create(scaffold: Scaffold) -> None:
    """Make the handler's folder, write the stack file, keep `.gitignore`.

    Raises UsageError when something is there already, FaasError when the disk refuses.
    In both cases nothing has changed.
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
    """Make the sample handler of a template for a function called `name`; returns its folder, below `into`.

    A template with a `cookiecutter.json` is rendered by cookiecutter; of another one, the
    handler folder is copied as it is.
    """
    if not (template.folder / COOKIECUTTER).is_file():
        target = into / "function"
        source = template.folder / template.handler_folder
        if source.is_dir():
            shutil.copytree(source, target)
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
    return into / "function"


def _template_error(template: Template, err: Exception) -> FaasError:
    """The error for a file of a template that Jinja cannot render: which file, which line, and the way out."""
    cause = getattr(err, "error", err)
    name, line = getattr(cause, "name", None), getattr(cause, "lineno", 0)
    for frame, number in walk_tb(cause.__traceback__):
        # Jinja puts the template's own file (a path within its folder) and line into the traceback.
        if not frame.f_code.co_filename.startswith(("/", "<")):
            name, line = frame.f_code.co_filename, number
    folder = next(template.folder.glob("{{*"), template.folder)
    place = folder / name if name else template.folder / COOKIECUTTER
    reason = str(cause).partition("\n")[0]
    return FaasError(
        f"`{place}{f':{line}' if line else ''}`: the template cannot be rendered: {reason}",
        hint="a file with braces of its own belongs into `_copy_without_render` of the template's cookiecutter.json",
    )


def keep_ignored(folder: Path) -> None:
    """See to it that `.gitignore` names what faas makes and git should not keep."""
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
            f"folder `{scaffold.handler}` is there already; nothing was changed",
            hint="choose another name, or another folder with `--handler`",
        )
    if not scaffold.handler.parent.is_dir():
        raise UsageError(f"there is no folder `{scaffold.handler.parent}` to make `{scaffold.handler.name}` in")
    if not scaffold.append and scaffold.stack_file.exists():
        raise UsageError(
            f"stack file `{scaffold.stack_file}` is there already; nothing was changed",
            hint=f"add the function to it with `--append {scaffold.stack_file}`",
        )


def _write_stack(scaffold: Scaffold, undo: list[Callable[[], object]]) -> None:
    path, function = scaffold.stack_file, scaffold.append
    if function is not None:
        # The file of this moment, which may have more functions than when the command was planned.
        before = edit_file(path, lambda text: append_function(text, function, str(path)))
        undo.append(lambda: write_file(path, before))
        return
    write_file(path, scaffold.stack_text, parents=False)
    undo.append(path.unlink)


def _undo(steps: list[Callable[[], object]]) -> None:
    for step in reversed(steps):
        with contextlib.suppress(OSError):
            step()
