"""Which proxy an address is reached through."""

import pytest

from faas_cli.proxies import proxy_for

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("https_proxy", "secure:3129")
    monkeypatch.setenv("NO_PROXY", "inside.example,.corp")


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://gw.example", "http://proxy:3128"),
        ("https://gw.example:8443/base", "http://secure:3129"),
        ("http://inside.example:8080", ""),
        ("http://a.corp", ""),
        ("http://127.0.0.1:8080", ""),
        ("http://127.9.9.9", ""),
        ("http://localhost:8080", ""),
        ("http://[::1]:8080", ""),
    ],
)
def test_proxy(url, proxy):
    """By scheme; never for this machine itself, nor for what NO_PROXY names."""
    assert proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("192.0.2.0/24", "http://192.0.2.2:9"),
        ("2001:db8::/32", "http://[2001:db8::1]:9"),
        ("192.0.2.2", "http://192.0.2.2:9"),
        ("192.0.2.2:9", "http://192.0.2.2:9"),
        ("[2001:db8::1]:9", "http://[2001:db8::1]:9"),
        ("*.example.test", "http://gw.example.test:9"),
        (".example.test", "http://gw.example.test"),
        ("example.test", "http://example.test"),
        ("example.test", "http://a.b.EXAMPLE.test"),
        ("gw.example.test:443", "https://gw.example.test"),
        ("nothing.test, *", "http://gw.example.test"),
    ],
)
def test_no_proxy_as_go_reads_it(monkeypatch, no_proxy, url):
    """Networks, ports and wildcards: otherwise the gateway's password reaches the proxy."""
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_for(url) == ""


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("192.0.2.0/24", "http://192.0.3.2:9"),
        ("192.0.2.2:10", "http://192.0.2.2:9"),
        (".example.test", "http://example.test"),
        ("*.example.test", "http://example.test"),
        ("ample.test", "http://example.test"),
        ("10.0.0.0/99", "http://10.0.0.1"),
    ],
)
def test_what_no_proxy_does_not_name(monkeypatch, no_proxy, url):
    """Goes through the proxy."""
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_for(url) == "http://proxy.test:3128"
