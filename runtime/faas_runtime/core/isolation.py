"""Isolation of functions that run as processes: what one may ask for, and what a machine offers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import msgspec

from faas_runtime.core.paths import watchdog_binary
from faas_runtime.core.settings import ISOLATIONS

NETWORKS = ("host", "internet", "none")
"""Values of `network`: everything but what the gateway keeps to itself, public addresses, and nothing."""
NAMESPACES, LANDLOCK, SECCOMP, NONE = "namespaces", "landlock", "seccomp", "none"
"""The levels that a machine may offer, from the strongest to the weakest."""

ISOLATION_ANNOTATION = "com.faas.isolation"
NETWORK_ANNOTATION = "com.faas.network"
EGRESS_ANNOTATION = "com.faas.egress"
"""Addresses that `network: internet` reaches besides, separated by commas."""

_PROBE_TIMEOUT = 10.0


class Missing(msgspec.Struct, frozen=True):
    """A part that the machine does not offer, why, and what an administrator can do."""

    part: str
    reason: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.part}: {self.reason}" + (f" ({self.remedy})" if self.remedy else "")


class Offer(msgspec.Struct, frozen=True):
    """What this machine offers, found by trying each part."""

    level: str = NONE
    parts: dict[str, bool] = {}
    missing: list[Missing] = []

    def has(self, part: str) -> bool:
        """Whether a part works: `guard`, `own_user`, `network_namespace`, ..."""
        return self.parts.get(part, False)


def probe_machine() -> Offer:
    """Try every part of isolation on this machine; some milliseconds. Blocking, never raises."""
    import subprocess  # the command line loads this module for other things

    try:
        command = [str(watchdog_binary()), "-isolation-probe"]
        done = subprocess.run(command, capture_output=True, timeout=_PROBE_TIMEOUT, check=True, env={})
        return msgspec.json.decode(done.stdout, type=Offer)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as err:
        return Offer(missing=[Missing("isolation", f"the machine cannot be probed: {err}")])


def check_wishes(annotations: Mapping[str, str]) -> None:
    """Raises ValueError, naming the key, for a wish about isolation that means nothing."""
    for key, values in ((ISOLATION_ANNOTATION, ISOLATIONS), (NETWORK_ANNOTATION, NETWORKS)):
        value = annotations.get(key, "")
        if value and value not in values:
            raise ValueError(f"`{_name(key)}: {value}` must be {', '.join(values[:-1])} or {values[-1]}")
    rules = egress_rules(annotations.get(EGRESS_ANNOTATION, ""))
    if rules and network_of(annotations, annotations.get(ISOLATION_ANNOTATION, "")) != "internet":
        raise ValueError("`egress` needs `network: internet`: the other networks reach everything, or nothing")


def network_of(annotations: Mapping[str, str], wish: str) -> str:
    """The network of a function with this wish: the one that it asks for, else its isolation's."""
    return annotations.get(NETWORK_ANNOTATION) or ("internet" if wish == "strict" else "host")


def egress_rules(text: str) -> list[str]:
    """The rules of addresses separated by commas: `10.0.0.5:5432`, `10.1.0.0/16:*`, `[fd00::5]:443`.

    Raises ValueError.
    """
    rules = [rule for item in text.split(",") if (rule := item.strip())]
    for rule in rules:
        host, colon, port = rule.rpartition(":")
        first, _, last = port.partition("-")
        if not colon or not (port == "*" or all(_is_port(each) for each in (first, last or first))):
            raise ValueError(f"`egress: {rule}` needs a port, such as `10.0.0.5:5432`")
        address, slash, bits = host.partition("/")
        if ("[" in address) != (":" in address):
            raise ValueError(f"`egress: {rule}`: an IPv6 address stands in brackets, such as `[fd00::5]:443`")
        try:
            ipaddress.ip_network(f"{address.strip('[]')}{slash}{bits}", strict=False)
        except ValueError:
            raise ValueError(
                f"`egress: {rule}` must begin with an address: names are not looked up, as they may change"
            ) from None
    return rules


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= 65535


def _name(annotation: str) -> str:
    return annotation.rpartition(".")[2]
