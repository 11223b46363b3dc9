"""The control API without sockets: an ASGI client, and a provider that only remembers."""

import asyncio
import base64
import json

import msgspec
import pytest

from faas_runtime.core.api import FunctionNamespace, FunctionStatus, LogMessage, ProviderInfo, VersionInfo
from faas_runtime.core.errors import AlreadyExists, NotFound
from faas_runtime.gateway.auth.accounts import Account
from faas_runtime.gateway.control.app import create_app
from faas_runtime.gateway.control.requests import Services
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import FunctionKey
from tests.gateways import Answer


class RememberingProvider:
    """Stands in for an engine: the tests are about the API, not about running anything."""

    def __init__(self):
        self.functions = {}
        self.secrets = {}
        self.fault = None
        self.queries = []

    def _check(self, key):
        if self.fault is not None:
            raise self.fault
        if key not in self.functions:
            raise NotFound(f"there is no function `{key.name}`")

    async def info(self):
        if self.fault is not None:
            raise self.fault
        return ProviderInfo(provider="memory", version=VersionInfo(release="1", sha="x"), orchestration="none")

    async def list(self, namespace):
        return [status for key, status in sorted(self.functions.items()) if key.namespace == namespace]

    async def get(self, key):
        self._check(key)
        return self.functions[key]

    async def deploy(self, deployment):
        key = FunctionKey(deployment.service, deployment.namespace)
        if self.fault is not None:
            raise self.fault
        if key in self.functions:
            raise AlreadyExists(f"function `{key.name}` exists already")
        self._put(key, deployment)

    async def update(self, deployment):
        key = FunctionKey(deployment.service, deployment.namespace)
        self._check(key)
        self._put(key, deployment)

    def _put(self, key, deployment):
        self.functions[key] = FunctionStatus(
            name=key.name, namespace=key.namespace, image=deployment.image, created_at="2026-01-01T00:00:00Z"
        )

    async def delete(self, key):
        self._check(key)
        del self.functions[key]

    async def scale(self, key, replicas):
        self._check(key)
        self.functions[key] = msgspec.structs.replace(self.functions[key], replicas=replicas)

    async def logs(self, query):
        self.queries.append(query)
        yield LogMessage(name=query.key.name, namespace=query.key.namespace, instance="i", timestamp="t", text="hi")

    async def list_secrets(self, namespace):
        return [secret for key, secret in self.secrets.items() if key[1] == namespace]

    async def create_secret(self, secret):
        self.secrets[secret.name, secret.namespace] = secret

    async def update_secret(self, secret):
        if (secret.name, secret.namespace) not in self.secrets:
            raise NotFound(f"there is no secret `{secret.name}`")
        self.secrets[secret.name, secret.namespace] = secret

    async def delete_secret(self, name, namespace):
        if self.secrets.pop((name, namespace), None) is None:
            raise NotFound(f"there is no secret `{name}`")

    async def update_namespace(self, namespace):
        raise NotFound(f"there is no namespace `{namespace.name}`")

    async def delete_namespace(self, name):
        raise NotFound(f"there is no namespace `{name}`")

    async def list_namespaces(self):
        return ["openfaas-fn"]

    async def create_namespace(self, namespace):
        self.namespace = namespace

    async def get_namespace(self, name):
        return FunctionNamespace(name=name)


class Client:
    """Asks an ASGI application without a network."""

    def __init__(self, provider, accounts=()):
        self.provider = provider
        self.metrics = InvocationMetrics()
        self.problems = {}
        self.routes = RoutingTable()
        services = Services(provider, self.routes, self.metrics, problems=lambda: self.problems)
        self.app = create_app(services, accounts)

    def ask(self, method, target, body=b"", user=None, headers=()):
        path, _, query = target.partition("?")
        headers = [(b"host", b"gateway"), *((name.encode(), value.encode()) for name, value in headers)]
        if user:
            headers.append((b"authorization", b"Basic " + base64.b64encode(user.encode())))
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": headers,
            "scheme": "http",
            "server": ("gateway", 80),
            "http_version": "1.1",
        }
        return asyncio.run(self._ask(scope, body))

    async def _ask(self, scope, body):
        sent, requests = [], [{"type": "http.request", "body": body, "more_body": False}]
        over = asyncio.Event()

        async def receive():
            if requests:
                return requests.pop()
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                over.set()

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.fixture
def provider():
    return RememberingProvider()


@pytest.fixture
def client(provider):
    """A control API that is open to everybody."""
    return Client(provider)


@pytest.fixture
def guarded(provider):
    """A control API that asks for a password."""
    return Client(provider, [Account("admin", "pa:ss"), Account("ops", "word")])
