"""Which IP addresses are public, and how to resolve a name that a stranger chose."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_THREADS = 8
MAX_LOOKUPS = 64
"""Names being resolved at once; a name server that never answers holds a thread for up to half a minute."""

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TUNNELS = tuple(ipaddress.ip_network(each) for each in ("2001::/23", "3fff::/20", "5f00::/16"))
"""Teredo and other protocols' own addresses, documentation, segment routing: nothing that serves HTTP."""
_RESERVED4 = tuple(ipaddress.ip_network(each) for each in ("192.0.0.0/24", "192.88.99.0/24"))
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)

Lookup = Callable[[str, int], list[str]]
"""The addresses of a host and port. Blocking. Raises OSError, UnicodeError."""


class TooManyLookups(Exception):
    """Too many names are being resolved."""


def is_public(text: str) -> bool:
    """Whether packets to this IP address leave every private network, whatever form the address has.

    An IPv6 address that stands for an IPv4 address (mapped, NAT64, 6to4, ISATAP) is as public as that one.
    A network's own NAT64 prefix cannot be known.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in each for each in _RESERVED4)
    if address.ipv4_mapped is not None:
        return is_public(str(address.ipv4_mapped))
    if address in _NAT64:
        return is_public(_last32(address))
    if address.sixtofour is not None and not is_public(str(address.sixtofour)):
        return False
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP and not is_public(_last32(address)):
        return False
    return address in _GLOBAL_UNICAST and address.is_global and not any(address in each for each in _TUNNELS)


def _last32(address: ipaddress.IPv6Address) -> str:
    return str(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))


def _system_lookup(host: str, port: int) -> list[str]:
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Resolver:
    """Resolves names in threads of its own, so that slow name servers take none from other work."""

    def __init__(self, lookup: Lookup = _system_lookup) -> None:
        self._lookup = lookup
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._pending: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host, at least one. Raises OSError or UnicodeError, TooManyLookups."""
        key = (host, port)
        if key not in self._pending:
            if len(self._pending) >= MAX_LOOKUPS:
                raise TooManyLookups("too many host names are being resolved")
            self._pending[key] = asyncio.get_running_loop().run_in_executor(self._pool, self._lookup, host, port)
            self._pending[key].add_done_callback(lambda done: self._end(key, done))
        # Several wait for one lookup, and one that stops waiting does not end it for the others.
        return await asyncio.shield(self._pending[key])

    def close(self) -> None:
        """Accept no more lookups."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _end(self, key: tuple[str, int], done: asyncio.Future[list[str]]) -> None:
        del self._pending[key]
        if not done.cancelled():
            done.exception()  # all who asked may have stopped waiting
