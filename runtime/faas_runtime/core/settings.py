"""Every setting of a gateway, and of a standalone provider, declared once.

The fields of `GatewaySettings` are the table: name, type, default, section and help. Made from them are the options
of `faas gateway` and of `python -m faas_runtime.gateway`, the environment variables and the keys of `gateway.toml`
(`faas_runtime.core.configuration`), what the installers write, and docs/reference/settings.md.

Only the standard library is imported: the toolchain loads this module at the start of a command.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from faas_runtime.core.durations import format_duration, parse_duration
from faas_runtime.core.quantities import memory_bytes

DEFAULT_STORE = "https://raw.githubusercontent.com/openfaas/store/master/functions.json"
"""The public function store."""
ENGINES = ("process", "docker", "swarm")
"""What can run functions on this machine."""
ISOLATIONS = ("standard", "strict", "none")
"""All that the machine offers, everything or nothing at all, and no isolation."""
MAX_WORKERS = 64
_NO_LIMIT = float("inf")
_UNITS = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))

LISTENING = "Listening"
SECURITY = "Security"
FUNCTIONS = "Functions"
ASYNCHRONOUS = "Asynchronous calls"
TIMEOUTS = "Timeouts"
LIMITS = "Limits"
FILES = "Files and logs"
SECTIONS = (LISTENING, SECURITY, FUNCTIONS, ASYNCHRONOUS, FILES, TIMEOUTS, LIMITS)
"""The sections of help texts and of the reference page, in their order."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of value: how it is named, read and written."""

    name: str
    """Completes "must be ..."."""
    metavar: str
    """As a help text names the value; empty for a switch, which has none."""
    read: Callable[[str], Any]
    """The value of a text from a flag or a variable. Raises ValueError with a sentence about the text."""
    write: Callable[[Any], str] = str
    """The text that `read` turns into the value."""
    toml: tuple[type, ...] = (str,)
    """The types it may have in `gateway.toml`."""
    choices: tuple[str, ...] = ()
    many: bool = False
    """Whether it is a list: the flag may be repeated, a variable separates the items by commas."""


def _path(text: str) -> Path:
    if not text:
        raise ValueError("an empty path")
    return Path(text).expanduser().absolute()


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"`{text}` is neither true nor false")
    return text.lower() == "true"


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"`{text}` is not a network such as 10.0.0.0/8") from None
    return text


def _size_text(value: int) -> str:
    unit, factor = next(((unit, size) for unit, size in _UNITS if value and value % size == 0), ("", 1))
    return f"{value // factor}{unit}"


def _within(read: Callable[[str], float], low: float, high: float, write: Callable[[Any], str]) -> Callable[[str], Any]:
    """`read`, with ValueError for a value outside the limits; an infinite limit is none."""

    def checked(text: str) -> Any:
        value = read(text)
        if value < low:
            raise ValueError(f"`{text}` is less than {write(low)}")
        if value > high:
            raise ValueError(f"`{text}` is more than {write(high)}")
        return value

    return checked


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"`{text}` is not a whole number")
    return int(text)


def _number(metavar: str, low: int, high: float = _NO_LIMIT) -> Kind:
    return Kind(_named("a number", low, high, str), metavar, _within(_integer, low, high, str), toml=(int,))


def _duration(low: float = 0.001, high: float = _NO_LIMIT) -> Kind:
    read = _within(parse_duration, low, high, format_duration)
    name = _named("a duration", low, high, format_duration)
    return Kind(name, "DURATION", read, format_duration, toml=(str, int, float))


def _named(name: str, low: float, high: float, write: Callable[[Any], str]) -> str:
    return name if high == _NO_LIMIT else f"{name} from {write(low)} to {write(high)}"


def _choice(*choices: str) -> Kind:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"`{text}` is not one of {', '.join(choices)}")
        return text

    return Kind("one of " + ", ".join(choices), "|".join(choices), read, choices=choices)


HOST = Kind("a host", "HOST", str)
URL = Kind("a URL", "URL", str)
FILE = Kind("a file", "FILE", _path)
FOLDER = Kind("a folder", "FOLDER", _path)
SWITCH = Kind("true or false", "", _switch, lambda value: "true" if value else "false", toml=(bool,))
PORT = _number("PORT", 0, 65535)
COUNT = _number("N", 1)
SIZE = Kind(
    "a number of bytes", "BYTES", _within(memory_bytes, 1024, _NO_LIMIT, _size_text), _size_text, toml=(str, int)
)
DURATION = _duration()
HOSTS = Kind("a list of hosts", "HOST", str, toml=(list,), many=True)
NETWORKS = Kind("a list of networks", "NETWORK", _network, toml=(list,), many=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one setting. Its name is a key of `gateway.toml`, too."""

    kind: Kind
    section: str
    help: str
    contract: str = ""
    """The environment variable of the OpenFaaS contract with this meaning."""
    empty: bool = False
    """Whether an empty environment variable is a value. Otherwise it counts as not set."""
    in_file: bool = True
    """Whether `gateway.toml` may have it."""
    flag_help: str = ""
    """Help of the option, where it does not set the value but changes it."""
    default_text: str = ""
    """Describes a default that depends on the machine."""
    option: str = ""
    """Its option on a command line, where that is not the name."""
    name: str = ""
    default: Any = None

    @property
    def flag(self) -> str:
        """Its option on a command line. A switch's option turns it to the opposite of its default."""
        return self.option or f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "FAAS_STATE_DIR" if self.name == "state_dir" else f"FAAS_GATEWAY_{self.name.upper()}"

    def read(self, text: str) -> Any:
        """The value of a flag's or variable's text, lists separated by commas. Raises ValueError."""
        if self.kind.many:
            return tuple(self.kind.read(item.strip()) for item in text.split(",") if item.strip())
        return self.kind.read(text)

    def write(self, value: Any) -> str:
        """The value as people write it; empty for none."""
        if self.kind.many:
            return ",".join(self.kind.write(item) for item in value)
        return "" if value is None else self.kind.write(value)

    def arguments(self, value: Any) -> list[str]:
        """The words of a command line that give it this value."""
        if self.kind is SWITCH:
            return [self.flag] if value is not self.default else []
        return [word for item in (value if self.kind.many else (value,)) for word in (self.flag, self.kind.write(item))]


def _setting(section: str, kind: Kind, default: Any, text: str, **more: Any) -> Any:
    return dataclasses.field(default=default, metadata={"setting": Setting(kind, section, text, **more)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOptions:
    """How long the proxy waits and how much it accepts. Durations are in seconds, sizes in bytes."""

    trusted_proxies: tuple[str, ...] = _setting(
        SECURITY,
        NETWORKS,
        ("127.0.0.0/8", "::1/128"),
        "Network whose X-Forwarded-* headers are kept; those of other clients are replaced.",
        option="--trusted-proxy",
    )

    access_log: Literal["off", "text", "json"] = _setting(
        FILES, _choice("off", "text", "json"), "off", "Write a line for every request to standard output."
    )
    access_log_interval: float = _setting(FILES, DURATION, 0.2, "How often the access log is written.")
    max_access_log_entries: int = _setting(
        FILES, COUNT, 50_000, "Maximum number of entries that wait to be written; later ones are dropped and counted."
    )

    idle_timeout: float = _setting(
        TIMEOUTS, DURATION, 60.0, "How long a client connection may stay open between two requests."
    )
    head_timeout: float = _setting(
        TIMEOUTS, DURATION, 10.0, "How long a client may take for a request head, from its first byte to its last."
    )
    read_timeout: float = _setting(
        TIMEOUTS, DURATION, 60.0, "How long a client may pause within a request body.", contract="read_timeout"
    )
    write_timeout: float = _setting(
        TIMEOUTS, DURATION, 60.0, "How long a client may accept no bytes of a response.", contract="write_timeout"
    )
    upstream_timeout: float = _setting(
        TIMEOUTS,
        DURATION,
        60.0,
        "How long a call may take in total, unless the function has a `timeout` of its own.",
        contract="upstream_timeout",
    )
    control_timeout: float = _setting(
        TIMEOUTS, DURATION, 24 * 3600.0, "How long a request to the control API may take; following a log is one."
    )
    connect_timeout: float = _setting(TIMEOUTS, DURATION, 3.0, "How long a replica may take to accept a connection.")
    ready_timeout: float = _setting(TIMEOUTS, DURATION, 100.0, "How long a call waits for a ready replica.")
    tunnel_idle_timeout: float = _setting(
        TIMEOUTS, DURATION, 3600.0, "How long an upgraded connection (websocket) may be silent in both directions."
    )
    upstream_idle_timeout: float = _setting(
        TIMEOUTS, DURATION, 4.0, "How long an unused connection to a replica is kept; less than the watchdog's limit."
    )
    drain_timeout: float = _setting(
        TIMEOUTS, _duration(0), 0.5, "How long a connection without a request stays open when the proxy stops."
    )
    linger_timeout: float = _setting(
        TIMEOUTS, _duration(0), 2.0, "How long a refused upload is still read, so that the client sees the response."
    )
    eject_timeout: float = _setting(
        TIMEOUTS,
        DURATION,
        0.2,
        "How long a replica that refused a connection gets no calls; doubled with each refusal in a row.",
    )
    max_eject_timeout: float = _setting(TIMEOUTS, DURATION, 5.0, "Maximum of `eject_timeout` after doubling.")

    max_retries: int = _setting(
        LIMITS,
        _number("N", 0),
        2,
        "How often a call is retried on another connection, while nothing can have happened yet.",
    )
    max_head_bytes: int = _setting(LIMITS, SIZE, 1024 * 1024, "Maximum size of a request or response head.")
    max_headers: int = _setting(LIMITS, COUNT, 256, "Maximum number of header lines in a head.")
    max_trailer_bytes: int = _setting(LIMITS, SIZE, 16 * 1024, "Maximum size of the trailers of a chunked body.")
    max_informational_responses: int = _setting(
        LIMITS, COUNT, 16, "Maximum number of interim (1xx) responses to one request."
    )
    max_connections: int = _setting(
        LIMITS, COUNT, 20_000, "Maximum number of client connections; further ones are answered 503. Workers share it."
    )
    max_idle_upstream: int = _setting(LIMITS, COUNT, 1024, "Maximum number of unused connections kept to one replica.")
    buffer_bytes: int = _setting(
        LIMITS, SIZE, 64 * 1024, "Bytes buffered in each direction of a connection before reading pauses."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings(ProxyOptions):
    """How a gateway, or a standalone provider, runs. Durations are in seconds, sizes in bytes."""

    host: str = _setting(LISTENING, HOST, "127.0.0.1", "Address to listen on.")
    port: int = _setting(LISTENING, PORT, 8080, "Port to listen on; 0 selects a free one.", contract="port")
    control_host: str = _setting(LISTENING, HOST, "127.0.0.1", "Address of `control_port`.")
    control_port: int = _setting(
        LISTENING,
        PORT,
        0,
        "Port of the control API and the dashboard, apart from that of functions; 0 leaves them at the same address.",
    )
    unix: Path | None = _setting(LISTENING, FILE, None, "Unix socket to listen on as well.")
    workers: int = _setting(
        LISTENING, _number("N", 1, MAX_WORKERS), 1, "Number of proxy processes; at most one for each core is useful."
    )
    metrics_host: str = _setting(
        LISTENING, HOST, "127.0.0.1", "Address of the Prometheus metrics, which need no password."
    )
    metrics_port: int = _setting(LISTENING, PORT, 8082, "Port of the Prometheus metrics; 0 turns them off.")
    tls_cert: Path | None = _setting(
        LISTENING, FILE, None, "Serve HTTPS with this certificate chain; read again when the file changes."
    )
    tls_key: Path | None = _setting(LISTENING, FILE, None, "Private key file, if separate from the certificate.")

    auth: bool = _setting(
        SECURITY,
        SWITCH,
        True,
        "Whether the control API needs a user and password.",
        contract="basic_auth",
        option="--no-auth",
        flag_help="Disable authentication. Give it twice to allow a non-loopback address.",
    )
    allowed_hosts: tuple[str, ...] = _setting(
        SECURITY,
        HOSTS,
        (),
        "Host name, beside this machine's, that the control API answers without authentication, and the metrics.",
        option="--allowed-host",
    )
    sandbox_pages: bool = _setting(
        SECURITY,
        SWITCH,
        True,
        "Whether browsers keep pages of functions away from the control API, which has the same address.",
        option="--no-sandbox-pages",
        flag_help="Let pages of functions be of the same site as the control API. Only for functions that you trust.",
    )
    secrets_dir: Path | None = _setting(
        SECURITY,
        FOLDER,
        None,
        "Folder of basic-auth-user and basic-auth-password; without it the account is made at the first start.",
        contract="secret_mount_path",
    )

    engine: str = _setting(FUNCTIONS, _choice(*ENGINES), "process", "What runs the functions.")
    isolation: str = _setting(
        FUNCTIONS,
        _choice(*ISOLATIONS),
        "standard",
        "Isolation of functions that run as processes, where they ask for none of their own.",
    )
    provider_url: str = _setting(
        FUNCTIONS, URL, "", "Provider that runs the functions, instead of an engine.", contract="functions_provider_url"
    )
    provider_secrets_dir: Path | None = _setting(
        FUNCTIONS,
        FOLDER,
        None,
        "Folder of basic-auth-user and basic-auth-password for the provider, if they differ from the gateway's.",
        contract="provider_secret_mount_path",
    )
    schedules: bool = _setting(
        FUNCTIONS,
        SWITCH,
        True,
        "Whether the gateway calls functions by their schedules.",
        option="--no-schedules",
        flag_help="Leave schedules to a cron-connector: both together call every function twice.",
    )
    logs_url: str = _setting(
        FUNCTIONS, URL, "", "Server of the functions' logs, if it is not the provider.", contract="logs_provider_url"
    )
    store_url: str = _setting(
        FUNCTIONS,
        URL,
        DEFAULT_STORE,
        "Function store of the dashboard; empty for none.",
        contract="OPENFAAS_STORE",
        empty=True,
        default_text="the public store",
    )

    nats: str = _setting(ASYNCHRONOUS, URL, "", "NATS server that keeps asynchronous calls, instead of a local file.")
    queue_lease: float = _setting(
        ASYNCHRONOUS,
        _duration(3.0, 60.0),
        60.0,
        "Lease timeout: how long after a gateway's last heartbeat its asynchronous calls are retried.",
    )
    callback_hosts: tuple[str, ...] = _setting(
        ASYNCHRONOUS,
        HOSTS,
        (),
        "Allow callbacks to this host even if its address is private.",
        option="--callback-host",
    )
    max_queued_calls: int = _setting(
        ASYNCHRONOUS, COUNT, 100_000, "Maximum number of calls that wait or run; further ones are answered 429."
    )
    max_queued_calls_per_function: int = _setting(
        ASYNCHRONOUS, COUNT, 20_000, "Maximum number of calls of one function that wait or run."
    )
    max_queue_bytes: int = _setting(
        ASYNCHRONOUS,
        SIZE,
        4 << 30,
        "Maximum size of all stored calls and results; the oldest results are deleted first, then calls are refused.",
    )
    max_callbacks: int = _setting(ASYNCHRONOUS, COUNT, 256, "Maximum number of callbacks under way at once.")
    max_callbacks_per_host: int = _setting(
        ASYNCHRONOUS, COUNT, 8, "Maximum number of callbacks under way to one host; further ones wait for their turn."
    )

    min_free_bytes: int = _setting(
        FILES, SIZE, 128 << 20, "Disk space that asynchronous calls must leave free; below it they are answered 507."
    )
    state_dir: Path = dataclasses.field(
        metadata={
            "setting": Setting(
                FOLDER,
                FILES,
                "State directory: functions, secrets, images, the queue, the password.",
                in_file=False,
                default_text="~/.local/state/faas",
            )
        }
    )
    config: Path | None = _setting(
        FILES,
        FILE,
        None,
        "Configuration file.",
        in_file=False,
        default_text="gateway.toml in the state directory, if it exists",
    )

    stop_timeout: float = _setting(
        TIMEOUTS, _duration(0), 10.0, "How long running calls may take to finish when the gateway stops."
    )


def _table() -> dict[str, Setting]:
    found: list[Setting] = []
    for field in dataclasses.fields(GatewaySettings):
        default = None if field.default is dataclasses.MISSING else field.default
        found.append(dataclasses.replace(field.metadata["setting"], name=field.name, default=default))
    return {each.name: each for each in sorted(found, key=lambda each: SECTIONS.index(each.section))}


@dataclass(frozen=True, slots=True)
class Role:
    """What can be started: its settings by name, and the file it reads from its state directory."""

    name: str
    file: str
    settings: Mapping[str, Setting]


GATEWAY = Role("gateway", "gateway.toml", _table())
"""A gateway has every setting."""
_OF_PROVIDER = frozenset(
    {"host", "port", "auth", "secrets_dir", "engine", "isolation", "state_dir", "config", "stop_timeout"}
)
_PROVIDER_TEXTS: dict[str, dict[str, Any]] = {
    "port": {"default": 8081},
    "auth": {"help": "Whether the REST API needs a user and password."},
    "config": {"default_text": "provider.toml in the state directory, if it exists"},
    "stop_timeout": {"help": "How long running calls may take to finish when the provider stops."},
}
PROVIDER = Role(
    "provider",
    "provider.toml",
    {
        name: dataclasses.replace(setting, **_PROVIDER_TEXTS.get(name, {}))
        for name, setting in GATEWAY.settings.items()
        if name in _OF_PROVIDER or name in {field.name for field in dataclasses.fields(ProxyOptions)}
    },
)
"""A standalone provider has an engine and a proxy."""


def arguments(given: Mapping[str, Any], role: Role = GATEWAY) -> list[str]:
    """The words of a command line that give these settings these values, in this order."""
    return [word for name, value in given.items() for word in role.settings[name].arguments(value)]
