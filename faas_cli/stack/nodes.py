"""YAML as text with positions: every scalar stays as it was written, every value knows its line.

A YAML 1.1 loader would turn the label `1.50` into a number and `yes` into a boolean; a
stack file's maps hold strings, so nothing is converted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from faas_cli.errors import StackError
from faas_cli.stack.envsubst import restored

if TYPE_CHECKING:
    from yaml import Mark

Node = Any
"""A node of PyYAML's; its type stubs lack `id`, which distinguishes scalar, sequence and mapping."""

_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})


@dataclass(frozen=True, slots=True)
class Value:
    """A node of a file, with the path of keys that leads to it (`functions.hello.labels`)."""

    node: Node
    file: str
    key: str
    line: int = 0
    """The line of its key, else its own; counts from 1, 0 is unknown."""

    def fail(self, problem: str, hint: str = "") -> NoReturn:
        """Raise StackError at this value's place."""
        mark = self.node.start_mark if self.node is not None else None
        line, column = _place(mark) if mark is not None else (self.line or 1, 1)
        text = f"`{self.key}` {problem}" if self.key else problem
        raise StackError(text, file=self.file, line=line, column=column, key=self.key, hint=hint)

    @property
    def is_null(self) -> bool:
        """Whether nothing is there, or `~`, or `null`."""
        return self.node is None or self.node.tag == "tag:yaml.org,2002:null"

    def text(self) -> str:
        """A scalar as it was written; nothing is an empty text."""
        if self.is_null:
            return ""
        if self.node is None or self.node.id != "scalar":
            self.fail(
                f"must be a text, and is a {_kind(self.node)}", hint="write it after the colon, in quotes if need be"
            )
        return restored(str(self.node.value))

    def boolean(self) -> bool:
        """A boolean in any spelling of YAML 1.1."""
        word = self.text().lower()
        if word in _TRUE:
            return True
        if word and word not in _FALSE:
            self.fail(f"must be `true` or `false`, and is `{self.text()}`", hint="leave it out for `false`")
        return False

    def integer(self) -> int:
        """A whole number; nothing is 0."""
        try:
            return int(self.text() or "0")
        except ValueError:
            self.fail(f"must be a whole number, and is `{self.text()}`", hint="write digits only, without a unit")

    def items(self) -> list[Value]:
        """The values of a list; nothing is an empty one."""
        if self.is_null:
            return []
        if self.node is None or self.node.id != "sequence":
            self.fail(f"must be a list, and is a {_kind(self.node)}", hint="begin each line below it with `- `")
        return [Value(child, self.file, f"{self.key}[{number}]") for number, child in enumerate(self.node.value)]

    def fields(self) -> dict[str, Value]:
        """The values of a map, `<<` merged in; nothing is an empty one. Duplicate keys are an error."""
        if self.is_null:
            return {}
        if self.node is None or self.node.id != "mapping":
            hint = "write lines `name: value` below it, indented"
            self.fail(f"must be a map of keys and values, and is a {_kind(self.node)}", hint=hint)
        own: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key_node, child in self.node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                for name, value in self._merged(child).items():
                    merged.setdefault(name, value)
                continue
            name = self._key(key_node)
            place = f"{self.key}.{name}" if self.key else name
            line = key_node.start_mark.line + 1 if key_node.start_mark is not None else 0
            if name in own:
                Value(key_node, self.file, place).fail(
                    f"occurs twice, in lines {own[name].line} and {line}", hint="keep one of them"
                )
            own[name] = Value(child, self.file, place, line)
        return {**merged, **own}

    def texts(self) -> dict[str, str]:
        """A map of texts."""
        return {name: value.text() for name, value in self.fields().items()}

    def text_list(self) -> list[str]:
        """A list of texts."""
        return [value.text() for value in self.items()]

    def under(self, other: Value) -> Value:
        """This value with another merged over it: maps are merged, anything else is replaced."""
        if other.is_null or self.is_null or other.node.id != "mapping" or self.node.id != "mapping":
            return other
        import yaml

        mine, theirs = self.fields(), other.fields()
        merged = {**mine, **theirs} | {name: mine[name].under(theirs[name]) for name in mine.keys() & theirs.keys()}
        pairs = [(yaml.ScalarNode("tag:yaml.org,2002:str", name), value.node) for name, value in merged.items()]
        node = yaml.MappingNode(self.node.tag, pairs, self.node.start_mark, self.node.end_mark)
        return Value(node, other.file, self.key, self.line)

    def _key(self, node: Node) -> str:
        key = Value(node, self.file, self.key)
        if node.id != "scalar" or key.is_null:
            whose = f"a key of `{self.key}`" if self.key else "a key"
            Value(node, self.file, "").fail(f"{whose} must be a text", hint="write `name: value`")
        return restored(str(node.value))

    def _merged(self, node: Node) -> dict[str, Value]:
        nodes = node.value if node.id == "sequence" else [node]
        found: dict[str, Value] = {}
        for each in nodes:
            for name, value in Value(each, self.file, self.key).fields().items():
                found.setdefault(name, value)
        return found


def parse(text: str, file: str) -> Value:
    """The root of a YAML document. Raises StackError with the parser's reason and place."""
    import yaml

    from faas_cli.stack.limits import check_size

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        check_size(text, file, loader)
        # As faas-cli does: a second document is not part of the stack.
        node = next(iter(yaml.compose_all(text, Loader=loader)), None)
    except yaml.MarkedYAMLError as err:
        line, column = _place(err.problem_mark or err.context_mark)
        context = f"{err.context}: " if err.context else ""
        hint = _hint(text, line, column, str(err.problem))
        raise StackError(f"not YAML: {context}{err.problem}", file=file, line=line, column=column, hint=hint) from None
    except yaml.YAMLError as err:
        at = getattr(err, "position", -1)
        line = text.encode().count(b"\n", 0, at) + 1 if at >= 0 else 0
        reason = str(err).splitlines()[0]
        hint = "save it as a plain text file in UTF-8"
        raise StackError(f"not YAML: {reason}", file=file, line=line, hint=hint) from None
    return Value(node, file, "")


def _place(mark: Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


_HINTS = (
    ("tab", "indent with spaces, not with tabs"),
    ("mapping values", "put a text that holds `: ` in quotes"),
    ("expected key", "indent all keys of one map alike"),
    ("expected <block end>", "indent all keys of one map alike"),
    ("'-' indicator", "indent all items of one list alike"),
    ("could not find expected ':'", "write `name: value`, with a space after the colon"),
    ("unexpected end", "close the quotes"),
    ("expected ',' or", "close the brackets"),
    ("expected node content", "close the brackets"),
    ("undefined alias", "give the value a name with `&` before it is used"),
    ("cannot start any token", "put the text in quotes"),
    ("escape character", "write the text in single quotes"),
)


def _hint(text: str, line: int, column: int, problem: str) -> str:
    """What to do about a word of the parser's; it names a tab only as `a character`."""
    written = "".join(text.splitlines()[line - 1 : line])
    indent = written[: len(written) - len(written.lstrip())]
    if "\t" in indent + written[column - 1 : column]:
        problem = "tab"
    found = (hint for words, hint in _HINTS if words in problem)
    return next(found, "`faas schema` describes what a stack file may hold")


def _kind(node: Node) -> str:
    return {"mapping": "map", "sequence": "list", "scalar": "text"}.get(node.id if node else "", "value")
