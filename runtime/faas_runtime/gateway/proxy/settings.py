"""Everything about the proxy that can be configured, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from faas_runtime.core.api import DEFAULT_NAMESPACE

MAX_CONNECTIONS = 20_000


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """How the proxy listens, how long it waits and how much it accepts.

    Every duration is in seconds, every size in bytes.
    """

    host: str = "127.0.0.1"
    """Address to listen on; empty for no TCP listener (then `unix_path` or a socket is needed)."""
    port: int = 8080
    """TCP port; 0 lets the system choose, `Proxy.addresses()` then tells which."""
    unix_path: Path | None = None
    """A Unix socket to listen on as well."""
    backlog: int = 2048
    """Connections the kernel may queue before they are accepted."""

    default_namespace: str = DEFAULT_NAMESPACE
    """Namespace of a function that is called without one."""
    served_by: str = "faas"
    """Name and version of this gateway, the value of `X-Served-By` on every answer of a function."""
    access_log: Literal["off", "text", "json"] = "off"
    """Whether, and how, every request is logged on standard output."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks whose `X-Forwarded-*` headers are kept; everybody else's are replaced."""

    idle_timeout: float = 60.0
    """How long a connection may stay open between two requests."""
    head_timeout: float = 10.0
    """How long a client may take for a request head, from its first byte to its last."""
    read_timeout: float = 60.0
    """How long a client may be silent in the middle of a request body."""
    write_timeout: float = 60.0
    """How long a client may refuse to take any more of a response."""
    upstream_timeout: float = 60.0
    """How long one call may take in all, where the function itself names no `timeout`."""
    control_timeout: float = 24 * 3600.0
    """How long one request to the control API may take in all: following a log is one of them."""
    connect_timeout: float = 3.0
    """How long a replica may take to accept a connection."""
    ready_timeout: float = 100.0
    """How long a call waits for a replica to come up."""
    tunnel_idle_timeout: float = 3600.0
    """How long an upgraded connection (websocket) may be silent in both directions."""
    upstream_idle_timeout: float = 4.0
    """How long an unused connection to a replica is kept; below the watchdog's own limit."""
    drain_timeout: float = 0.5
    """How long a connection without a request stays open when the proxy stops: one may be on its way."""
    linger_timeout: float = 2.0
    """How long the rest of a refused upload is read and thrown away, so that the client sees the answer."""

    max_head_bytes: int = 1024 * 1024
    """Largest request or response head."""
    max_headers: int = 256
    """Most header lines in a head."""
    max_connections: int = MAX_CONNECTIONS
    """Most client connections at a time; one more is answered 503 and closed."""
    max_idle_upstream: int = 1024
    """Most unused connections kept to one replica."""
    buffer_bytes: int = 64 * 1024
    """High-water mark of each direction of a connection; reading stops above it."""
