"""What deploy, remove and diff send, and what they make of the answer (contract 3.7 and 7)."""

import pytest

FULL = """version: 1.0
provider:
  name: openfaas
functions:
  hello:
    skip_build: true
    image: acme/hello
    fprocess: node index.js
    environment:
      A: inline
      N: 010
    environment_file: [one.yml, two.yml]
    secrets: [s]
    constraints: ["k=v"]
    labels: {team: a}
    annotations: {note: b}
    limits: {memory: 64Mi, cpu: 100m}
    requests: {cpu: 50m}
    readonly_root_filesystem: true
    namespace: dev
"""
TWO = "provider: {name: openfaas}\nfunctions:\n  a: {image: a, skip_build: true}\n  b: {image: b, skip_build: true}\n"


@pytest.fixture
def stack(client):
    client.write("stack.yml", FULL)
    client.write("one.yml", "environment: {A: one, B: one}\n")
    client.write("two.yml", "environment: {B: two}\n")
    client.gateway.answers["PUT /system/functions"] = (202, b"")
    return client


def deployments(client):
    """The requests, without the question which engine the gateway has."""
    return [each for each in client.gateway.requests if each.target != "/system/info"]


def sent(client):
    """The body of the only deployment."""
    (request,) = deployments(client)
    return request.json


def test_the_whole_body(stack):
    """Keys, values and their order."""
    stack.run("deploy")
    assert deployments(stack)[0].body == (
        b'{"service":"hello","image":"acme/hello:latest","namespace":"dev","envProcess":"node index.js",'
        b'"envVars":{"A":"one","N":"010","B":"two"},"constraints":["k=v"],"secrets":["s"],'
        b'"labels":{"team":"a"},"annotations":{"note":"b"},"limits":{"memory":"64Mi","cpu":"100m"},'
        b'"requests":{"cpu":"50m"},"readOnlyRootFilesystem":true}'
    )


def test_only_what_is_there(client):
    """Empty fields are left out, except labels and annotations."""
    client.run("deploy", "--image", "acme/hello", "--name", "hello")
    assert client.gateway.requests[0].body == (b'{"service":"hello","image":"acme/hello","labels":{},"annotations":{}}')


@pytest.mark.parametrize(
    ("flags", "key", "value"),
    [
        (["-e", "A=flag"], "envVars", {"A": "flag", "N": "010", "B": "two"}),
        (["--env=A=x,y=z"], "envVars", {"A": "x,y=z", "N": "010", "B": "two"}),
        (["-l", "team=b", "-l", "x=y"], "labels", {"team": "b", "x": "y"}),
        (["--annotation", "note=c"], "annotations", {"note": "c"}),
        (["--secret", "t", "--secret", "s"], "secrets", ["t", "s"]),
        (["--constraint", "x=y"], "constraints", ["k=v"]),
        (["-n", "prod"], "namespace", "prod"),
        (["--fprocess", "cat"], "envProcess", "node index.js"),
        (["--memory-limit", "1Gi"], "limits", {"memory": "64Mi", "cpu": "100m"}),
        (["--readonly=false"], "readOnlyRootFilesystem", True),
        (["--network", "x", "--lang", "go", "--handler", "y"], "image", "acme/hello:latest"),
    ],
)
def test_flags_and_stack_file(stack, flags, key, value):
    """Which of the two wins."""
    stack.run("deploy", *flags)
    assert sent(stack)[key] == value


@pytest.mark.parametrize(
    ("flags", "key", "value"),
    [
        (["--fprocess", "cat"], "envProcess", "cat"),
        (["--constraint", "x=y"], "constraints", ["x=y"]),
        (["--memory-limit", "1Gi", "--cpu-limit", "1"], "limits", {"memory": "1Gi", "cpu": "1"}),
        (["--memory-request", "1Gi"], "requests", {"memory": "1Gi"}),
        (["--readonly"], "readOnlyRootFilesystem", True),
        (["--tag", "sha"], "image", "acme/hello"),
    ],
)
def test_flags_of_a_function_in_no_stack_file(client, flags, key, value):
    """There they count."""
    client.run("deploy", "--image", "acme/hello", "--name", "hello", *flags)
    assert sent(client)[key] == value


def test_a_typed_image_wins_over_a_stack_file_nearby(stack):
    """Defect 31 of the original."""
    stack.run("deploy", "--image", "other", "--name", "other")
    assert sent(stack)["service"] == "other"


@pytest.mark.parametrize(
    ("flags", "stack_ns", "variable", "namespace"),
    [([], "", "", None), ([], "", "ns", "ns"), ([], "dev", "ns", "dev"), (["-n", "typed"], "dev", "ns", "typed")],
)
def test_the_namespace(client, flags, stack_ns, variable, namespace):
    """Flag, stack file, OPENFAAS_NS, the gateway's own."""
    client.write(
        "stack.yml", FULL.replace("namespace: dev", f"namespace: {stack_ns}").replace("[one.yml, two.yml]", "")
    )
    client.env["OPENFAAS_NS"] = variable
    client.run("deploy", *flags)
    assert sent(client).get("namespace") == namespace


@pytest.mark.parametrize(
    ("flags", "put", "calls"),
    [
        ([], 202, ["PUT"]),
        ([], 404, ["PUT", "POST"]),
        (["--update=false"], 202, ["POST"]),
        (["--replace", "--update=false"], 202, ["DELETE", "POST"]),
    ],
)
def test_the_calls(stack, flags, put, calls):
    """Update first; on 404 create."""
    stack.gateway.answers["PUT /system/functions"] = (put, b"")
    stack.gateway.answers["DELETE /system/functions"] = (404, b"")
    stack.run("deploy", *flags)
    assert [str(each) for each in deployments(stack)] == [f"{method} /system/functions" for method in calls]
    if "DELETE" in calls:
        assert deployments(stack)[0].json == {"functionName": "hello", "namespace": "dev"}


def test_replace_and_update_exclude_each_other(stack):
    """Nothing is sent."""
    stack.run("deploy", "--replace", code=2)
    assert not stack.gateway.requests


@pytest.mark.parametrize(("status", "word"), [(200, "OK"), (201, "Created"), (202, "Accepted")])
def test_good_statuses(stack, status, word):
    """201 is one (defect 13 of the original)."""
    stack.gateway.answers["PUT /system/functions"] = (status, b"")
    lines = stack.run("deploy").stdout.decode().splitlines()
    url = f"URL: {stack.gateway.url}/function/hello.dev"
    assert lines == ["Deploying: hello.", "", f"Deployed. {status} {word}.", url, ""]


def test_all_functions_are_tried(client):
    """A failure does not stop the other functions; a summary follows at the end."""
    client.write("stack.yml", TWO)
    client.gateway.answers["PUT /system/functions"] = [(500, b"no room"), (202, b"")]
    done = client.run("deploy", code=1)
    assert b"URL: " in done.stdout
    assert b"function `a`: no room (status 500)" in done.stderr
    assert b"1 of 2 functions were not deployed: a" in done.stderr


@pytest.mark.parametrize(("flags", "names"), [(["--filter", "a*"], "a"), (["--regex", "^b$"], "b"), ([], "ab")])
def test_selection(client, flags, names):
    """In the order of the file."""
    client.write("stack.yml", TWO)
    client.run("deploy", *flags)
    assert [request.json["service"] for request in client.gateway.requests] == list(names)
    client.gateway.requests.clear()
    client.run(*flags, "-f", "stack.yml", "deploy")
    assert [request.json["service"] for request in client.gateway.requests] == list(names)


def test_remove(client):
    """Functions are removed by name or from a stack file; a missing one is reported."""
    client.write("stack.yml", TWO)
    client.run("remove", "x", "-n", "dev")
    assert client.gateway.requests.pop().json == {"functionName": "x", "namespace": "dev"}
    client.gateway.answers["DELETE /system/functions"] = [(404, b""), (202, b"")]
    done = client.run("rm", code=1)
    assert [request.json["functionName"] for request in client.gateway.requests] == ["a", "b"]
    assert b"there is no function `a`" in done.stderr


@pytest.mark.parametrize(("flags", "line"), [([], "Deleting: fn."), (["-n", "dev"], "Deleting: fn.dev")])
def test_the_lines_of_remove(client, flags, line):
    """They are faas-cli's, with the dot when there is no namespace: scripts match them."""
    client.gateway.answers["DELETE /system/functions"] = (202, b"")
    done = client.run("remove", "fn", *flags)
    assert done.stdout.decode().splitlines() == [line, "Removing old function."]


def test_diff_in_several_namespaces(client):
    """Each function is compared with the one of its own namespace."""
    client.write("stack.yml", TWO.replace("{image: b,", "{image: b, namespace: dev,"))
    found = {"name": "", "image": "", "createdAt": "2024-01-02T03:04:05Z"}
    client.gateway.answers["GET /system/functions"] = [
        (200, [{**found, "name": "a", "image": "a:latest"}]),
        (200, [{**found, "name": "b", "image": "b:1", "envVars": {"only": "there"}}]),
    ]
    lines = client.run("diff", code=1).stdout.decode().splitlines()
    assert client.gateway.lines == ["GET /system/functions", "GET /system/functions?namespace=dev"]
    assert lines == [
        "b.dev",
        f"{'  stack.yaml':<40} | deployed",
        f"{'-' * 40}-+-{'-' * 40}",
        f"{'  - image: b:latest':<40} | + image: b:1",
        "",
    ]


def test_settings_that_the_gateway_ignores(stack):
    """A warning names function, key and reason; `--strict` sends nothing; a gateway of others is not judged."""
    version = {"release": "1", "sha": "1"}
    for name, engine in (("faas-process", "the process engine"), ("faas-netes", "")):
        provider = {"provider": name, "orchestration": "x", "version": version}
        stack.gateway.answers["GET /system/info"] = (200, {"provider": provider, "version": version})
        warned = stack.run("deploy", "--annotation", "topic=orders").stderr.decode()
        assert (f"warning: `hello`: `limits.memory: 64Mi` is not enforced by {engine}\n" in warned) == bool(engine)
        assert ("warning: `hello`: annotation `topic: orders` has no effect" in warned) == bool(engine)
        stack.gateway.requests.clear()
        stack.run("deploy", "--strict", code=1 if engine else 0)
        assert bool(deployments(stack)) != bool(engine)
        stack.gateway.requests.clear()
