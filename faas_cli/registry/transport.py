"""Connections to a registry: with TLS, or without where allowed; directly or through a proxy."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3

from faas_cli.proxies import pool_for, proxy_for
from faas_runtime.core.addresses import ip_or_none, is_loopback

_RETRIES = 3
_PROBE = urllib3.Timeout(connect=3, read=5)


class _Retry(urllib3.Retry):
    """As urllib3's, but a server that was silent until the timeout is not tried again."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """The retries that are left after a failure. Raises the failure if there is to be none."""
        if isinstance(error, urllib3.exceptions.ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class Transport:
    """Connections to one registry and to hosts it redirects to. Thread-safe."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._insecure = is_insecure(host)
        if self._insecure:
            # The user has allowed it; no warning at every request.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._pools: dict[tuple[str, bool], urllib3.PoolManager] = {}
        self._base = ""

    @property
    def base(self) -> str:
        """Scheme and host. An insecure registry is tried with TLS first, as Docker does."""
        if not self._base:
            plain = self._insecure and not self._speaks_tls()
            self._base = f"{'http' if plain else 'https'}://{self._host}"
        return self._base

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """One request. Raises urllib3.exceptions.HTTPError."""
        return self._pool(url).request(method, url, **options)

    def _pool(self, url: str) -> urllib3.PoolManager:
        # Only this registry may be unverified; a token server it names must have a valid certificate.
        key = proxy_for(url), self._insecure and urlsplit(url).netloc == self._host
        if key not in self._pools:
            self._pools[key] = pool_for(
                url,
                maxsize=8,
                cert_reqs="CERT_NONE" if key[1] else "CERT_REQUIRED",
                retries=_Retry(
                    _RETRIES,
                    redirect=5,
                    # Retrying cannot fix an invalid certificate.
                    other=0,
                    status_forcelist=(500, 502, 503, 504),
                    # Beginning an upload twice is harmless; a chunk (PATCH) is resumed by the caller instead.
                    allowed_methods=("HEAD", "GET", "PUT", "POST"),
                    raise_on_status=False,
                    backoff_factor=0.3,
                ),
            )
        return self._pools[key]

    def _speaks_tls(self) -> bool:
        try:
            self.request("GET", f"https://{self._host}/v2/", retries=False, timeout=_PROBE)
        except urllib3.exceptions.HTTPError:
            return False
        return True


def is_insecure(host: str) -> bool:
    """Whether a registry may be used without TLS, or with an unverified certificate.

    That holds for registries on this machine, in `insecure-registries` of Docker's daemon, and in
    `FAAS_INSECURE_REGISTRIES` (separated by commas); each is `HOST[:PORT]` or a network.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if is_loopback(name):
        return True
    address = ip_or_none(name)
    for entry in _insecure_entries():
        if entry == host:
            return True
        try:
            if address is not None and "/" in entry and address in ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False


def _insecure_entries() -> Iterator[str]:
    for entry in os.environ.get("FAAS_INSECURE_REGISTRIES", "").split(","):
        if entry.strip():
            yield entry.strip()
    for path in daemon_configs():
        try:
            entries = json.loads(path.read_bytes()).get("insecure-registries") or []
        except (OSError, ValueError, AttributeError):
            continue
        yield from (str(entry) for entry in entries)


def daemon_configs() -> tuple[Path, ...]:
    """Paths of the Docker daemon's settings: the system's, and a rootless daemon's."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path("/etc/docker/daemon.json"), home / "docker" / "daemon.json"
