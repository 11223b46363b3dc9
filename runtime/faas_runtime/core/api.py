"""Wire types of the OpenFaaS REST API, shared by the gateway, the providers and the command line.

Field order is the order on the wire. Optional fields are left out when empty
(``omit_defaults``), as current OpenFaaS clients and gateways do. The names come
from the public REST contract; the rename to camelCase happens here and nowhere else.
"""

from __future__ import annotations

from typing import Any

import msgspec

DEFAULT_NAMESPACE = "openfaas-fn"
"""Namespace of a function when neither the caller nor the stack file names one."""

ZERO_TIME = "0001-01-01T00:00:00Z"
"""`createdAt` of a function whose provider does not know the time."""

SECRETS_PATH = "/var/openfaas/secrets"
"""Folder in which a function finds its secrets, one file each."""

NAME_LABEL = "faas_function"
"""Label of every status, with the function's name."""
SCHEDULE_TOPIC = "cron-function"
"""Value of the annotation `topic` of a function that is called by its `schedule`."""


class _Wire(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True, kw_only=True):
    """A frozen struct with camelCase keys that leaves empty fields out."""


class FunctionResources(_Wire, frozen=True, kw_only=True):
    """CPU and memory as Kubernetes quantities (`128Mi`, `100m`), exactly as the user wrote them."""

    memory: str = ""
    cpu: str = ""


class FunctionDeployment(_Wire, frozen=True, kw_only=True):
    """Body of POST and PUT `/system/functions`: the whole specification of a function."""

    service: str
    image: str
    namespace: str = ""
    env_process: str = ""
    env_vars: dict[str, str] = {}
    constraints: list[str] = []
    secrets: list[str] = []
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    limits: FunctionResources | None = None
    requests: FunctionResources | None = None
    read_only_root_filesystem: bool = False


class FunctionIsolation(_Wire, frozen=True, kw_only=True):
    """What separates a function's processes from the machine: what was asked for, and what is reached."""

    wish: str
    level: str
    network: str
    guarded: bool = False
    """Whether its connections and addresses are judged outside it."""
    limits: str = ""
    missing: list[str] = []


class MachineIsolation(_Wire, frozen=True, kw_only=True):
    """What an engine's machine offers: the default wish, the highest level, and the limits that hold."""

    wish: str
    level: str
    guarded: bool = False
    limits: list[str] = []
    missing: list[str] = []


class FunctionUsage(_Wire, frozen=True, kw_only=True):
    """Usage of all replicas of a function: CPU in thousandths of a core, memory in bytes."""

    cpu: float = 0.0
    total_memory_bytes: float = 0.0


class FunctionStatus(_Wire, frozen=True, kw_only=True):
    """A deployed function as GET `/system/functions` and `/system/function/NAME` show it."""

    name: str
    image: str
    namespace: str = ""
    env_process: str = ""
    env_vars: dict[str, str] = {}
    constraints: list[str] = []
    secrets: list[str] = []
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    limits: FunctionResources | None = None
    requests: FunctionResources | None = None
    read_only_root_filesystem: bool = False
    invocation_count: float = 0.0
    replicas: int = 0
    available_replicas: int = 0
    # No default that equals the zero time: the key is always present on the wire.
    created_at: str
    usage: FunctionUsage | None = None
    next_run: str = ""
    """The next run of its schedule; empty without one."""
    isolation: FunctionIsolation | None = None
    """None where the engine says nothing about it."""


class DeleteFunctionRequest(_Wire, frozen=True, kw_only=True):
    """Body of DELETE `/system/functions`."""

    function_name: str
    namespace: str = ""


class ScaleRequest(_Wire, frozen=True, kw_only=True):
    """Body of POST `/system/scale-function/NAME`."""

    service_name: str = ""
    replicas: int
    namespace: str = ""


class Secret(_Wire, frozen=True, kw_only=True):
    """A secret on its way in (with a value) or in a list (name and namespace only).

    `raw_value` is base64 and wins over `value` when it is not empty.
    """

    name: str
    namespace: str = ""
    value: str = ""
    raw_value: str = ""


class FunctionNamespace(_Wire, frozen=True, kw_only=True):
    """A namespace with its labels and annotations."""

    name: str
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class VersionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Release and commit of a part; `commit_message` may be empty."""

    commit_message: str = ""
    sha: str = ""
    release: str = ""


class ProviderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The provider; the response of a provider's own `/system/info`."""

    provider: str
    version: VersionInfo
    orchestration: str
    isolation: MachineIsolation | msgspec.UnsetType = msgspec.UNSET


class GatewayInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Body of the gateway's GET `/system/info`. Clients dereference every field: none may be null."""

    provider: ProviderInfo
    version: VersionInfo
    arch: str = ""


class LogMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a function's log; all five keys are always on the wire."""

    name: str
    namespace: str
    instance: str
    timestamp: str
    text: str


class FunctionVersion(_Wire, frozen=True, kw_only=True):
    """One accepted deployment of a function: `pinned` names its image by digest where the engine knows it."""

    version: int
    image: str
    pinned: str = ""
    created_at: str
    current: bool = False


class RollbackRequest(_Wire, frozen=True, kw_only=True):
    """Body of POST `/system/function/NAME/rollback`; version 0 is the previous one."""

    version: int = 0


class TrafficShare(_Wire, frozen=True, kw_only=True):
    """A version of a function and its share of the calls in percent.

    Calls, errors (statuses from 500 on) and seconds count since the function has a canary.
    """

    version: int
    weight: int
    image: str
    canary: bool = False
    calls: int = 0
    errors: int = 0
    seconds: float = 0.0


class TrafficRequest(_Wire, frozen=True, kw_only=True):
    """Body of PUT `/system/function/NAME/traffic`; version 0 is the canary's present version."""

    version: int = 0
    weight: int


class StoreEntry(_Wire, frozen=True, kw_only=True):
    """A function of the function store, with its image for the gateway's machine."""

    name: str
    title: str
    description: str = ""
    author: str = ""
    image: str
    env_process: str = ""
    env_vars: dict[str, str] = {}
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    read_only_root_filesystem: bool = False


class AsyncCall(_Wire, frozen=True, kw_only=True):
    """The state of an asynchronous call. Times are seconds since the epoch."""

    seq: int = 0
    call_id: str
    function: str
    namespace: str
    state: str
    attempts: int = 0
    created: float
    not_before: float = 0.0
    finished: float = 0.0
    status: int = 0
    reason: str = ""
    callback: str = ""
    caller_id: str = ""


class QueueListing(_Wire, frozen=True, kw_only=True):
    """Calls of a queue, and how many of each function (`name.namespace`) are in each state."""

    # No defaults: both keys are always on the wire.
    counts: dict[str, dict[str, int]]
    calls: list[AsyncCall]


class ReplayRequest(_Wire, frozen=True, kw_only=True):
    """Body of POST `/system/queue/replay`: ids of dead letters; none means all of them."""

    call_ids: list[str] = []


def encode(value: Any) -> bytes:
    """The JSON bytes of a wire value, without spaces."""
    return msgspec.json.encode(value)
