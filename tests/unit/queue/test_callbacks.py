"""Which callback addresses are allowed."""

import asyncio

import pytest

from faas_runtime.gateway.queue.callbacks import CallbackRefused, Callbacks, check_url


@pytest.mark.parametrize(
    "url",
    ["", "word", "/relative", "ftp://example.net/", "http://", "http://user:pw@example.net/", "http://h:99999/"],
)
def test_what_is_not_a_plain_web_address_is_refused(url):
    """Only absolute http and https URLs without credentials are callbacks."""
    with pytest.raises(CallbackRefused):
        check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "169.254.169.254",
        "10.1.2.3",
        "192.168.0.1",
        "0.0.0.0",
        "::ffff:127.0.0.1",
        "fe80::1",
    ],
)
def test_addresses_inside_are_refused(host):
    """Loopback, link-local, private and mapped addresses are out of reach, however they are written."""
    with pytest.raises(CallbackRefused, match="not a public address"):
        asyncio.run(Callbacks().resolve(host, 80))


def test_a_public_address_is_called_as_it_is():
    """The connection is made to the address that was checked."""
    assert asyncio.run(Callbacks().resolve("93.184.216.34", 80)) == "93.184.216.34"


def test_an_operator_may_allow_a_host():
    """`--callback-host` opens one name, not all."""
    assert asyncio.run(Callbacks(frozenset({"127.0.0.1"})).resolve("127.0.0.1", 80)) == "127.0.0.1"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://[::1]:9/", "http://192.0.2.1.invalid@127.0.0.1/", "ftp://x/"]
)
def test_an_address_that_no_delivery_reaches_is_refused_at_once(url):
    """The caller still listens; the log of the gateway it never sees."""
    with pytest.raises(CallbackRefused):
        asyncio.run(Callbacks().check(url))
