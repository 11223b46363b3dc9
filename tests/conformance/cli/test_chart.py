"""`faas chart export`. `helm` is a script that prints prepared output: the real one would be another download."""

import pytest
import yaml

CHART = """
kind: Service
apiVersion: v1
metadata: {name: gateway, namespace: one}
---
kind: Service
apiVersion: v1
metadata: {name: gateway, namespace: two}
---
kind: CustomResourceDefinition
metadata: {name: functions.openfaas.com}
---
# nothing
"""


@pytest.fixture
def chart(client):
    """A folder with a chart, and a helm that renders `rendered.yaml`."""
    (client.folder / "chart" / "openfaas").mkdir(parents=True)
    tools = client.folder.parent / "tools"
    tools.mkdir()
    (tools / "helm").write_text('#!/bin/sh\necho "$@" > called\ncat rendered.yaml\n')
    (tools / "helm").chmod(0o755)
    client.env["PATH"] = f"{tools}:{client.env['PATH']}"
    client.write("rendered.yaml", CHART)
    return client


def exported(client):
    folder = client.folder / "yaml"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_one_file_for_each_resource(chart):
    """Sorted keys; definitions first; a namespace where a name is there twice; an earlier export is gone."""
    (chart.folder / "yaml" / "secret").mkdir(parents=True)
    (chart.folder / "yaml" / "secret" / "old.yaml").write_text("")
    done = chart.run("chart", "export", "-n", "faas", "--set", "a=b", "-f", "v.yml").stdout.decode()
    assert exported(chart) == [
        "00_customresourcedefinition/functions.openfaas.com.yaml",
        "service/gateway.two.yaml",
        "service/gateway.yaml",
    ]
    text = (chart.folder / "yaml" / "service" / "gateway.yaml").read_text()
    assert text.startswith("apiVersion: v1\nkind: Service\n")
    assert yaml.safe_load(text)["metadata"]["namespace"] == "one"
    called = (chart.folder / "called").read_text()
    assert called == "template openfaas chart/openfaas --include-crds -f v.yml --set a=b --namespace faas\n"
    assert done.endswith("3 files in ./yaml\n")


def test_a_folder_with_something_else_is_left_alone(chart):
    """Whoever writes `-o .` keeps their work."""
    before = sorted(path.name for path in chart.folder.iterdir())
    error = chart.run("chart", "export", "-o", ".", code=1).stderr
    assert b"is not from an earlier export" in error
    assert sorted(path.name for path in chart.folder.iterdir() if path.name != "called") == before


@pytest.mark.parametrize(
    ("rendered", "words"),
    [
        ("kind: ../../x\nmetadata: {name: a}\n", b"cannot be a file"),
        ("kind: A\nmetadata: {name: ../x}\n", b"cannot be a file"),
        ("kind: A\nmetadata: [1]\n", b"cannot be a file"),
        ("kind: A\nmetadata: {name: a}\n---\nkind: A\nmetadata: {name: a}\n", b"two resources `a/a`"),
        ("kind: [", b"is not YAML"),
    ],
)
def test_what_cannot_be_written(chart, rendered, words):
    """And nothing is."""
    chart.write("rendered.yaml", rendered)
    assert words in chart.run("chart", "export", code=1).stderr
    assert not (chart.folder / "yaml").exists()


def test_without_helm_or_chart(chart):
    """The error names the missing part."""
    assert b"there is no chart `chart/none`" in chart.run("chart", "export", "none", code=1).stderr
    chart.env["PATH"] = "/nowhere"
    assert b"`helm` is not installed" in chart.run("chart", "export", code=1).stderr
