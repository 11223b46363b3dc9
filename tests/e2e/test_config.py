"""Where values come from."""

import pytest

pytestmark = pytest.mark.e2e

STACK = """provider:
  name: openfaas
functions:
  fn:
    skip_build: true
    image: ${REGISTRY}/fn:${TAG:-latest}
    environment:
      COLOUR: ${COLOUR}
    environment_file:
      - more.yml
"""


@pytest.fixture
def stage(shell):
    """A stack file that takes its values from elsewhere."""
    (shell.folder / "fn.yml").write_text(STACK)
    (shell.folder / "more.yml").write_text("environment:\n  LEVEL: debug\n")
    (shell.folder / "stage.env").write_text('# the stage\nREGISTRY=acme # ours\nexport COLOUR="dark red"\n')
    return shell


def test_every_value_and_where_it_comes_from(stage):
    """File and line, variable and its origin; the environment wins over a file."""
    stage.env["TAG"] = "2"
    lines = stage.faas("config", "explain", "-f", "fn.yml", "--env-file", "stage.env").stdout.decode().splitlines()
    found = {line.split()[0]: line for line in lines}
    assert found["fn.image"].endswith("acme/fn:2  (fn.yml:6, ${REGISTRY}: stage.env:2, ${TAG}: environment)")
    assert found["fn.environment.COLOUR"].endswith("dark red  (fn.yml:8, ${COLOUR}: stage.env:3)")
    assert found["fn.environment.LEVEL"].endswith("debug  (more.yml:2)")
    stage.env["REGISTRY"] = "other"
    output = stage.faas("config", "explain", "-f", "fn.yml", "--env-file", "stage.env").stdout
    assert b"other/fn:2" in output


def test_a_mistake_in_an_environment_file_is_not_ignored(stage):
    """Row 44: a missing file, a wrong line."""
    assert "none.env: cannot be read" in stage.fails("validate", "-f", "fn.yml", "--env-file", "none.env")
    (stage.folder / "bad.env").write_text("A=1\nnonsense\n")
    assert "bad.env:2: is not of the form NAME=value" in stage.fails(
        "validate", "-f", "fn.yml", "--env-file", "bad.env"
    )
    (stage.folder / "more.yml").unlink()
    assert "more.yml: does not exist" in stage.fails("deploy", "-f", "fn.yml", "--env-file", "stage.env")


def test_validate_names_unknown_keys(stage):
    """With its line and the nearest key."""
    text = (stage.folder / "fn.yml").read_text().replace("environment_file:", "enviroment_file:")
    (stage.folder / "fn.yml").write_text(text)
    done = stage.faas("validate", "-f", "fn.yml", "--env-file", "stage.env")
    assert (
        b"fn.yml:9: `functions.fn.enviroment_file` is an unknown key; did you mean `environment_file`?" in done.stderr
    )
