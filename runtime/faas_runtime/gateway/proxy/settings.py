"""Every setting of the proxy, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from faas_runtime import __version__
from faas_runtime.core.api import DEFAULT_NAMESPACE


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Addresses, timeouts and limits of the proxy.

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
    served_by: str = f"faas/{__version__}"
    """Name and version of this gateway: the value of `X-Served-By` in every response of a function."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks whose `X-Forwarded-*` headers are kept; those of other clients are replaced."""

    access_log: Literal["off", "text", "json"] = "off"
    """Format of the access log on standard output; `off` for none."""
    access_log_interval: float = 0.2
    """How often the access log is written."""
    max_access_log_entries: int = 50_000
    """Maximum number of entries that wait to be written; later ones are dropped and counted."""

    idle_timeout: float = 60.0
    """How long a client connection may stay open between two requests."""
    head_timeout: float = 10.0
    """How long a client may take for a request head, from its first byte to its last."""
    read_timeout: float = 60.0
    """How long a client may pause within a request body."""
    write_timeout: float = 60.0
    """How long a client may accept no bytes of a response."""
    upstream_timeout: float = 60.0
    """How long a call may take in total, unless the function has a `timeout` of its own."""
    control_timeout: float = 24 * 3600.0
    """How long a request to the control API may take in total; following a log is one request."""
    connect_timeout: float = 3.0
    """How long a replica may take to accept a connection."""
    ready_timeout: float = 100.0
    """How long a call waits for a ready replica."""
    tunnel_idle_timeout: float = 3600.0
    """How long an upgraded connection (websocket) may be silent in both directions."""
    upstream_idle_timeout: float = 4.0
    """How long an unused connection to a replica is kept; less than the watchdog's own limit."""
    drain_timeout: float = 0.5
    """How long a connection without a request stays open when the proxy stops: a request may be on its way."""
    linger_timeout: float = 2.0
    """How long the rest of a refused upload is read and discarded, so that the client sees the response."""
    eject_timeout: float = 0.2
    """How long a replica that refused a connection gets no calls; doubled with each refusal in a row."""
    max_eject_timeout: float = 5.0
    """Maximum of `eject_timeout` after doubling."""

    max_retries: int = 2
    """How often a call is retried on another connection, while nothing can have happened yet."""
    max_head_bytes: int = 1024 * 1024
    """Maximum size of a request or response head."""
    max_headers: int = 256
    """Maximum number of header lines in a head."""
    max_trailer_bytes: int = 16 * 1024
    """Maximum size of the trailers of a chunked body."""
    max_informational_responses: int = 16
    """Maximum number of interim (1xx) responses to one request."""
    max_connections: int = 20_000
    """Maximum number of client connections; one more gets status 503 and is closed. Shared by all workers."""
    max_idle_upstream: int = 1024
    """Maximum number of unused connections kept to one replica."""
    buffer_bytes: int = 64 * 1024
    """Bytes buffered in each direction of a connection before reading pauses."""
