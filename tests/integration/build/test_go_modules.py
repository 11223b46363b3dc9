"""A Go handler's modules in its template's workspace."""

from types import SimpleNamespace

import pytest

from faas_cli.errors import BuildError
from faas_cli.images.go_modules import fit
from faas_cli.images.tree import matching
from faas_cli.templates.find import find_template


@pytest.fixture
def context(tmp_path):
    """Lay out a context: `context({"function/go.mod": "..."})` returns the remarks; its files are below `tmp_path`."""

    def lay_out(files):
        base = {
            "go.work": "go 1.21\n\nuse (\n\t.\n\t./function\n\t./sdk\n)\n",
            "go.mod": "module handler\n\ngo 1.21\n",
            "main.go": 'package main\n\nimport (\n\t"os"\n\n\t"handler/function"\n)\n',
            "sdk/go.mod": "module example.com/sdk\n\ngo 1.21\n",
            "function/go.mod": "module handler/function\n\ngo 1.21\n",
        }
        for name, text in {**base, **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        job = SimpleNamespace(template=find_template("go"), context=tmp_path, function=SimpleNamespace(name="fn"))
        return fit(job, tmp_path / "handler")

    return lay_out


@pytest.mark.parametrize(
    ("work", "template", "handler", "highest"),
    [
        ("1.21", "1.21", "1.22", "1.22"), ("1.21", "1.21", "1.9", "1.21"), ("1.21", "1.23.1", "1.23", "1.23.1"),
        ("1.21", "1.21", "1.24rc1", "1.24rc1"), ("1.24", "1.21", "1.24rc1", "1.24"),
        ("1.25.0", "1.21", "1.22", "1.25.0"),
    ],
)  # fmt: skip
def test_the_highest_go_line_wins(context, tmp_path, work, template, handler, highest):
    """Among workspace, template and handler, compared as versions."""
    context(
        {
            "go.work": f"go {work}\n\nuse .\n",
            "go.mod": f"module handler\n\ngo {template}\n",
            "function/go.mod": f"module handler/function\n\ngo {handler}\n",
        }
    )
    assert (tmp_path / "go.work").read_text() == f"go {highest}\n\nuse .\n"


def test_a_module_of_another_name_is_imported_by_it(context, tmp_path):
    """Under the name the template's program uses."""
    context({"function/go.mod": "module example.com/hello // mine\n\ngo 1.21\n"})
    assert '\tfunction "example.com/hello"\n' in (tmp_path / "main.go").read_text()


def test_a_handler_without_a_module_gets_one_with_a_remark(context, tmp_path):
    """The template's; a handler with its own gets no remark."""
    (remark,) = context({})
    assert "`fn` has no go.mod" in remark
    (tmp_path / "handler").mkdir()
    (tmp_path / "handler" / "go.mod").touch()
    assert context({}) == []


def test_what_the_workspace_brings_is_not_required(context, tmp_path):
    """Go would ask for that version; the rest of the requirements stays."""
    text = "module handler/function\n\ngo 1.21\n\nrequire (\n\texample.com/sdk v0.1.0\n\texample.com/a v1.0.0\n)\n"
    context({"function/go.mod": text})
    assert (tmp_path / "function/go.mod").read_text() == text.replace("\texample.com/sdk v0.1.0\n", "")


def test_the_handlers_vendor_folder_is_the_workspaces(context, tmp_path):
    """Without what the workspace has itself; paths of replacements are seen from there; Go 1.22 can do that."""
    context(
        {
            "function/vendor/modules.txt": (
                "# example.com/a v1.0.0 => ./a\n## explicit\nexample.com/a\n"
                "# example.com/sdk v0.1.0\n## explicit\nexample.com/sdk\n# example.com/a => ./a\n"
            ),
            "function/vendor/example.com/sdk/sdk.go": "package sdk\n",
            "function/vendor/example.com/a/a.go": "package a\n",
        }
    )
    assert (tmp_path / "vendor/modules.txt").read_text() == (
        "## workspace\n# example.com/a v1.0.0 => ./function/a\n## explicit\nexample.com/a\n"
        "# example.com/a => ./function/a\n"
    )
    assert (tmp_path / "vendor/example.com/a/a.go").exists()
    assert not (tmp_path / "vendor/example.com/sdk").exists()
    assert not (tmp_path / "function/vendor").exists()
    assert (tmp_path / "go.work").read_text().startswith("go 1.22\n")


@pytest.mark.parametrize("code", ['package function\n\nimport "C"\n', 'package function\n\nimport (\n\t"C"\n)\n'])
def test_cgo_is_refused_by_the_files_name(context, code):
    """The template compiles without C; tests and vendored packages are not the handler's code."""
    context({"function/handler_test.go": code, "function/vendor/x/x.go": code})
    with pytest.raises(BuildError, match=r"pkg/x\.go uses cgo"):
        context({"function/pkg/x.go": code})


def test_inputs_may_be_patterns(tmp_path):
    """Each file is there once, those of a pattern in order; what is missing is left out."""
    for name in ("b/go.mod", "a/c/go.mod", "go.work"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = ["go.work", "nothing", "**/go.mod", "b/go.mod"]
    assert matching(tmp_path, names) == ["go.work", "a/c/go.mod", "b/go.mod"]
