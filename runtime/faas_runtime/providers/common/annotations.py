"""The annotations and labels of a deployment that every engine follows, and the environment made of them."""

from __future__ import annotations

from collections.abc import Mapping

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.durations import duration_or_none
from faas_runtime.core.errors import Invalid

TIMEOUT_ANNOTATION = "com.faas.timeout"
"""Timeout of one call, as a Go duration (`90s`, `2m`)."""
CONCURRENCY_ANNOTATION = "com.faas.concurrency"
"""Maximum number of calls that one replica answers at a time; also the scaler's target."""
EXPOSE_ANNOTATION = "com.faas.expose"
"""`internal` keeps a function from being called from outside the gateway."""
AUTH_ANNOTATION = "com.faas.auth"
"""Who may call a function."""
SCALE_MIN_LABEL = "com.openfaas.scale.min"

_TIMEOUTS = ("exec_timeout", "read_timeout", "write_timeout")
_MAX_INFLIGHT = "max_inflight"
DEFAULT_DRAIN_TIMEOUT = 60.0
"""Drain timeout in seconds of a function without a timeout of its own."""


def call_timeout(deployment: FunctionDeployment) -> float | None:
    """The timeout of one call in seconds, None for the gateway's default. Raises Invalid."""
    text = _annotation(deployment, TIMEOUT_ANNOTATION)
    if not text:
        return None
    seconds = duration_or_none(text)
    if seconds is None or seconds <= 0:
        raise Invalid(f"annotation `{TIMEOUT_ANNOTATION}`: `{text}` is not a duration like `90s` or `2m`")
    return seconds


def concurrency(deployment: FunctionDeployment) -> int | None:
    """How many calls a replica answers at a time, None for no limit. Raises Invalid."""
    text = _annotation(deployment, CONCURRENCY_ANNOTATION)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Invalid(f"annotation `{CONCURRENCY_ANNOTATION}`: `{text}` is not a whole number above zero")
    return int(text)


def accepted_timeout(deployment: FunctionDeployment) -> float | None:
    """`call_timeout` of a deployment that was accepted earlier, perhaps by a release with other rules."""
    try:
        return call_timeout(deployment)
    except Invalid:
        return None


def drain_timeout(deployment: FunctionDeployment, margin: float = 5.0) -> float:
    """Seconds a replica may take to finish its calls and end."""
    return (accepted_timeout(deployment) or DEFAULT_DRAIN_TIMEOUT) + margin


def is_internal(deployment: FunctionDeployment) -> bool:
    """Whether calls from outside the gateway are refused."""
    return _annotation(deployment, EXPOSE_ANNOTATION) == "internal"


def auth_rule(deployment: FunctionDeployment) -> str:
    """Who may call the function; empty for everybody."""
    return _annotation(deployment, AUTH_ANNOTATION)


def initial_replicas(deployment: FunctionDeployment) -> int:
    """How many replicas a deployment starts with. Raises Invalid."""
    text = (deployment.labels or {}).get(SCALE_MIN_LABEL, "1")
    if not text.isascii() or not text.isdigit() or int(text) > 1000:
        raise Invalid(f"label `{SCALE_MIN_LABEL}`: `{text}` is not a number of replicas")
    return max(1, int(text))


def function_environment(
    deployment: FunctionDeployment, drain_window: str, base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A function's environment. Raises Invalid.

    `drain_window` is how long the watchdog still accepts calls after SIGTERM. `base` has
    variables that the deployment replaces, such as those of the image.
    """
    environment = {"healthcheck_interval": drain_window, **(base or {}), **deployment.env_vars}
    if deployment.env_process:
        environment["fprocess"] = deployment.env_process
    environment |= watchdog_settings(deployment)
    environment["OPENFAAS_NAME"] = deployment.service
    environment["OPENFAAS_NAMESPACE"] = deployment.namespace
    return environment


def watchdog_settings(deployment: FunctionDeployment) -> dict[str, str]:
    """The watchdog's variables that follow from the annotations.

    Raises Invalid when the deployment sets one of them to another value: the shorter timeout would cut calls
    off without an explanation.
    """
    found: dict[str, str] = {}
    seconds, limit = call_timeout(deployment), concurrency(deployment)
    for name in _TIMEOUTS if seconds is not None else ():
        text = deployment.env_vars.get(name)
        if text is not None and duration_or_none(text) != seconds:
            raise _contradiction(deployment, TIMEOUT_ANNOTATION, name)
        found[name] = _annotation(deployment, TIMEOUT_ANNOTATION)
    if limit is not None:
        if deployment.env_vars.get(_MAX_INFLIGHT, str(limit)).strip() != str(limit):
            raise _contradiction(deployment, CONCURRENCY_ANNOTATION, _MAX_INFLIGHT)
        found[_MAX_INFLIGHT] = str(limit)
    return found


def _contradiction(deployment: FunctionDeployment, annotation: str, variable: str) -> Invalid:
    return Invalid(
        f"annotation `{annotation}: {_annotation(deployment, annotation)}` and the variable "
        f"`{variable}: {deployment.env_vars[variable]}` contradict each other; remove one"
    )


def _annotation(deployment: FunctionDeployment, name: str) -> str:
    return (deployment.annotations or {}).get(name, "")
