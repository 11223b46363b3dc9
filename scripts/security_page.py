"""Write the table of docs/security.md from the tables of tests/attacks.

python scripts/security_page.py
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/security.md"
_BEGIN = "<!-- attacks: made by scripts/generated_docs.py -->\n"


def page() -> str:
    """The page's text: what people wrote, then a section for each kind of attacker."""
    written = PAGE.read_text(encoding="utf-8").partition(_BEGIN)[0]
    return f"{written}{_BEGIN}{''.join(map(_section, _tables()))}"


def _tables() -> list[ModuleType]:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    names = sorted(path.stem for path in (ROOT / "tests/attacks").glob("from_*.py"))
    return [importlib.import_module(f"tests.attacks.{name}") for name in names]


def _section(module: ModuleType) -> str:
    title, _, more = (module.__doc__ or "").strip().splitlines()[0].rstrip(".").partition(":")
    rows = [
        f"| {attack.name}{' (as root)' if attack.root else ''} | {attack.gains} | {', '.join(attack.stopped_by)} |\n"
        for attack in module.ATTACKS
    ]
    more = more.strip()
    head = f"\n### {title} ({len(rows)})\n\n" + (f"{more[0].upper()}{more[1:]}.\n\n" if more else "")
    return f"{head}| Attack | What it would gain | Stopped by |\n| --- | --- | --- |\n{''.join(rows)}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
