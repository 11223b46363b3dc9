"""Reading a stack file: from a path or a URL, variables expanded, every value checked."""

from __future__ import annotations

from pathlib import Path

from faas_cli.errors import StackError
from faas_cli.stack.envsubst import SubstitutionError, substitute
from faas_cli.stack.limits import check_bytes
from faas_cli.stack.model import Configuration, Function, Provider, Resources, Stack, TemplateSource
from faas_cli.stack.nodes import Value, parse
from faas_cli.stack.variables import note_unset, variables

PROVIDERS = ("openfaas", "faas")
"""Accepted values of `provider.name`; `faas` is the one of 2018."""

IMAGE_PREFIX = "FAAS_IMAGE_PREFIX"
"""Variable with the registry and owner of images that name neither, for example `ghcr.io/acme`."""

_REMOTE_TIMEOUT = 120.0


def load(source: str | Path, *overlays: str | Path, envsubst: bool = True) -> Stack:
    """Read the stack file at a path or an http(s) URL, with others merged over it.

    In an overlay a map adds its keys to the existing ones; any other value replaces the previous one.
    Raises StackError with file, line and key.
    """
    texts = [(str(each), _text(str(each), envsubst=envsubst)) for each in (source, *overlays)]
    name, text = texts[0]
    stack = parse_stack(text, name) if len(texts) == 1 else _parse_merged(texts)
    stack.path = None if _is_remote(name) else Path(source)
    stack.overlays = [Path(each) for each in overlays if not _is_remote(str(each))]
    return stack


def _is_remote(name: str) -> bool:
    return "://" in name


def _text(name: str, *, envsubst: bool) -> str:
    text = _fetch(name) if _is_remote(name) else _read(Path(name))
    return expand(text, name) if envsubst else text


def _parse_merged(texts: list[tuple[str, str]]) -> Stack:
    roots = [parse(text, name) for name, text in texts]
    for root in roots:
        # Each file by itself, so that an error names its file.
        fields = root.fields()
        if "functions" in fields:
            _functions(fields["functions"])
        _configuration(fields.get("configuration"))
    merged = roots[0]
    for root in roots[1:]:
        merged = merged.under(root)
    return _stack(merged)


def expand(text: str, file: str) -> str:
    """Expand the environment's variables. Raises StackError at the line of a wrong expression."""
    try:
        return substitute(
            text, variables(), lambda name, at: note_unset(name, f"{file}:{text.count(chr(10), 0, at) + 1}")
        )
    except SubstitutionError as err:
        line = text.count("\n", 0, err.position) + 1
        column = err.position - text.rfind("\n", 0, err.position)
        hint = "write `$$` for a plain dollar sign"
        raise StackError(str(err), file=file, line=line, column=column, hint=hint) from None


def parse_stack(text: str, file: str) -> Stack:
    """The stack a text describes; `file` names it in errors. Raises StackError."""
    return _stack(parse(text, file))


def _stack(root: Value) -> Stack:
    fields = root.fields()
    if not fields:
        root.fail("the stack file is empty", hint="`faas new --lang go NAME` writes one")
    version = fields.get("version")
    if version is not None and version.text() not in ("", "1.0"):
        version.fail(f"must be `1.0`, and is `{version.text()}`", hint="write `version: 1.0`")
    functions = fields.get("functions")
    return Stack(
        version=version.text() if version else "",
        provider=_provider(root, fields.get("provider")),
        functions=_functions(functions) if functions else {},
        configuration=_configuration(fields.get("configuration")),
    )


def environment_of(path: Path) -> dict[str, str]:
    """The `environment` map of an environment file. Raises StackError."""
    fields = parse(_read(path), str(path)).fields()
    return fields["environment"].texts() if "environment" in fields else {}


def _read(path: Path) -> str:
    try:
        check_bytes(path.stat().st_size, str(path))
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StackError(
            "does not exist", file=str(path), hint="`faas new --lang go NAME` writes a stack file"
        ) from None
    except UnicodeDecodeError:
        raise StackError("is not a text file", file=str(path)) from None
    except OSError as err:
        raise StackError(f"cannot be read: {err.strerror}", file=str(path)) from None


def _fetch(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise StackError("only http and https addresses can be read", file=url)
    import urllib3

    from faas_cli.proxies import pool_for

    try:
        answer = pool_for(url).request("GET", url, timeout=_REMOTE_TIMEOUT, retries=False)
    except urllib3.exceptions.HTTPError as err:
        raise StackError(f"cannot be fetched: {err}", file=url) from None
    if answer.status != 200:
        raise StackError(f"cannot be fetched: the server answered {answer.status}", file=url)
    return answer.data.decode("utf-8", "replace")


def _provider(root: Value, value: Value | None) -> Provider:
    if value is None or value.is_null:
        root.fail("`provider` is missing", hint="begin with `provider:`, and below it `  name: openfaas`")
    fields = value.fields()
    name = fields["name"].text() if "name" in fields else ""
    if name not in PROVIDERS:
        fields.get("name", value).fail(
            f"must be `openfaas`, and is `{name}`" if name else "needs the key `name`", hint="write `name: openfaas`"
        )
    return Provider(name=name, gateway=fields["gateway"].text() if "gateway" in fields else "")


def _functions(value: Value) -> dict[str, Function]:
    return {name: _function(name, each) for name, each in value.fields().items()}


def _function(name: str, value: Value) -> Function:
    fields = value.fields()
    nothing = Value(None, value.file, value.key)

    def at(key: str) -> Value:
        return fields.get(key, nothing)

    return Function(
        name=name,
        lang=at("lang").text(),
        handler=at("handler").text(),
        image=_with_prefix(at("image").text()),
        fprocess=at("fprocess").text(),
        environment=at("environment").texts(),
        environment_file=at("environment_file").text_list(),
        secrets=at("secrets").text_list(),
        skip_build=at("skip_build").boolean(),
        constraints=at("constraints").text_list() if "constraints" in fields else None,
        labels=at("labels").texts() if "labels" in fields else None,
        annotations=at("annotations").texts() if "annotations" in fields else None,
        limits=_resources(fields.get("limits")),
        requests=_resources(fields.get("requests")),
        readonly_root_filesystem=at("readonly_root_filesystem").boolean(),
        namespace=at("namespace").text(),
        build_options=at("build_options").text_list(),
        build_args=at("build_args").texts(),
        build_secrets=at("build_secrets").texts(),
        platforms=at("platforms").text(),
        timeout=at("timeout").text(),
        expose=at("expose").text(),
        concurrency=at("concurrency").integer(),
        isolation=at("isolation").text(),
        network=at("network").text(),
        egress=at("egress").text_list(),
    )


def _with_prefix(image: str) -> str:
    """The image below `FAAS_IMAGE_PREFIX` if it names no registry or owner: one stack file for laptop and pipeline."""
    prefix = variables().get(IMAGE_PREFIX, "").strip().strip("/")
    return f"{prefix}/{image}" if prefix and image and "/" not in image else image


def _resources(value: Value | None) -> Resources | None:
    if value is None or value.is_null:
        return None
    fields = value.texts()
    return Resources(memory=fields.get("memory", ""), cpu=fields.get("cpu", ""))


def _configuration(value: Value | None) -> Configuration:
    fields = value.fields() if value is not None else {}
    templates = []
    for item in fields["templates"].items() if "templates" in fields else ():
        entry = item.texts()
        if not entry.get("name"):
            item.fail("needs a `name`", hint="write `- name: NAME`")
        templates.append(TemplateSource(name=entry["name"], source=entry.get("source", "")))
    copy = fields["copy"].text_list() if "copy" in fields else []
    return Configuration(templates=templates, copy=copy)
