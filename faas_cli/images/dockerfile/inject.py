"""Injecting the watchdog into a user's own Dockerfile, so that any image with a command becomes a function."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faas_cli.images.dockerfile.parse import BuildStage, Dockerfile, parse, text_lines
from faas_cli.images.dockerfile.render import quoted
from faas_cli.images.dockerfile.sources import without_support
from faas_cli.images.image import WATCHDOG
from faas_cli.images.tree import SUPPORT_FOLDER

_STAGE = "faas-watchdog"
_WATCHDOGS = re.compile(r"(?:\bf|of-|classic-)watchdog\b")


class NothingToRun(ValueError):
    """Neither the Dockerfile nor the stack file has a command."""


@dataclass(frozen=True, slots=True)
class Injection:
    """A Dockerfile with the watchdog, and remarks for the user."""

    text: str
    notes: tuple[str, ...] = ()
    temporary: bool = False
    """Whether the watchdog's stage contains `/tmp`, for an image without a base."""


def has_watchdog(dockerfile: Dockerfile) -> bool:
    """Whether the file already has a watchdog, ours or one of OpenFaaS's."""
    return any(_WATCHDOGS.search(instruction.value) for instruction in dockerfile.instructions)


def inject(
    text: str,
    *,
    fprocess: str = "",
    buildkit: bool = False,
    architecture: str = "amd64",
    top: Mapping[str, bool] | None = None,
) -> Injection:
    """The Dockerfile with an additional stage for the watchdog, and a last stage that starts it.

    `fprocess` is the stack file's and overrides the Dockerfile's command. `top` has the names at the top of the
    context that are sent, and whether each is a folder: `COPY . .` copies these, and not our own folder.
    A file that has a watchdog is returned unchanged. Raises DockerfileError, or NothingToRun without any command.
    """
    dockerfile = parse(text)
    if has_watchdog(dockerfile):
        return Injection(text)
    process, arguments, remark = _process(dockerfile, fprocess)
    base = dockerfile.chain()[-1].image.lower()
    name = _free_name(dockerfile.stages)
    stage = [
        f"FROM scratch AS {name}",
        "ARG TARGETARCH" if buildkit else f"ARG TARGETARCH={architecture}",
        f"COPY {SUPPORT_FOLDER}/fwatchdog-${{TARGETARCH}} {WATCHDOG}",
        *[f"COPY {SUPPORT_FOLDER}/rootfs/tmp /tmp"] * (base == "scratch"),
        "",
    ]
    ending = [
        "",
        "# Added by `faas build`: the watchdog, which runs the command for each request.",
        f"COPY --from={name} / /",
        *[f"ENV fprocess={quoted(process)}"] * bool(process),
        "EXPOSE 8080",
        *[f'HEALTHCHECK --interval=3s CMD ["{WATCHDOG}", "--run-healthcheck"]']
        * (dockerfile.last("HEALTHCHECK") is None),
        "ENTRYPOINT []",
        f"CMD {json.dumps([WATCHDOG, *arguments], ensure_ascii=False)}",
    ]
    lines = _closed(text_lines(text), dockerfile.escape)
    place = dockerfile.stages[-1].line - 1
    lines = [*lines[:place], *stage, *lines[place:]]
    if top:
        lines = without_support(lines, parse("\n".join(lines)), top)
    return Injection(
        "\n".join([*lines, *ending]) + "\n",
        notes=(f"added the watchdog to its Dockerfile; {remark}", *_remarks(dockerfile)),
        temporary=base == "scratch",
    )


def _process(dockerfile: Dockerfile, fprocess: str) -> tuple[str, list[str], str]:
    """The value for `fprocess`, else the watchdog's arguments, and a remark for the user."""
    for stage in dockerfile.chain():
        for instruction in stage.instructions:
            if instruction.keyword == "ENV" and re.search(r"(?:^|\s)f(?:unction_)?process[=\s]", instruction.value):
                return "", [], "each request runs the `fprocess` it sets"
    if fprocess:
        return fprocess, [], f"each request runs `{fprocess}`, from the stack file"
    words = dockerfile.command()
    if not words:
        raise NothingToRun
    remark = f"each request runs its command, `{shlex.join(words)}`"
    if all(words) and not any(re.search(r"\s", word) for word in words):
        return " ".join(words), [], remark
    # The watchdog splits `fprocess` at spaces and has no quotes; its own arguments can be any words.
    return "", words, remark


def _remarks(dockerfile: Dockerfile) -> list[str]:
    user = dockerfile.last("USER")
    if user is None:
        return ["its Dockerfile has no `USER`: it runs as root unless its base image sets one"]
    return []


def _free_name(stages: Sequence[BuildStage]) -> str:
    taken = {stage.name for stage in stages}
    name, number = _STAGE, 2
    while name in taken:
        name, number = f"{_STAGE}-{number}", number + 1
    return name


def _closed(lines: list[str], escape: str) -> list[str]:
    """The lines without a continuation at the end, which would swallow the lines we append."""
    position = len(lines) - 1
    while position >= 0 and (not lines[position].strip() or lines[position].lstrip().startswith("#")):
        position -= 1
    last = lines[position].rstrip()
    if last.endswith(escape):
        lines[position] = last[: -len(escape)]
    return lines
