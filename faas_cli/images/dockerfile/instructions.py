"""COPY and RUN instructions of a generated Dockerfile."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from faas_cli.images.image import dependency_excludes
from faas_cli.templates.model import Recipe, Step

STAGING = "/function"
"""Folder of the build stage with the content of the image."""


def copies_by_folder(names: Iterable[str]) -> list[str]:
    """COPY instructions for files, one per folder."""
    folders: dict[str, list[str]] = {}
    for name in names:
        folders.setdefault(str(PurePosixPath(name).parent), []).append(name)
    return [copy(sources, f"./{folder}/" if folder != "." else "./") for folder, sources in folders.items()]


def copy(sources: Iterable[str], target: str) -> str:
    """A COPY instruction; names may contain any character."""
    words = [*(literal(source) for source in sources), literal(target, source=False)]
    if any(re.search(r"\s", word) for word in words):
        return f"COPY {json.dumps(words, ensure_ascii=False)}"
    return f"COPY {' '.join(words)}"


def literal(name: str, *, source: bool = True) -> str:
    """A file's name with quotes, variables and, as a source, patterns escaped for COPY.

    A byte of a source's name that is no text in UTF-8 becomes `?`, which matches it.
    """
    text = re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", name.replace("\\", "\\\\")) if source else name
    return re.sub(r"([\\\"'$])", r"\\\1", re.sub("[\udc80-\udcff]", "?", text) if source else text)


def scripts(recipe: Recipe) -> dict[str, str]:
    """The commands of the Dockerfile's RUN instructions."""
    outputs = recipe.dependencies.outputs if recipe.dependencies else []
    folders = f"mkdir -p {_words(outputs)}" if outputs else ""
    steps = {
        "dependencies": recipe.dependencies,
        "check": recipe.check,
        "test": recipe.test,
        "build": recipe.build,
    }
    scripts = {name: _script(step, folders if name == "dependencies" else "") for name, step in steps.items() if step}
    return {**scripts, "collect": _collect(recipe, outputs)}


def _script(step: Step, afterwards: str) -> str:
    parts = [f"export {' '.join(f'{key}={shlex.quote(value)}' for key, value in sorted(step.env.items()))}"] * bool(
        step.env
    )
    run = step.run.strip()
    if "\n" in run or run.endswith("\\"):
        # Only the exec form of RUN can hold any text.
        return json.dumps(["/bin/sh", "-c", "\n".join([*parts, run, *[afterwards] * bool(afterwards)])])
    return " && ".join([*parts, run, *[afterwards] * bool(afterwards)])


def _collect(recipe: Recipe, outputs: Sequence[str]) -> str:
    """The command that copies the image's content to `STAGING`, readable for everyone whatever the umask was."""
    included, excluded = recipe.runtime.include, recipe.runtime.exclude
    inside = [name for name in outputs if any(PurePosixPath(name).is_relative_to(each) for each in included)]
    commands = [f"mkdir -p {STAGING}"]
    if included:
        without = "".join(f" --exclude={shlex.quote(name)}" for name in inside)
        commands.append(f"tar -cf /tmp/function.tar{without} {_words(included)}")
        commands.append(f"tar -xf /tmp/function.tar -C {STAGING} && rm /tmp/function.tar")
    own, dependencies = (STAGING, f"{STAGING}/", excluded), (_words(outputs), "", dependency_excludes(recipe))
    commands += [_remove(*each) for each in (own, dependencies) if all((each[0], each[2]))]
    commands.append(f"chmod -R u=rwX,go=rX {STAGING}")
    return " && \\\n    ".join(commands)


def _remove(folders: str, prefix: str, patterns: Iterable[str]) -> str:
    tests = [
        f"-path {shlex.quote(prefix + pattern)}" if "/" in pattern else f"-name {shlex.quote(pattern)}"
        for pattern in patterns
    ]
    return f"find {folders} -depth \\( {' -o '.join(tests)} \\) -exec rm -rf {{}} +"


def _words(names: Iterable[str]) -> str:
    return " ".join(shlex.quote(name) for name in names)
