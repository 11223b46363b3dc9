"""The compose and stack documents of an installation.

The files in `deploy/` are these documents with the default options.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faas_cli.gateway.install.image import IMAGE
from faas_runtime.core.settings import arguments

NATS = "nats:2.10-alpine"
PROMETHEUS = "prom/prometheus:v2.53.0"
ALERTMANAGER = "prom/alertmanager:v0.27.0"
STATE = "/var/lib/faas"
SOCKET = "/var/run/docker.sock"
SECRETS = ("basic-auth-user", "basic-auth-password")
SWARM_NETWORK = "faas-functions"
"""The network of functions on a Swarm."""
HOME_LABEL = "io.faas.home"
"""Label of the manager node with an installation and its data; the value is the installation's name."""
OWNER = 65532
"""The gateway's user in its container."""

_PROMETHEUS_YML = """\
# Scrapes the gateway, and alerts when a function is busy.
global:
  scrape_interval: 5s
  evaluation_interval: 5s
rule_files: [/etc/prometheus/rules.yml]
alerting:
  alertmanagers:
    - static_configs: [{ targets: ["alertmanager:9093"] }]
scrape_configs:
  - job_name: faas
    static_configs: [{ targets: ["gateway:8082"] }]
"""
_RULES_YML = """\
# Scales a function up by one step when it has more than five successful calls per second.
# Functions with scaling labels of their own ignore this alert.
groups:
  - name: functions
    rules:
      - alert: BusyFunction
        expr: sum by (function_name) (rate(gateway_function_invocation_total{code="200"}[10s])) > 5
        for: 5s
        labels: { severity: major }
        annotations: { summary: "{{ $labels.function_name }} has {{ $value }} calls per second" }
"""
_ALERTMANAGER_YML = """\
# Sends alerts for busy functions to the gateway.
route:
  receiver: gateway
  group_by: [alertname, function_name]
  group_wait: 5s
  group_interval: 10s
  repeat_interval: 30s
receivers:
  - name: gateway
    webhook_configs:
      - url: http://gateway:8080/system/alert
        send_resolved: true
        http_config:
          basic_auth: { username: admin, password_file: /run/secrets/basic-auth-password }
"""
CONFIGS = {"prometheus.yml": _PROMETHEUS_YML, "rules.yml": _RULES_YML, "alertmanager.yml": _ALERTMANAGER_YML}
"""Configuration files of the services, by name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Options of an installation. `group` is the group id of the engine's socket, `socket` its path."""

    name: str = "faas"
    image: str = IMAGE
    host: str = "127.0.0.1"
    port: int = 8080
    group: str = "${DOCKER_GID:?the group of the engine's socket: stat -c %g /var/run/docker.sock}"
    socket: str = SOCKET


def compose_document(layout: Layout) -> dict[str, Any]:
    """The services on one machine."""
    services = _services(layout, "docker")
    services["gateway"] |= {
        "ports": [f"{layout.host}:{layout.port}:8080"],
        "networks": {"control": {}, "functions": {}},
        "depends_on": ["nats"],
    }
    for service in services.values():
        service["restart"] = "unless-stopped"
    return {
        "name": layout.name,
        "services": services,
        # The gateway's engine expects the functions' network under this name.
        "networks": {"control": {}, "functions": {"name": "faas"}},
        "volumes": {"state": {}, "queue": {}, "metrics": {}},
        "secrets": {name: {"file": f"./secrets/{name}"} for name in SECRETS},
        "configs": {name: {"file": f"./{name}"} for name in CONFIGS},
    }


def stack_document(layout: Layout) -> dict[str, Any]:
    """The services on a Swarm, all on the manager node with the label for their data."""
    services = _services(layout, "swarm")
    services["gateway"] |= {
        # Published by the node itself: the ingress mesh would hide client addresses.
        "ports": [{"target": 8080, "published": layout.port, "protocol": "tcp", "mode": "host"}],
        "networks": {"control": {"aliases": ["gateway"]}, "functions": {"aliases": ["gateway"]}},
    }
    for service in services.values():
        service["deploy"] = {
            "replicas": 1,
            "endpoint_mode": "dnsrr",
            "placement": {"constraints": [f"node.labels.{HOME_LABEL} == {layout.name}"]},
            "restart_policy": {"condition": "any", "delay": "2s"},
            # Two tasks cannot share a port and a volume.
            "update_config": {"order": "stop-first"},
        }
    return {
        "version": "3.8",
        "services": services,
        "networks": {
            "control": {"driver": "overlay"},
            "functions": {"external": True, "name": SWARM_NETWORK},
        },
        "volumes": {"state": {}, "queue": {}, "metrics": {}},
        "secrets": {name: {"external": True, "name": f"{layout.name}-{name}"} for name in SECRETS},
        "configs": {
            # Swarm configs are immutable: other content needs another name.
            name: {"file": f"./{name}", "name": f"{layout.name}-{name}-{_digest(text)}"}
            for name, text in CONFIGS.items()
        },
    }


def config_target(service: Mapping[str, Any]) -> dict[str, str]:
    """A service's configuration files and their paths in the container."""
    return {each["source"]: each["target"] for each in service.get("configs", [])}


def _services(layout: Layout, engine: str) -> dict[str, dict[str, Any]]:
    settings = {
        "host": "0.0.0.0",  # noqa: S104 - in a container
        "metrics_host": "0.0.0.0",  # noqa: S104
        "engine": engine,
        # Gateways that share an engine recognise their functions by the name of this folder.
        "state_dir": f"{STATE}/{layout.name}",
        "secrets_dir": "/run/secrets",
        "nats": "nats://nats:4222",
    }
    return {
        "gateway": {
            "image": layout.image,
            "command": ["run", *arguments(settings)],
            # The group may use the engine's socket, which is equivalent to root on that host.
            "user": f"{OWNER}:{layout.group}",
            "volumes": [f"state:{STATE}", f"{layout.socket}:{SOCKET}"],
            "secrets": list(SECRETS),
        },
        "nats": {
            "image": NATS,
            "command": ["--jetstream", "--store_dir", "/data"],
            "networks": {"control": {}},
            "volumes": ["queue:/data"],
        },
        "prometheus": {
            "image": PROMETHEUS,
            "command": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
            "networks": {"control": {}},
            "volumes": ["metrics:/prometheus"],
            "configs": _configs("prometheus", "prometheus.yml", "rules.yml"),
        },
        "alertmanager": {
            "image": ALERTMANAGER,
            "command": ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"],
            "networks": {"control": {}},
            "secrets": ["basic-auth-password"],
            "configs": _configs("alertmanager", "alertmanager.yml"),
        },
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _configs(program: str, *names: str) -> list[dict[str, str]]:
    return [{"source": name, "target": f"/etc/{program}/{name}"} for name in names]


def rendered(document: Mapping[str, Any], explanation: str) -> str:
    """The document as YAML, with an explanation as comment."""
    import yaml

    comment = "".join(f"# {line}\n" for line in explanation.splitlines())
    return comment + yaml.safe_dump(dict(document), sort_keys=False, width=110)


COMPOSE_EXPLANATION = """\
Gateway, queue, metrics and alerts on one machine, as installed by `faas gateway install compose`.
Manually: build the image (docs/install.md), write user and password to secrets/, then
DOCKER_GID=$(stat -c %g /var/run/docker.sock) docker compose up -d"""
STACK_EXPLANATION = """\
Gateway, queue, metrics and alerts on a Swarm, as installed by `faas gateway install swarm`.
Manually, on a manager that has the image (docs/install.md):
docker node update --label-add io.faas.home=faas $(docker info -f '{{.Swarm.NodeID}}')
docker network create -d overlay --attachable faas-functions
printf admin | docker secret create faas-basic-auth-user -
openssl rand -hex 16 | docker secret create faas-basic-auth-password -
DOCKER_GID=$(stat -c %g /var/run/docker.sock) docker stack deploy -c docker-stack.yml --resolve-image never faas"""
