"""`faas new`: everything or nothing."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from faas_cli.errors import FaasError, UsageError
from faas_cli.stack.edit import new_stack_text
from faas_cli.stack.loader import load
from faas_cli.stack.model import Function
from faas_cli.templates.find import TemplateNotFound, available, find_template
from faas_cli.templates.scaffold import Scaffold, check_name, create, keep_ignored, plan

LANGUAGES = ["go", "go-http", "node", "node-http", "python", "python-http"]


def scaffold(folder, lang="go", **changes):
    values = {
        "name": "fn",
        "template": find_template(lang),
        "handler": folder / "fn",
        "stack_file": folder / "fn.yml",
        "stack_text": "text\n",
    }
    return Scaffold(**{**values, **changes})


def tree(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_comes_with_a_handler_and_its_test(tmp_path, lang):
    """And with what an editor needs to know its dependencies."""
    create(scaffold(tmp_path, lang))
    names = {name.removeprefix("fn/") for name in tree(tmp_path) if name.startswith("fn/")}
    expected = {
        "go": {"handler.go", "handler_test.go", "go.mod"},
        "python": {"handler.py", "handler_test.py", "requirements.txt", "__init__.py"},
        "node": {"handler.js", "handler.test.js", "package.json"},
    }
    assert names == expected[lang.removesuffix("-http")]


def test_the_name_is_in_the_package(tmp_path):
    """cookiecutter fills it in."""
    create(scaffold(tmp_path, "node", name="my-fn"))
    assert '"name": "my-fn"' in (tmp_path / "fn" / "package.json").read_text()


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    """Nothing is written, not even the stack file."""
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn" / "mine").write_text("")
    with pytest.raises(UsageError, match="already exists"):
        create(scaffold(tmp_path))
    assert tree(tmp_path) == {"fn", "fn/mine"}


def test_a_stack_file_that_is_there_is_left_alone(tmp_path):
    """With the way to add to it."""
    (tmp_path / "fn.yml").write_text("mine\n")
    with pytest.raises(UsageError, match="already exists") as caught:
        create(scaffold(tmp_path))
    assert "--append" in caught.value.hint
    assert tree(tmp_path) == {"fn.yml"}


def test_a_failure_midway_leaves_no_debris(tmp_path):
    """The stack file cannot be written: the handler's folder goes away again."""
    with pytest.raises(FaasError):
        create(scaffold(tmp_path, stack_file=tmp_path / "none" / "fn.yml"))
    assert tree(tmp_path) == set()


def test_a_plain_openfaas_template_is_copied_as_it_is(tmp_path):
    """Without a cookiecutter.json nothing is rendered: code may hold braces."""
    folder = tmp_path / "template" / "plain"
    (folder / "function").mkdir(parents=True)
    (folder / "template.yml").write_text("language: plain\nfprocess: cat\n")
    (folder / "function" / "code.txt").write_text("{{ not ours }}\n")
    create(scaffold(tmp_path, template=find_template("plain", tmp_path)))
    assert (tmp_path / "fn" / "code.txt").read_text() == "{{ not ours }}\n"


def test_gitignore_is_kept_and_extended(tmp_path):
    """Lines of the user stay, ours are added once."""
    (tmp_path / ".gitignore").write_text("mine\n/build/")
    for _ in range(2):
        keep_ignored(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "mine\n/build/\ntemplate\n.secrets\n"


@pytest.mark.parametrize("name", ["a", "go-hash", "a1", "1a", "x" * 63])
def test_good_names(name):
    """DNS labels."""
    check_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "a b", "ä", "a/b", "..", "x" * 64])
def test_bad_names(name):
    """Everything that an engine, a path or a label would stumble over."""
    with pytest.raises(UsageError):
        check_name(name)


def test_unknown_language_names_the_nearest():
    """And a well-known synonym."""
    for wrong, right in (("golan", "go"), ("python3", "python"), ("nodejs", "node"), ("pyton-http", "python-http")):
        with pytest.raises(TemplateNotFound) as caught:
            find_template(wrong)
        assert f"`{right}`" in caught.value.hint


@pytest.mark.parametrize("name", ["../go", "", "go/../go", "/etc"])
def test_a_template_name_is_not_a_path(name):
    """It never leaves the folder of templates."""
    with pytest.raises(TemplateNotFound):
        find_template(name)


def test_a_template_of_the_project_hides_a_built_in_one(tmp_path):
    """The project's own come first."""
    (tmp_path / "template" / "go").mkdir(parents=True)
    (tmp_path / "template" / "go" / "template.yml").write_text("language: mine\n")
    assert find_template("go", tmp_path).language == "mine"
    assert set(LANGUAGES) <= set(available(tmp_path))


def braces(folder, text):
    template = folder / "template" / "br"
    inside = template / "{{cookiecutter.folder}}"
    inside.mkdir(parents=True)
    (template / "cookiecutter.json").write_text('{"name": "hello", "folder": "hello"}')
    (template / "template.yml").write_text("language: br\nfprocess: cat\n")
    (inside / "ci.yml").write_text(text)
    return find_template("br", folder)


@pytest.mark.parametrize(("text", "line"), [("a:\nrun: ${{ github.ref }}\n", 2), ("a: 1\nb: {% for %}\n", 2)])
def test_braces_of_another_language_in_a_template(tmp_path, text, line):
    """The file, the line and the key of cookiecutter.json that leaves the file alone."""
    with pytest.raises(FaasError) as caught:
        create(scaffold(tmp_path, template=braces(tmp_path, text)))
    assert f"{{{{cookiecutter.folder}}}}/ci.yml:{line}`: " in caught.value.message
    assert "_copy_without_render" in caught.value.hint
    assert not (tmp_path / "fn").exists()


def test_functions_appended_at_the_same_time_all_arrive(tmp_path):
    """Each is added to the file of the moment, under a lock."""
    file = tmp_path / "all.yml"
    file.write_text(new_stack_text("http://h", Function(name="first", lang="go", handler="./first", image="first")))
    template = find_template("python")
    plans = [plan(f"fn{n}", template, handler=str(tmp_path / f"fn{n}"), append=str(file)) for n in range(8)]
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        list(pool.map(create, plans))
    assert set(load(file).functions) == {"first", *(f"fn{n}" for n in range(8))}
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == {".gitignore"}


@pytest.mark.parametrize("lang", ["python", "plain"])
def test_caches_of_a_template_are_not_copied(tmp_path, lang, monkeypatch):
    """Neither by cookiecutter nor from a template without it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "template" / lang
    if lang == "python":
        shutil.copytree(find_template("python").folder, folder)
    else:
        (folder / "function").mkdir(parents=True)
        (folder / "template.yml").write_text("language: plain\nfprocess: cat\n")
        (folder / "function" / "handler.py").write_text("")
    for handler in list(folder.rglob("handler.py")):
        (handler.parent / "__pycache__").mkdir(exist_ok=True)
        (handler.parent / "__pycache__" / "handler.cpython-311.pyc").write_bytes(b"\0")
    create(scaffold(tmp_path, lang))
    names = tree(tmp_path / "fn")
    assert "handler.py" in names
    assert not {name for name in names if "__pycache__" in name}
