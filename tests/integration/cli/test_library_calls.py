"""The Python API against a gateway that records what it is asked: what it sends, and what it refuses at once."""

import warnings
from datetime import UTC, datetime, timedelta, timezone

import pytest

from faas_cli import BuildOptions, DeployOptions, FaasError, Function, Gateway, GatewayError, Stack, build, deploy
from faas_cli.stack.model import Provider
from tests.conformance.cli.recorder import PROCESS_INFO, recording

LINE = b'{"name":"fn","namespace":"n","instance":"i","timestamp":"2026-01-01T00:00:00Z","text":"a"}'
STATUS = {"name": "fn", "image": "i", "createdAt": "2026-01-01T00:00:00Z"}
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def server():
    """Answers as configured."""
    with recording() as recorder:
        yield recorder


@pytest.fixture
def gateway(server):
    """The library's gateway."""
    return Gateway(server.url, password="secret")


def stack(**annotations):
    """A stack of two functions without handlers."""
    one = Function(name="one", image="one:1", lang="go", handler="./one", annotations=annotations)
    return Stack(provider=Provider(name="openfaas"), functions={"one": one, "two": Function(name="two", image="two:1")})


def test_a_call(gateway, server):
    """Text or bytes, with everything a call has; no credentials are sent to a function."""
    server.answers["PUT /function/fn.dev/a%20b"] = (200, b"answer")
    answer = gateway.invoke(
        "fn", "ü", namespace="dev", path="a b", method="PUT", headers={"X-A": "日", "content-type": "a/b"},
        query={"q": "1&2"},
    )  # fmt: skip
    assert answer == b"answer"
    gateway.invoke("fn", b"\xff")
    first, second = server.requests
    assert (str(first), first.body) == ("PUT /function/fn.dev/a%20b?q=1%262", "ü".encode())
    assert {"X-A": "日", "content-type": "a/b"}.items() <= dict(first.fields).items()
    assert (second.body, second.headers["Content-Type"]) == (b"\xff", "text/plain")
    assert "Authorization" not in first.headers


def test_a_call_that_fails(gateway, server):
    """The error has the status, the function's words and a hint."""
    server.answers["POST /function/fnn"] = (404, b"not here")
    server.answers["GET /system/functions"] = (200, [STATUS])
    with pytest.raises(GatewayError, match="answered with status 404: not here") as caught:
        gateway.invoke("fnn")
    assert (caught.value.status, caught.value.hint) == (404, "did you mean `fn`?")


def test_an_asynchronous_call(gateway, server):
    """Its id leads to its state and its result."""
    server.answers["POST /async-function/fn"] = (202, b"", {"X-Call-Id": "c1"})
    server.answers["GET /system/async/c1"] = (
        200, {"callId": "c1", "function": "fn", "namespace": "n", "state": "done", "created": 1.0}
    )  # fmt: skip
    server.answers["GET /system/async/c1/result"] = (200, b"later")
    call_id = gateway.invoke_async("fn", "x", callback="http://127.0.0.1:9/")
    assert call_id == "c1"
    assert server.requests[0].headers["X-Callback-Url"] == "http://127.0.0.1:9/"
    assert gateway.async_call(call_id).state == "done"
    assert gateway.async_result(call_id) == b"later"


def test_logs(gateway, server):
    """The request is sent at once, so that a function that does not exist is an error at once."""
    server.answers["GET /system/logs"] = [(200, LINE), (200, LINE), (404, b"")]
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    lines = gateway.logs("fn", "dev", instance="i", since=moment, lines=3)
    assert len(server.requests) == 1
    assert [line.text for line in lines] == ["a"]
    (request,) = server.requests
    assert request.target == (
        "/system/logs?name=fn&instance=i&namespace=dev&follow=false&since=2026-01-02T02%3A04%3A05.000000Z&tail=3"
    )
    list(gateway.logs("fn", since=timedelta(minutes=1), follow=True))
    assert "follow=true" in server.requests[1].target
    assert f"since={datetime.now(UTC):%Y-%m-%d}" in server.requests[1].target
    with pytest.raises(GatewayError, match="there is no function `fn`"):
        gateway.logs("fn")


def test_secrets(gateway, server):
    """A secret is created, or replaced if there is one; its bytes arrive as they are."""
    server.answers["POST /system/secrets"] = [(201, b""), (409, b"")]
    server.answers["GET /system/secrets"] = (200, [{"name": "b"}, {"name": "a"}])
    gateway.set_secret("a", "text", "dev")
    gateway.set_secret("b", b"\xff\n")
    assert gateway.secrets() == ["a", "b"]
    gateway.remove_secret("a")
    assert [request.method for request in server.requests] == ["POST", "POST", "PUT", "GET", "DELETE"]
    assert server.requests[0].json == {"name": "a", "namespace": "dev", "value": "text", "rawValue": "dGV4dA=="}
    assert server.requests[2].json["rawValue"] == "/wo="


def test_waiting(gateway, server):
    """For the gateway and for a function; refused credentials and the timeout are errors."""
    server.answers["GET /healthz"] = [(503, b""), (200, b"")]
    gateway.wait_ready()
    server.answers["GET /system/function/fn"] = [(404, b""), (200, STATUS), (200, {**STATUS, "availableReplicas": 1})]
    gateway.wait_ready("fn")
    server.answers["GET /system/function/fn"] = (200, STATUS)
    with pytest.raises(GatewayError, match=r"function `fn` at .* was not ready within 0.1 s: it has no ready replica"):
        gateway.wait_ready("fn", timeout=0.1)
    server.answers["GET /system/function/fn"] = (401, b"")
    with pytest.raises(GatewayError, match="rejected the credentials"):
        gateway.wait_ready("fn", timeout=30)


def test_deploying_returns_addresses(gateway, server):
    """Of the chosen functions; a setting without effect is a warning, or refused."""
    server.answers["GET /system/info"] = (200, PROCESS_INFO)
    assert gateway.deploy(stack(), options=DeployOptions(namespace="dev")) == [
        f"{server.url}/function/one.dev", f"{server.url}/function/two.dev",
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert deploy(stack(), gateway, ["two"]) == [f"{server.url}/function/two"]
    with pytest.warns(UserWarning, match="annotation `topic: orders` has no effect") as caught:
        gateway.deploy(stack(topic="orders"), ["one"])
    assert caught[0].filename == __file__
    sent = len(server.requests)
    with pytest.raises(FaasError, match="has no effect"):
        gateway.deploy(stack(topic="orders"), ["one"], DeployOptions(strict=True))
    assert [request.method for request in server.requests[sent:]] == ["GET"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda gateway: gateway.invoke("fn", {"a": 1}), "`body` must be bytes or str, not dict"),
        (lambda gateway: gateway.invoke(None), "`name` must be str, not NoneType"),
        (lambda gateway: gateway.invoke("fn", headers={"X": 1}), r"`headers\['X'\]` must be str, not int"),
        (lambda gateway: gateway.invoke("fn", query=["a"]), "`query` must be Mapping, not list"),
        (lambda gateway: gateway.invoke("fn", timeout="1s"), "`timeout` must be int or float, not str"),
        (lambda gateway: gateway.invoke("fn", asynchronous=True), "unexpected keyword argument"),
        (lambda gateway: gateway.scale("fn", "2"), "`replicas` must be int, not str"),
        (lambda gateway: gateway.logs("fn", since="10m"), "`since` must be datetime or timedelta, not str"),
        (lambda gateway: gateway.set_secret("a", 1), "`value` must be bytes or str, not int"),
        (lambda gateway: gateway.deploy("stack.yaml"), "`stack` must be Stack, not str"),
        (lambda gateway: gateway.deploy(stack(), "one"), "`functions` must be several functions or names, in a list"),
        (lambda gateway: gateway.deploy(stack(), [1]), "`functions` must be Function or str, not int"),
        (lambda gateway: gateway.deploy(stack(), options=BuildOptions()), "`options` must be DeployOptions"),
        (lambda gateway: deploy(stack(), NOWHERE), "`gateway` must be Gateway, not str"),
        (lambda gateway: build(stack(), options={"parallel": 4}), "`options` must be BuildOptions, not dict"),
        (lambda gateway: build("stack.yaml"), "`stack` must be Stack, not str"),
        (lambda gateway: Gateway(8080), "`url` must be str, not int"),
    ],
)
def test_a_wrong_type_is_refused_at_once(wrong, message):
    """With the argument's name; no gateway is asked, nothing is built."""
    with pytest.raises(TypeError, match=message):
        wrong(Gateway(NOWHERE))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda gateway: gateway.invoke(""), "`` is not the name of a function"),
        (lambda gateway: gateway.invoke("fn/path"), "`fn/path` is not the name of a function"),
        (lambda gateway: gateway.invoke(".."), "are not allowed"),
        (lambda gateway: gateway.invoke("fn", path="../x"), "are not allowed"),
        (lambda gateway: gateway.invoke("fn", method="FETCH"), "`FETCH` is not an HTTP method"),
        (lambda gateway: gateway.invoke("fn", headers={"X": "a\nb"}), "must not contain line breaks"),
        (lambda gateway: gateway.invoke("fn", headers={"X": "\ud800"}), "must be text"),
        (lambda gateway: gateway.invoke("fn", headers={"X Y": "a"}), "'X Y' is not the name of a header"),
        (lambda gateway: gateway.invoke("fn", timeout=0), "`timeout` must be greater than 0: 0"),
        (lambda gateway: gateway.wait_ready(timeout=-1), "`timeout` must be greater than 0: -1"),
        (lambda gateway: gateway.scale("fn", -1), "`replicas` must be at least 0: -1"),
        (lambda gateway: gateway.logs("fn", lines=0), "`lines` must be at least 1: 0"),
        (lambda gateway: gateway.set_secret("A B", "x"), "`A B` is not a valid secret name"),
        (lambda gateway: gateway.set_secret("a", ""), "the value of secret `a` is empty"),
        (lambda gateway: gateway.deploy(stack(), ["three"]), "there is no function `three` in the stack"),
        (lambda gateway: build(stack(), ["three"]), "there is no function `three` in the stack"),
        (lambda gateway: Gateway("ftp://a"), "`ftp://a` is not a valid gateway address"),
        (lambda gateway: Gateway(NOWHERE, user="a"), "`user` needs `password`"),
        (lambda gateway: Gateway(NOWHERE, password="a", token="b"), "`token` and `password` exclude each other"),
    ],
)
def test_a_wrong_value_is_refused_at_once(wrong, message):
    """As an expected error."""
    with pytest.raises(FaasError, match=message):
        wrong(Gateway(NOWHERE))
