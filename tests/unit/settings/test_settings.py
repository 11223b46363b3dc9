"""The declaration of the settings, and what is made from it."""

import dataclasses
import runpy
from pathlib import Path

import click
import pytest

from faas_cli.commands.gateway.start import start
from faas_cli.commands.provider import serve
from faas_cli.options.settings import _given
from faas_runtime.core import settings
from faas_runtime.core.addresses import is_loopback, without_password
from faas_runtime.core.durations import format_duration, parse_duration
from faas_runtime.core.settings import (
    GATEWAY,
    PROVIDER,
    SECTIONS,
    SWITCH,
    GatewaySettings,
    arguments,
)
from faas_runtime.gateway.__main__ import _parsed
from faas_runtime.gateway.proxy import ProxySettings, proxy_settings
from faas_runtime.providers import engines

ROOT = Path(__file__).resolve().parents[3]
ROLES = pytest.mark.parametrize(("role", "command", "word"), [(GATEWAY, start, "run"), (PROVIDER, serve, "provide")])

OTHER = {
    "host": "0.0.0.0",
    "port": 9000,
    "unix": Path("/run/faas.sock"),
    "trusted_proxies": ("10.0.0.0/8", "192.168.0.0/16"),
    "auth": False,
    "engine": "docker",
    "store_url": "",
    "callback_hosts": ("a", "b"),
    "access_log": "json",
    "read_timeout": 90.5,
    "control_timeout": 7200.0,
    "max_head_bytes": 4096,
    "max_headers": 10,
}
"""A value of each kind that is not the default."""


@ROLES
def test_every_setting_is_an_option(role, command, word):
    """The command line of the toolchain has the flags of the table, each in a section."""
    options = {option.name: option for option in command.params if getattr(option, "section", "") in SECTIONS}
    assert {name: option.opts for name, option in options.items()} == {
        name: [setting.flag] for name, setting in role.settings.items()
    }
    assert all(option.help for option in options.values())


@ROLES
def test_the_runtime_reads_what_the_toolchain_writes(role, command, word):
    """The words made from values give the runtime those values."""
    given = {name: value for name, value in OTHER.items() if name in role.settings}
    assert _parsed([word, *arguments(given, role)]) == (role, given)


def test_the_options_accept_what_the_runtime_accepts():
    """click and argparse read a text alike."""
    given = {name: value for name, value in OTHER.items() if GATEWAY.settings[name].kind is not SWITCH}
    context = start.make_context("start", arguments(given))
    assert {name: context.params[name] for name in given} == given


@pytest.mark.parametrize("name", GATEWAY.settings)
def test_a_default_can_be_written_and_read(name):
    """What the help shows as the default is a value that can be typed."""
    setting = GATEWAY.settings[name]
    text = setting.write(setting.default)
    assert not text or setting.read(text) == setting.default


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("port", "65536", "`65536` is more than 65535"),
        ("port", "-1", "`-1` is not a whole number"),
        ("workers", "0", "`0` is less than 1"),
        ("queue_lease", "2s", "`2s` is less than 3s"),
        ("queue_lease", "2m", "`2m` is more than 1m"),
        ("idle_timeout", "soon", "`soon` is not a duration"),
        ("idle_timeout", "0", "`0` is less than 1ms"),
        ("engine", "k8s", "`k8s` is not one of process, docker, swarm"),
        ("auth", "no", "`no` is neither true nor false"),
        ("buffer_bytes", "64KB", "`64KB` is not an amount of memory"),
        ("buffer_bytes", "16", "`16` is less than 1Ki"),
        ("trusted_proxies", "10.0.0.1/8", "`10.0.0.1/8` is not a network"),
        ("unix", "", "an empty path"),
    ],
)
def test_a_value_that_cannot_be_used(name, text, reason):
    """The error names the text and what is wrong with it; click and argparse exit with 2."""
    setting = GATEWAY.settings[name]
    with pytest.raises(ValueError) as caught:
        setting.kind.read(text)
    assert reason in str(caught.value)
    if setting.kind is not SWITCH:
        with pytest.raises(click.UsageError):
            start.make_context("start", [f"{setting.flag}={text}"])
        with pytest.raises(SystemExit, match="2"):
            _parsed(["run", f"{setting.flag}={text}"])


def test_the_proxy_gets_what_was_set():
    """Every timeout and limit reaches the proxy; workers share the connections."""
    chosen = GatewaySettings(state_dir=Path("/s"), workers=3, max_connections=10, idle_timeout=7.0, max_headers=9)
    proxy = proxy_settings(chosen)
    assert (proxy.idle_timeout, proxy.max_headers, proxy.max_connections) == (7.0, 9, 4)


def test_every_timeout_and_limit_of_the_proxy_can_be_set():
    """Only its addresses and its names are not a user's to choose."""
    own = {"host", "port", "unix_path", "backlog", "default_namespace", "served_by"}
    assert {field.name for field in dataclasses.fields(ProxySettings)} - own <= set(GATEWAY.settings)


def test_every_engine_can_be_made():
    """The choices of `--engine` are the engines of the runtime."""
    assert set(settings.ENGINES) == set(engines.ENGINES)


def test_the_reference_page_is_current():
    """`make docs` writes it."""
    assert (ROOT / "docs/reference/settings.md").read_text() == runpy.run_path(str(ROOT / "scripts/settings_page.py"))[
        "page"
    ]()


@pytest.mark.parametrize("seconds", [0, 0.001, 0.2, 1, 1.5, 60, 90, 3600, 86400])
def test_durations_are_read_as_they_are_written(seconds):
    """No unit is lost on the way."""
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("box", False)]
)
def test_loopback(host, local):
    """A name that is not `localhost` may be anything."""
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    ("url", "shown"),
    [("nats://me:secret@n:4222", "nats://***@n:4222"), ("http://n:80/a", "http://n:80/a"), ("", "")],
)
def test_a_password_in_an_address_is_not_shown(url, shown):
    """`faas gateway config` prints addresses."""
    assert without_password(url) == shown


@ROLES
def test_a_switch_that_is_not_given_stays_as_it_is(role, command, word):
    """Each has a flag that is counted: none given is not its opposite."""
    switches = [name for name, setting in role.settings.items() if setting.kind is SWITCH]
    assert _given(role, {**dict.fromkeys(switches, 0), "host": None}).given == {}
    for name in switches:
        assert _given(role, {name: 1}).given == {name: not role.settings[name].default}
