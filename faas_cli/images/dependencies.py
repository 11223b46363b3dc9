"""Dependencies as people declare them: files that a dependency step reads beside those of its recipe, and lock files.

The context is changed, never the handler's folder, so that every builder finds the same.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from faas_cli.errors import BuildError
from faas_cli.images.model import BuildJob
from faas_cli.images.tree import files_below, matching

PIP_CONFIG = "pip.conf"
_CONSTRAINTS = "locked-constraints.txt"
_FOUND_LINKS = re.compile(r"(?:-f|--find-links)(?:\s+|=)(\S+)")
_INCLUDED = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s+|=)?(\S+)")
_LOCAL = re.compile(
    r"(?P<before>(?:(?:-e|--editable)(?:\s+|=))?(?:[\w.\[\]-]+\s*@\s*)?(?:file:)?)(?P<path>\.{1,2}/[^\s;\[#]*)"
)
_NPM_FILES = (".npmrc", "package-lock.json", "npm-shrinkwrap.json")
_LIFECYCLE = frozenset({"preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare"})
_LOCKS = ("uv.lock", "poetry.lock")


def declared_inputs(context: Path, names: Iterable[str]) -> list[str]:
    """The files that a step's inputs name, and those that these files refer to, as paths of the context.

    Followed are `-r`, `-c`, `-f` and local paths in requirements, those of pip.conf, and `file:` dependencies and
    workspaces in package.json.
    If npm runs a script of the package, every file beside it is an input.
    """
    found: dict[str, None] = dict.fromkeys(matching(context, names))
    waiting = list(found)
    while waiting:
        path = context / waiting.pop()
        for other in _referenced(path):
            if other.is_file() and other.resolve().is_relative_to(context.resolve()):
                name = other.resolve().relative_to(context.resolve()).as_posix()
                if name not in found:
                    found[name] = None
                    waiting.append(name)
    return list(found)


def _referenced(path: Path) -> Iterator[Path]:
    if path.name == "package.json":
        yield from _npm_references(path)
    elif path.name == PIP_CONFIG:
        for value in _pip_paths(_read_pip_config(path)).values():
            for each in value.split():
                yield from _all_files(_top(path) / each)
    elif path.suffix == ".txt":
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if included := _INCLUDED.match(line.strip()):
                yield path.parent / included[1]
            elif links := _FOUND_LINKS.match(line.strip()):
                yield from _all_files(path.parent / links[1])
            elif local := _LOCAL.match(line.strip()):
                # pip reads local paths from the top of the context, where it runs.
                yield from _all_files(_top(path) / local["path"])


def _read_pip_config(path: Path) -> configparser.RawConfigParser:
    config = configparser.RawConfigParser()
    # pip reports what is wrong with it.
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        config.read(path, encoding="utf-8")
    return config


def _pip_paths(config: configparser.RawConfigParser) -> dict[tuple[str, str], str]:
    """The settings of a pip.conf that may name local files, by section and name."""
    return {
        (section, name): value
        for section in config.sections()
        for name, value in config.items(section)
        if name.replace("_", "-") in ("constraint", "requirement", "find-links")
    }


def _top(path: Path) -> Path:
    return next(folder for folder in path.parents if (folder / "template.yml").exists() or folder.parent == folder)


def _npm_references(path: Path) -> Iterator[Path]:
    yield from (path.parent / name for name in _NPM_FILES)
    try:
        package = json.loads(path.read_bytes())
        if _LIFECYCLE & set(package.get("scripts") or {}):
            yield from _all_files(path.parent)
        workspaces = package.get("workspaces") or []
        patterns = workspaces.get("packages") or [] if isinstance(workspaces, dict) else workspaces
        for pattern in patterns:
            for folder in path.parent.glob(pattern):
                yield from _all_files(folder)
        for kind in ("dependencies", "devDependencies", "optionalDependencies"):
            for value in (package.get(kind) or {}).values():
                if isinstance(value, str) and value.startswith(("file:", "./", "../")):
                    yield from _all_files(path.parent / value.removeprefix("file:"))
    except (ValueError, AttributeError, TypeError):
        # npm reports what is wrong with it.
        return


def _all_files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for name, _ in files_below(path):
            if not name.endswith("/") and "node_modules" not in name.split("/"):
                yield path / name
    elif path.is_file():
        yield path


def fit_python(job: BuildJob, handler: Path) -> list[str]:
    """Give a Python function the `requirements.txt` that its template installs; returns remarks for the user.

    Without one in `handler`, the dependencies of pyproject.toml are used, with the versions of a lock file as
    constraints. Raises BuildError for dependencies that only another tool can read.
    """
    template = job.template
    if template is None or template.recipe is None or template.recipe.toolchain != "python":
        return []
    folder = job.context / template.handler_folder
    _prefix_pip_config(folder / PIP_CONFIG, template.handler_folder)
    if (handler / "requirements.txt").is_file():
        _prefix_local_paths(folder / "requirements.txt", job.context)
        return []
    project = _toml(handler / "pyproject.toml", job)
    declared = (project.get("project") or {}).get("dependencies")
    locks = [name for name in _LOCKS if (handler / name).is_file()]
    if declared is None:
        poetry = set(((project.get("tool") or {}).get("poetry") or {}).get("dependencies") or {}) - {"python"}
        if foreign := [*locks, *["Pipfile"] * (handler / "Pipfile").is_file(), *["pyproject.toml"] * bool(poetry)]:
            raise BuildError(
                f"`{job.function.name}`: its dependencies are in `{foreign[0]}`, which pip cannot read",
                hint="write them to requirements.txt, for example with `uv export` or `poetry export`",
            )
        return []
    lines = list(declared)
    if locks:
        (folder / _CONSTRAINTS).write_text("".join(_locked(handler / locks[0], job)), encoding="utf-8")
        lines.append(f"-c {_CONSTRAINTS}")
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    _prefix_local_paths(folder / "requirements.txt", job.context)
    source = " and ".join(["pyproject.toml", *locks[:1]])
    return [f"`{job.function.name}` has no requirements.txt; its dependencies are those of {source}"]


def _prefix_local_paths(path: Path, context: Path, done: frozenset[Path] = frozenset()) -> None:
    """Make local paths of a requirements file, relative to it, relative to the context, where pip runs."""
    if path in done or not path.is_file() or not path.resolve().is_relative_to(context.resolve()):
        return
    prefix = path.parent.relative_to(context).as_posix()

    def prefixed(line: str) -> str:
        found = _LOCAL.match(line)
        if found is None or not (path.parent / found["path"]).exists():
            return line
        return f"{found['before']}./{prefix}/{found['path']}{line[found.end() :]}"

    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        if included := _INCLUDED.match(line.strip()):
            _prefix_local_paths(path.parent / included[1], context, done | {path})
    changed = "".join(prefixed(line) for line in text.splitlines(keepends=True))
    if changed != text:
        path.write_text(changed, encoding="utf-8")


def _prefix_pip_config(path: Path, prefix: str) -> None:
    """Make local paths of a pip.conf, relative to it, relative to the context, where pip runs."""
    config = _read_pip_config(path)
    changed = False
    for (section, name), value in _pip_paths(config).items():
        prefixed = [f"{prefix}/{each}" if (path.parent / each).exists() else each for each in value.split()]
        if prefixed != value.split():
            config.set(section, name, "\n".join(prefixed))
            changed = True
    if changed:
        with path.open("w", encoding="utf-8") as stream:
            config.write(stream)


def _locked(path: Path, job: BuildJob) -> list[str]:
    """The versions of a lock file as pip's constraints, except those that differ by platform or are local."""
    packages = [each for each in _toml(path, job).get("package") or [] if _is_released(each)]
    counts = Counter(each["name"] for each in packages)
    return [f"{each['name']}=={each['version']}\n" for each in packages if counts[each["name"]] == 1]


def _is_released(package: dict[str, Any]) -> bool:
    source = package.get("source") or {}
    local = {"editable", "virtual", "directory", "path", "git", "url"} & {*source, str(source.get("type"))}
    return "name" in package and "version" in package and not local


def _toml(path: Path, job: BuildJob) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as err:
        raise BuildError(f"`{job.function.name}`: `{path}` cannot be read: {err}") from None
