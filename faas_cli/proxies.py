"""HTTP through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case)."""

from __future__ import annotations

import os
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import urllib3

from faas_runtime.core.addresses import ip_or_none, is_loopback


def proxy_for(url: str) -> str:
    """The proxy for an address, empty when it is reached directly. This machine itself always is."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    # Only now: its import takes longer than a call to a gateway of this machine.
    from urllib.request import getproxies_environment

    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    found = getproxies_environment().get(parts.scheme, "")
    exceptions = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    if not found or is_loopback(host) or any(_matches(entry, host, port) for entry in exceptions.split(",")):
        return ""
    return found if "://" in found else f"http://{found}"


def pool_for(url: str, **options: Any) -> urllib3.PoolManager:
    """Connections to an address, through its proxy if it has one."""
    proxy = proxy_for(url)
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _matches(entry: str, host: str, port: int) -> bool:
    """Whether an entry of `NO_PROXY` names a host, by the rules of Go's `golang.org/x/net/http/httpproxy`.

    An entry is `*`, an address, a network (`10.0.0.0/8`) or a domain, each but a network with an
    optional port. `example.com` includes its subdomains; `.example.com` and `*.example.com` are only those.
    """
    entry = entry.strip().lower()
    host = host.lower().rstrip(".")
    if entry in ("", "*"):
        return entry == "*"
    address = ip_or_none(host)
    if "/" in entry:
        try:
            return address is not None and address in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted_port = _split_port(entry)
    if wanted_port and wanted_port != str(port):
        return False
    if (named := ip_or_none(name)) is not None:
        return named == address
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, colon, port = entry.rpartition(":")
    # An IPv6 address without brackets has no port.
    return (name, port) if colon and ":" not in name else (entry, "")
