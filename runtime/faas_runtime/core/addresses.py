"""Reading host names, IP addresses and URLs that a user wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit


def ip_or_none(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is, None for a name. An IPv6 address may be in brackets."""
    try:
        return ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as seen from itself only."""
    address = ip_or_none(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def trusted_by(networks: Iterable[str]) -> Callable[[str], bool]:
    """A function that says whether an IP address, as text, is in one of these networks; other texts are not."""
    known = tuple(ip_network(network) for network in networks)

    def trusts(host: str) -> bool:
        address = ip_or_none(host.partition("%")[0])
        return address is not None and any(address in network for network in known)

    return trusts


def without_password(url: str) -> str:
    """The address as it may be shown: without the user and password in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}").geturl() if "@" in parts.netloc else url
