"""The builder that needs no engine, with this machine's own tools."""

import subprocess

import pytest

from faas_cli.images.builders.oci import OciBuilder
from faas_cli.images.dockerfile.instructions import scripts
from faas_cli.images.model import BuildOptions
from faas_cli.images.plan import build_functions
from faas_cli.stack.model import Function, Provider, Stack
from faas_cli.templates.find import find_template
from faas_cli.templates.scaffold import Scaffold, create
from faas_runtime.images.store import ImageStore

TOOLS = {"go": "go", "node": "node", "python": "python3"}


class Recorder:
    """Records the calls of a reporter."""

    def __init__(self):
        self.steps, self.lines, self.notes = [], [], []

    def started(self, worker, function): ...

    def finished(self, worker, result): ...

    def ended(self, worker): ...

    def transfer(self, function, text, done, total): ...

    def step(self, function, text):
        self.steps.append(text)

    def line(self, function, text):
        self.lines.append(text)

    def note(self, function, text):
        self.notes.append(text)


class Project:
    """A folder with functions, and a store to build them into."""

    def __init__(self, folder, state):
        self.folder = folder
        self.store = ImageStore(state / "images")
        self.builder = OciBuilder(self.store, state / "build")
        self.stack = Stack(provider=Provider(name="openfaas"))
        folder.mkdir(parents=True, exist_ok=True)

    def new(self, name, lang):
        create(Scaffold(name, find_template(lang), self.folder / name, self.folder / f"{name}.yml", ""))
        self.stack.functions[name] = Function(name=name, lang=lang, handler=f"./{name}", image=f"{name}:latest")
        return self.folder / name

    def build(self, *names, **options):
        report = Recorder()
        functions = [self.stack.functions[name] for name in names or self.stack.functions]
        results = build_functions(self.stack, functions, BuildOptions(**options), report, self.builder, self.folder)
        return results, report


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project", tmp_path / "state")


@pytest.mark.parametrize("lang", ["go", "go-http", "node", "node-http", "node-ts", "python", "python-http"])
def test_same_input_same_digest(tmp_path, tool, lang):
    """On another path, into another store; the second build of each is known already."""
    tool(TOOLS[lang.partition("-")[0]])
    digests = []
    for place in ("a", "b/c"):
        project = Project(tmp_path / place / "project", tmp_path / place / "state")
        project.new("fn", lang)
        (result,), _ = project.build()
        assert result.error is None, result.error and result.error.detail
        (again,), report = project.build()
        assert again.outcome.cached
        assert again.outcome.digest == result.outcome.digest
        assert report.steps == []
        digests.append(result.outcome.digest)
    assert digests[0] == digests[1]


def test_an_edit_does_not_install_dependencies_again(project, tool):
    """Only what changed is done again."""
    tool("python3")
    handler = project.new("fn", "python") / "handler.py"
    (first,), report = project.build()
    assert "installing dependencies" in report.steps
    handler.write_text(handler.read_text() + "\n# a remark\n")
    (second,), report = project.build()
    assert "installing dependencies" not in report.steps
    assert first.outcome.digest != second.outcome.digest
    _, report = project.build(no_cache=True)
    assert "installing dependencies" in report.steps


def test_what_does_not_compile(project, tool):
    """The compiler's output is shown with the user's path; the other functions are still built."""
    tool("go")
    handler = project.new("broken", "go") / "handler.go"
    handler.write_text("package function\n\nfunc Handle(req []byte) string { return nope }\n")
    project.new("fine", "go")
    (broken, fine), _ = project.build(parallel=2)
    assert "`broken` does not compile" in broken.error.message
    assert "broken/handler.go:3:" in broken.error.detail
    assert "undefined: nope" in broken.error.detail
    assert fine.error is None


# What each sample handler answers with, and something else.
SAID = {"go": ("string(req)", '"nothing"'), "python": ("{req}", "nothing"), "node": ("${input}", "nothing")}


@pytest.mark.parametrize("lang", ["go", "python", "node"])
def test_a_failing_test_fails_the_build(project, tool, lang):
    """Nothing is named in the store; without tests it builds; an edit of the greeting fails no sample test."""
    tool(TOOLS[lang])
    handler = next((project.new("fn", lang)).glob("handler.[gpj]*"))
    sample = handler.read_text()
    handler.write_text(sample.replace(*SAID[lang]))
    (result,), _ = project.build()
    assert "the tests of `fn` fail" in result.error.message
    assert "You said: nothing" in result.error.detail
    assert project.store.references() == {}
    (result,), report = project.build(test=False)
    assert result.error is None
    assert "building and testing" not in report.steps
    handler.write_text(sample.replace("Hello", "Good morning").replace("You said", "They said"))
    (result,), _ = project.build()
    assert result.error is None


def test_python_requirements_are_in_the_image(project, tool, tmp_path):
    """Installed beside the function, importable by it."""
    tool("python3")
    handler = project.new("fn", "python")
    wheel_source = tmp_path / "lib"
    (wheel_source / "greeting").mkdir(parents=True)
    (wheel_source / "greeting" / "__init__.py").write_text("WORD = 'Hi'\n")
    (wheel_source / "pyproject.toml").write_text('[project]\nname = "greeting"\nversion = "1"\n')
    (handler / "requirements.txt").write_text(f"{wheel_source}\n")
    (handler / "handler.py").write_text("import greeting\n\ndef handle(req):\n    return greeting.WORD + ' ' + req\n")
    (handler / "handler_test.py").unlink()
    (result,), _ = project.build()
    assert result.error is None, result.error.detail
    root = project.store.unpack(result.outcome.digest, tmp_path / "root") / "home/app"
    done = subprocess.run(["python3", "index.py"], cwd=root, input=b"you", capture_output=True, check=True)
    assert done.stdout == b"Hi you"


def test_requirements_that_do_not_exist(project, tool):
    """pip's own words, the function's name."""
    tool("python3")
    (project.new("fn", "python") / "requirements.txt").write_text("./nowhere\n")
    (result,), _ = project.build()
    assert "the dependencies of `fn` cannot be installed" in result.error.message
    assert "nowhere" in result.error.detail


def test_shrinkwrap_only_writes_the_context(project):
    """No tool runs, nothing is stored."""
    project.new("fn", "go")
    (result,), report = project.build(shrinkwrap=True)
    assert result.error is None
    assert (project.folder / "build" / "fn" / "function" / "handler.go").is_file()
    assert report.steps == []
    assert project.store.references() == {}


def test_errors_that_are_found_before_any_step(project):
    """Each names the function and what to do."""
    functions = {
        "no-lang": (Function(name="no-lang", handler="./x", image="a"), "has no `lang`"),
        "unknown": (Function(name="unknown", lang="cobol", handler="./x", image="a"), "no template called `cobol`"),
        "no-folder": (Function(name="no-folder", lang="go", handler="./x", image="a"), "does not exist"),
        "no-image": (Function(name="no-image", lang="go", handler="./x"), "has no `image`"),
        "option": (
            Function(name="option", lang="go", handler="./x", image="a", build_options=["dev"]),
            "no build option",
        ),
    }
    project.stack.functions.update({name: function for name, (function, _) in functions.items()})
    results, _ = project.build()
    for result in results:
        assert functions[result.function][1] in result.error.message


EXCLUDING = """\
fprocess: cat
faas:
  toolchain: sh
  dependencies:
    run: mkdir -p packages/bin packages/lib && touch packages/lib/own_test.py packages/bin/tool
    outputs: [packages]
  runtime:
    include: [function]
    exclude: ["*_test.py", packages/bin]
"""


def test_excluded_names_stay_in_dependencies(project, tmp_path):
    """A pattern such as `*_test.py` removes the function's own tests, not a module of a library."""
    template = project.folder / "template" / "mine"
    template.mkdir(parents=True)
    (template / "template.yml").write_text(EXCLUDING)
    handler = project.folder / "fn"
    handler.mkdir()
    (handler / "own_test.py").touch()
    (handler / "handler.py").touch()
    project.stack.functions["fn"] = Function(name="fn", lang="mine", handler="./fn", image="fn:latest")
    (result,), _ = project.build()
    assert result.error is None, result.error and result.error.detail
    root = project.store.unpack(result.outcome.digest, tmp_path / "roots") / "home/app"
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert files == {"function/handler.py", "packages/lib/own_test.py"}
    removing = scripts(find_template("mine", project.folder).recipe)["collect"].splitlines()
    own, dependencies = (line.strip() for line in removing if line.strip().startswith("find "))
    assert own.startswith("find /function ")
    assert "_test.py" in own
    assert dependencies.startswith("find packages ")
    assert "_test.py" not in dependencies
