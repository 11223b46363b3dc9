"""From a wish and what the machine offers to the isolation of a function."""

import json
from pathlib import Path

import pytest

from faas_runtime.core.api import FunctionDeployment, FunctionResources
from faas_runtime.core.errors import Invalid
from faas_runtime.core.isolation import Missing, Offer, check_wishes, egress_rules
from faas_runtime.providers.process.groups import Group
from faas_runtime.providers.process.isolation import FIRST_USER, LAST_USER, MachineOffer, Users, choose, policy
from faas_runtime.providers.process.places import ReplicaPlace

PARTS = dict.fromkeys(("namespaces", "network_namespace", "landlock", "seccomp", "guard", "own_user"), True)
FULL = Offer("namespaces", PARTS)
CONTAINER = Offer(
    "landlock",
    {"landlock": True, "seccomp": True},
    [Missing("namespaces", "clone: operation not permitted", "allow user namespaces")],
)


def machine(offer=FULL, wish="standard", enforced=("memory", "cpu", "processes"), **more):
    return MachineOffer(offer, wish, enforced, **more)


def chosen(offered=None, limits=None, **annotations):
    named = {f"com.faas.{key}": value for key, value in annotations.items()}
    deployment = FunctionDeployment(service="api", image="api", annotations=named, limits=limits)
    return choose(deployment, offered or machine())


def test_standard_takes_what_there_is():
    found = chosen(machine(CONTAINER))
    assert (found.wish, found.level, found.network, found.guard) == ("standard", "landlock", "host", False)
    assert found.missing == ("namespaces: clone: operation not permitted (allow user namespaces)",)
    assert found.line() == "isolation: landlock; network host, not guarded; processes 4096"


def test_strict_is_all_or_nothing():
    """The refusal names what is missing and what to do."""
    found = chosen(isolation="strict")
    assert (found.level, found.network, found.guard) == ("namespaces", "internet", True)
    with pytest.raises(Invalid, match=r"strict; this machine offers landlock: namespaces: .*Use `isolation: standard`"):
        chosen(machine(CONTAINER), isolation="strict")
    limits = FunctionResources(memory="64Mi")
    with pytest.raises(Invalid, match=r"cannot enforce `limits\.memory`"):
        chosen(machine(enforced=()), limits, isolation="strict")
    assert chosen(limits=limits, isolation="strict").enforced == ("memory", "processes")


def test_the_default_is_the_gateways():
    assert chosen(machine(wish="none")).level == "none"
    assert chosen(machine(wish="none"), isolation="standard").level == "namespaces"
    assert chosen(machine(wish="strict"), isolation="none").level == "none"


@pytest.mark.parametrize(
    ("offer", "wishes", "words"),
    [
        (CONTAINER, {"network": "none"}, "no network namespace"),
        (CONTAINER, {"network": "internet"}, "no network guard"),
        (FULL, {"network": "internet", "isolation": "none"}, "protects nothing"),
        (FULL, {"network": "lan"}, "must be host, internet or none"),
        (FULL, {"isolation": "full"}, "must be standard, strict or none"),
        (FULL, {"egress": "10.0.0.1:1"}, "needs `network: internet`"),
    ],
)
def test_a_wish_that_cannot_hold_is_refused(offer, wishes, words):
    """A network that is only hoped for would be worse than none."""
    with pytest.raises(Invalid, match=words):
        chosen(machine(offer), **wishes)


def test_limits_are_claimed_only_where_they_hold():
    limits = FunctionResources(memory="128Mi", cpu="500m")
    assert chosen(limits=limits).limits_text() == "memory 128Mi, cpu 0.5, processes 4096"
    without = chosen(machine(enforced=()), limits)
    assert without.limits_text() == "memory 128Mi watched, not guaranteed, cpu 0.5 not enforced, processes 4096"
    assert (without.enforced, without.watched) == (("processes",), True)
    nothing = chosen(machine(enforced=()), limits, isolation="none")
    assert (nothing.limits_text(), nothing.watched) == ("memory 128Mi not enforced, cpu 0.5 not enforced", False)


@pytest.mark.parametrize("rule", ["10.0.0.5:5432", "10.1.0.0/16:*", "[fd00::5]:8000-8999", "10.0.0.5:1, 10.0.0.6:2"])
def test_egress_takes_addresses(rule):
    assert ",".join(egress_rules(rule)) == rule.replace(" ", "")
    check_wishes({"com.faas.network": "internet", "com.faas.egress": rule})


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("10.0.0.5", "needs a port"), ("10.0.0.5:70000", "needs a port"), ("db:5432", "names are not looked up"),
        ("10.0.0.0/40:1", "must begin with an address"), ("fd00::5:443", "in brackets"), ("10.0.0.5:5-x", "a port"),
    ],
)  # fmt: skip
def test_egress_refuses_what_could_change(rule, words):
    with pytest.raises(ValueError, match=words):
        egress_rules(rule)


def test_the_policy_has_what_the_launcher_knows():
    """The launcher refuses a document with any other field."""
    place = ReplicaPlace(Path("/s/replicas/api-1"), Path("/s/marks/api-1.json"), Path("/s/s/1"))
    found = chosen(machine(enforced=(), refuse=("self:8082",)), FunctionResources(memory="1Mi"), network="none")
    document = json.loads(
        policy(
            found,
            place,
            rootfs=Path("/s/rootfs/1"),
            working_dir="/home/app",
            hostname="api",
            show=["/usr"],
            secrets=False,
            user=61200,
            group=Group("api-1", 1, {"memory": "/sys/fs/cgroup/memory/x"}),
        )
    )
    assert document.keys() == {
        "level", "hostname", "rootfs", "root", "show", "workdir", "secrets", "tmp", "tmp_bytes", "user", "network",
        "guard", "refuse", "allow", "cgroup", "memory_watch", "processes", "parent_pid",
    }  # fmt: skip
    assert (document["guard"], document["secrets"], document["memory_watch"]) == (False, "", 1 << 20)
    assert document["cgroup"] == {"version": 1, "folders": {"memory": "/sys/fs/cgroup/memory/x"}}


def test_each_function_has_a_user_of_its_own():
    users = Users()
    numbers = {users.number(f"function-{each}") for each in range(500)}
    assert len(numbers) == 500
    assert all(FIRST_USER <= number <= LAST_USER for number in numbers)
    assert users.number("function-1") in numbers
