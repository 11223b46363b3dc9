"""Calls and requests when the provider is away, broken or refuses."""

import http.server
import json
import os
import signal
import threading
import time


def test_a_provider_that_was_killed_comes_back_with_its_functions(gateway, provider, wait_for):
    gateway.deploy("echo")
    provider.kill()

    assert gateway.call("echo", b"x").status == 502
    refused = gateway.ask("GET", "/system/functions")
    assert (refused.status, "does not answer: connection refused" in refused.text) == (503, True), refused
    assert gateway.deploy("other").status == 503
    assert gateway.ask("GET", "/system/info").json()["provider"]["provider"] == "unknown"
    wait_for(lambda: gateway.ask("GET", "/healthz").status == 503)
    assert "provider: " in gateway.ask("GET", "/healthz").text

    provider.restart()

    wait_for(lambda: gateway.call("echo", b"x").body == b"x")
    wait_for(lambda: gateway.ask("GET", "/healthz").status == 200)
    assert gateway.deploy("other").status == 202


def test_a_gateway_starts_before_its_provider_does(make_gateway, provider, wait_for):
    provider.deploy("echo")
    provider.stop()
    gateway = make_gateway("--provider-url", provider.url, "--provider-secrets-dir", str(provider.state))
    assert gateway.call("echo").status == 404
    assert gateway.ask("GET", "/healthz").status == 503

    provider.restart()

    wait_for(lambda: gateway.call("echo", b"x").body == b"x")
    wait_for(lambda: gateway.ask("GET", "/healthz").status == 200)


def test_wrong_credentials_are_told_at_once(run_gateway, provider, tmp_path):
    (tmp_path / "basic-auth-user").write_text("admin\n")
    (tmp_path / "basic-auth-password").write_text("wrong\n")
    for options in (["--provider-secrets-dir", str(tmp_path)], []):
        code, error = run_gateway("--provider-url", provider.url, *options)
        assert code == 1
        assert f"the provider at `{provider.url}/` does not accept the user and password" in error


def test_credentials_that_become_wrong_are_told_by_the_health_check(gateway, provider, wait_for):
    gateway.deploy("echo")
    provider.stop()
    (provider.state / "basic-auth-password").write_text("changed\n")
    provider.restart()

    wait_for(lambda: "does not accept the user" in gateway.ask("GET", "/healthz").text)
    answer = gateway.ask("GET", "/system/functions")
    # Not 401: the caller's own credentials are right.
    assert (answer.status, "does not accept the user" in answer.text) == (503, True)
    # Calls need no credentials: they go on.
    assert gateway.call("echo", b"x").body == b"x"


def test_what_cannot_be_an_address_is_refused(run_gateway, tmp_path):
    for url in ("https://127.0.0.1:1/", "ftp://x", "http://admin:x@127.0.0.1:1", "http://127.0.0.1:port"):
        code, error = run_gateway("--provider-url", url)
        assert (code, error.startswith("faas-gateway: the provider's address `")) == (1, True), error
        assert "admin:x" not in error
    code, error = run_gateway("--provider-url", "http://127.0.0.1:1", "--provider-secrets-dir", str(tmp_path))
    assert (code, "basic-auth-user` cannot be read: No such file or directory" in error) == (1, True)


def test_the_environment_of_the_contract_is_enough(make_gateway, provider, tmp_path, monkeypatch):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "basic-auth-user").write_text("admin")
    (secrets / "basic-auth-password").write_bytes((provider.state / "basic-auth-password").read_bytes())
    monkeypatch.setenv("functions_provider_url", f"{provider.url}/")
    monkeypatch.setenv("basic_auth", "true")
    monkeypatch.setenv("secret_mount_path", f"{secrets}/")
    monkeypatch.setenv("upstream_timeout", "30s")
    gateway = make_gateway()

    authorization = {"Authorization": provider.authorization()}
    assert gateway.ask("GET", "/system/functions", headers=authorization, auth=False).status == 200
    assert gateway.ask("GET", "/system/functions", auth=False).status == 401


class LogService(http.server.BaseHTTPRequestHandler):
    """Keeps one line of every function, and leaves out what it does not know."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"text":"kept elsewhere\\n"}\nnot JSON')

    def log_message(self, *args):
        pass


def test_logs_may_be_kept_by_another_service(make_gateway, provider):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), LogService) as service:
        threading.Thread(target=service.serve_forever).start()
        gateway = make_gateway(
            *("--provider-url", provider.url, "--provider-secrets-dir", str(provider.state)),
            *("--logs-url", f"http://127.0.0.1:{service.server_port}/"),
        )
        gateway.deploy("echo")
        lines = gateway.ask("GET", "/system/logs?name=echo").body.splitlines()
        service.shutdown()

    found = [json.loads(line) for line in lines]
    assert [line["text"] for line in found] == ["kept elsewhere", "not JSON"]
    assert found[0]["name"] == "echo"


def test_the_gateway_does_not_wait_for_ever(gateway, provider):
    gateway.deploy("echo")
    os.kill(provider.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = gateway.ask("GET", "/system/functions")
        assert (answer.status, "within 10 s" in answer.text) == (503, True)
        assert time.monotonic() - began < 15
    finally:
        os.kill(provider.process.pid, signal.SIGCONT)
    assert gateway.call("echo", b"x").body == b"x"


def test_only_a_gateway_asks_the_provider(provider):
    """Its REST API wants user and password; what a gateway adds is not there."""
    for path in ("/system/functions", "/system/info", "/system/secrets", "/system/namespaces", "/system/logs?name=x"):
        assert provider.ask("GET", path, auth=False).status == 401
    assert provider.ask("GET", "/healthz").status == 200
    for method, path in (
        ("POST", "/async-function/x"),
        ("GET", "/system/queue"),
        ("GET", "/"),
        ("POST", "/system/alert"),
    ):
        assert provider.ask(method, path).status == 404, path
