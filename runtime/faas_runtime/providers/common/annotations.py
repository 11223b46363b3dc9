"""What the annotations and labels of a deployment ask of whichever engine runs it."""

from __future__ import annotations

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.durations import duration_or_none
from faas_runtime.core.errors import Invalid

TIMEOUT_ANNOTATION = "com.faas.timeout"
"""Longest time one call may take, as a Go duration (`90s`, `2m`)."""
CONCURRENCY_ANNOTATION = "com.faas.concurrency"
"""Most calls that one replica answers at a time; the scaler's target too."""
EXPOSE_ANNOTATION = "com.faas.expose"
"""`internal` keeps a function from being called from outside the gateway."""
AUTH_ANNOTATION = "com.faas.auth"
"""Who may call a function."""
SCALE_MIN_LABEL = "com.openfaas.scale.min"

_TIMEOUTS = ("exec_timeout", "read_timeout", "write_timeout")
_MAX_INFLIGHT = "max_inflight"


def call_timeout(deployment: FunctionDeployment) -> float | None:
    """Seconds one call may take, as the annotation says. Raises Invalid."""
    text = _annotation(deployment, TIMEOUT_ANNOTATION)
    if not text:
        return None
    seconds = duration_or_none(text)
    if seconds is None or seconds <= 0:
        raise Invalid(f"annotation `{TIMEOUT_ANNOTATION}`: `{text}` is not a duration like `90s` or `2m`")
    return seconds


def concurrency(deployment: FunctionDeployment) -> int | None:
    """How many calls a replica answers at a time, None for as many as come. Raises Invalid."""
    text = _annotation(deployment, CONCURRENCY_ANNOTATION)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Invalid(f"annotation `{CONCURRENCY_ANNOTATION}`: `{text}` is not a number from 1 on")
    return int(text)


def is_internal(deployment: FunctionDeployment) -> bool:
    """Whether calls from outside the gateway are refused."""
    return _annotation(deployment, EXPOSE_ANNOTATION) == "internal"


def auth_rule(deployment: FunctionDeployment) -> str:
    """Who may call the function; empty for everybody."""
    return _annotation(deployment, AUTH_ANNOTATION)


def initial_replicas(deployment: FunctionDeployment) -> int:
    """How many replicas a deployment begins with. Raises Invalid."""
    text = (deployment.labels or {}).get(SCALE_MIN_LABEL, "1")
    if not text.isascii() or not text.isdigit() or int(text) > 1000:
        raise Invalid(f"label `{SCALE_MIN_LABEL}`: `{text}` is not a number of replicas")
    return max(1, int(text))


def watchdog_settings(deployment: FunctionDeployment) -> dict[str, str]:
    """The watchdog's variables that follow from the annotations.

    Raises Invalid when the deployment sets one of them to something else: which of the two is meant,
    nobody could tell, and the shorter one would cut calls off without a word.
    """
    found: dict[str, str] = {}
    seconds, most = call_timeout(deployment), concurrency(deployment)
    for name in _TIMEOUTS if seconds is not None else ():
        text = deployment.env_vars.get(name)
        if text is not None and duration_or_none(text) != seconds:
            raise _contradiction(deployment, TIMEOUT_ANNOTATION, name)
        found[name] = _annotation(deployment, TIMEOUT_ANNOTATION)
    if most is not None:
        if deployment.env_vars.get(_MAX_INFLIGHT, str(most)).strip() != str(most):
            raise _contradiction(deployment, CONCURRENCY_ANNOTATION, _MAX_INFLIGHT)
        found[_MAX_INFLIGHT] = str(most)
    return found


def _contradiction(deployment: FunctionDeployment, annotation: str, variable: str) -> Invalid:
    return Invalid(
        f"annotation `{annotation}: {_annotation(deployment, annotation)}` and the variable "
        f"`{variable}: {deployment.env_vars[variable]}` contradict each other; remove one"
    )


def _annotation(deployment: FunctionDeployment, name: str) -> str:
    return (deployment.annotations or {}).get(name, "")
