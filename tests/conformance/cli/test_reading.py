"""What list, describe, logs, ready, version, secrets and namespaces ask and print (contract 9 to 11)."""

import base64
import json

import pytest

A = {
    "name": "a", "image": "acme/a:1", "namespace": "dev", "envProcess": "cat", "envVars": {"Z": "1", "B": "2"},
    "secrets": ["s"], "constraints": ["k=v"], "labels": {"team": "x"}, "limits": {"memory": "1Mi"},
    "requests": {"memory": "1Mi", "cpu": "10m"}, "invocationCount": 3, "replicas": 2, "availableReplicas": 1,
    "createdAt": "2024-01-02T03:04:05Z", "usage": {"cpu": 12, "totalMemoryBytes": 10485760},
}  # fmt: skip
B = {"name": "b", "image": "acme/b", "invocationCount": 9, "createdAt": "2023-01-02T03:04:05Z"}
LOG = {"name": "a", "namespace": "dev", "instance": "a-1", "timestamp": "2024-01-02T03:04:05.678901234Z", "text": "x\n"}
INFO = {
    "provider": {"provider": "p", "version": {"sha": "s1", "release": "1"}, "orchestration": "processes"},
    "version": {"sha": "s2", "release": "2"},
}


@pytest.fixture
def two(client):
    client.gateway.answers["GET /system/functions"] = (200, [B, A])
    client.gateway.answers["GET /system/function/a"] = (200, A)
    return client


def text(done):
    return done.stdout.decode()


def test_list(two):
    """Tab-separated, padded, by name."""
    assert text(two.run("list")).splitlines() == [
        f"{'Function':<30}\t{'Invocations':<15}\t{'Replicas':<5}",
        f"{'a':<30}\t{'3':<15}\t{'2':<5}",
        f"{'b':<30}\t{'9':<15}\t{'0':<5}",
    ]


def test_list_verbose(two):
    """Two tabs before the time."""
    assert text(two.run("ls", "-v")).splitlines()[1] == (
        f"{'a':<30}\t{'acme/a:1':<40}\t{'3':<15}\t{'2':<5}\t\t2024-01-02 03:04:05 +0000 UTC"
    )


@pytest.mark.parametrize(
    ("flags", "names"),
    [([], "ab"), (["--sort", "invocations"], "ba"), (["--sort", "creation"], "ba"), (["--sort=name"], "ab")],
)
def test_list_order(two, flags, names):
    """Names only, in three orders."""
    assert text(two.run("list", "-q", *flags)).splitlines() == list(names)


def test_list_json(two):
    """As the gateway has it; an empty list is one."""
    assert [each["name"] for each in json.loads(text(two.run("list", "--json", "--quiet")))] == ["a", "b"]
    two.gateway.answers["GET /system/functions"] = (200, [])
    assert text(two.run("list", "-j")) == "[]\n"


@pytest.mark.parametrize(("flags", "query"), [([], ""), (["-n", "dev"], "?namespace=dev")])
def test_list_namespace(two, flags, query):
    """Asked only when named."""
    two.run("list", *flags)
    assert two.gateway.lines == [f"GET /system/functions{query}"]


def test_describe(two):
    """Labels in one column, sections below."""
    url = two.gateway.url
    assert text(two.run("describe", "a", "-n", "dev")).splitlines() == [
        "Name:               a",
        "Status:             Ready",
        "Replicas:           2",
        "Available Replicas: 1",
        "Invocations:        3",
        "Image:              acme/a:1",
        "Function Process:   cat",
        f"URL:                {url}/function/a.dev",
        f"Async URL:          {url}/async-function/a.dev",
        "Labels:",
        " team: x",
        "Constraints:",
        " - k=v",
        "Environment:",
        " B: 2",
        " Z: 1",
        "Secrets:",
        " - s",
        "Requests:",
        " CPU: 10m",
        " Memory: 1Mi",
        "Limits:",
        " Memory: 1Mi",
        "Usage:",
        "  RAM:  10.00 MB",
        "  CPU:  12 Mi",
    ]
    assert two.gateway.lines[0] == "GET /system/function/a?namespace=dev&usage=1"
    assert "Annotations:        <none>" in text(two.run("describe", "a", "-v")).splitlines()
    assert two.run("describe", "a", "--name", "x").returncode == 0


def test_describe_json(two):
    """The function's fields, and four of our own."""
    found = json.loads(text(two.run("describe", "a", "--json")))
    assert found["Status"] == "Ready"
    assert found["InvocationCount"] == 3
    assert found["AsyncURL"] == f"{two.gateway.url}/async-function/a"
    assert found["envProcess"] == "cat"


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ([], "2024-01-02T03:04:05Z x"),
        (["--name", "--instance"], "2024-01-02T03:04:05Z a (a-1) x"),
        (["--time-format="], "x"),
        (["--time-format", "rfc822"], "02 Jan 24 03:04 UTC x"),
        (["--time-format", "15:04:05"], "03:04:05 x"),
        (["-o", "keyvalue", "--name", "--instance"],
         'timestamp="2024-01-02T03:04:05Z" name="a" instance="a-1" text="x" '),
        (["-o", "JSON"], json.dumps(LOG, separators=(",", ":"))),
        (["-j"], json.dumps(LOG, separators=(",", ":"))),
    ],
)  # fmt: skip
def test_logs(client, flags, line):
    """Three forms."""
    client.gateway.answers["GET /system/logs"] = (200, json.dumps(LOG).encode() + b"\n")
    assert text(client.run("logs", "a", *flags)) == line + "\n"


def test_logs_back_to_back(client):
    """Objects need no line feed between them."""
    client.gateway.answers["GET /system/logs"] = (200, json.dumps(LOG).encode() * 2)
    assert text(client.run("logs", "a", "--time-format=")) == "x\nx\n"


@pytest.mark.parametrize(
    ("flags", "query"),
    [
        ([], "name=a&follow=true"),
        (["--tail=false"], "name=a&follow=false"),
        (["-t=false", "--lines", "5"], "name=a&follow=false&tail=5"),
        (["-n", "dev"], "name=a&follow=true&namespace=dev"),
        (["--since-time", "2024-01-02T03:04:05Z", "--since", "1h"], "name=a&follow=true&since=2024-01-02T03:04:05Z"),
    ],
)
def test_logs_query(client, flags, query):
    """`ready` asks the right endpoint."""
    client.run("logs", "a", *flags)
    (line,) = client.gateway.lines
    assert sorted(line.replace("%3A", ":").partition("?")[2].split("&")) == sorted(query.split("&"))


def test_ready(client):
    """Each attempt is printed until the function is ready."""
    client.gateway.answers["GET /healthz"] = [(503, b""), (200, b"")]
    assert text(client.run("ready", "--interval", "1ms", "--attempts", "3")).splitlines() == [
        "[1/3] Waiting for gateway", "[2/3] Waiting for gateway", "OpenFaaS gateway is ready",
    ]  # fmt: skip
    client.gateway.answers["GET /system/function/a"] = [(404, b""), (200, {**A, "availableReplicas": 0}), (200, A)]
    lines = text(client.run("ready", "a", "-n", "dev", "--interval", "1ms")).splitlines()
    assert lines[-2:] == ["[3/60] Waiting for function a.dev", "Function a is ready"]
    client.gateway.answers["GET /healthz"] = (503, b"")
    client.run("ready", "--interval", "1ms", "--attempts", "2", code=1)
    client.run("ready", "--attempts", "0", code=2)


def test_version(client):
    """This tool, the gateway, its provider; and without a gateway."""
    client.gateway.answers["GET /system/info"] = (200, INFO)
    found = json.loads(text(client.run("version", "-j")))
    assert found["gateway"] == {"uri": client.gateway.url, "version": "2", "sha": "s2"}
    assert found["provider"] == {"name": "p", "orchestration": "processes", "version": "1", "sha": "s1"}
    assert text(client.run("version", "--short-version")) == found["cli"]["version"] + "\n"
    assert " name:          p" in text(client.run("version", "--warn-update=false"))
    client.gateway.answers["GET /system/info"] = (500, b"")
    assert "CLI:" in text(client.run("version"))
    client.run("version", "--json", code=1)


def test_secret_create(client):
    """From a literal, standard input, or a file, whose bytes go along untrimmed."""
    client.gateway.answers["POST /system/secrets"] = (201, b"")
    client.write("file", "from file\n")
    for flags, stdin in (["--from-literal", " x "], b""), ([], b"piped\n"), (["--from-file", "file"], b""):
        done = client.run("secret", "create", "s", "-n", "dev", *flags, stdin=stdin)
        assert text(done).splitlines() == ["Creating secret: s.dev", "Created: 201 Created"]
    client.run("secret", "create", "s", "--trim=false", stdin=b"piped\n")
    raw = base64.b64encode(b"from file\n").decode()
    assert [request.json for request in client.gateway.requests] == [
        {"name": "s", "namespace": "dev", "value": "x"},
        {"name": "s", "namespace": "dev", "value": "piped"},
        {"name": "s", "namespace": "dev", "value": "from file", "rawValue": raw},
        {"name": "s", "value": "piped\n"},
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["S", "--from-literal", "x"], ["a_b", "--from-literal", "x"], ["a", "--from-literal", " "],
        ["a", "--from-literal", "x", "--from-file", "y"], ["a", "--from-file", "nowhere"], [],
    ],
)  # fmt: skip
def test_secret_create_refuses(client, arguments):
    """Before anything is sent."""
    client.run("secret", "create", *arguments, code=1 if arguments[-1:] in ([" "], ["nowhere"]) else 2)
    assert not client.gateway.requests


def test_secret_that_is_there(client):
    """Exit code 1 (it was 0 in the original); `--replace` replaces."""
    client.gateway.answers["POST /system/secrets"] = (409, b"")
    client.gateway.answers["PUT /system/secrets"] = (202, b"")
    assert b"--replace" in client.run("secret", "create", "s", "--from-literal", "x", code=1).stderr
    assert "Updated: 202 Accepted" in text(client.run("secret", "create", "s", "--from-literal", "x", "--replace"))
    assert client.gateway.lines == ["POST /system/secrets"] * 2 + ["PUT /system/secrets"]


def test_secret_update_list_remove(client):
    """And what they print."""
    assert "Updating secret: s" in text(client.run("secret", "u", "s", "--from-literal", "x"))
    client.gateway.answers["GET /system/secrets"] = (200, [{"name": "s", "namespace": "dev"}])
    assert text(client.run("secret", "ls", "-n", "dev")) == "\nNAME\ns\n\n"
    assert json.loads(text(client.run("secret", "list", "-j"))) == [{"name": "s", "namespace": "dev"}]
    client.gateway.answers["GET /system/secrets"] = (200, [])
    assert text(client.run("secret", "list")) == "No secrets found.\n"
    assert text(client.run("secret", "rm", "s", "-n", "dev")) == "Removed.. OK.\n"
    assert client.gateway.requests[-1].json == {"name": "s", "namespace": "dev"}


def test_secret_apply(client):
    """Each file of `.secrets`; what cannot be a secret is left out."""
    client.run("secret", "apply", code=1)
    (client.folder / ".secrets").mkdir()
    for name, content in (("one", "1"), ("two", "2\n"), ("Bad", "3"), ("empty", "")):
        client.write(f".secrets/{name}", content)
    client.gateway.answers["POST /system/secrets"] = [(201, b""), (409, b"")]
    done = client.run("secret", "apply")
    assert client.gateway.lines == ["POST /system/secrets", "POST /system/secrets", "PUT /system/secrets"]
    assert [request.json["value"] for request in client.gateway.requests] == ["1", "2", "2"]
    assert b"Bad" in done.stderr
    assert b"empty" in done.stderr


def test_namespaces(client):
    """List, get, create, update, remove."""
    client.gateway.answers["GET /system/namespaces"] = (200, ["a", "b"])
    assert text(client.run("ns", "ls")).splitlines() == ["Namespaces:", " - a", " - b"]
    assert text(client.run("namespaces")).splitlines() == ["Namespaces:", " - a", " - b"]
    assert json.loads(text(client.run("namespace", "list", "--json"))) == ["a", "b"]
    client.gateway.answers["GET /system/namespace/a"] = (200, {"name": "a", "labels": {"x": "y"}})
    assert text(client.run("namespace", "get", "a")).splitlines() == ["Name: a", "Labels:", " x: y"]
    client.gateway.requests.clear()
    done = client.run("namespace", "create", "c", "-l", "x=y", "--annotation", "n=m")
    assert text(done).splitlines() == ["Creating Namespace: c", "Namespace Created: c"]
    client.run("namespace", "update", "c", "-l", "x=y")
    client.run("namespace", "delete", "c")
    assert client.gateway.lines == [
        "POST /system/namespace/", "PUT /system/namespace/c", "DELETE /system/namespace/c",
    ]  # fmt: skip
    assert client.gateway.requests[0].body == (
        b'{"name":"c","annotations":{"n":"m","openfaas":"1"},"labels":{"x":"y","openfaas":"1"}}'
    )


def test_a_typed_token_wins_over_saved_credentials(client):
    """Defect 14 of the original."""
    client.gateway.answers["GET /system/functions"] = (200, [])
    client.run("login", "--password-stdin", stdin=b"secret")
    client.run("list")
    client.run("list", "--token", "abc")
    assert [request.headers["Authorization"] for request in client.gateway.requests] == [
        "Basic " + base64.b64encode(b"admin:secret").decode(),
    ] * 2 + ["Bearer abc"]


def test_the_credentials_file(client):
    """Mode, layout, update in place, removal; in CI in the folder itself."""
    client.gateway.answers["GET /system/functions"] = (200, [])
    client.env["OPENFAAS_CONFIG"] = "~/elsewhere"
    path = client.folder.parent / "home" / "elsewhere" / "config.yml"
    client.run("login", "-u", "me", "-s", stdin=b"one\n")
    client.run("login", "-u", "me", "-s", "-g", client.gateway.url + "/", stdin=b"two\n")
    token = base64.b64encode(b"me:two").decode()
    assert path.read_text() == f"auths:\n- gateway: {client.gateway.url}\n  auth: basic\n  token: {token}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    client.run("logout")
    assert path.read_text() == "auths: []\n"
    client.run("logout", code=1)
    client.env.pop("OPENFAAS_CONFIG")
    client.env["CI"] = "true"
    client.run("login", "-s", stdin=b"one\n")
    assert (client.folder / ".openfaas" / "config.yml").is_file()


def test_login_that_is_refused(client):
    """Nothing is saved."""
    client.gateway.answers["GET /system/functions"] = (401, b"")
    client.run("login", "-s", stdin=b"wrong", code=1)
    client.run("login", "-s", stdin=b" \n", code=2)
    client.run("login", "-s", "-p", "x", stdin=b"y", code=2)
    assert not (client.folder.parent / "home" / ".openfaas").exists()


@pytest.mark.parametrize("command", ["secret list", "logs a", "deploy --image a --name a", "login -p x"])
def test_a_password_in_the_clear_is_warned_of(client, command):
    """For other machines, not for this one; the data stays clean."""
    client.gateway.answers |= {
        "GET http://gw.example/system/functions": (200, []),
        "GET http://gw.example/system/secrets": (200, []),
        "GET /system/functions": (200, []),
        "GET /system/secrets": (200, []),
    }
    client.env["HTTP_PROXY"] = client.gateway.url
    done = client.run(*command.split(), "-g", "http://gw.example")
    assert b"warning: http://gw.example is not encrypted" in done.stderr
    assert b"not encrypted" not in done.stdout
    assert b"not encrypted" not in client.run(*command.split()).stderr
