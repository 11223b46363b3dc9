"""A Helm chart as plain files: what `helm template` renders, one resource in each."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from faas_cli.errors import FaasError

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._:]*[A-Za-z0-9])?")
_DEFINITIONS = "customresourcedefinition"


def helm_command(
    chart: str, release: str, *, values: Sequence[str], sets: Sequence[str], namespace: str, definitions: bool
) -> list[str]:
    """The command that renders a chart in `./chart`. Raises FaasError when it does not exist."""
    folder = Path("chart") / chart
    if not _NAME.fullmatch(chart) or not folder.is_dir():
        raise FaasError(f"there is no chart `{folder}`", hint="run this where the folder `chart` is")
    command = ["helm", "template", release, str(folder)]
    command += ["--include-crds"] if definitions else []
    command += [word for name in values for word in ("-f", name)]
    command += [word for pair in sets for word in ("--set", pair)]
    return [*command, "--namespace", namespace] if namespace else command


def render(command: Sequence[str]) -> list[dict[str, Any]]:
    """The resources that helm prints. Raises FaasError with its output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise FaasError("`helm` is not installed", hint="https://helm.sh/docs/intro/install") from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FaasError(f"helm template failed: {reason}", detail=done.stderr)
    try:
        return [each for each in yaml.safe_load_all(done.stdout) if isinstance(each, dict)]
    except yaml.YAMLError as err:
        raise FaasError(f"the output of helm is not YAML: {err}") from None


def export(resources: Sequence[dict[str, Any]], folder: Path) -> list[str]:
    """Write each resource into `KIND/NAME.yaml` below a folder, replacing its content; return the names of the files.

    A folder with other files is not touched. Raises FaasError.
    """
    foreign = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"]
    if foreign or folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        what = f"`{foreign[0]}`" if foreign else f"`{folder}`"
        raise FaasError(
            f"{what} is not from an earlier export; nothing was changed", hint="choose another folder with `-o`"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".chart-", dir=folder.parent) as aside:
        made = Path(aside) / "new"
        made.mkdir()
        names = list(_write(resources, made))
        if folder.exists():
            folder.rename(Path(aside) / "old")
        shutil.move(made, folder)
    return names


def _write(resources: Sequence[dict[str, Any]], folder: Path) -> Iterator[str]:
    for resource in resources:
        kind, name, namespace = _identity(resource)
        # Definitions come first when a folder is applied in order.
        place = f"00_{kind}" if kind == _DEFINITIONS else kind
        path = folder / place / f"{name}.yaml"
        if path.exists() and namespace:
            path = path.with_name(f"{name}.{namespace}.yaml")
        if path.exists():
            raise FaasError(f"the chart has two resources `{kind}/{name}`")
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(resource, sort_keys=True), encoding="utf-8")
        yield str(path.relative_to(folder))


def _identity(resource: dict[str, Any]) -> tuple[str, str, str]:
    metadata = resource.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    kind, name = str(resource.get("kind") or "").lower(), str(named.get("name") or "")
    namespace = str(named.get("namespace") or "")
    for text in (kind, name, *([namespace] if namespace else [])):
        # They become paths.
        if not _NAME.fullmatch(text):
            raise FaasError(f"a resource of the chart cannot be a file: its kind is `{kind}`, its name `{name}`")
    return kind, name, namespace
