"""Everything about a gateway that can be configured, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SHORTEST_LEASE, LONGEST_LEASE = 3.0, 60.0
"""Seconds of `queue_lease`. A shorter one runs out while a busy gateway lives, a longer one leaves callers waiting."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How a gateway listens and where it keeps its state. Durations are in seconds."""

    state_dir: Path
    """Folder of everything that must survive: functions, secrets, images, the password."""
    host: str = "127.0.0.1"
    """Address of the proxy."""
    port: int = 8080
    """Port of the proxy; 0 lets the system choose."""
    unix: Path | None = None
    """A Unix socket of the proxy, beside its port."""
    engine: str = "process"
    """What runs the functions, where that is not a provider elsewhere."""
    workers: int = 1
    """Processes of the proxy; 1 for none beside the gateway itself."""
    metrics_port: int = 8082
    """Port of the Prometheus metrics; 0 for none."""
    metrics_host: str = "127.0.0.1"
    """Address of the Prometheus metrics, which ask nobody for a password."""
    auth: bool = True
    """Whether the control room asks for user and password."""
    upstream_timeout: float = 60.0
    """How long one call may take where the function names no `timeout`."""
    stop_grace: float = 10.0
    """How long running calls may take when the gateway stops."""
    secrets_dir: Path | None = None
    """Folder of `basic-auth-user` and `basic-auth-password`; None for the account made at the first start."""
    provider_url: str = ""
    """Address of a provider that runs the functions; empty to run them here."""
    logs_url: str = ""
    """Address of who keeps the functions' logs, where that is not the provider."""
    provider_secrets_dir: Path | None = None
    """Folder of the user and password the provider wants, where they are not in `secrets_dir`."""
    read_timeout: float = 60.0
    """How long a client may be silent in the middle of a request body."""
    write_timeout: float = 60.0
    """How long a client may refuse to take any more of a response."""
    access_log: Literal["off", "text", "json"] = "off"
    """Whether, and how, every request is logged on standard output."""
    tls_cert: Path | None = None
    """The proxy's certificate, with those that lead to its root; read again when it changes."""
    tls_key: Path | None = None
    """The key of the certificate, where it is not in the same file."""
    store_url: str = ""
    """Address of the function store that the dashboard deploys from; empty for none."""
    callback_hosts: frozenset[str] = frozenset()
    """Hosts that may be called back although their addresses are not public."""
    nats: str = ""
    """Address of the NATS server that keeps asynchronous calls; empty to keep them in the state directory."""
    queue_lease: float = 60.0
    """How long an asynchronous call is a gateway's own without a sign of it; then it is made again."""
