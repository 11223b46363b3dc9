"""Every command that needs a template fetches a missing one from the same places."""

import subprocess
import sys

import pytest

STACK = """provider: {{name: openfaas, gateway: "http://127.0.0.1:1"}}
configuration:
  templates:
    - name: lang-b
      source: {url}
functions:
  fn: {{lang: lang-b, handler: ./fn, image: 127.0.0.1:1/fn}}
"""
COMMANDS = {
    "build": ["build", "--builder", "oci"],
    "shrinkwrap": ["build", "--shrinkwrap"],
    "publish": ["publish", "--builder", "oci"],
    "up": ["up", "--builder", "oci"],
    "local-run": ["local-run", "fn"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_template(repository, tmp_path, state, command):
    """What comes later fails here (an unknown template, no gateway); the template is fetched by then."""
    (tmp_path / "stack.yaml").write_text(STACK.format(url=repository.url))
    (tmp_path / "fn").mkdir()
    cli = [sys.executable, "-c", "from faas_cli.cli import main; main()"]
    done = subprocess.run(
        [*cli, *COMMANDS[command], "-f", "stack.yaml"], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert (tmp_path / "template" / "lang-b" / "template.yml").is_file(), done.stderr.decode()
    assert b"there is no template" not in done.stderr
