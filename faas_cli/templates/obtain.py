"""Getting a template that is not here yet: from where the stack file says, else from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from faas_cli.errors import FaasError
from faas_cli.stack.model import TemplateSource
from faas_cli.templates.find import TemplateNotFound, find_template
from faas_cli.templates.lock import read_lock
from faas_cli.templates.model import Template
from faas_cli.templates.pull import Source, parse_source, pull, pull_locked
from faas_cli.templates.store import find_in_store, store_address


def obtain_template(
    lang: str, project: Path = Path(), sources: Iterable[TemplateSource] = (), tell: Callable[[str], object] = print
) -> Template:
    """The template `lang` (`name` or `name@ref`), fetched when it is not here.

    `template.lock` decides when it names the template: then nothing but that commit is taken, from the
    cache of all projects when it is there. Raises TemplateNotFound, with what was tried, when nobody has it.
    """
    try:
        return find_template(lang, project)
    except TemplateNotFound as missing:
        locked = read_lock(project).get(lang)
        if locked is not None:
            tell(f"Fetching template {lang} as locked: commit {locked.commit[:12]} of {locked.repository}")
            pull_locked(lang, project)
            return find_template(lang, project)
        source = _source(lang, sources, missing)
    tell(f"Fetching template {lang} from {source.repository}")
    pull(source, project, only=lang.partition("@")[0], named=lang)
    return find_template(lang, project)


def _source(lang: str, sources: Iterable[TemplateSource], missing: TemplateNotFound) -> Source:
    for entry in sources:
        if entry.name == lang and entry.source:
            return parse_source(entry.source)
    name, _, ref = lang.partition("@")
    try:
        return Source(find_in_store(name, store_address()).repo, ref)
    except FaasError as err:
        # What was misspelt is told first; that the store could not help is of less interest.
        raise TemplateNotFound(missing.message, hint=f"{missing.hint}\n        ({err.message})") from None
