"""Which names and values a request may contain; each error names the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import Invalid
from faas_runtime.gateway.auth.function_auth import check_rule
from faas_runtime.gateway.cron.schedule import Schedule, schedule_text
from faas_runtime.gateway.queue.policy import RetryPolicy
from faas_runtime.gateway.traffic.canary import SUFFIX, weight_of
from faas_runtime.providers.common.annotations import AUTH_ANNOTATION
from faas_runtime.providers.common.readiness import probe_of

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY = re.compile(r"[-a-zA-Z0-9_./]+")
_MAX_LABEL_LENGTH = 63
_MAX_KEY_LENGTH = 317  # a prefix of 253, a slash and a name of 63, as in Kubernetes
MAX_REPLICAS = 1000
"""Maximum number of replicas of one function."""


def check_function_name(name: str, field: str = "service") -> None:
    """Raises Invalid unless the name is a DNS label."""
    _check_label(name, field)


def check_namespace(name: str) -> None:
    """Raises Invalid unless the name is a DNS label."""
    _check_label(name, "namespace")


def check_secret_name(name: str) -> None:
    """Raises Invalid unless the name is a DNS subdomain."""
    if not name:
        raise Invalid("field `name` is missing")
    if len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        raise Invalid(f"field `name`: `{name[:80]}` may contain only lower-case letters, digits, `-` and `.`")


def check_deployment(deployment: FunctionDeployment) -> None:
    """Raises Invalid for the first field that no engine can accept."""
    check_function_name(deployment.service)
    if not deployment.image:
        raise Invalid("field `image` is missing")
    if any(character.isspace() or not character.isprintable() for character in deployment.image):
        raise Invalid(f"field `image`: `{deployment.image[:80]}` is not an image name")
    _check_environment(deployment.env_vars)
    _check_keys(deployment.labels or {}, "labels")
    _check_keys(deployment.annotations or {}, "annotations")
    _check_text(deployment.env_process, "envProcess")
    _check_annotations(deployment)
    probe_of(deployment, None)
    _check_schedule(deployment)
    for name in deployment.secrets:
        if len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
            raise Invalid(f"field `secrets`: `{name[:80]}` is not a secret name")


def check_no_canary(name: str, field: str) -> None:
    """Raises Invalid for the name of a canary: canaries are managed through their function."""
    if name.endswith(SUFFIX):
        function = name.removesuffix(SUFFIX)
        raise Invalid(f"field `{field}`: `{name}` is the canary of `{function}`; use `faas traffic {function}`")


def _check_annotations(deployment: FunctionDeployment) -> None:
    try:
        RetryPolicy.of(deployment.annotations)
        weight_of(deployment.annotations)
        check_rule((deployment.annotations or {}).get(AUTH_ANNOTATION, ""))
    except ValueError as error:
        raise Invalid(str(error)) from None


def _check_schedule(deployment: FunctionDeployment) -> None:
    given = schedule_text(deployment.annotations)
    try:
        if given:
            Schedule.parse(*given)
    except ValueError as error:
        raise Invalid(f"annotation `schedule`: {error}") from None


def check_replicas(replicas: int) -> None:
    """Raises Invalid unless the number is in range."""
    if not 0 <= replicas <= MAX_REPLICAS:
        raise Invalid(f"field `replicas`: {replicas} is not between 0 and {MAX_REPLICAS}")


def _check_label(name: str, field: str) -> None:
    if not name:
        raise Invalid(f"field `{field}` is missing")
    if len(name) > _MAX_LABEL_LENGTH:
        raise Invalid(f"field `{field}`: `{name[:20]}...` is longer than {_MAX_LABEL_LENGTH} characters")
    if not _LABEL.fullmatch(name):
        raise Invalid(
            f"field `{field}`: `{name}` may contain only lower-case letters, digits and `-`, and no `-` at either end"
        )


def _check_environment(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name:
            raise Invalid(f"field `envVars`: `{name[:80]}` is not a variable name")
        _check_text(value, f"envVars.{name}")


def _check_text(value: str, field: str) -> None:
    if "\0" in value:
        raise Invalid(f"field `{field}` contains a zero byte")


def _check_keys(values: Mapping[str, str], field: str) -> None:
    for key in _bad(values):
        raise Invalid(f"field `{field}`: `{key[:80]}` is not a key: letters, digits, `-`, `_`, `.` and `/`")


def _bad(keys: Iterable[str]) -> list[str]:
    return [key for key in keys if len(key) > _MAX_KEY_LENGTH or not _KEY.fullmatch(key)]
