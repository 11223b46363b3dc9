"""Fitting a Go function into its template's workspace: module name, `go` line, vendor folder, what a handler lacks.

The context is changed, never the handler's folder, so that every builder finds the same.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from faas_cli.errors import BuildError
from faas_cli.images.model import BuildJob

_GO_LINE = re.compile(r"^go\s+(\d+(?:\.\d+)*(?:(?:rc|beta)\d+)?)[ \t]*(?://.*)?$", re.MULTILINE)
_MODULE = re.compile(r'^module\s+"?([^\s"]+)"?', re.MULTILINE)
_CGO = re.compile(r'^\s*(?:import\s+)?"C"\s*$', re.MULTILINE)
_WORKSPACE_VENDOR = "1.22"
"""The first version of Go that takes a workspace's dependencies from a vendor folder."""


def fit(job: BuildJob, handler: Path) -> list[str]:
    """Make one workspace of a template's modules and the handler's; returns remarks for the user.

    `handler` is the handler's own folder. A context without `go.work` is left as it is.
    Raises BuildError for a handler that needs cgo where the template compiles without.
    """
    template, work = job.template, job.context / "go.work"
    if template is None or template.recipe is None or template.recipe.toolchain != "go" or not work.is_file():
        return []
    name, function = job.function.name, job.context / template.handler_folder
    build = template.recipe.build
    if build is not None and build.env.get("CGO_ENABLED") == "0":
        _refuse_cgo(name, function)
    remarks = [] if (handler / "go.mod").is_file() else [_no_module(name)]
    own = function / "go.mod"
    text = own.read_text(encoding="utf-8")
    for member in _members(work, function):
        text = re.sub(rf"^\s*(?:require\s+)?{re.escape(member)}\s+v\S+.*\n", "", text, flags=re.MULTILINE)
    own.write_text(text, encoding="utf-8")
    vendored = _move_vendor(function, job.context / "vendor", _members(work, function))
    _raise_go_line(work, [own, job.context / "go.mod"], _WORKSPACE_VENDOR if vendored else "1")
    found = _MODULE.search(text)
    if found and found[1] != "handler/function":
        for source in job.context.glob("*.go"):
            code = source.read_text(encoding="utf-8")
            alias = re.sub(r'^(\s*(?:import\s+)?)"handler/function"', rf'\1function "{found[1]}"', code, flags=re.M)
            source.write_text(alias.replace('"handler/function"', f'"{found[1]}"'), encoding="utf-8")
    return remarks


def _refuse_cgo(name: str, function: Path) -> None:
    for source in sorted(function.rglob("*.go")):
        if source.name.endswith("_test.go") or "vendor" in source.relative_to(function).parts:
            continue
        if _CGO.search(source.read_text(encoding="utf-8", errors="replace")):
            raise BuildError(
                f"`{name}`: {source.relative_to(function)} uses cgo, and its template compiles without C, "
                "for an image without C's library",
                hint="use a package in pure Go, or write a Dockerfile and `lang: dockerfile`",
            )


def _no_module(name: str) -> str:
    return (
        f"`{name}` has no go.mod, so it is built as the module `handler/function` without dependencies; "
        "`go mod init handler/function && go mod tidy` in its folder makes one"
    )


def _members(work: Path, function: Path) -> list[str]:
    """Names of the modules a template brings in its workspace beside its own and the handler's."""
    files = [path for path in work.parent.glob("*/**/go.mod") if not path.is_relative_to(function)]
    return [found[1] for path in files if (found := _MODULE.search(path.read_text(encoding="utf-8")))]


def _move_vendor(function: Path, vendor: Path, members: list[str]) -> bool:
    """Make the handler's vendor folder the workspace's; returns whether there is one."""
    own = function / "vendor"
    if not (own / "modules.txt").is_file():
        return False
    shutil.rmtree(vendor, ignore_errors=True)
    own.rename(vendor)
    sections = re.split(r"^(?=# )", (vendor / "modules.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    kept = [each for each in sections if each.removeprefix("# ").split(" ", 1)[0] not in members]
    for member in members:
        shutil.rmtree(vendor / member, ignore_errors=True)
    # The paths of replacements are seen from the workspace now.
    text = "".join(kept).replace(" => ./", f" => ./{function.name}/")
    (vendor / "modules.txt").write_text(f"## workspace\n{text}", encoding="utf-8")
    return True


def _raise_go_line(work: Path, modules: list[Path], least: str) -> None:
    """Let a workspace say the highest `go` line of its modules: Go refuses a lower one."""
    texts = [path.read_text(encoding="utf-8") for path in (work, *modules) if path.is_file()]
    versions = [least, *(found[1] for text in texts if (found := _GO_LINE.search(text)))]
    highest = max(versions, key=_version)
    work.write_text(_GO_LINE.sub(f"go {highest}", texts[0], count=1), encoding="utf-8")


def _version(text: str) -> tuple[list[int], bool, str]:
    """A key that orders versions of Go: 1.21rc1, 1.21, 1.21.3."""
    numbers, _, candidate = re.sub(r"(rc|beta)", r" \1", text).partition(" ")
    return [int(part) for part in numbers.split(".")], not candidate, candidate
