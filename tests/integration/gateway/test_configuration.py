"""Which of flag, environment, file and default gives a setting its value."""

from pathlib import Path

import pytest

from faas_runtime.core.configuration import Chosen, configure
from faas_runtime.core.errors import Invalid
from faas_runtime.core.settings import GATEWAY, PROVIDER


@pytest.fixture
def chosen(tmp_path):
    """The configuration of a gateway whose file has this text."""

    def made(text="", given=None, variables=None, role=GATEWAY):
        (tmp_path / role.file).write_text(text)
        return configure(role, {"state_dir": tmp_path, **(given or {})}, variables or {})

    return made


def test_a_flag_comes_before_the_environment_before_the_file_before_the_default(chosen, tmp_path):
    """Each is asked only where the one before it says nothing."""
    file = "read_timeout = 4\nwrite_timeout = 4\nhead_timeout = 4\n"
    variables = {"FAAS_GATEWAY_READ_TIMEOUT": "3s", "FAAS_GATEWAY_WRITE_TIMEOUT": "3s"}
    found = chosen(file, {"read_timeout": 2.0}, variables)
    assert found["read_timeout"] == Chosen(2.0, "flag", "--read-timeout")
    assert found["write_timeout"] == Chosen(3.0, "environment", "FAAS_GATEWAY_WRITE_TIMEOUT")
    assert found["head_timeout"] == Chosen(4.0, "file", f"{tmp_path}/gateway.toml:3")
    assert found["idle_timeout"] == Chosen(60.0, "default", "")


def test_our_variable_comes_before_the_contracts(chosen):
    """Both name the same setting."""
    found = chosen("", {}, {"FAAS_GATEWAY_PORT": "9000", "port": "9001"})
    assert found["port"] == Chosen(9000, "environment", "FAAS_GATEWAY_PORT")


def test_the_contracts_variables_are_read(chosen):
    """Under the names that the OpenFaaS gateway reads."""
    variables = {
        "port": "8081",
        "basic_auth": "false",
        "secret_mount_path": "/x",
        "functions_provider_url": "http://provider:8081/",
        "logs_provider_url": "http://logs:8082/",
        "provider_secret_mount_path": "/y",
        "read_timeout": "8",
        "write_timeout": "1m5s",
        "upstream_timeout": "250ms",
        "OPENFAAS_STORE": "",
    }
    settings = chosen("", {}, variables).settings()
    assert (settings.port, settings.auth, settings.store_url) == (8081, False, "")
    assert (settings.provider_url, settings.logs_url) == ("http://provider:8081/", "http://logs:8082/")
    assert (settings.secrets_dir, settings.provider_secrets_dir) == (Path("/x"), Path("/y"))
    assert (settings.read_timeout, settings.write_timeout, settings.upstream_timeout) == (8.0, 65.0, 0.25)


@pytest.mark.parametrize(
    ("name", "text"), [("port", "http"), ("port", "65536"), ("read_timeout", "soon"), ("upstream_timeout", "0")]
)
def test_a_contracts_variable_that_cannot_be_read_is_ignored(chosen, name, text):
    """As the contract says; ours is an error."""
    assert chosen("", {}, {name: text})[name].source == "default"
    with pytest.raises(Invalid, match=f"environment variable `FAAS_GATEWAY_{name.upper()}`: `{text}` is"):
        chosen("", {}, {f"FAAS_GATEWAY_{name.upper()}": text})


@pytest.mark.parametrize(("text", "auth"), [("true", True), ("yes", True), ("False", False), ("", True)])
def test_only_false_turns_authentication_off(chosen, text, auth):
    """Any other word of `basic_auth` leaves it on."""
    assert chosen("", {}, {"basic_auth": text})["auth"].value is auth


def test_basic_auth_reads_the_account_where_orchestrators_mount_it(chosen):
    """Unless a folder is given anywhere."""
    assert chosen("", {}, {"basic_auth": "true"})["secrets_dir"].value == Path("/run/secrets")
    assert chosen("secrets_dir = '/f'", {}, {"basic_auth": "true"})["secrets_dir"].value == Path("/f")


def test_an_empty_variable_counts_as_not_set(chosen):
    """Except for the store, where it means none."""
    found = chosen("", {}, {"FAAS_GATEWAY_NATS": "", "FAAS_GATEWAY_STORE_URL": ""})
    assert (found["nats"].source, found["store_url"].source) == ("default", "environment")


def test_lists_and_paths(chosen, tmp_path):
    """A file has arrays, and paths that begin where it lies; a variable has commas."""
    found = chosen(
        "unix = 'a.sock'\ncallback_hosts = ['a', 'b']\n", {}, {"FAAS_GATEWAY_TRUSTED_PROXIES": "::1, 1.2.3.4"}
    )
    assert found["unix"].value == tmp_path / "a.sock"
    assert found["callback_hosts"].value == ("a", "b")
    assert found["trusted_proxies"].value == ("::1", "1.2.3.4")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nport = true", ":2: setting `port`: must be a number from 0 to 65535"),
        ("port = '80'", ":1: setting `port`: must be a number from 0 to 65535"),
        ("port = 65536", ":1: setting `port`: `65536` is more than 65535"),
        ("auth = 'no'", ":1: setting `auth`: must be true or false"),
        ("idle_timeout = true", ":1: setting `idle_timeout`: must be a duration"),
        ("idle_timeout = 'soon'", ":1: setting `idle_timeout`: `soon` is not a duration"),
        ("callback_hosts = 'a'", ":1: setting `callback_hosts`: must be a list of hosts"),
        ("callback_hosts = [1]", ":1: setting `callback_hosts`: must be a list of hosts"),
        ("trusted_proxies = ['a']", ":1: setting `trusted_proxies`: `a` is not a network"),
        ("engine = 3", ":1: setting `engine`: must be one of process, docker, swarm"),
        ("port = 1\nidle_timeot = 3", ":2: unknown setting `idle_timeot`; did you mean `idle_timeout`?"),
        ("\n[proxy]\nport = 1", ":2: unknown table `proxy`; the file has keys only, no tables"),
        ("state_dir = '/a'", ":1: `state_dir` cannot be set in this file; use `--state-dir`"),
        ("port = ", "` is not TOML: Invalid value"),
    ],
)
def test_a_file_that_cannot_be_used(chosen, tmp_path, text, problem):
    """One sentence names the file, the line, the key and what is wrong."""
    with pytest.raises(Invalid) as caught:
        chosen(text)
    assert f"{tmp_path}/gateway.toml{problem}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_file(chosen, tmp_path):
    """`--config` or its variable names it; it must exist, and the usual one is not read."""
    (tmp_path / "other.toml").write_text("port = 3")
    other = {"FAAS_GATEWAY_CONFIG": str(tmp_path / "other.toml")}
    assert chosen("port = 2\nworkers = 2", {}, other)["port"].value == 3
    assert chosen("port = 2\nworkers = 2", {}, other)["workers"].value == 1
    with pytest.raises(Invalid, match=r"missing\.toml` cannot be read: No such file"):
        chosen("", {"config": tmp_path / "missing.toml"})


def test_a_provider_has_its_own_file_and_port(chosen):
    """What only a gateway has is unknown to it."""
    assert chosen("idle_timeout = 5", role=PROVIDER).settings().port == 8081
    with pytest.raises(Invalid, match=r"provider.toml:1: unknown setting `nats`"):
        chosen("nats = 'a'", role=PROVIDER)


@pytest.mark.parametrize(
    ("text", "given", "variables", "refused"),
    [
        ("auth = false", {}, {}, False),
        ("auth = false\nhost = '0.0.0.0'", {}, {}, True),
        ("host = '0.0.0.0'", {"auth": False}, {}, True),
        ("auth = false", {"host": "10.0.0.1"}, {}, True),
        ("", {"host": "10.0.0.1"}, {"FAAS_GATEWAY_AUTH": "false"}, True),
        ("", {"host": "10.0.0.1"}, {"basic_auth": "false"}, False),
        ("", {"host": "10.0.0.1"}, {}, False),
    ],
)
def test_an_open_gateway_on_a_public_address_must_be_confirmed(chosen, text, given, variables, refused):
    """Wherever host and authentication were set; the contract's variable is the exception, as in containers."""
    found = chosen(text, given, variables)
    found.refuse_open(confirmed=True)
    if not refused:
        found.refuse_open(confirmed=False)
        return
    with pytest.raises(Invalid, match="everybody who can reach this machine"):
        found.refuse_open(confirmed=False)


def test_the_report(chosen):
    """Values as TOML writes them, without passwords."""
    rows = {row["name"]: row for row in chosen("idle_timeout = 90\nnats = 'nats://a:b@c'").report()}
    assert list(rows) == list(GATEWAY.settings)
    assert rows["idle_timeout"]["value"] == "90s"
    assert rows["nats"]["value"] == "nats://***@c"
    assert (rows["port"]["value"], rows["auth"]["value"], rows["unix"]["value"]) == (8080, True, None)
    assert (rows["buffer_bytes"]["value"], rows["trusted_proxies"]["value"]) == ("64Ki", ["127.0.0.0/8", "::1/128"])
