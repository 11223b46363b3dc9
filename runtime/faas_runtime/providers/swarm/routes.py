"""From the state of a Swarm to the endpoints of its tasks."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Sequence

from faas_runtime.providers.base import Endpoint
from faas_runtime.providers.common.docker_api import WATCHDOG_PORT
from faas_runtime.providers.swarm.objects import Node, Service, Snapshot, Task

_NOWHERE = ("", "0.0.0.0", "::")  # noqa: S104


def endpoint_of(task: Task, node: Node | None, *, inside: bool) -> Endpoint | None:
    """The endpoint of a task's watchdog, None while that is not known.

    From `inside` the functions' network it is the task's own address; from elsewhere, the port its node
    publishes for it.
    """
    if inside:
        return Endpoint(task.id, task.address, WATCHDOG_PORT) if task.address else None
    if node is None or not task.port:
        return None
    # The only node of a Swarm does not always know its own address.
    host = node.address if node.address not in _NOWHERE else "127.0.0.1"
    return Endpoint(task.id, host, task.port)


def serving(service: Service, snapshot: Snapshot) -> Sequence[Task]:
    """The desired and running tasks of a service on nodes that are up."""
    nodes = snapshot.nodes
    return [
        task
        for task in snapshot.tasks_of(service)
        if task.desired and task.running and task.node in nodes and nodes[task.node].up
    ]


def is_inside(subnets: Collection[str]) -> bool:
    """Whether this process has an address in one of the networks, and so reaches every task directly."""
    for text in subnets:
        network = ipaddress.ip_network(text, strict=False)
        host = next(iter(network.hosts()), network.network_address)
        with socket.socket(socket.AF_INET6 if network.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                # Nothing is sent: the kernel only chooses the source address.
                probe.connect((str(host), 9))
            except OSError:
                continue
            if ipaddress.ip_address(probe.getsockname()[0]) in network:
                return True
    return False
