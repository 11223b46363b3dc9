"""HTTP through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case)."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import urllib3


def proxy_for(url: str) -> str:
    """The proxy for an address, empty when it is reached directly. This machine itself always is."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    # Only now: its import takes longer than a call to a gateway of this machine.
    from urllib.request import getproxies_environment, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or ""
    found = getproxies_environment().get(parts.scheme, "")
    if not found or _is_loopback(host) or proxy_bypass(host):
        return ""
    return found if "://" in found else f"http://{found}"


def pool_for(url: str, **options: Any) -> urllib3.PoolManager:
    """Connections to an address, through its proxy if it has one."""
    proxy = proxy_for(url)
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
