"""Files that a dependency step reads beside its recipe's inputs, and dependencies declared elsewhere."""

import json

import pytest

from faas_cli.errors import BuildError
from faas_cli.images.dependencies import declared_inputs
from faas_cli.images.image import app_entries
from faas_cli.images.model import BuildOptions
from faas_cli.images.plan import prepare
from faas_cli.stack.model import Function, Provider, Stack


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Prepare a function with these files in its handler folder."""
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path / "state"))

    def prepared(lang, files):
        for name, content in files.items():
            path = tmp_path / "project" / "fn" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        function = Function(name="fn", lang=lang, handler="./fn", image="fn:latest")
        return prepare(Stack(provider=Provider(name="openfaas")), function, BuildOptions(), tmp_path / "project")

    return prepared


def inputs(job):
    return set(declared_inputs(job.context, job.template.recipe.dependencies.inputs))


PYTHON = {
    "handler.py": "def handle(req): return req\n",
    "requirements.txt": "-r more.txt\n--constraint=limits.txt\n./lib\n-e ./other[x] ; python_version > '3'\nsix\n",
    "more.txt": "-r requirements.txt\nwheel @ file:./wheels/a.whl\n../outside\n",
    "limits.txt": "six<2\n",
    "lib/pyproject.toml": "",
    "lib/lib.py": "",
    "other/setup.py": "",
    "wheels/a.whl": "",
    "unrelated/x.py": "",
}


def test_requirements_that_name_other_files(job):
    """They are copied before the step and decide whether it runs again; local paths are relative to the file."""
    prepared = job("python", PYTHON)
    expected = {"requirements.txt", "more.txt", "limits.txt", "lib/pyproject.toml", "lib/lib.py", "other/setup.py"}
    assert inputs(prepared) == {f"function/{name}" for name in expected | {"wheels/a.whl"}}
    text = (prepared.context / "function/requirements.txt").read_text()
    assert "\n./function/./lib\n-e ./function/./other[x] ;" in text
    more = (prepared.context / "function/more.txt").read_text()
    assert more.endswith("wheel @ file:./function/./wheels/a.whl\n../outside\n")
    dockerfile = (prepared.context / "Dockerfile").read_text()
    assert "COPY function/lib/lib.py function/lib/pyproject.toml ./function/lib/" in dockerfile
    assert dockerfile.index("function/limits.txt") < dockerfile.index("pip install")


PIP_CONF = """\
[global]
index-url = https://user:secret@packages.example/simple
find-links =
    wheels
    https://packages.example/wheels
[install]
constraint = limits.txt
"""


def test_settings_of_pip(job):
    """The handler's pip.conf is used and followed, and not part of the image."""
    files = {"handler.py": "", "requirements.txt": "--find-links ./more\nsix\n", "pip.conf": PIP_CONF}
    prepared = job("python", {**files, "wheels/a.whl": "", "more/b.whl": "", "limits.txt": "", "other.txt": ""})
    names = {"requirements.txt", "pip.conf", "wheels/a.whl", "more/b.whl", "limits.txt"}
    assert inputs(prepared) == {f"function/{name}" for name in names}
    text = (prepared.context / "function/pip.conf").read_text()
    assert "find-links = function/wheels\n\thttps://packages.example/wheels\n" in text
    assert "constraint = function/limits.txt\n" in text
    recipe = prepared.template.recipe
    assert "PIP_CONFIG_FILE=function/pip.conf" in recipe.dependencies.run
    image = {entry.path for entry in app_entries(recipe, prepared.context)}
    assert "home/app/function/handler.py" in image
    assert "home/app/function/pip.conf" not in image


def test_settings_of_npm_are_not_part_of_the_image(job):
    """They may hold a password."""
    prepared = job("node", {"handler.js": "", ".npmrc": "//npm.example/:_authToken=secret\n"})
    image = {entry.path for entry in app_entries(prepared.template.recipe, prepared.context)}
    assert "home/app/function/handler.js" in image
    assert "home/app/function/.npmrc" not in image


@pytest.mark.parametrize("content", ["no section\n", "[a]\nx\n[a]\n", "[install]\nconstraint = nowhere.txt\n"])
def test_a_pip_conf_that_is_invalid_or_names_nothing(job, content):
    """It stays as it is; pip reports it."""
    prepared = job("python", {"handler.py": "", "requirements.txt": "", "pip.conf": content})
    assert (prepared.context / "function/pip.conf").read_text() == content


def test_a_package_json_that_names_other_files(job):
    """Lock file, settings, workspaces and local dependencies."""
    package = {"dependencies": {"a": "file:./lib", "b": "^1"}, "workspaces": ["packages/*"]}
    files = {"handler.js": "", "package.json": json.dumps(package), "package-lock.json": "{}", ".npmrc": ""}
    files |= {"lib/package.json": "{}", "lib/node_modules/x/x.js": "", "packages/p/index.js": "", "docs/x": ""}
    found = inputs(job("node", files))
    names = {"package.json", "package-lock.json", ".npmrc", "lib/package.json", "packages/p/index.js"}
    assert found == {"check.js"} | {f"function/{name}" for name in names}


def test_an_install_script_may_read_everything(job):
    """What it does cannot be known, so every file of the function is an input."""
    files = {"handler.js": "", "package.json": json.dumps({"scripts": {"postinstall": "node x.js"}}), "x.js": ""}
    assert {"function/x.js", "function/handler.js"} <= inputs(job("node", files))


@pytest.mark.parametrize("content", ["{", "[]", '{"workspaces": 3}', '{"dependencies": ["a"]}'])
def test_an_invalid_package_json(job, content):
    """npm reports it."""
    assert "function/package.json" in inputs(job("node", {"handler.js": "", "package.json": content}))


PROJECT = "[project]\nname = 'fn'\ndependencies = ['six>=1.15', './lib']\n"
LOCK = """
[[package]]
name = "fn"
version = "0.1"
source = { virtual = "." }
[[package]]
name = "six"
version = "1.16.0"
[[package]]
name = "forked"
version = "1"
[[package]]
name = "forked"
version = "2"
"""


def test_dependencies_of_pyproject_with_the_versions_of_a_lock(job):
    """They are what pip installs, and a remark says so."""
    prepared = job("python", {"handler.py": "", "pyproject.toml": PROJECT, "uv.lock": LOCK, "lib/pyproject.toml": ""})
    folder = prepared.context / "function"
    requirements = "six>=1.15\n./function/./lib\n-c locked-constraints.txt\n"
    assert (folder / "requirements.txt").read_text() == requirements
    assert (folder / "locked-constraints.txt").read_text() == "six==1.16.0\n"
    assert prepared.remarks == (
        "`fn` has no requirements.txt; its dependencies are those of pyproject.toml and uv.lock",
    )
    assert {"function/locked-constraints.txt", "function/lib/pyproject.toml"} <= inputs(prepared)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("poetry.lock", LOCK),
        ("uv.lock", LOCK),
        ("Pipfile", "[packages]\nsix = '*'\n"),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = '^3.11'\nsix = '^1'\n"),
    ],
)
def test_dependencies_that_pip_cannot_read(job, name, content):
    """The file is named, instead of a function that cannot import them."""
    with pytest.raises(BuildError, match=f"its dependencies are in `{name}`"):
        job("python", {"handler.py": "", name: content})


def test_tables_without_dependencies_are_no_obstacle(job):
    """A pyproject.toml with settings of tools only, and requirements.txt beside any of these files."""
    settings = "[tool.ruff]\n[tool.poetry.dependencies]\npython = '^3.11'\n"
    assert job("python", {"handler.py": "", "pyproject.toml": settings}).remarks == ()
    assert job("python", {"requirements.txt": "", "uv.lock": LOCK}).remarks == ()
