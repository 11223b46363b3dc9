"""The Python API, in the environment the command is installed in."""

import pytest

pytestmark = pytest.mark.e2e

SCRIPT = """
from faas_cli import BuildOptions, FaasError, Gateway, Stack, build, deploy, load
import os

stack: Stack = load("fn.yml")
(result,) = build(stack, options=BuildOptions(builder="oci", quiet=True))
print(result.outcome.digest.startswith("sha256:"))
gateway = Gateway(os.environ["OPENFAAS_URL"])
deploy(stack, gateway)
print(gateway.invoke("fn", b"test").decode())
print([function.name for function in gateway.functions()])
gateway.remove("fn")
try:
    gateway.invoke("fn")
except FaasError as err:
    print(err.status)
"""


def test_a_pipeline_in_python(gateway):
    """Load, build, deploy, call, remove."""
    gateway.faas("new", "--lang", "python", "fn")
    (gateway.folder / "pipeline.py").write_text(SCRIPT)
    done = gateway.run("python", "pipeline.py")
    assert done.stdout.decode().splitlines() == ["True", "Hello, Python. You said: test", "['fn']", "404"]
