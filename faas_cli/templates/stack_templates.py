"""The templates that a stack file names: fetching them, adding one; and starting a template of one's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from faas_cli.errors import FaasError, UsageError
from faas_cli.stack.edit import append_template, edit_file
from faas_cli.stack.loader import load, parse_stack
from faas_cli.stack.model import Stack, TemplateSource
from faas_cli.stack.select import find_stack_file
from faas_cli.templates.find import PROJECT_FOLDER, find_template
from faas_cli.templates.lock import read_lock
from faas_cli.templates.pull import Pulled, parse_source, pull, pull_locked
from faas_cli.templates.store import find_in_store, store_address


def pull_stack(stack: Stack, note: Callable[[str], None], *, overwrite: bool) -> Iterator[Pulled]:
    """Fetch every template under `configuration.templates`. Raises FaasError."""
    if not stack.configuration.templates:
        raise FaasError("the stack file names no templates", hint="list them under `configuration.templates`")
    for entry in stack.configuration.templates:
        name = entry.name.partition("@")[0]
        source = parse_source(entry.source or find_in_store(name, store_address()).repo)
        note(f"Pulling template: {entry.name} from {source.repository}")
        yield pull(source, only=name, overwrite=overwrite, named=entry.name)


def pull_stack_locked(stack: Stack) -> Iterator[tuple[str, bool, str]]:
    """Fetch the commits in template.lock of the templates that the stack or its functions use.

    Yields name, whether anything was written, and commit. Raises FaasError.
    """
    entries = read_lock()
    used = [function.lang for function in stack.functions.values() if function.lang in entries]
    names = list(dict.fromkeys([*(entry.name for entry in stack.configuration.templates), *used]))
    if not names:
        raise FaasError(
            "neither the stack file nor template.lock names a template", hint="pull once without `--locked`"
        )
    for name in names:
        changed = pull_locked(name)
        yield name, changed, entries[name].commit


def add_to_stack(name: str, source: str, stack_file: str) -> Path:
    """Add a template to a stack file (the folder's own unless named), all else in it unchanged; return its path.

    Raises FaasError, before anything is written, for a file that cannot be read or added to.
    """
    path = Path(stack_file) if stack_file else find_stack_file()
    if path is None:
        raise FaasError("there is no stack file in this folder", hint="name one with `-f FILE`")
    load(path, envsubst=False)
    if source:
        parse_source(source)

    def with_template(text: str) -> str:
        changed = append_template(text, TemplateSource(name=name, source=source), str(path))
        if name not in [entry.name for entry in parse_stack(changed, str(path)).configuration.templates]:
            raise FaasError(
                f"`{path}` cannot be added to", hint="write the template under `configuration.templates` by hand"
            )
        return changed

    edit_file(path, with_template)
    return path


def start_template(name: str, base: str) -> Path:
    """Copy a template to `./template/NAME`; return the folder. Raises UsageError when it exists."""
    target = Path(PROJECT_FOLDER) / name
    if target.exists():
        raise UsageError(f"`{target}` already exists; nothing was changed")
    source = find_template(base).folder
    target.parent.mkdir(exist_ok=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    return target
