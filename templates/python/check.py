"""A step of the build: whether the handler can be called. It is read, and its imports are found.

It is run only if nothing to call is found in its text.

python3 check.py stdin|http
"""

import ast
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path

PACKAGE = Path("function")
EXPECTED = {
    "stdin": "`def handle(req)`",
    "http": "`def handle(event, context)`, `def handle(req)`, "
    "or a WSGI or ASGI application called `app` or `application`",
}


class Wrong(Exception):
    """What is wrong, and where."""


def statements(body):
    """The statements that run when a module is imported and cannot fail quietly: not those below `try`."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            yield from statements([*node.body, *node.orelse])
        elif isinstance(node, ast.With):
            yield from statements(node.body)


def bound(tree):
    """The last statement that gives each top-level name its value; `*` when some come from elsewhere."""
    names = {}
    for node in ast.walk(ast.Module([each for each in tree.body if not _inner(each)], [])):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(each.asname or each.name).split(".")[0]: node for each in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names[node.id] = node
        elif _inner(node):
            names[node.name] = node
    names |= {each.name: each for each in statements(tree.body) if _inner(each)}
    return names


def _inner(node):
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def read(path):
    """A file's syntax tree. Raises Wrong with the line."""
    try:
        source = path.read_bytes()
        compile(source, str(path), "exec", dont_inherit=True)
        return source, ast.parse(source, str(path))
    except SyntaxError as err:
        text = f"\n    {err.text.strip()}" if err.text else ""
        raise Wrong(f"{path}:{err.lineno}: {err.msg}{text}") from None
    except ValueError as err:
        raise Wrong(f"{path}: {err}") from None


def check_imports(path, seen):
    """Follow a file's imports through the function's own modules. Raises Wrong for one that is nowhere."""
    if path in seen:
        return
    seen.add(path)
    source, tree = read(path)
    package = path.parent
    for node in statements(tree.body):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == PACKAGE.name):
            start = PACKAGE.parent if not node.level else package
            for _ in range(node.level - 1):
                start = start.parent
            for name in [node.module] if node.module else [f"{each.name}?" for each in node.names]:
                check_own(start, name, path, node, seen)
        elif isinstance(node, (ast.Import, ast.ImportFrom)) and b"sys.path" not in source:
            for name in [node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]:
                check_foreign(name.split(".")[0], path, node)


def check_own(start, name, path, node, seen):
    target = start.joinpath(*name.rstrip("?").split("."))
    for found in (target.with_suffix(".py"), target / "__init__.py"):
        if found.is_file():
            return check_imports(found, seen)
    # `from . import x` may name what the package itself defines; C modules have other endings.
    if not name.endswith("?") and not target.is_dir() and not list(target.parent.glob(f"{target.name}.*")):
        raise Wrong(f"{path}:{node.lineno}: there is no module `{name}` in `{start}`")
    return None


def check_foreign(name, path, node):
    try:
        found = importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        found = False
    # What is compiled for another version of Python is not found by this one.
    if found or next(Path("packages").glob(f"{name}.*"), None):
        return
    hint = f"name what brings it in requirements.txt (`{name}`, or the package it is in)"
    if (PACKAGE / f"{name}.py").is_file() or (PACKAGE / name).is_dir():
        hint = f"it is a file of the function itself: `from . import {name}`"
    raise Wrong(f"{path}:{node.lineno}: there is no module `{name}`: {hint}")


def check_signature(kind, handle, path):
    spec = handle.args
    names = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    required = len(names) - len(spec.defaults)
    keywords = [each.arg for each, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if default is None]
    given = 1 if kind == "stdin" else 2
    if required > given or (kind == "stdin" and not names and not spec.vararg) or keywords:
        written = f"def handle({ast.unparse(spec)})"
        raise Wrong(f"{path}:{handle.lineno}: `{written}` cannot be called; expected {EXPECTED[kind]}")


def made_by_import(path):
    """The names that a module has once it is imported: the last resort where no statement binds one to call."""
    sys.path.insert(0, ".")
    try:
        return set(dir(importlib.import_module(f"{PACKAGE.name}.handler")))
    except BaseException as err:
        lines = [
            each.lineno for each in traceback.extract_tb(err.__traceback__) if Path(each.filename).name == path.name
        ]
        raise Wrong(f"{path}:{lines[-1] if lines else 1}: {type(err).__name__}: {err}") from None


def check(kind):
    """Raise Wrong unless the handler of this kind of template can be called."""
    places = (PACKAGE / "handler.py", PACKAGE / "handler" / "__init__.py")
    path = next((each for each in places if each.is_file()), None)
    if path is None:
        if list(PACKAGE.glob("handler.*.so")):
            return
        raise Wrong(f"{PACKAGE}/ has no handler.py; expected one with {EXPECTED[kind]}")
    _, tree = read(path)
    check_imports(path, set())
    names = bound(tree)
    handle = names.get("handle")
    if isinstance(handle, (ast.FunctionDef, ast.AsyncFunctionDef)) and not handle.decorator_list:
        check_signature(kind, handle, path)
    accepted = {"handle", "*", "__getattr__"} | ({"app", "application"} if kind == "http" else set())
    if not accepted & names.keys() and not accepted & made_by_import(path):
        other = " (`app` is served by the template python-http)" if {"app", "application"} & names.keys() else ""
        raise Wrong(f"{path}: nothing there can be called; expected {EXPECTED[kind]}{other}")


if __name__ == "__main__":
    sys.path.insert(0, "packages")
    try:
        check(sys.argv[1])
    except Wrong as err:
        sys.exit(str(err))
