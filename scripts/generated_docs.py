"""Write what is generated in docs/: the settings, the tested attacks, the JSON Schema of each command's output."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from faas_cli.output.schema import OUTPUTS, output_schema

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    folder = ROOT / "docs" / "schemas"
    for path in folder.glob("*.json"):
        path.unlink()
    for words in OUTPUTS:
        text = json.dumps(output_schema(words), indent=2)
        (folder / f"{words.replace(' ', '-')}.json").write_text(text + "\n", encoding="utf-8")
    for script in ("settings_page.py", "security_page.py"):
        runpy.run_path(str(ROOT / "scripts" / script), run_name="__main__")


if __name__ == "__main__":
    main()
