"""The pipelines of `faas ci init`, checked by their services' schemas, and run step by step against real parts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import make_shell, start_gateway
from tests.integration.registry.conftest import PASSWORD, USER, registry  # noqa: F401

pytestmark = pytest.mark.e2e

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
FILES = {"github": ".github/workflows/functions.yml", "gitlab": ".gitlab-ci.yml"}


@pytest.fixture
def project(equipped_commands, tmp_path):
    """A repository with one function, and a gateway to deploy to."""
    shell = make_shell(equipped_commands, tmp_path, os.environ["PATH"])
    start_gateway(shell)
    shell.faas("new", "--lang", "go", "fn")
    for words in (["init", "--quiet", "--initial-branch=main"], ["add", "."]):
        shell.run("git", *words)
    shell.run("git", "-c", "user.name=t", "-c", "user.email=t@example.test", "commit", "--quiet", "-m", "first")
    yield shell
    shell.faas("gateway", "stop", check=False)


def steps(service, document):
    """The commands of a pipeline on its main branch, in their order, with the variables of each."""
    if service == "github":
        for step in document["jobs"]["functions"]["steps"]:
            if "run" in step:
                yield step["run"], step.get("env", {})
    else:
        for line in [*document["before_script"], *document["deploy"]["script"]]:
            yield line, document["variables"]


def filled(text, secrets, environment):
    """A variable's value with what the service puts into it."""
    text = re.sub(r"\$\{\{ secrets\.(\w+) \}\}", lambda found: secrets[found[1]], text)
    return re.sub(r"\$(\w+)", lambda found: environment[found[1]], text)


@pytest.mark.parametrize("login", ["password", "oidc"])
@pytest.mark.parametrize("service", SCHEMAS)
def test_the_service_accepts_it(commands, tmp_path, service, login):
    """By the schema that the service publishes; GitHub's expressions and shell lines by actionlint, too."""
    shell = make_shell(commands, tmp_path, os.environ["PATH"])
    shell.faas("ci", "init", "--service", service, "--login", login)
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[service], FILES[service]]
    shell.run(*check)
    if service == "github" and shutil.which("go"):
        shell.run("go", "run", ACTIONLINT, "-shellcheck=", FILES[service])


@pytest.mark.parametrize("service", SCHEMAS)
def test_it_builds_pushes_and_deploys(project, registry, service):  # noqa: F811
    """Each step as the service's shell runs it; only the registry's and gateway's addresses are ours."""
    project.faas("ci", "init", "--service", service)
    document = yaml.safe_load((project.folder / FILES[service]).read_text())
    exported = project.folder / "github_env"
    environment = {
        **project.env,
        **{"FAAS_COMPILE": "no", "FAAS_WATCHDOG_PLATFORMS": "host"},
        **{"GITHUB_REPOSITORY": "Acme/Shop", "GITHUB_ACTOR": USER, "GITHUB_ENV": str(exported)},
        **{"CI_REGISTRY": registry, "CI_REGISTRY_IMAGE": f"{registry}/acme/shop", "CI_REGISTRY_USER": USER},
        **{"CI_REGISTRY_PASSWORD": PASSWORD, "CI_PROJECT_DIR": str(project.folder)},
    }
    state = Path(project.env["FAAS_STATE_DIR"])
    secrets = {
        "GITHUB_TOKEN": PASSWORD,
        "OPENFAAS_URL": project.env["OPENFAAS_URL"],
        "OPENFAAS_PASSWORD": (state / "basic-auth-password").read_text().strip(),
    }
    environment["OPENFAAS_PASSWORD"] = secrets["OPENFAAS_PASSWORD"]
    for command, variables in steps(service, document):
        # The installation is the same line for both services, and takes a minute.
        if "apt-get" in command or (service == "gitlab" and command.startswith("pip install")):
            continue
        environment |= {name: filled(value, secrets, environment) for name, value in variables.items()}
        line = command.replace("ghcr.io", registry)
        if line.startswith("pip install"):
            # What it would install is what this command was installed from.
            line = line.replace("pip install", "python -m pip install --dry-run --no-deps --quiet", 1)
        shell = ["bash", "-e", "-o", "pipefail", "-c"] if service == "github" else ["sh", "-e", "-c"]
        done = subprocess.run(
            [*shell, line], cwd=project.folder, env=environment, capture_output=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        if exported.exists():
            environment |= dict(each.split("=", 1) for each in exported.read_text().splitlines())
    assert project.faas("invoke", "fn", stdin=b"test").stdout.startswith(b"Hello, Go.")
    deployed = project.faas("describe", "fn").stdout.decode()
    assert f"{registry}/acme/shop/fn:latest-" in deployed
