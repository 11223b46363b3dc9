"""A provider with what it reports, for tests that run functions on a real engine."""

import asyncio
import time
import urllib.request

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.providers.base import FunctionKey, RouteRemoved

KEY = FunctionKey("fn", "openfaas-fn")


class ProviderWorld:
    """A provider and its routes; `made` makes it, `client` is the engine from outside."""

    image = ""

    def __init__(self, client, made):
        self.client, self._made = client, made
        self.routes = {}
        self.history = []

    async def open(self):
        """Start a provider."""
        self.provider = self._made()
        await self.provider.start()
        self._watching = asyncio.create_task(self._watch())
        return self.provider

    async def _watch(self):
        async for change in self.provider.watch():
            self.history.append(change)
            if isinstance(change, RouteRemoved):
                self.routes.pop(change.key, None)
            else:
                self.routes[change.key] = change

    async def close(self):
        """Stop the provider; what it runs stays."""
        self._watching.cancel()
        await self.provider.close()

    def deployment(self, **changes):
        """The function `fn`, with changes."""
        values = {"service": "fn", "image": self.image, "namespace": "openfaas-fn", "env_vars": {"GREETING": "hi"}}
        return FunctionDeployment(**{**values, **changes})

    def endpoints(self):
        """Where `fn` is called."""
        route = self.routes.get(KEY)
        return route.endpoints if route is not None else ()

    def call(self, body=b"x", endpoint=None, limit=30):
        """The body of an answer of one replica, the first by default."""
        endpoint = endpoint or self.endpoints()[0]
        with urllib.request.urlopen(f"http://{endpoint.host}:{endpoint.port}/", data=body, timeout=limit) as answer:
            return answer.read()

    async def until(self, check, limit=30):
        """Wait until a condition holds."""
        deadline = time.monotonic() + limit
        while not check():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    def run(self, scenario):
        """Run a scenario with an open provider."""

        async def whole():
            await self.open()
            try:
                await scenario(self.provider)
            finally:
                await self.close()

        asyncio.run(whole())
