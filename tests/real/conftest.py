"""The corpus: functions as people write them, built all at once by each builder and deployed to its engine."""

import base64
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.gateways import build_watchdog

collect_ignore = ["functions"]

FUNCTIONS = Path(__file__).parent / "functions"
NAMES = sorted(path.name for path in FUNCTIONS.iterdir())
BATCH = 8
"""Functions that run at a time: every three seconds the engine starts a health check in each container."""

BUILDERS = {"process": "oci", "docker": "docker"}
"""The builder whose images each engine runs."""


def corpus(name):
    """The language and the calls of a function."""
    return yaml.safe_load((FUNCTIONS / name / "calls.yaml").read_text(encoding="utf-8"))


class Deployed:
    """The functions of the corpus on a gateway of one engine: all are built, and some run at a time."""

    def __init__(self, engine, folder):
        self.engine, self.folder = engine, folder
        self.env = {**os.environ, "FAAS_STATE_DIR": str(folder / "state"), "HOME": str(folder)}
        # Caches of the tools stay where they are.
        home = Path.home()
        self.env.setdefault("GOCACHE", str(home / ".cache" / "go-build"))
        self.env.setdefault("GOMODCACHE", str(home / "go" / "pkg" / "mod"))
        self.env.setdefault("npm_config_cache", str(home / ".npm"))
        self.env.setdefault("XDG_CACHE_HOME", str(home / ".cache"))
        shutil.copytree(FUNCTIONS, folder / "functions")
        functions = {
            name: {"lang": corpus(name)["lang"], "handler": f"./functions/{name}/handler", "image": f"real-{name}"}
            for name in NAMES
        }
        stack = {"version": 1.0, "provider": {"name": "openfaas"}, "functions": functions}
        (folder / "stack.yaml").write_text(yaml.safe_dump(stack), encoding="utf-8")
        started = self.faas("gateway", "start", "--engine", engine, "--port", "0", "--metrics-port", "0", check=True)
        self.url = started.stdout.split("Gateway:")[1].split()[0]
        self.env["OPENFAAS_URL"] = self.url
        self.functions, self.built, self.running = functions, None, ""

    def build(self):
        """Build every function with the engine's builder."""
        authorities = os.environ.get("NODE_EXTRA_CA_CERTS")
        arguments = ["-b", f"NODE_EXTRA_CA_CERTS={authorities}"] if authorities else []
        build = ["build", "--builder", BUILDERS[self.engine], *arguments]
        # One of each template first: the others find its layers, which several at a time would each make anew.
        first = {function["lang"]: name for name, function in self.functions.items()}
        self.faas(*build, "--regex", f"^({'|'.join(first.values())})$")
        self.built = self.faas(*build, "--parallel", "3")

    def deploy(self, name):
        """Deploy the batch of this function in place of the one before, unless it runs."""
        first = NAMES.index(name) // BATCH * BATCH
        batch = f"^({'|'.join(NAMES[first : first + BATCH])})$"
        if batch != self.running:
            self.remove()
            self.faas("deploy", "--regex", batch)
            self.running = batch

    def remove(self):
        """Delete the functions that run."""
        if self.running:
            self.faas("remove", "--regex", self.running)

    def faas(self, *arguments, check=False):
        """Run the command; with `check`, it must succeed."""
        command = [sys.executable, "-c", "from faas_cli.cli import main; main()", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=1500, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def call(self, name, call):
        """Status, headers and body of an answer; a function that is just starting is waited for."""
        place = urlsplit(self.url)
        body = call.get("body", "")
        content = body if isinstance(body, bytes) else body.encode()
        deadline = time.monotonic() + 60
        while True:
            connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
            path = f"/function/{name}{call.get('path', '/')}"
            connection.request(call.get("method", "POST"), path, content, call.get("headers", {}))
            answer = connection.getresponse()
            found = answer.status, answer.getheaders(), answer.read()
            connection.close()
            if answer.status not in (502, 503) or time.monotonic() > deadline:
                return found
            time.sleep(0.2)

    def end(self, name):
        """Scale a function that was called to zero: the health checks of sixty idle containers keep a machine busy."""
        self.request("POST", f"/system/scale-function/{name}", {"serviceName": name, "replicas": 0})

    def request(self, method, path, document):
        """Send a request of the administrator."""
        place = urlsplit(self.url)
        password = (self.folder / "state" / "basic-auth-password").read_text(encoding="utf-8").strip()
        credentials = base64.b64encode(f"admin:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        connection.request(method, path, json.dumps(document), headers)
        answer = connection.getresponse()
        assert answer.status < 300, answer.read()
        connection.close()

    def logged(self, name, text):
        """Whether a text is in a function's log within 10 s."""
        deadline = time.monotonic() + 10
        while text not in self.faas("logs", name, "--tail=false").stdout:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def close(self):
        """Delete the functions and their images, and stop the gateway."""
        self.remove()
        self.faas("gateway", "stop")
        if self.engine == "docker":
            images = [f"real-{name}" for name in NAMES]
            subprocess.run(["docker", "image", "rm", "--force", *images], capture_output=True, check=False)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory, request):
    """The corpus on an engine, made when first asked for: `deployed("process")`."""
    made = {}

    def get(engine):
        if engine not in made:
            build_watchdog()
            if engine == "docker":
                request.getfixturevalue("base_images")
            made[engine] = Deployed(engine, tmp_path_factory.mktemp(engine))
            made[engine].build()
        return made[engine]

    yield get
    for each in made.values():
        each.close()


@pytest.fixture(scope="session")
def base_images(engine_client):
    """The engine, with the templates' base images under their real names."""
    from tests.images import make_base_images

    make_base_images.ensure()
    return engine_client
