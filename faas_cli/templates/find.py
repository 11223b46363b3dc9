"""Finding a template by name: in the project's `./template`, then among the built-in ones."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import msgspec

from faas_cli.errors import FaasError, StackError
from faas_cli.stack.limits import check_size
from faas_cli.templates.model import Template

PROJECT_FOLDER = "template"
MANIFEST = "template.yml"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
# Names that no store has: common words for a language, and OpenFaaS's templates of 2018.
_SYNONYMS = {
    **dict.fromkeys(("golang",), "go"),
    **dict.fromkeys(("python3", "py"), "python"),
    **dict.fromkeys(("javascript", "nodejs", "js"), "node"),
    **dict.fromkeys(("typescript", "ts"), "node-ts"),
}
# Templates of OpenFaaS whose handlers a built-in template runs unchanged.
_SAME_HANDLERS = {
    **dict.fromkeys(("golang-http", "golang-middleware"), "go-http"),
    **dict.fromkeys(("python3-http", "python3-http-debian", "python3-flask", "python3-flask-debian"), "python-http"),
    **dict.fromkeys((f"node{version}" for version in (12, 14, 16, 17, 18, 20, 22, 24)), "node-http"),
}


class TemplateNotFound(FaasError):
    """Neither the project nor the built-in templates have one of that name.

    `reason` is why the store did not help, if it was asked.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "", reason: str = "") -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.reason = reason


def builtin_folder() -> Path:
    """The folder of the built-in templates, in a wheel or in a source tree."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "_builtin"
    return packaged if packaged.is_dir() else package.parent / "templates"


def available(folder: Path = Path()) -> dict[str, Path]:
    """Every template by name; the project's override built-in ones."""
    found: dict[str, Path] = {}
    for parent in (builtin_folder(), folder / PROJECT_FOLDER):
        if parent.is_dir():
            found |= {path.name: path for path in sorted(parent.iterdir()) if (path / MANIFEST).is_file()}
    return dict(sorted(found.items()))


def find_template(lang: str, folder: Path = Path()) -> Template:
    """The template called `lang`; `folder` is the project.

    Raises TemplateNotFound with similar names; StackError when its `template.yml` is invalid.
    """
    if _NAME.fullmatch(lang):
        for name in (lang, lang.lower()):
            for parent in (folder / PROJECT_FOLDER, builtin_folder()):
                if (parent / name / MANIFEST).is_file():
                    return read_template(parent / name)
    names = list(available(folder))
    if lang in _SAME_HANDLERS:
        hint = f"the built-in `{_SAME_HANDLERS[lang]}` runs the handlers of `{lang}` unchanged; "
    else:
        near = [_SYNONYMS[lang]] if lang in _SYNONYMS else difflib.get_close_matches(lang, names, n=3, cutoff=0.5)
        near = [name for name in near if name in names]
        hint = f"did you mean {' or '.join(f'`{name}`' for name in near)}? " if near else ""
    raise TemplateNotFound(
        f"there is no template called `{lang}`",
        hint=f"{hint}available: {', '.join(names)}; `faas template store list` shows more",
    )


def synonym(lang: str) -> str:
    """The built-in template a common word for a language stands for; empty for other names."""
    return _SYNONYMS.get(lang, "")


def same_handlers(lang: str) -> str:
    """The built-in template that runs the handlers of OpenFaaS's template `lang`; empty if there is none."""
    return _SAME_HANDLERS.get(lang, "")


def read_template(folder: Path) -> Template:
    """Read a template's `template.yml`. Raises StackError naming the file, and the line or the key."""
    import yaml

    path = folder / MANIFEST
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = path.read_text(encoding="utf-8-sig")
        check_size(text, str(path), loader)
        content = yaml.load(text, Loader=loader) or {}  # noqa: S506
        template = msgspec.convert(content, Template, strict=False)
    except yaml.MarkedYAMLError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else 0
        raise StackError(str(err.problem), file=str(path), line=line) from None
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise StackError(str(err), file=str(path)) from None
    except msgspec.ValidationError as err:
        raise StackError(str(err), file=str(path), hint="docs/templates.md lists the keys") from None
    template.name, template.folder = folder.name, folder
    return template
