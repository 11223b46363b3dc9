"""`faas build --why`: changed inputs are named, and their order does not matter."""

import threading

import pytest

from tests.integration.build.test_oci import Project, Recorder

pytestmark = pytest.mark.integration


@pytest.fixture
def project(tmp_path, tool, monkeypatch):
    """A Python function that has not been built."""
    tool("python3")
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path / "state"))
    made = Project(tmp_path / "project", tmp_path / "state")
    made.new("fn", "python")
    return made


def why(project, **options):
    """The report of a build, and whether it ran a step."""
    (result,), report = project.build("fn", why=True, **options)
    assert result.error is None, result.error.detail
    (note,) = report.notes
    return note, bool(report.steps)


def test_every_reason_is_named(project):
    """A file that changed, came, went; an argument, a label; nothing at all."""
    assert why(project) == ("this is its first build on this machine", True)
    assert why(project) == ("no input has changed since its last build", False)
    handler = project.folder / "fn" / "handler.py"
    handler.write_text(handler.read_text() + "\n# more\n")
    (project.folder / "fn" / "more.py").write_text("A = 1\n")
    assert why(project) == ("since its last build: `fn/handler.py` has changed, `fn/more.py` is new", True)
    (project.folder / "fn" / "more.py").unlink()
    note, ran = why(project, build_args={"TOKEN": "hush"}, labels={"team": "a"})
    assert ran
    assert note == (
        "since its last build: `fn/more.py` was removed, the build argument `TOKEN` is new, the label `team` is new"
    )
    kept = "".join(path.read_text() for path in (project.folder.parent / "state/build/inputs").iterdir())
    assert "hush" not in kept
    note, ran = why(project, build_args={"TOKEN": "hush"}, labels={"team": "a"}, no_cache=True)
    assert (note, ran) == (
        "no input has changed since its last build, but `--no-cache` runs every step",
        True,
    )


def test_a_build_that_failed_is_none(project):
    """It is reported again."""
    why(project)
    handler = project.folder / "fn" / "handler.py"
    text = handler.read_text()
    handler.write_text("def handle(req):\n    return 'wrong'\n")
    (result,), _ = project.build("fn")
    assert result.error is not None
    handler.write_text(text + "\n")
    note, _ = why(project)
    assert note == "since its last build: `fn/handler.py` has changed"


def test_order_is_no_reason(project, tmp_path):
    """Labels and arguments in another order, files written in another order: the same layers, the same digest."""
    digests = []
    for place, backwards in (("one", False), ("two", True)):
        names = sorted(("zeta.py", "alpha.py", "mid.py"), reverse=backwards)
        other = Project(tmp_path / place / "project", tmp_path / place / "state")
        folder = other.new("fn", "python")
        for name in names:
            (folder / name).write_text(f"# {name}\n")
        pairs = [("b", "1"), ("a", "2"), ("c", "3")]
        labels = dict(reversed(pairs) if backwards else pairs)
        (result,), _ = other.build("fn", labels=labels, build_args={key.upper(): "x" for key in labels})
        assert result.error is None, result.error.detail
        digests.append(result.outcome.digest)
    assert digests[0] == digests[1]


def test_order_of_arguments_finds_the_earlier_build(project):
    """The key is as free of order as the layers are."""
    project.build("fn", labels={"a": "1", "b": "2"}, build_args={"X": "1", "Y": "2"})
    _, ran = why(project, labels={"b": "2", "a": "1"}, build_args={"Y": "2", "X": "1"})
    assert not ran


@pytest.mark.parametrize("lang", ["go", "python", "node", "go-http", "python-http", "node-http"])
def test_an_edit_makes_one_new_layer_of_kilobytes(tmp_path, tool, monkeypatch, lang):
    """What is pushed after a change of one line: the function's own layer, not what it depends on."""
    compiled = lang.startswith("go")
    tool({"go": "go", "python": "python3", "node": "node"}[lang.partition("-")[0]])
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path / "state"))
    project = Project(tmp_path / "project", tmp_path / "state")
    folder = project.new("fn", lang)
    before = layers(project)
    (handler,) = [path for path in folder.iterdir() if path.stem == "handler"]
    comment = "\n# edited\n" if lang.startswith("python") else "\n// edited\n\nvar edited = 1\n"
    handler.write_text(handler.read_text() + comment)
    after = layers(project)
    new = after.keys() - before.keys()
    assert len(new) == 1
    # A compiled handler is its own program; an interpreted one is its text.
    assert after[new.pop()] < (20 * 1024 * 1024 if compiled else 64 * 1024)


def layers(project):
    """Digest and size of every layer of the function's image, built now."""
    (result,), _ = project.build("fn")
    assert result.error is None, result.error.detail

    return {layer["digest"]: layer["size"] for layer in project.store.manifest(result.outcome.digest)["layers"]}


def test_two_builds_of_one_function_wait_for_each_other(project, tmp_path):
    """Both would write the same context; the second says that it waits."""
    from faas_cli.images.plan import exclusive

    first, second, entered = Recorder(), Recorder(), threading.Event()
    function = project.stack.functions["fn"]

    def other():
        with exclusive(function, project.folder, second):
            entered.set()

    thread = threading.Thread(target=other)
    with exclusive(function, project.folder, first):
        thread.start()
        assert not entered.wait(0.3)
        assert second.notes == ["waiting for another build of this function"]
    thread.join(10)
    assert entered.is_set()
    assert first.notes == []
