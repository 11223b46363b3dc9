"""Makes one queued call through the proxy, so that it is counted, scaled and limited like any other."""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import time

import urllib3
from urllib3.connection import HTTPConnection

from faas_runtime.gateway.queue.model import Answer, Claim, Headers

# Of one hop, or written anew by the next one.
_NOT_FORWARDED = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "host",
        "expect",
        "x-start-time",
    }
)
USER_AGENT = "faas-queue"


class FunctionCaller:
    """Calls functions at the gateway's own address, from threads of its own."""

    def __init__(self, gateway: str, *, workers: int, timeout: float, keep_bytes: int = 1_000_000) -> None:
        """`gateway` is its base URL or `unix:` and the path of its socket, `timeout` seconds for one call,
        `keep_bytes` the longest answer kept."""
        self._keep = keep_bytes
        self._threads = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="queue-call")
        limits = urllib3.Timeout(connect=5.0, read=timeout)
        self._pool: urllib3.HTTPConnectionPool | urllib3.PoolManager
        if gateway.startswith("unix:"):
            self._gateway = ""
            self._pool = _UnixPool(gateway.removeprefix("unix:"), maxsize=workers, timeout=limits)
        else:
            self._gateway = gateway.rstrip("/")
            self._pool = urllib3.PoolManager(maxsize=workers, retries=False, timeout=limits, headers={})

    async def __call__(self, claim: Claim) -> Answer:
        """Make the call; a call that fails is an answer with status 0 and the reason."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._call, claim)

    def close(self) -> None:
        """Drop idle connections; running calls end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if isinstance(self._pool, urllib3.PoolManager):
            self._pool.clear()
        else:
            self._pool.close()

    def _call(self, claim: Claim) -> Answer:
        call = claim.call
        url = f"{self._gateway}/function/{call.key}{call.path}" + (f"?{call.query}" if call.query else "")
        headers = urllib3.HTTPHeaderDict()
        for name, value in call.headers:
            if name.lower() not in _NOT_FORWARDED:
                headers.add(name, value)
        headers["User-Agent"] = USER_AGENT
        started = time.monotonic()
        try:
            response = self._pool.urlopen(
                "POST",
                url,
                body=call.body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                body = response.read(self._keep + 1)
                reason = "" if len(body) <= self._keep else f"only the first {self._keep} bytes of the answer were kept"
                if reason:
                    response.close()
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Answer(0, reason=f"the call failed: {error}", seconds=time.monotonic() - started)
        kept: Headers = tuple(response.headers.items())
        return Answer(response.status, kept, body[: self._keep], reason, time.monotonic() - started)


class _UnixConnection(HTTPConnection):
    """HTTP on a Unix socket, whose path stands in place of the host."""

    socket_path = ""

    def _new_conn(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(5.0)
            sock.connect(self.socket_path)
        except OSError as error:
            sock.close()
            raise urllib3.exceptions.NewConnectionError(self, f"{self.socket_path}: {error}") from error
        return sock


class _UnixPool(urllib3.HTTPConnectionPool):
    """Connections to one Unix socket."""

    def __init__(self, path: str, *, maxsize: int, timeout: urllib3.Timeout) -> None:
        super().__init__("gateway", maxsize=maxsize, timeout=timeout, block=False)
        self._path = path

    def _new_conn(self) -> _UnixConnection:
        connection = _UnixConnection(self.host, timeout=self.timeout.connect_timeout)
        connection.socket_path = self._path
        return connection
