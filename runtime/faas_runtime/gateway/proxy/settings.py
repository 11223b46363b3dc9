"""Every setting of the proxy, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faas_runtime import __version__
from faas_runtime.core.api import DEFAULT_NAMESPACE
from faas_runtime.core.settings import ProxyOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings(ProxyOptions):
    """Addresses of the proxy, beside the timeouts and limits that its user can set.

    Fields that end in `_timeout` or `_interval` are in seconds, those that end in `_bytes` in bytes.
    """

    host: str = "127.0.0.1"
    """Address to listen on; empty for no TCP listener (then `unix_path` or a socket is needed)."""
    port: int = 8080
    """TCP port; with 0 the system chooses one, which `Proxy.addresses()` returns."""
    unix_path: Path | None = None
    """A Unix socket to listen on as well."""
    backlog: int = 2048
    """Maximum number of connections that the kernel queues before they are accepted."""

    default_namespace: str = DEFAULT_NAMESPACE
    """Namespace of a function that is called without one."""
    control_port: int = 0
    """Port of the control API, if it has an address of its own; then clients find only functions at this one."""
    sandbox_pages: bool = False
    """Whether browsers treat pages of functions as of no site: this proxy's address is also the control API's."""
    served_by: str = f"faas/{__version__}"
    """Name and version of this gateway: the value of `X-Served-By` in every response of a function."""
