"""The full name of a function's image: that of the stack file with the tag that `--tag` selects."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from faas_cli.errors import FaasError, UsageError
from faas_cli.stack.variables import unset_hint

if TYPE_CHECKING:
    from faas_cli.stack.model import Function

TAG_FORMATS = ("latest", "sha", "branch", "describe", "digest")

_INVALID = re.compile(r"[^A-Za-z0-9_.-]+")
# A lower-case path, perhaps below a registry's host (or IPv6 address) and port; then a tag and a digest.
_REFERENCE = re.compile(
    r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


def image_reference(function: Function, tag_format: str, project: Path = Path()) -> str:
    """The image's name and tag. `tag_format` is one of `TAG_FORMATS`.

    An image that is built elsewhere keeps its digest.
    Raises UsageError for another format, FaasError when the function has no image, when its
    name is invalid, or when git is needed and fails.
    """
    image = function.image.strip()
    if not image:
        raise FaasError(
            f"`{function.name}` has no `image` in the stack file",
            hint=unset_hint() or f"add `image: {function.name}:latest`",
        )
    if not _REFERENCE.fullmatch(image):
        raise FaasError(
            f"`{function.name}`: `{image}` is not a valid image name",
            hint=unset_hint() or "use lower-case letters, digits and `.`, `_`, `-`, `/`, then perhaps `:` and a tag",
        )
    if ":" not in image.rpartition("/")[2]:
        image += ":latest"
    tag_format = tag_format.lower() or "latest"
    if tag_format in ("latest", "default"):
        return image
    if "@" in image:
        if function.skip_build:
            return image
        raise FaasError(
            f"`{function.name}`: `{image}` names a digest, which `--tag {tag_format}` cannot change",
            hint="omit the digest or `--tag`",
        )
    if tag_format == "digest":
        return f"{image.rpartition(':')[0]}:{handler_digest(project / function.handler)}"
    return f"{image}-{_git_tag(tag_format, project)}"


def handler_digest(handler: Path) -> str:
    """The tag of the format `digest`, computed as faas-cli does: MD5 over the MD5s of the handler's files, by path."""
    files = sorted(path for path in handler.rglob("*") if path.is_file() and not path.is_symlink())
    sums = "".join(hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in files)
    return hashlib.md5(sums.encode(), usedforsecurity=False).hexdigest()


def _git_tag(tag_format: str, project: Path) -> str:
    if tag_format == "sha":
        return _git(project, "rev-parse", "--short", "HEAD")
    if tag_format == "branch":
        branch = _INVALID.sub("-", _git(project, "rev-parse", "--abbrev-ref", "HEAD"))
        return f"{branch}-{_git(project, 'rev-parse', '--short', 'HEAD')}"
    if tag_format == "describe":
        return _INVALID.sub("-", _git(project, "describe", "--tags", "--always"))
    raise UsageError(f"`--tag {tag_format}` is unknown", hint=f"use one of: {', '.join(TAG_FORMATS)}")


def _git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FaasError("`--tag` needs git, which is not installed", hint="use `--tag latest`") from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FaasError(
            f"`--tag` needs git, which failed: {reason}",
            hint="commit something first, or use `--tag latest`",
        )
    return done.stdout.strip()
