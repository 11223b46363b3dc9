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
