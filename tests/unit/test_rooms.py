"""The direction of imports is a decision (docs/architecture.md); this keeps it."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLCHAIN = sorted((ROOT / "faas_cli").rglob("*.py"))
RUNTIME = sorted((ROOT / "runtime/faas_runtime").rglob("*.py"))

# What the toolchain may use of the runtime; everything else of the runtime is private to it.
SHARED = ("faas_runtime.core", "faas_runtime.images")
ENGINES = ("process", "docker", "swarm", "remote")


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    base = ROOT if path.is_relative_to(ROOT / "faas_cli") else ROOT / "runtime"
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


MODULES = {name_of(path): path for path in [*TOOLCHAIN, *RUNTIME]}


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    """The modules that a file imports; with `top_level`, only when it is imported itself."""
    names: set[str] = set()
    found: list[ast.AST] = [tree(path)]
    while found:
        node = found.pop()
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import module` imports the module.
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names.update((inner & MODULES.keys()) or {node.module})
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            found += node.orelse
            continue
        elif top_level and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        found += ast.iter_child_nodes(node)
    return names


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TOOLCHAIN, ids=relative)
def test_toolchain_imports_only_the_shared_kernel_of_the_runtime(path):
    """`faas_cli` reaches into the runtime only through its shared kernel."""
    private = {name for name in imports(path) if name.startswith("faas_runtime.") and not name.startswith(SHARED)}
    assert not private


@pytest.mark.parametrize("path", RUNTIME, ids=relative)
def test_runtime_never_imports_the_toolchain(path):
    """The runtime can be shipped without the command line."""
    assert not {name for name in imports(path) if name.split(".")[0] == "faas_cli"}


@pytest.mark.parametrize("path", sorted((ROOT / "runtime/faas_runtime/providers").rglob("*.py")), ids=relative)
def test_providers_do_not_know_the_gateway(path):
    """A provider can be served on its own."""
    assert not {name for name in imports(path) if name.startswith("faas_runtime.gateway")}


@pytest.mark.parametrize("engine", ENGINES)
def test_no_engine_imports_another(engine):
    """What engines share is in `providers/common`."""
    folder = ROOT / "runtime/faas_runtime/providers" / engine
    others = tuple(f"faas_runtime.providers.{other}" for other in ENGINES if other != engine)
    assert not {
        f"{relative(path)}: {name}"
        for path in folder.rglob("*.py")
        for name in imports(path)
        if name.startswith(others)
    }


@pytest.mark.parametrize("path", TOOLCHAIN, ids=relative)
def test_nobody_imports_a_command(path):
    """Commands hold options, one call and a report; only a group's folder imports its own subcommands."""
    commands = {name for name in imports(path) if name.startswith("faas_cli.commands.")}
    if path.parent.parent.name == "commands" and path.name == "__init__.py":
        commands = {name for name in commands if not name.startswith(name_of(path))}
    assert not commands


@pytest.mark.parametrize("path", TOOLCHAIN, ids=relative)
def test_only_the_console_writes(path):
    """`print`, `click.echo` and the streams themselves are for console.py alone."""
    if path.name == "console.py":
        return
    written = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            written.add("print")
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr", "click.echo"):
            written.add(ast.unparse(node))
    assert not written


@cache
def graph(prefix: str, *, top_level: bool) -> dict[str, set[str]]:
    """Which modules of a package import which."""
    return {
        name: imports(path, top_level=top_level) & MODULES.keys() - {name}
        for name, path in MODULES.items()
        if name.split(".")[0] == prefix
    }


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other: Tarjan's strongly connected components of two or more."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in edges.get(name, ()):
            if other not in number:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], number[other])
        if low[name] == number[name]:
            place = stack.index(name)
            component, stack[place:] = stack[place:], []
            if len(component) > 1:
                found.append(sorted(component))

    for name in edges:
        if name not in number:
            visit(name)
    return found


@pytest.mark.parametrize(("package", "top_level"), [("faas_cli", False), ("faas_runtime", True)])
def test_no_modules_import_each_other(package, top_level):
    """Of the toolchain, imports inside of functions count as well."""
    assert cycles(graph(package, top_level=top_level)) == []


def test_cycles_are_found():
    """Direct ones and those over several modules, none where imports go one way."""
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert cycles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
