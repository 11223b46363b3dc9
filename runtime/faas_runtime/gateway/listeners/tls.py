"""The proxy's certificate: read from files, and reloaded when they change."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from faas_runtime.core.errors import Invalid
from faas_runtime.core.settings import GatewaySettings

log = logging.getLogger("faas.gateway")

_CHECK_INTERVAL = 5.0


class Certificate:
    """A certificate with its key. `context` gives every new connection the newest one that could be read."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises Invalid if the files are missing or do not match."""
        self._certificate = certificate
        self._key = key
        self._seen = self._stamps()
        self._current = self._load()
        self.context = self._load()
        # A running server keeps its context, but each handshake can switch to another one.
        self.context.sni_callback = self._select

    def reload(self) -> bool:
        """Read the files again if they have changed; returns whether there is a new certificate. Raises Invalid."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        self._current = self._load()
        return True

    async def follow(self) -> None:
        """Check for changes forever. Files that cannot be used are logged and change nothing."""
        while True:
            await asyncio.sleep(_CHECK_INTERVAL)
            try:
                if self.reload():
                    log.info("read a new certificate from %s", self._certificate)
            except Invalid as err:
                log.warning("%s; the previous certificate stays in use", err)

    def _select(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_stamp(path) for path in (self._certificate, self._key))

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except ssl.SSLError as err:
            reason = err.reason.replace("_", " ").lower() if err.reason else "not in PEM format"
            raise Invalid(
                f"cannot use the certificate `{self._certificate}` with the key `{self._key}`: {reason}"
            ) from None
        except OSError as err:
            raise Invalid(
                f"cannot read the certificate `{self._certificate}` or its key `{self._key}`: {err.strerror or err}"
            ) from None
        return context


def certificate_of(settings: GatewaySettings) -> Certificate | None:
    """The gateway's certificate; None where it serves plain HTTP. Raises Invalid."""
    if settings.tls_cert is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key or settings.tls_cert)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Values that change when a file is written or replaced."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _no_password() -> str:
    # Without it, OpenSSL would prompt on the terminal.
    raise OSError("the key is protected by a password")
