"""Finds the backend for a request's path."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy.pool import Backend, Connector, EndpointPool
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.traffic.canary import canary_of
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteRemoved, RouteUpdate, RoutingChange

_FUNCTION = b"/function/"
_NAME = re.compile(rb"[-a-zA-Z0-9_.]+")


class UnknownFunction(Exception):
    """There is no such function; the text is for the caller."""


class Router:
    """Keeps a backend for every function in the routing table, and one for the control API."""

    def __init__(
        self,
        routes: RoutingTable,
        control: Endpoint,
        settings: ProxySettings,
        metrics: InvocationMetrics,
        connector: Connector,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._connector = connector
        self._now: Callable[[], float] = connector.loop.time
        self._backends: dict[FunctionKey, Backend] = {}
        # A function in the default namespace has two names.
        self._names: dict[bytes, Backend] = {}
        self._canaries: dict[Backend, tuple[FunctionKey, float]] = {}
        self.control = Backend("the control API", settings.control_timeout, self._now)
        self.control.keep_host = True
        self.control.update([control], connector)
        for update in routes.all():
            self.apply(update)

    def find(self, path: bytes) -> tuple[Backend, bytes]:
        """The backend for a clean path, and the path to request from it. Raises UnknownFunction."""
        if not path.startswith(_FUNCTION):
            return self.control, path
        slash = path.find(b"/", 10)
        name, rest = (path[10:], b"/") if slash < 0 else (path[10:slash], path[slash:])
        backend = self._names.get(name)
        if backend is None:
            if b"%" in name:
                name = unquote_to_bytes(name)
            backend = self._names.get(name)
        if backend is None:
            raise UnknownFunction(self._unknown(name))
        if self._canaries:
            backend = self._with_canary(backend)
        return backend, rest

    def _with_canary(self, backend: Backend) -> Backend:
        """The function itself or, at random, its canary. A canary that is down gets no calls."""
        key, share = self._canaries.get(backend, (None, 0.0))
        if key is None or random.random() >= share:  # noqa: S311
            return backend
        canary = self._backends.get(key)
        return canary if canary is not None and (canary.pools or not canary.desired) else backend

    def backend(self, key: FunctionKey) -> Backend | None:
        """The backend of a function."""
        return self._backends.get(key)

    def alternatives(self) -> list[EndpointPool]:
        """The replicas of every function that has several."""
        return [pool for backend in self._backends.values() if len(backend.pools) > 1 for pool in backend.pools]

    def apply(self, change: RoutingChange) -> None:
        """Apply a change of the routing table."""
        if isinstance(change, RouteRemoved):
            backend = self._backends.pop(change.key, None)
            if backend is not None:
                backend.update((), self._connector)
                backend.removed = True
                self._canaries.pop(backend, None)
                for name in self._spellings(change.key):
                    self._names.pop(name, None)
        else:
            self._update(change)

    def _update(self, update: RouteUpdate) -> None:
        backend = self._backends.get(update.key)
        if backend is None:
            backend = Backend(f"function `{update.key}`", self._settings.upstream_timeout, self._now)
            backend.key = update.key
            backend.meter = self._metrics.meter(update.key)
            self._backends[update.key] = backend
            for name in self._spellings(update.key):
                self._names[name] = backend
        backend.timeout = self._settings.upstream_timeout if update.timeout is None else update.timeout
        backend.desired = update.replicas
        backend.internal = update.internal
        backend.auth = update.auth
        if update.canary is None:
            self._canaries.pop(backend, None)
        else:
            self._canaries[backend] = (canary_of(update.key), update.canary)
        backend.update(update.endpoints, self._connector)

    def _spellings(self, key: FunctionKey) -> list[bytes]:
        names = [str(key).encode()]
        # A name with a dot has no short form: the text after the last dot is the namespace.
        if key.namespace == self._settings.default_namespace and "." not in key.name:
            names.append(key.name.encode())
        return names

    def _unknown(self, name: bytes) -> str:
        if _NAME.fullmatch(name) is None:
            return "the path names no function"
        function, dot, namespace = name.decode().rpartition(".")
        if not dot:
            function, namespace = namespace, self._settings.default_namespace
        return f"no function named `{function}` in namespace `{namespace}`"

    def close(self) -> None:
        """Close every idle connection."""
        for backend in [*self._backends.values(), self.control]:
            backend.update((), self._connector)
