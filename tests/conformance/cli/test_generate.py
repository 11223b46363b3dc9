"""`generate`: manifests for other systems (contract 12.1)."""

import json

import pytest
import yaml

STACK = """provider: {name: openfaas}
functions:
  b: {image: acme/b}
  a:
    image: acme/a:1
    fprocess: cat
    environment: {N: 010, MONEY: 5$$}
    environment_file: [more.yml]
    secrets: [key]
    constraints: ["disk=ssd"]
    labels: {com.openfaas.scale.min: 2, com.openfaas.scale.max: 5}
    annotations: {note: x}
    limits: {memory: 64Mi}
    requests: {cpu: 50m}
    readonly_root_filesystem: true
    namespace: dev
"""
STORE = {
    "version": "0.2.0",
    "functions": [
        {"name": "env", "title": "Env", "images": {"x86_64": "acme/env:1", "arm64": "acme/env:1-arm64"},
         "fprocess": "env", "labels": {"a": "store", "b": "store"}},
    ],
}  # fmt: skip


@pytest.fixture
def generate(client):
    client.write("stack.yml", STACK)
    client.write("more.yml", "environment: {EXTRA: yes}\n")
    client.env.pop("OPENFAAS_URL")

    def run(*flags):
        return list(yaml.safe_load_all(client.run("generate", *flags).stdout))

    return run


def test_functions(generate):
    """Sorted by name; only what is there."""
    first, second, *_ = generate()
    assert first == {
        "apiVersion": "openfaas.com/v1",
        "kind": "Function",
        "metadata": {"name": "a", "namespace": "dev"},
        "spec": {
            "name": "a",
            "image": "acme/a:1",
            "environment": {"N": "010", "MONEY": "5$", "EXTRA": "yes"},
            "labels": {"com.openfaas.scale.min": "2", "com.openfaas.scale.max": "5"},
            "annotations": {"note": "x"},
            "limits": {"memory": "64Mi", "cpu": ""},
            "requests": {"memory": "", "cpu": "50m"},
            "constraints": ["disk=ssd"],
            "secrets": ["key"],
            "readOnlyRootFilesystem": True,
        },
    }
    assert second["spec"] == {"name": "b", "image": "acme/b:latest"}
    assert second["metadata"]["namespace"] == "openfaas-fn"


@pytest.mark.parametrize(
    ("flags", "namespaces"), [([], ["dev", "openfaas-fn"]), (["-n", "x"], ["x", "x"]), (["--namespace="], [None, None])]
)
def test_namespace(generate, flags, namespaces):
    """A typed one, the stack's, the default; an empty one is left out."""
    assert [each["metadata"].get("namespace") for each in generate(*flags) if each] == namespaces


def test_text_stays_text(client, generate):
    """What YAML would make something else of is in quotes; the output ends with one more line feed."""
    text = client.run("generate").stdout.decode()
    assert "N: '010'" in text
    assert "EXTRA: 'yes'" in text
    assert text.startswith("---\n")
    assert text.endswith("\n\n")


def test_knative(generate):
    """Each secret is mounted by itself."""
    first = generate("--api", "serving.knative.dev/v1")[0]
    container = first["spec"]["template"]["spec"]["containers"][0]
    assert first["metadata"] == {"name": "a", "namespace": "dev", "annotations": {"note": "x"}}
    assert [each["name"] for each in container["env"]] == ["EXTRA", "MONEY", "N"]
    assert container["volumeMounts"] == [
        {"name": "key", "mountPath": "/var/openfaas/secrets/key", "readOnly": True}
    ]  # fmt: skip


def test_kubernetes(generate):
    """A Deployment, a Service, and an autoscaler for a function that requests CPU."""
    documents = [each for each in generate("--api", "kubernetes") if each]
    assert [(each["kind"], each["metadata"]["name"]) for each in documents] == [
        ("Deployment", "a"), ("Service", "a"), ("HorizontalPodAutoscaler", "a"), ("Deployment", "b"), ("Service", "b"),
    ]  # fmt: skip
    deployment, service, scaler, *_ = documents
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    assert (
        deployment["spec"]["selector"]["matchLabels"].items()
        <= deployment["spec"]["template"]["metadata"]["labels"].items()
    )
    assert pod["containers"][0]["resources"] == {"requests": {"cpu": "50m"}, "limits": {"memory": "64Mi"}}
    assert {"name": "fprocess", "value": "cat"} in pod["containers"][0]["env"]
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert {each["name"] for each in pod["containers"][0]["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 5)


def test_docker(generate):
    """One document with all of them; a dollar sign is doubled, amounts are plain numbers."""
    document, *rest = generate("--api", "docker")
    assert not any(rest)
    service = document["services"]["a"]
    assert service["environment"] == {"N": "010", "MONEY": "5$$", "EXTRA": "yes", "fprocess": "cat"}
    assert service["deploy"]["resources"] == {"reservations": {"cpus": "0.05"}, "limits": {"memory": "67108864"}}
    assert document["secrets"] == {"key": {"external": True}}


def test_from_the_store(client):
    """Its process goes into the environment; flags win over what the store says."""
    client.gateway.answers["GET /store"] = (200, json.dumps(STORE).encode())
    client.env["OPENFAAS_STORE"] = client.gateway.url + "/store"
    flags = ["--from-store", "env", "--name", "mine", "--arch", "arm64", "--label", "a=flag", "--annotation", "x=y"]
    document = next(yaml.safe_load_all(client.run("generate", *flags).stdout))
    assert document["spec"] == {
        "name": "mine",
        "image": "acme/env:1-arm64",
        "environment": {"fprocess": "env"},
        "labels": {"a": "flag", "b": "store"},
        "annotations": {"x": "y"},
    }
    client.run("generate", "--from-store", "env", "--tag", "digest", code=2)
    client.run("generate", "--from-store", "nothing", code=1)


def test_mistakes(client):
    """No stack file; a quantity that is none."""
    client.run("generate", code=1)
    client.write("stack.yml", STACK.replace("64Mi", "64MB"))
    client.write("more.yml", "environment: {}\n")
    assert b"`64MB` is not an amount of memory" in client.run("generate", "--api", "docker", code=1).stderr
