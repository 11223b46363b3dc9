"""What invoke sends and prints (contract 8)."""

import pytest

ANSWER = bytes(range(256))


@pytest.fixture
def function(client):
    client.gateway.answers["POST /function/fn"] = (200, ANSWER)
    return client


def only(client):
    (request,) = client.gateway.requests
    return request


def test_bytes_in_and_out(function):
    """Not one is changed or added."""
    done = function.run("invoke", "fn", stdin=ANSWER * 1000)
    assert done.stdout == ANSWER
    assert only(function).body == ANSWER * 1000
    assert only(function).headers["Content-Type"] == "text/plain"


def test_no_input(function):
    """An empty body has its length."""
    function.run("invoke", "fn")
    assert only(function).headers["Content-Length"] == "0"


@pytest.mark.parametrize(
    ("flags", "target"),
    [
        ([], "POST /function/fn"),
        (["-n", "dev"], "POST /function/fn.dev"),
        (["--query", "a=1 2", "--query", "b=x&y=z"], "POST /function/fn?a=1+2&b=x%26y%3Dz"),
        (["--path", "a/b"], "POST /function/fn/a/b"),
        (["-m", "GET"], "GET /function/fn"),
        (["--method=DELETE"], "DELETE /function/fn"),
        (["--async"], "POST /async-function/fn"),
        (["-a", "-n", "dev"], "POST /async-function/fn.dev"),
        (["--name", "unused"], "POST /function/fn"),
    ],
)
def test_target(client, flags, target):
    """Method, path and query; without a namespace none is named, which gateways of any age understand."""
    client.run("invoke", "fn", *flags)
    assert client.gateway.lines == [target]


@pytest.mark.parametrize(("variable", "flags", "target"), [("v", [], "fn.v"), ("v", ["-n", "dev"], "fn.dev")])
def test_namespace_of_the_environment(client, variable, flags, target):
    """The flag wins."""
    client.env["OPENFAAS_NS"] = variable
    client.run("invoke", "fn", *flags)
    assert client.gateway.lines == [f"POST /function/{target}"]


def test_namespace_and_gateway_of_the_stack_file(client):
    """The folder's stack file says where its functions are."""
    client.env.pop("OPENFAAS_URL")
    client.write("fn.yml", "provider:\n  name: openfaas\n  gateway: " + client.gateway.url
                 + "/\nfunctions:\n  fn:\n    namespace: dev\n")  # fmt: skip
    client.run("invoke", "fn")
    client.run("invoke", "other")
    assert client.gateway.lines == ["POST /function/fn.dev", "POST /function/other"]


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        (["-H", "X-A: b: c"], "X-A", "b: c"),
        (["--header", "X-A=b"], "X-A", "b"),
        (["-H", "X-A=http://b:1/?c=d"], "X-A", "http://b:1/?c=d"),
        (["-H", "X-A: b=c"], "X-A", "b=c"),
        (["-H", "X-A="], "X-A", ""),
        (["-H", "X-B: 1", "-H", "X-A=2"], "X-A", "2"),
        (["--content-type", "application/json"], "Content-Type", "application/json"),
        (["-H", "Content-Type: a/b"], "Content-Type", "a/b"),
        (["-H", "Content-Type: a/b", "--content-type", "c/d"], "Content-Type", "c/d"),
        (
            ["--sign", "X-Hub", "--key", "k"],
            "X-Hub",
            "sha256=f90c794a8d79d3c4d8d1ec6419ee28615daf19f462055d91bcc26a7ef993c16a",
        ),
    ],
)
def test_headers(client, flags, name, value):
    """A typed content type wins over a header."""
    client.run("invoke", "fn", *flags, stdin=b"test")
    assert {key: each for key, each in only(client).headers.items() if key.lower() == name.lower()} == {name: value}


@pytest.mark.parametrize("size", [5, 200_000])
def test_repeated_headers_and_other_text(client, size):
    """Every value is sent, in order; text outside Latin-1 as UTF-8, whether the body is streamed or not."""
    flags = ["-H", "X-A: 1", "-H", "x-a: 2", "-H", "X-B: ü日"]
    client.run("invoke", "fn", *flags, "--path", "a b/ü%2F?c=d", stdin=b"x" * size)
    sent = [(name, value) for name, value in only(client).fields if name.startswith(("X-", "x-"))]
    assert sent == [("X-A", "1"), ("X-A", "2"), ("X-B", "ü日")]
    assert only(client).target == "/function/fn/a%20b/%C3%BC%2F?c=d"


@pytest.mark.parametrize(
    "flags",
    [
        ["-m", "FETCH"],
        ["--sign", "X"],
        ["--key", "k"],
        ["-H", "nothing"],
        ["--query", "a"],
        ["--query", "=b"],
        ["-H", ": a"],
        ["-H", "=a"],
        ["-H", "A B: c"],
        ["-H", "X-A: b\r\nCookie: c"],
        ["-H", "X-A=b\nc"],
        ["-H", "X-A: b\r"],
        ["-H", "X\r\nY: b"],
        ["-H", "X\nY=b"],
        ["--content-type", "a/b\r\nX: y"],
        ["--sign", "X\r\nY", "--key", "k"],
    ],
)
def test_what_is_refused(client, flags):
    """A wrong method, header or parameter is refused before anything is sent."""
    client.run("invoke", "fn", *flags, code=2)
    assert not client.gateway.requests


def test_credentials_are_never_sent_to_a_function(client):
    """Credentials are never sent to a function."""
    client.gateway.answers["GET /system/functions"] = (200, [])
    client.run("login", "--password-stdin", stdin=b"secret")
    client.run("invoke", "fn")
    assert "Authorization" in client.gateway.requests[0].headers
    assert "Authorization" not in client.gateway.requests[1].headers


def test_asynchronous(client):
    """What happened goes to stderr, and no body to stdout."""
    client.gateway.answers["POST /async-function/fn"] = (202, b"ignored")
    done = client.run("invoke", "fn", "--async")
    assert done.stdout == b""
    assert b"Function submitted asynchronously." in done.stderr


def test_an_asynchronous_call_can_be_followed(client):
    """The call id and the command that shows the call follow on stderr."""
    client.gateway.answers["POST /async-function/fn"] = (202, b"", {"X-Call-Id": "id-7"})
    done = client.run("invoke", "fn", "--async")
    assert done.stdout == b""
    assert b"Call id: id-7\n" in done.stderr
    assert b"faas queue show id-7\n" in done.stderr


def test_the_queue_of_one_function(client):
    """`--function` selects calls of any state."""
    client.gateway.answers["GET /system/queue"] = (200, {"counts": {}, "calls": []})
    client.run("queue", "list", "--function", "fn.dev")
    assert client.gateway.lines == ["GET /system/queue?function=fn.dev&limit=100"]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_other_statuses(client, status):
    """Exit code 1; status and body on stderr, nothing on stdout."""
    client.gateway.answers["POST /function/fn"] = (status, b"no luck")
    done = client.run("invoke", "fn", code=1)
    assert done.stdout == b""
    assert f"status {status}: no luck".encode() in done.stderr


def test_a_function_that_takes_too_long(client, silent_port):
    """`--timeout` ends the wait."""
    done = client.run("invoke", "fn", "-g", f"http://127.0.0.1:{silent_port}", "--timeout", "200ms", code=1)
    assert b"did not answer within 0.2 s" in done.stderr


def test_a_function_token(client):
    """Only when the gateway asks for one: the saved token is exchanged, and the call repeated with the new one."""
    (client.folder / "config").mkdir()
    client.env["OPENFAAS_CONFIG"] = "config"
    client.write("config/config.yml", f"auths:\n  - gateway: {client.gateway.url}\n    auth: oauth2\n    token: mine\n")
    asks = (401, b"", {"WWW-Authenticate": 'Bearer realm="IAM function invoke"'})
    client.gateway.answers["POST /function/fn.dev"] = [asks, (200, b"hello")]
    client.gateway.answers["POST /oauth/token"] = (200, {"access_token": "theirs", "token_type": "Bearer"})
    done = client.run("invoke", "fn", "-n", "dev", stdin=b"body")
    assert done.stdout == b"hello"
    first, exchange, second = client.gateway.requests
    assert "Authorization" not in first.headers
    assert exchange.body == (
        b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=mine"
        b"&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token&scope=function&audience=dev%3Afn"
    )
    assert (second.headers["Authorization"], second.body) == ("Bearer theirs", b"body")


def test_debugging_shows_requests_without_secrets(client):
    """On stderr; what comes out of the command is the same."""
    client.env["FAAS_DEBUG"] = "1"
    client.gateway.answers["GET /system/functions"] = (200, [])
    done = client.run("login", "--password-stdin", stdin=b"sesame")
    assert f"GET {client.gateway.url}/system/functions".encode() in done.stderr
    assert b"Authorization: (hidden)" in done.stderr
    client.gateway.answers["POST /function/fn"] = (200, b"hello")
    assert client.run("invoke", "fn", stdin=b"text").stdout == b"hello"
    assert client.gateway.requests[-1].body == b"text"


def test_a_proxy_is_used_for_other_machines(client):
    """The gateway stand-in acts as the proxy: it receives the absolute URL."""
    client.env["HTTP_PROXY"] = client.gateway.url
    client.gateway.answers |= {
        "GET http://gw.example:8080/system/functions": (200, []),
        "POST http://gw.example:8080/function/fn": (200, b"hello"),
    }
    client.run("list", "-g", "http://gw.example:8080")
    done = client.run("invoke", "fn", "-g", "http://gw.example:8080", stdin=b"x" * 200_000)
    assert done.stdout == b"hello"
    assert len(client.gateway.requests[1].body) == 200_000


@pytest.mark.parametrize(
    "arguments",
    [
        ("invoke", "../system/functions"),
        ("invoke", "fn", "--path", "../../system/functions"),
        ("invoke", "fn", "--path", "%2e%2e/%2E%2E/system/functions"),
        ("describe", ".."),
        ("scale", "../fn", "2"),
        ("queue", "show", "../functions"),
    ],
)
def test_a_name_that_leaves_the_functions(function, arguments):
    """Is refused before anything is sent: the HTTP library would resolve the dots."""
    done = function.run(*arguments, code=2)
    assert done.returncode == 2
    assert "`.` and `..` are not allowed" in done.stderr.decode()
    assert function.gateway.requests == []
