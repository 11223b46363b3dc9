"""Builds with an engine, compared with plain `docker build` of the same contexts, alternating.

    python benchmarks/builds.py [--runs 5] [--functions 8] [--parallel 4]

Needs an engine and the base images (`python tests/images/make_base_images.py`). Both sides
get the same edit before each build, so neither uses the other's cache.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "runtime"), str(ROOT), str(ROOT / "benchmarks")]

from measure import alternate, report  # noqa: E402

TARGET = 1.1
COMMAND = (sys.executable, "-c", "import sys; from faas_cli.cli import main; sys.exit(main())")


class Project:
    """Some functions, built by `faas build` and, from a copy of the same contexts, by `docker build`."""

    def __init__(self, folder: Path, lang: str, count: int, builder: str) -> None:
        self.folder, self.builder = folder, builder
        self.names = [f"fn{number}" for number in range(count)]
        self.prefix = f"faas-bench-{uuid.uuid4().hex[:6]}"
        self._environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}",
            "FAAS_STATE_DIR": str(folder / "state"),
        }
        for name in self.names:
            self._faas("new", name, "--lang", lang, "--prefix", self.prefix, "--append", "stack.yml") if (
                folder / "stack.yml"
            ).exists() else self._first(name, lang)
        self.handler = next(path for path in (folder / "fn0").iterdir() if path.name in ("handler.py", "handler.js"))

    def _first(self, name: str, lang: str) -> None:
        self._faas("new", name, "--lang", lang, "--prefix", self.prefix)
        (self.folder / f"{name}.yml").rename(self.folder / "stack.yml")

    def edit(self) -> None:
        """Change every handler."""
        mark = "//" if self.handler.suffix == ".js" else "#"
        for name in self.names:
            path = self.folder / name / self.handler.name
            lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{mark} edit ")]
            path.write_text("\n".join([*lines, f"{mark} edit {uuid.uuid4().hex}", ""]))

    def faas(self, parallel: int) -> None:
        """Run `faas build` for all."""
        self._faas("build", "-f", "stack.yml", "--builder", self.builder, "--quiet", "--parallel", str(parallel))

    def docker(self, parallel: int) -> None:
        """Run `docker build` for all contexts."""
        with ThreadPoolExecutor(parallel) as pool:
            list(pool.map(self._docker, self.names))

    def shrinkwrap(self) -> None:
        """Write the contexts that `docker` builds."""
        self._faas("build", "-f", "stack.yml", "--builder", self.builder, "--shrinkwrap")

    def remove(self) -> None:
        """Remove the images."""
        images = [f"{self.prefix}/{name}{suffix}" for name in self.names for suffix in (":latest", ":plain")]
        subprocess.run(["docker", "image", "rm", "--force", *images], capture_output=True, check=False)

    def _docker(self, name: str) -> None:
        command = self._docker_command()
        subprocess.run(
            [*command, "--quiet", "--tag", f"{self.prefix}/{name}:plain", str(self.folder / "build" / name)],
            env={**os.environ, "DOCKER_BUILDKIT": "1" if self.builder == "buildx" else "0"},
            capture_output=True,
            check=True,
        )

    def _docker_command(self) -> list[str]:
        if self.builder == "docker":
            return ["docker", "build"]
        from faas_cli.images.builders.buildx import find_command

        return find_command().arguments()

    def _faas(self, *arguments: str) -> None:
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"faas {' '.join(arguments)}: {done.stderr}")


def compare(title: str, project: Project, parallel: int, runs: int) -> bool:
    """Time both, with a fresh edit before each and the contexts of `docker build` written outside its time."""
    from measure import Comparison, seconds

    pairs = []
    for number in range(runs + 1):
        project.edit()
        ours = seconds(lambda: project.faas(parallel))
        project.edit()
        project.shrinkwrap()
        plain = seconds(lambda: project.docker(parallel))
        # The first pair fills the engine's cache.
        if number:
            pairs.append((ours, plain))
    comparison = Comparison([ours for ours, _ in pairs], [plain for _, plain in pairs])
    return report(title, comparison, "faas build", "docker build", TARGET)


def main() -> int:
    """Run all comparisons; returns 1 if one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--functions", type=int, default=8)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--lang", default="node", choices=["node", "node-http", "python", "python-http"])
    options = parser.parse_args()
    met = True
    for builder in ("docker", "buildx"):
        with tempfile.TemporaryDirectory() as folder:
            one = Project(Path(folder), options.lang, 1, builder)
            met &= compare(f"{builder}: an edited function", one, 1, options.runs)
            unchanged = alternate(lambda: one.faas(1), lambda: one.docker(1), options.runs)  # noqa: B023
            report(f"{builder}: nothing changed", unchanged, "faas build", "docker build")
            one.remove()
        with tempfile.TemporaryDirectory() as folder:
            many = Project(Path(folder), options.lang, options.functions, builder)
            title = f"{builder}: {options.functions} edited functions, {options.parallel} at a time"
            met &= compare(title, many, options.parallel, max(2, options.runs // 2))
            many.remove()
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
