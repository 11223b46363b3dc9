"""`build/NAME/`: what is in it, and what must not be."""

import os
import socket

import pytest

from faas_cli.errors import BuildError
from faas_cli.images import tree
from faas_cli.images.context import assemble
from faas_cli.images.tree import digests_below, fingerprint, sync_tree
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
        ("link", "goes in a circle"),
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
    first = fingerprint(digests_below(context))
    (context / "main.go").touch()
    assert fingerprint(digests_below(context)) == first
    (context / "main.go").chmod(0o755)
    assert fingerprint(digests_below(context)) != first


def test_a_name_that_is_not_utf8(project):
    """A name is bytes; it arrives as it is and counts in the fingerprint."""
    context = build(project)
    first = fingerprint(digests_below(context))
    name = os.fsdecode(b"caf\xe9.txt")
    (project / "fn" / name).write_text("x")
    context = build(project)
    assert (context / "function" / name).exists()
    assert fingerprint(digests_below(context)) != first


def test_two_folders_that_link_to_each_other(project):
    """The link that closes the circle is named."""
    for one, other in (("a", "b"), ("b", "a")):
        (project / "fn" / one).mkdir()
        (project / "fn" / one / "link").symlink_to(f"../{other}")
    with pytest.raises(BuildError, match="fn/a/link/link` leads to one of its parent folders"):
        build(project)


def test_what_an_image_cannot_hold_is_named(project):
    """Sockets, FIFOs and devices are left out in one remark; an empty folder is kept."""
    os.mkfifo(project / "fn" / "pipe")
    (project / "fn" / "empty" / "deep").mkdir(parents=True)
    remarks = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(project / "fn" / "s"))
        function = Function(name="fn", lang="go", handler="./fn")
        context = assemble(function, find_template("go"), project, remark=remarks.append)
    (remark,) = remarks
    assert remark.startswith("left out, since an image cannot hold it: ")
    assert "fn/pipe` (a FIFO), " in remark
    assert "fn/s` (a socket)" in remark
    assert not {"function/pipe", "function/s"} & set(digests_below(context))
    assert "function/empty/deep/" in digests_below(context)


def test_an_empty_folder_counts(project):
    """It is part of the fingerprint and of a working copy, and leaves both when it is removed."""
    context = build(project)
    first = fingerprint(digests_below(context))
    (project / "fn" / "empty").mkdir()
    assert fingerprint(digests_below(build(project))) != first
    work = project / "work"
    sync_tree(context, work, keep=["packages"])
    assert (work / "function" / "empty").is_dir()
    (work / "packages").mkdir()
    (work / "made").mkdir()
    (project / "fn" / "empty").rmdir()
    assert fingerprint(digests_below(build(project))) == first
    sync_tree(context, work, keep=["packages"])
    assert not (work / "function" / "empty").exists()
    assert not (work / "made").exists()
    assert (work / "packages").is_dir()


def test_a_file_in_place_of_a_folder(project):
    """In the handler over the template, and from one build to the next."""
    folder = project / "template" / "own" / "function"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "x").write_text("template")
    (folder / "other").write_text("template")
    (project / "template" / "own" / "template.yml").write_text("fprocess: cat\n")
    (project / "fn" / "data").write_text("handler")
    (project / "fn" / "other").mkdir()
    function = Function(name="fn", lang="own", handler="./fn")
    template = find_template("own", project)
    context = assemble(function, template, project)
    assert (context / "function" / "data").read_text() == "handler"
    assert (context / "function" / "other").is_dir()
    (project / "fn" / "data").unlink()
    (project / "fn" / "other").rmdir()
    assemble(function, template, project)
    assert (context / "function" / "data" / "x").read_text() == "template"
    assert (context / "function" / "other").read_text() == "template"


def test_a_digest_is_kept_as_long_as_the_file_is_the_same(tmp_path, monkeypatch):
    """Files are not read again in another process; an edit that keeps size and time is seen."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "file").write_text("old")
    os.utime(folder / "file", ns=(10**18, 10**18))
    monkeypatch.setattr(tree, "_SETTLED_SECONDS", 0.0)
    read = []
    digest = tree._digest.__wrapped__
    monkeypatch.setattr(tree, "_digest", lambda path, *identity: read.append(path) or digest(path))
    first = digests_below(folder)
    assert digests_below(folder) == first
    assert len(read) == 1
    (folder / "file").write_text("new")
    os.utime(folder / "file", ns=(10**18, 10**18))
    assert digests_below(folder) != first
    assert len(read) == 2


def test_a_digest_of_a_file_that_may_still_change_is_not_kept(tmp_path):
    """A clock ticks too rarely to tell two edits soon after one another apart."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "file").write_text("old")
    digests_below(folder)
    assert not (tmp_path / ".context.digests").exists()
