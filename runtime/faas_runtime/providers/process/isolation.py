"""What separates a function from the machine: the wish of its deployment, what the machine offers, what follows."""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from faas_runtime.core.api import FunctionDeployment, FunctionIsolation, MachineIsolation
from faas_runtime.core.enforcement import READ_ONLY_ROOT
from faas_runtime.core.errors import Invalid
from faas_runtime.core.isolation import (
    EGRESS_ANNOTATION,
    ISOLATION_ANNOTATION,
    NAMESPACES,
    NONE,
    Offer,
    check_wishes,
    egress_rules,
    network_of,
)
from faas_runtime.providers.common.limits import cpu_of, memory_of
from faas_runtime.providers.process.groups import CPU, MEMORY, NO_LIMITS, PROCESSES, Group, Limits
from faas_runtime.providers.process.places import ReplicaPlace

MAX_PROCESSES = 4096
"""Maximum number of processes and threads of a replica."""
FIRST_USER, LAST_USER = 61184, 65519
"""User numbers that belong to nobody, as systemd's DynamicUser takes them; as root, each function gets one."""
_RESOLVER = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class MachineOffer:
    """What this machine and this gateway offer to functions."""

    offer: Offer = field(default_factory=Offer)
    wish: str = NONE
    """The default of functions that ask for nothing."""
    enforced: tuple[str, ...] = ()
    """What control groups limit here."""
    refuse: tuple[str, ...] = ()
    """Addresses that no function reaches, as rules: those of the gateway's own services."""
    allow: tuple[str, ...] = ()
    """Addresses that functions reach with `network: internet`, too: the gateway, for calls."""
    private: tuple[Path, ...] = ()
    """Folders that are never shown."""

    def as_wire(self) -> MachineIsolation:
        """What `/system/info` tells."""
        return MachineIsolation(
            wish=self.wish,
            level=self.offer.level,
            guarded=self.offer.has("guard"),
            limits=list(self.enforced),
            missing=[str(each) for each in self.offer.missing],
        )


@dataclass(frozen=True, slots=True)
class Isolation:
    """How the replicas of one version are separated from the machine."""

    wish: str = NONE
    level: str = NONE
    network: str = "host"
    guard: bool = False
    refuse: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    enforced: tuple[str, ...] = ()
    own_user: bool = False
    missing: tuple[str, ...] = ()

    @property
    def watched(self) -> bool:
        """Whether memory is measured now and then, as no group limits it."""
        return bool(self.limits.memory) and MEMORY not in self.enforced and self.level != NONE

    @property
    def inside(self) -> bool:
        """Whether functions see files of their own instead of the machine's."""
        return self.level == NAMESPACES

    @property
    def enforced_settings(self) -> list[str]:
        """What `not_enforced` takes: the settings of a deployment that hold."""
        return [*self.enforced, *([READ_ONLY_ROOT] if self.inside else [])]

    def as_wire(self) -> FunctionIsolation:
        """What the status of the function tells."""
        return FunctionIsolation(
            wish=self.wish,
            level=self.level,
            network=self.network,
            guarded=self.guard,
            limits=self.limits_text(),
            missing=list(self.missing),
        )

    def limits_text(self) -> str:
        """The limits, and which of them hold."""
        found = []
        if self.limits.memory:
            text = f"memory {self.limits.memory >> 20}Mi"
            watched = "watched, not guaranteed" if self.watched else "not enforced"
            found.append(text if MEMORY in self.enforced else f"{text} {watched}")
        if self.limits.cpu:
            found.append(f"cpu {self.limits.cpu:g}{'' if CPU in self.enforced else ' not enforced'}")
        if self.limits.processes:
            found.append(f"processes {self.limits.processes}")
        return ", ".join(found)

    def line(self) -> str:
        """The first line of a function's log."""
        if self.level == NONE:
            return "isolation: none"
        network = self.network
        if self.network != "none":
            network += ", guarded" if self.guard else ", not guarded"
        parts = [f"isolation: {self.level}", f"network {network}", self.limits_text()]
        return "; ".join(part for part in parts if part)


NOT_ISOLATED = Isolation()
"""As `isolation: none` without limits."""


def choose(deployment: FunctionDeployment, machine: MachineOffer) -> Isolation:
    """The isolation of a deployment on this machine. Raises Invalid where it asks for more than there is."""
    annotations = deployment.annotations or {}
    try:
        check_wishes(annotations)
    except ValueError as err:
        raise Invalid(str(err)) from None
    name, offer = deployment.service, machine.offer
    wish = annotations.get(ISOLATION_ANNOTATION) or machine.wish
    network = network_of(annotations, wish)
    limits = _limits(deployment)
    if wish == NONE:
        _refuse_network(name, network, "`isolation: none` protects nothing")
        limits = Limits(limits.memory, limits.cpu)
        return Isolation(limits=limits, enforced=tuple(kind for kind in machine.enforced if getattr(limits, kind)))
    if wish == "strict":
        _check_strict(name, offer, limits, machine.enforced)
    inside = offer.level == NAMESPACES
    if network == "none" and not (inside and offer.has("network_namespace")):
        _refuse_network(name, network, "this machine offers no network namespace", offer)
    if network == "internet" and not offer.has("guard"):
        _refuse_network(name, network, "this machine offers no network guard", offer)
    enforced = [kind for kind in machine.enforced if getattr(limits, kind)]
    if inside and PROCESSES not in enforced:
        enforced.append(PROCESSES)  # by the number of the user namespace
    return Isolation(
        wish=wish,
        level=offer.level,
        network=network,
        # A network of its own has nobody else in it.
        guard=network != "none" and offer.has("guard") and offer.level != NONE,
        refuse=machine.refuse,
        allow=(*machine.allow, *_resolvers(), *egress_rules(annotations.get(EGRESS_ANNOTATION, "")))
        if network == "internet"
        else (),
        limits=limits if PROCESSES in enforced else Limits(limits.memory, limits.cpu),
        enforced=tuple(enforced),
        own_user=inside and os.geteuid() == 0 and offer.has("own_user"),
        missing=_missing(offer),
    )


def policy(
    isolation: Isolation,
    place: ReplicaPlace,
    *,
    rootfs: Path,
    working_dir: str,
    hostname: str,
    show: Sequence[str],
    secrets: bool,
    user: int,
    group: Group | None,
) -> bytes:
    """The document for the launcher of one replica, which knows exactly these fields."""
    document: dict[str, Any] = {
        "level": isolation.level,
        "hostname": hostname[:64],
        "rootfs": str(rootfs),
        "root": str(place.root),
        "show": list(show),
        "workdir": working_dir,
        "secrets": str(place.secrets) if secrets else "",
        "tmp": str(place.tmp),
        "tmp_bytes": 0,
        "user": user,
        "network": isolation.network,
        "guard": isolation.guard,
        "refuse": list(isolation.refuse),
        "allow": list(isolation.allow),
        "cgroup": {"version": group.version, "folders": dict(group.folders)} if group else None,
        "memory_watch": isolation.limits.memory if isolation.watched else 0,
        "processes": isolation.limits.processes if isolation.inside else 0,
        "parent_pid": os.getpid(),
    }
    return msgspec.json.encode(document)


class Users:
    """Gives each function a user number of its own, for as long as it has replicas."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def number(self, key: object) -> int:
        """The number of a function."""
        if key not in self._numbers:
            count = LAST_USER - FIRST_USER + 1
            taken = set(self._numbers.values())
            first = zlib.crc32(str(key).encode()) % count
            order = (FIRST_USER + (first + step) % count for step in range(count))
            self._numbers[key] = next((number for number in order if number not in taken), FIRST_USER + first)
        return self._numbers[key]

    def forget(self, key: object) -> None:
        """The function is deleted."""
        self._numbers.pop(key, None)


def _limits(deployment: FunctionDeployment) -> Limits:
    asked = deployment.limits
    memory = memory_of(asked.memory, "limits.memory") if asked and asked.memory else 0
    cpu = float(cpu_of(asked.cpu, "limits.cpu")) if asked and asked.cpu else 0.0
    return Limits(memory, cpu, MAX_PROCESSES)


def _check_strict(name: str, offer: Offer, limits: Limits, enforced: Collection[str]) -> None:
    lacking = offer.level if offer.level != NAMESPACES else ""
    if lacking:
        why = "; ".join(_missing(offer)) or "the reason is not known"
        raise Invalid(
            f"`{name}` asks for isolation strict; this machine offers {lacking}: {why}. "
            "Use `isolation: standard`, or another machine"
        )
    for kind in (MEMORY, CPU):
        if getattr(limits, kind) and kind not in enforced:
            raise Invalid(
                f"`{name}` asks for isolation strict; this machine cannot enforce `limits.{kind}`: the gateway "
                "may make no control group. Run it as root or with a delegated group, or use `isolation: standard`"
            )


def _refuse_network(name: str, network: str, why: str, offer: Offer | None = None) -> None:
    if network != "host":
        more = "; ".join(_missing(offer)) if offer else ""
        raise Invalid(
            f"`{name}` asks for `network: {network}`, but {why}{': ' + more if more else ''}. Use `network: host`"
        )


def _missing(offer: Offer) -> tuple[str, ...]:
    return tuple(str(each) for each in offer.missing)


def _resolvers() -> Iterable[str]:
    """The name servers of this machine, as rules."""
    try:
        lines = _RESOLVER.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            address = words[1].partition("%")[0]
            yield f"[{address}]:53" if ":" in address else f"{address}:53"
