"""Files that dependencies are declared in and taken from: each is there when they are installed, with every builder."""

import json
import shlex
import shutil
import subprocess
import zipfile

import pytest

from faas_cli.templates.find import find_template
from faas_runtime.core.paths import search_path
from tests.integration.build.test_oci import Project as LocalProject

pytestmark = pytest.mark.integration

# A package that builds itself, since no network is needed then.
BACKEND = """\
import pathlib
import zipfile

def get_requires_for_build_wheel(settings=None):
    return []

def build_wheel(folder, settings=None, metadata=None):
    with zipfile.ZipFile(pathlib.Path(folder) / "lib-1-py3-none-any.whl", "w") as wheel:
        wheel.write("lib.py")
        wheel.writestr("lib-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: lib\\nVersion: 1\\n")
        wheel.writestr("lib-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("lib-1.dist-info/RECORD", "")
    return "lib-1-py3-none-any.whl"
"""
PYTHON = {
    "handler.py": "import found, lib\n\n\ndef handle(req):\n    return f'{lib.TEXT} {found.VERSION}'\n",
    "requirements.txt": "-r more.txt\n./lib\n",
    "more.txt": "-c limits.txt\nfound\n",
    "limits.txt": "found<3\n",
    "pip.conf": "[global]\nno-index = true\nfind-links = wheels\n",
    "lib/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "lib/backend.py": BACKEND,
    "lib/lib.py": "TEXT = 'one'\n",
}
NODE = {
    "handler.js": "module.exports = async () => `${require('lib')} ${require('part')} ${require('./made.json')}`\n",
    "package.json": json.dumps(
        {
            "name": "fn",
            "dependencies": {"lib": "file:./lib"},
            "workspaces": ["packages/*"],
            "scripts": {"postinstall": "node make.js"},
        }
    ),
    ".npmrc": "audit=false\n",
    "make.js": "require('node:fs').writeFileSync(`${__dirname}/made.json`, '\"made\"')\n",
    "lib/package.json": '{"name": "lib", "version": "1.0.0"}',
    "lib/index.js": "module.exports = 'one'\n",
    "packages/part/package.json": '{"name": "part", "version": "1.0.0"}',
    "packages/part/index.js": "module.exports = 'part'\n",
}
GO = {
    "handler.go": 'package function\n\nimport "example.com/lib"\n\n'
    "// Handle answers with what the module says.\nfunc Handle(req []byte) string {\n\treturn lib.Text\n}\n",
    "go.mod": "module handler/function\n\ngo 1.21\n\n"
    "require example.com/lib v0.0.0\n\nreplace example.com/lib => ./lib\n",
    "lib/go.mod": "module example.com/lib\n\ngo 1.21\n",
    "lib/lib.go": 'package lib\n\n// Text is what it says.\nconst Text = "one"\n',
}
CASES = {
    "python": (PYTHON, "lib/lib.py", "one 2.0"),
    "node": (NODE, "lib/index.js", "one part made"),
    "go": (GO, "lib/lib.go", "one"),
}
LANGS = sorted(CASES)


def fill(folder, lang):
    """Write the function's files in place of the sample's."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in CASES[lang][0].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    if lang == "python":
        (folder / "wheels").mkdir()
        for version in ("2.0", "3.0"):
            with zipfile.ZipFile(folder / "wheels" / f"found-{version}-py3-none-any.whl", "w") as wheel:
                info = f"found-{version}.dist-info"
                wheel.writestr("found.py", f"VERSION = '{version}'\n")
                wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: found\nVersion: {version}\n")
                tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
                wheel.writestr(f"{info}/WHEEL", tags)
                wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.parametrize("lang", LANGS)
def test_without_an_engine(tmp_path, tool, monkeypatch, lang):
    """A change of what a dependency is made from arrives in the image."""
    # A variable of the shell overrides pip.conf.
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    tool({"go": "go", "node": "node", "python": "python3"}[lang])
    project = LocalProject(tmp_path / "project", tmp_path / "state")
    folder = project.new("fn", lang)
    fill(folder, lang)
    _, changed, answer = CASES[lang]
    for text in ("one", "two"):
        (folder / changed).write_text((folder / changed).read_text().replace("one", text))
        (result,), _ = project.build()
        assert result.error is None, f"{result.error.detail}\n{result.error.message}"
        root = project.store.unpack(result.outcome.digest, tmp_path / "roots")
        command = shlex.split(find_template(lang).fprocess)
        command[0] = shutil.which(command[0], path=search_path()) or command[0]  # Node may come from PyPI
        done = subprocess.run(command, cwd=root / "home/app", input=b"", capture_output=True, check=True)
        assert done.stdout.decode().strip() == answer.replace("one", text)


@pytest.mark.parametrize("lang", LANGS)
def test_with_an_engine(project, run, lang):
    """The generated Dockerfile copies each before it installs dependencies."""
    fill(project.new("fn", lang), lang)
    project.built("fn")
    with run(project.image("fn")) as container:
        assert container.call().decode().strip() == CASES[lang][2]
