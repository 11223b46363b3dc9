"""The direction of imports is a decision (docs/architecture.md); this keeps it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What the toolchain may use of the runtime; everything else of the runtime is private to it.
SHARED = ("faas_runtime.core", "faas_runtime.images")


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "faas_cli").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_toolchain_imports_only_the_shared_kernel_of_the_runtime(path):
    """`faas_cli` reaches into the runtime only through its shared kernel."""
    private = {name for name in imports(path) if name.startswith("faas_runtime.") and not name.startswith(SHARED)}
    assert not private


@pytest.mark.parametrize(
    "path", sorted((ROOT / "runtime/faas_runtime").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_runtime_never_imports_the_toolchain(path):
    """The runtime can be shipped without the command line."""
    assert not {name for name in imports(path) if name.split(".")[0] == "faas_cli"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "runtime/faas_runtime/providers").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_providers_do_not_know_the_gateway(path):
    """A provider can be served on its own."""
    assert not {name for name in imports(path) if name.startswith("faas_runtime.gateway")}
