"""Fetching templates from a repository into `./template`, and recording their commit in `template.lock`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from faas_cli.errors import FaasError, UsageError
from faas_cli.interrupt import run_child, scratch_folder
from faas_cli.stack.model import TemplateSource
from faas_cli.templates.cache import RECORD, cached, keep, tree_hash
from faas_cli.templates.find import (
    PROJECT_FOLDER,
    TemplateNotFound,
    available,
    find_template,
    same_handlers,
    synonym,
)
from faas_cli.templates.lock import LOCK, Locked, read_lock, write_lock
from faas_cli.templates.model import Template
from faas_cli.templates.store import find_in_store, store_address

DEFAULT_REPOSITORY = "https://github.com/openfaas/templates.git"

_URL = re.compile(r"(?:git|ssh|https?)://.+|git@[^:]+:.+")
_COMMIT = re.compile(r"sha-([0-9a-fA-F]{7,40})")


@dataclass(frozen=True, slots=True)
class Source:
    """A repository, and a branch, a tag or `sha-COMMIT` of it; an empty `ref` means its default branch."""

    repository: str
    ref: str = ""

    @property
    def commit(self) -> str:
        """The requested commit, or empty."""
        found = _COMMIT.fullmatch(self.ref)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of a pull: the templates' names and their commit."""

    names: tuple[str, ...]
    commit: str


def parse_source(text: str) -> Source:
    """Parse `REPOSITORY[#REF]`: a local folder (without ref), or an address for git.

    Raises UsageError for anything else.
    """
    if Path(text).is_dir():
        return Source(str(Path(text).resolve()))
    repository, _, ref = text.partition("#")
    if not _URL.fullmatch(repository):
        raise UsageError(
            f"`{text}` is neither a folder nor a repository's address",
            hint="write it like https://github.com/owner/repository.git#branch, or git@host:owner/repository.git",
        )
    if ref.startswith("sha-") and not _COMMIT.fullmatch(ref):
        raise UsageError(f"`{ref}` is not a commit: `sha-` and 7 to 40 hexadecimal digits")
    if ref and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", ref):
        raise UsageError(f"`{ref}` is not the name of a branch or a tag")
    return Source(repository, ref)


def pull(source: Source, project: Path = Path(), *, only: str = "", overwrite: bool = True, named: str = "") -> Pulled:
    """Copy the templates of a repository into the project; `only` selects one of them, `named` renames it.

    Existing templates are replaced; without `overwrite` they are an error, and nothing is written.
    Raises FaasError with git's reason.
    """
    with checkout(source) as (folder, commit):
        parent = folder / PROJECT_FOLDER
        if not parent.is_dir():
            raise FaasError(f"{source.repository} has no folder `{PROJECT_FOLDER}`, so no templates")
        found = sorted(path for path in parent.iterdir() if path.is_dir() and (not only or path.name == only))
        if not found:
            offered = ", ".join(sorted(path.name for path in parent.iterdir() if path.is_dir())) or "none"
            raise FaasError(f"{source.repository} has no template `{only}`", hint=f"it has: {offered}")
        targets = {path: named or _target_name(path.name, source) for path in found}
        present = sorted(name for name in targets.values() if (project / PROJECT_FOLDER / name).exists())
        if present and not overwrite:
            raise FaasError(
                f"these templates already exist, nothing was written: {', '.join(present)}",
                hint="`--overwrite` replaces them",
            )
        trees = {
            name: _install(path, project / PROJECT_FOLDER / name, source, commit) for path, name in targets.items()
        }
    if commit and not Path(source.repository).is_dir():
        write_lock(
            project,
            {
                name: Locked(repository=source.repository, ref=source.ref, commit=commit, tree=tree)
                for name, tree in trees.items()
            },
        )
    return Pulled(tuple(sorted(trees)), commit)


def pull_locked(name: str, project: Path = Path()) -> bool:
    """Install a template exactly as locked in `template.lock`; returns whether anything was changed.

    An unchanged template in the project is kept; else the cache is used, then the repository.
    Raises FaasError when the lock has no entry for it, or when the content of the repository
    does not match the lock.
    """
    entry = read_lock(project).get(name)
    if entry is None:
        raise FaasError(f"`{project / LOCK}` has no entry for `{name}`", hint="pull once without `--locked`")
    target = project / PROJECT_FOLDER / name
    if entry.tree and target.is_dir() and tree_hash(target) == entry.tree:
        return False
    source = Source(entry.repository, entry.ref)
    kept = cached(entry.tree)
    if kept is not None:
        _install(kept, target, source, entry.commit)
        return True
    with checkout(Source(entry.repository, f"sha-{entry.commit}")) as (folder, commit):
        path = folder / PROJECT_FOLDER / name.partition("@")[0]
        if not path.is_dir():
            raise FaasError(f"{entry.repository} has no template `{path.name}` at commit {entry.commit}")
        if entry.tree and tree_hash(path) != entry.tree:
            raise FaasError(
                f"the template `{name}` of {entry.repository} does not match `{project / LOCK}`",
                hint=f"commit {entry.commit[:12]} or the lock was changed; check both, then pull again",
            )
        tree = _install(path, target, source, commit)
    if not entry.tree:
        write_lock(project, {name: Locked(repository=entry.repository, ref=entry.ref, commit=commit, tree=tree)})
    return True


def obtain_template(
    lang: str, project: Path = Path(), sources: Iterable[TemplateSource] = (), report: Callable[[str], object] = print
) -> Template:
    """The template `lang` (`name` or `name@ref`), fetched if it is missing.

    A template in `template.lock` is fetched at the locked commit only, from the cache if possible;
    others from the stack file's source, else from the store. `report` is called before a fetch.
    Raises TemplateNotFound with similar names.
    """
    try:
        return find_template(lang, project)
    except TemplateNotFound as missing:
        locked = read_lock(project).get(lang)
        if locked is not None:
            report(f"Fetching template {lang} as locked: commit {locked.commit[:12]} of {locked.repository}")
            pull_locked(lang, project)
            return find_template(lang, project)
        source = _source(lang, sources, missing)
        report(f"Fetching template {lang} from {source.repository}")
        try:
            pull(source, project, only=lang.partition("@")[0], named=lang)
        except FaasError as err:
            raise TemplateNotFound(
                f"template `{lang}` cannot be fetched from {source.repository}: {err.message}",
                hint=missing.hint,
                detail=err.detail,
            ) from None
    return find_template(lang, project)


def template_for_new(lang: str, report: Callable[[str], object]) -> Template:
    """The template for a new function in `lang`, a template's name or a common word for a language.

    Where OpenFaaS's template of that name cannot be fetched, the built-in one that runs the same handlers is
    taken, and `report` is called with the reason. Raises TemplateNotFound with similar names.
    """
    if (name := synonym(lang)) and lang not in available():
        report(f"{lang}: using the built-in template {name}")
        return find_template(name)
    try:
        return obtain_template(lang, report=report)
    except TemplateNotFound as err:
        if not (name := same_handlers(lang)):
            raise
        reason = err.reason or err.message
        report(f"{reason}\n{lang}: using the built-in template {name}, which runs the same handlers")
        return find_template(name)


@contextmanager
def checkout(source: Source) -> Iterator[tuple[Path, str]]:
    """A folder with the repository's files, and their commit (empty if unknown)."""
    if Path(source.repository).is_dir() and not source.ref:
        yield Path(source.repository), _commit_of(Path(source.repository))
        return
    with scratch_folder("faas-templates-") as work:
        folder = work / "clone"
        clone = ["clone", "--quiet", "-c", "core.autocrlf=false"]
        if source.commit:
            _git(*clone, source.repository, str(folder))
            _git("-C", str(folder), "checkout", "--quiet", source.commit)
        else:
            branch = ["--branch", source.ref] if source.ref else []
            _git(*clone, "--depth", "1", *branch, source.repository, str(folder))
        yield folder, _commit_of(folder)


def _target_name(name: str, source: Source) -> str:
    return f"{name}@{source.ref}" if source.ref else name


def _install(path: Path, target: Path, source: Source, commit: str) -> str:
    """Install a template into the project and the cache; returns the hash of its content."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Copied aside, then renamed: files deleted upstream disappear, and a failure keeps the old template.
    with scratch_folder(".pull-", target.parent) as aside:
        made = aside / "new"
        shutil.copytree(path, made)
        record = {"repository": source.repository, "ref_name": source.ref, "sha": commit, "written_at": _now()}
        (made / RECORD).write_text(json.dumps({key: value for key, value in record.items() if value}, indent=2) + "\n")
        if target.exists():
            target.rename(aside / "old")
        made.rename(target)
    return keep(target)


def _commit_of(folder: Path) -> str:
    done = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _git(*arguments: str) -> None:
    # A password prompt would block a pipeline forever.
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = run_child(["git", *arguments], env=environment)
    except FileNotFoundError:
        raise FaasError("templates are fetched with git, which is not installed") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if line.startswith(("fatal:", "error:"))]
        reason = (lines or done.stderr.strip().splitlines() or ["no reason given"])[0]
        verb = arguments[2] if arguments[0] == "-C" else arguments[0]
        raise FaasError(f"git {verb} failed: {reason}", detail=done.stderr)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _source(lang: str, sources: Iterable[TemplateSource], missing: TemplateNotFound) -> Source:
    for entry in sources:
        if entry.name == lang and entry.source:
            return parse_source(entry.source)
    name, _, ref = lang.partition("@")
    try:
        return Source(find_in_store(name, store_address()).repo, ref)
    except FaasError as err:
        # The misspelt name first; the store's failure is less important.
        raise TemplateNotFound(
            missing.message, hint=f"{missing.hint}\n        ({err.message})", reason=err.message
        ) from None
