"""The steps of a release that a program can do; docs/releasing.md has the others.

python scripts/release.py changelog            # print the section that the files of changes/ make
python scripts/release.py changelog --write    # put it into CHANGELOG.md and remove those files
python scripts/release.py build                # dist/: the sdist and a wheel built from it
python scripts/release.py check                # install each in an empty environment and run a function with it
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHANGES, CHANGELOG, DIST = ROOT / "changes", ROOT / "CHANGELOG.md", ROOT / "dist"
KINDS = ("breaking", "added", "changed", "fixed", "security")


def version() -> str:
    """The version of the sources."""
    text = (ROOT / "runtime" / "faas_runtime" / "__init__.py").read_text()
    found = re.search(r'__version__ = "(.+)"', text)
    assert found is not None
    return found[1]


def fragments() -> list[Path]:
    """The files of changes/, by kind. Exits for a name of no kind."""
    found = [path for path in sorted(CHANGES.glob("*.md")) if path.name != "README.md"]
    wrong = [path.name for path in found if _kind(path) not in KINDS]
    if wrong:
        sys.exit(f"changes/{wrong[0]}: its name must begin with one of: {', '.join(KINDS)}")
    return sorted(found, key=lambda path: KINDS.index(_kind(path)))


def _kind(path: Path) -> str:
    return path.name.partition("-")[0]


def section(day: str) -> str:
    """The section of the changelog for this version."""
    lines = [f"## {version()} ({day})", ""]
    for kind, paths in itertools.groupby(fragments(), _kind):
        lines += [f"### {kind.capitalize()}", ""]
        for path in paths:
            first, *rest = path.read_text().strip().splitlines()
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        lines.append("")
    return "\n".join(lines)


def changelog(*, write: bool) -> None:
    """Print the section, or put it on top of the changelog."""
    made = section(datetime.date.today().isoformat() if write else "not released")
    if not write:
        print(made)
        return
    text = CHANGELOG.read_text()
    head, mark, rest = text.partition("\n## ")
    CHANGELOG.write_text(f"{head}\n{made}{mark}{rest}")
    for path in fragments():
        path.unlink()


def build() -> None:
    """Make dist/ again. The wheel is built from the sdist, so that both hold the same."""
    shutil.rmtree(DIST, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(DIST), str(ROOT)], check=True)
    for path in sorted(DIST.iterdir()):
        print(f"{path.name}  {path.stat().st_size / 1e6:.1f} MB")


def check() -> None:
    """Install each file of dist/ in an empty environment; scaffold, build and run a function with it."""
    files = sorted(DIST.glob("faaskit-*"))
    if len(files) < 2:
        sys.exit("dist/ has no sdist and wheel; run `python scripts/release.py build`")
    for path in files:
        with tempfile.TemporaryDirectory(prefix="faas-release-") as name:
            folder = Path(name)
            venv.create(folder / "venv", with_pip=True)
            scripts = folder / "venv" / "bin"
            install = [str(scripts / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*install, str(path)], check=True)
            environment = {
                **{
                    key: value
                    for key, value in os.environ.items()
                    if not key.startswith(("PYTHON", "OPENFAAS", "FAAS"))
                },
                "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
                "HOME": name,
                "FAAS_STATE_DIR": str(folder / "state"),
            }
            for words in (
                ["faas", "version"],
                ["faas", "doctor"],
                ["faas", "new", "--lang", "python", "hello"],
                ["faas", "validate", "-f", "hello.yml"],
                ["faas", "build", "--builder", "oci", "-f", "hello.yml"],
                ["faas-cli", "version", "--short-version"],
            ):
                done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
                # The doctor of an empty machine finds no gateway; everything else must succeed.
                if done.returncode and words[1] != "doctor":
                    sys.exit(f"{path.name}: `{' '.join(words)}` failed:\n{done.stdout}{done.stderr}")
                if words[1] == "doctor" and "WRONG" in done.stdout:
                    sys.exit(f"{path.name}: the doctor found a fault:\n{done.stdout}")
        print(f"{path.name}: ok")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("changelog").add_argument("--write", action="store_true")
    commands.add_parser("build")
    commands.add_parser("check")
    options = parser.parse_args()
    if options.command == "changelog":
        changelog(write=options.write)
    elif options.command == "build":
        build()
    else:
        check()


if __name__ == "__main__":
    main()
