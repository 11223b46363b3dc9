"""`build/NAME/`: what is in it, and what must not be."""

import os

import pytest

from faas_cli.errors import BuildError
from faas_cli.images.context import assemble, fingerprint
from faas_cli.stack.model import Function
from faas_cli.templates.find import find_template


@pytest.fixture
def project(tmp_path):
    handler = tmp_path / "fn"
    handler.mkdir()
    (handler / "handler.go").write_text("package function\n")
    return tmp_path


def build(project, **keys):
    function = Function(name="fn", lang="go", handler="./fn", **keys)
    return assemble(function, find_template("go"), project)


def names(context):
    return {path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file()}


def test_the_template_with_the_handler_laid_over_it(project):
    """The layout of faas-cli: template at the root, handler in `function`, defaults where it has none."""
    expected = {"template.yml", "main.go", "go.mod", "go.work", "function/handler.go", "function/go.mod"}
    assert names(build(project)) == expected


def test_it_is_made_anew(project):
    """Nothing of an earlier build stays."""
    context = build(project)
    (context / "old").write_text("")
    assert "old" not in names(build(project))


def test_an_edit_that_keeps_size_and_time_is_seen(project):
    """Unchanged files of the last context are reused, and only those: by inode and time of the last change, too."""
    for folder in ("one", "two"):
        (project / folder).mkdir()
        (project / folder / "x").write_text(folder)
        os.utime(project / folder / "x", ns=(10**18, 10**18))
    (project / "fn" / "link").symlink_to("../one")
    (project / "fn" / "data").write_text("old")
    os.utime(project / "fn" / "data", ns=(10**18, 10**18))
    context = build(project)
    unchanged = (context / "function" / "handler.go").stat().st_ino
    (project / "fn" / "data").write_text("new")
    os.utime(project / "fn" / "data", ns=(10**18, 10**18))
    (project / "fn" / "link").unlink()
    (project / "fn" / "link").symlink_to("../two")
    (context / "function" / "go.mod").write_text("changed by hand")
    assert build(project) == context
    assert (context / "function" / "data").read_text() == "new"
    assert (context / "function" / "link" / "x").read_text() == "two"
    assert (context / "function" / "go.mod").read_text() != "changed by hand"
    assert (context / "function" / "handler.go").stat().st_ino == unchanged
    (context / "function" / "handler.go").write_text("changed by hand")
    build(project)
    assert (context / "function" / "handler.go").read_text() == "package function\n"


def test_what_tools_make_is_not_copied(project):
    """Row 11: `node_modules` and its like are never part of a context."""
    for folder in ("node_modules/x", ".git", "__pycache__"):
        (project / "fn" / folder).mkdir(parents=True)
        (project / "fn" / folder / "file").write_text("")
    assert names(build(project)) == names(build(project)) - {"function/node_modules/x/file"}
    assert not any("node_modules" in name or ".git/" in name for name in names(build(project)))


def test_a_dockerignore_of_a_handler_removes_nothing(project):
    """As with faas-cli: only a `.dockerignore` at the top of the context means anything, to the engine."""
    (project / "fn" / "data.bin").write_text("")
    (project / "fn" / ".dockerignore").write_text("*.bin\n")
    assert {"function/data.bin", "function/.dockerignore"} <= names(build(project))


def test_a_dockerfiles_context_is_complete(project):
    """With `lang: dockerfile` the user's `.dockerignore` decides about `.git`, `node_modules` and `.venv`."""
    for folder in (".git", "node_modules", ".venv"):
        (project / "fn" / folder).mkdir()
        (project / "fn" / folder / "x").write_text("")
    context = assemble(Function(name="fn", lang="dockerfile", handler="./fn"), None, project)
    assert names(context) == {"handler.go", ".git/x", "node_modules/x", ".venv/x"}


def test_a_folder_called_build_is_copied(project):
    """Row 12: our own output is left out by what it is, not by its name."""
    (project / "fn" / "build").mkdir()
    (project / "fn" / "build" / "x.txt").write_text("")
    assert "function/build/x.txt" in names(build(project))


def test_a_handler_that_is_the_project_leaves_our_folders_out(tmp_path):
    """Row 12: `handler: .` does not copy `build` into itself."""
    (tmp_path / "handler.go").write_text("package function\n")
    (tmp_path / "build" / "other").mkdir(parents=True)
    (tmp_path / "build" / "other" / "x").write_text("")
    context = assemble(Function(name="fn", lang="go", handler="."), find_template("go"), tmp_path)
    assert "function/handler.go" in names(context)
    assert not any("build" in name for name in names(context))


def test_links_inside_the_project_are_followed(project):
    """Row 13: the content is copied."""
    (project / "shared").mkdir()
    (project / "shared" / "lib.go").write_text("package function\n")
    (project / "fn" / "lib.go").symlink_to("../shared/lib.go")
    (project / "fn" / "folder").symlink_to("../shared")
    context = build(project)
    assert (context / "function" / "lib.go").read_text() == "package function\n"
    assert not (context / "function" / "lib.go").is_symlink()
    assert (context / "function" / "folder" / "lib.go").is_file()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/passwd", "leads outside the project"),
        ("../nowhere", "which is missing"),
        (".", "leads to one of its parent folders"),
    ],
)
def test_other_links_are_refused(project, target, words):
    """Row 13: with the link's name, never in silence."""
    (project / "fn" / "link").symlink_to(target)
    with pytest.raises(BuildError, match=words) as caught:
        build(project)
    assert "fn/link" in str(caught.value)


def test_missing_handler(project):
    """The function and the path are named."""
    with pytest.raises(BuildError, match=r"`fn`: its handler folder `./none` does not exist"):
        assemble(Function(name="fn", handler="./none"), find_template("go"), project)
    (project / "file").write_text("")
    with pytest.raises(BuildError, match="is a file"):
        assemble(Function(name="fn", handler="./file"), find_template("go"), project)


@pytest.mark.parametrize("path", ["..", "../app2", "/etc", "."])
def test_extra_paths_stay_inside(project, path):
    """By path components, not by the beginning of a text."""
    (project.parent / "app2").mkdir(exist_ok=True)
    with pytest.raises(BuildError, match="must be inside the project"):
        assemble(Function(name="fn", handler="./fn"), find_template("go"), project, [path])


def test_extra_paths_are_copied_as_written(project):
    """Below the handler's own files."""
    (project / "common" / "deep").mkdir(parents=True)
    (project / "common" / "deep" / "x.txt").write_text("")
    function = Function(name="fn", handler="./fn")
    context = assemble(function, find_template("go"), project, ["common"])
    assert (context / "function" / "common" / "deep" / "x.txt").is_file()


def test_fingerprint_sees_content_names_and_modes(project):
    """And nothing else: not times."""
    context = build(project)
    first = fingerprint(context)
    (context / "main.go").touch()
    assert fingerprint(context) == first
    (context / "main.go").chmod(0o755)
    assert fingerprint(context) != first


def test_a_name_that_is_not_utf8(project):
    """A name is bytes; it arrives as it is and counts in the fingerprint."""
    context = build(project)
    first = fingerprint(context)
    name = os.fsdecode(b"caf\xe9.txt")
    (project / "fn" / name).write_text("x")
    context = build(project)
    assert (context / "function" / name).exists()
    assert fingerprint(context) != first
