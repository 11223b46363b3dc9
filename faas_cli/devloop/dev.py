"""The development loop: build and deploy, watch the handlers, rebuild and redeploy what has changed.

A build failure is reported and not deployed, so the last good version keeps answering.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from faas_cli.deployment.deploy import deploy_one
from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.deployment.unserved import unserved
from faas_cli.devloop.watcher import changes_below
from faas_cli.errors import FaasError
from faas_cli.images.model import Builder, BuildOptions, BuildReporter, BuildResult
from faas_cli.images.plan import build_functions
from faas_cli.stack.model import Function, Stack

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.gateway.client import GatewayClient
    from faas_runtime.core.api import FunctionDeployment


class DevLoop:
    """Keeps the functions on a gateway in step with those on disk."""

    def __init__(
        self,
        reload: Callable[[], tuple[Stack, list[Function]]],
        client: GatewayClient,
        builder: Builder,
        options: BuildOptions,
        deploy: DeployOptions,
        console: Console,
        project: Path = Path(),
        publish: Callable[[Function], bool] | None = None,
        untested: bool = False,
    ) -> None:
        """`publish` is called between build and deployment; a function it returns False for is not deployed.

        With `untested`, a function whose tests fail is deployed as well, after their output.
        """
        self._publish = publish
        self._untested = untested
        self._reload = reload
        self._client, self._builder, self._options, self._deploy_options = client, builder, options, deploy
        self._console = console
        self._project = project
        self._stack, self._functions = reload()
        self._following: set[str] = set()
        self._warned: set[str] = set()

    def run(self, stop: threading.Event | None = None) -> None:
        """Build and deploy everything, then whatever changes, until `stop` or Ctrl-C.

        Raises FaasError only before the first round; later errors are reported and the loop goes on.
        """
        changes = changes_below(self._watched(), stop)
        early = next(changes, set())
        self.update(self._functions)
        self._say(f"watching {', '.join(self._watched())}; Ctrl-C stops")
        for batch in itertools.chain([early], changes):
            if batch:
                self._changed(batch)

    def update(self, functions: Sequence[Function]) -> None:
        """Build functions and deploy those whose build succeeded."""
        begun = time.monotonic()
        for function, result in zip(functions, self._build(functions, self._options), strict=True):
            if result.error is not None:
                self._console.error(result.error.message, result.error.hint, result.error.detail)
                if not self._builds_untested(function):
                    continue
            self._deploy(function, begun)

    def _build(self, functions: Sequence[Function], options: BuildOptions) -> list[BuildResult]:
        return build_functions(self._stack, functions, options, BuildReporter(), self._builder, self._project)

    def _builds_untested(self, function: Function) -> bool:
        """Whether a function that failed to build succeeds without its tests, and may be deployed like that."""
        if not self._untested or not self._options.test:
            return False
        (result,) = self._build([function], replace(self._options, test=False))
        if result.error is None:
            self._say(f"{function.name}: its tests fail; it is deployed nevertheless")
        return result.error is None

    def _deploy(self, function: Function, begun: float) -> None:
        try:
            if self._publish is not None and not self._publish(function):
                return
            deployment = deployment_of(function, self._deploy_options, self._project)
            self._warn(deployment)
            deploy_one(self._client, deployment, self._deploy_options)
        except FaasError as err:
            self._console.error(err.message, err.hint, err.detail)
            return
        url = self._client.url_of(function.name, deployment.namespace)
        self._say(f"{function.name} is live after {time.monotonic() - begun:.2f} s: {url}")
        if function.name not in self._following:
            self._following.add(function.name)
            threading.Thread(target=self._follow, args=(function.name, deployment.namespace), daemon=True).start()

    def _changed(self, paths: Iterable[Path]) -> None:
        paths = {path.resolve() for path in paths}
        if any(path.resolve() in paths for path in self._stack.files):
            try:
                self._stack, self._functions = self._reload()
            except FaasError as err:
                self._console.error(err.message, err.hint)
                return
            self.update(self._functions)
            return
        touched = [function for function in self._functions if self._is_in(function, paths)]
        if touched:
            self.update(touched)

    def _is_in(self, function: Function, paths: Iterable[Path]) -> bool:
        handler = (self._project / function.handler).resolve()
        return any(path.is_relative_to(handler) for path in paths)

    def _watched(self) -> list[str]:
        folders = [str(self._project / function.handler) for function in self._functions if function.handler]
        return [*dict.fromkeys(folders), *map(str, self._stack.files)]

    def _warn(self, deployment: FunctionDeployment) -> None:
        """Warn once of each setting without effect at this gateway. Raises FaasError with strict options."""
        for warning in unserved(self._client, [deployment], strict=self._deploy_options.strict):
            if warning not in self._warned:
                self._warned.add(warning)
                self._console.warning(warning)

    def _follow(self, name: str, namespace: str) -> None:
        """Print a function's log; reconnect when the gateway ends the stream."""
        since = time.gmtime()
        while True:
            query = {"follow": "true", "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", since), "namespace": namespace}
            try:
                for message in self._client.logs(name, query):
                    self._console.data_now(f"{name} | {message.text.rstrip()}")
            except FaasError:
                pass
            since = time.gmtime()
            time.sleep(1)

    def _say(self, text: str) -> None:
        self._console.info(f"{time.strftime('%H:%M:%S')} {text}")
