"""Write the generated pages of docs/: the settings, and the JSON Schema of each command's `--output json`."""

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
    runpy.run_path(str(ROOT / "scripts" / "settings_page.py"), run_name="__main__")


if __name__ == "__main__":
    main()
