"""How long `faas dev` takes from saving a file to a response of the new code.

    python benchmarks/dev_loop.py [--edits N]

For each language, N edits of a handler on the process engine, each timed from the save to the first response
of the new code. Target: 95 of 100 edits within one second. Everything runs in a temporary folder, with its own
state directory and port; Go is also compared with a bare `go build` of the same context.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from measure import seconds
from toolchain import BIN, FAAS, Edit, free_port, run

TARGET = 1.0
_PATIENCE = 60.0


class Loop:
    """A function in one language, run by `faas dev`."""

    def __init__(self, work: Path, env: dict[str, str], lang: str, gateway: str) -> None:
        self.name = f"bench-{lang}"
        self._url = f"{gateway}/function/{self.name}"
        run(FAAS, "new", "--lang", lang, self.name, cwd=work, env=env)
        self._handler = next((work / self.name).glob("handler.[gpj]*"))
        self._last = "You said"
        command = (FAAS, "dev", "-f", f"{self.name}.yml", "--builder", "oci")
        self._process = subprocess.Popen(
            command, cwd=work, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._until(self._last)

    def edit(self, number: int) -> float:
        """Save a new text; returns the seconds until the function responds with it."""
        new = f"Edit {number} said"
        # The handler's test checks the text, so it changes first.
        for path in sorted(self._handler.parent.iterdir(), key=lambda path: path == self._handler):
            if path.is_file() and self._last in path.read_text():
                path.write_text(path.read_text().replace(self._last, new))
        begun = time.perf_counter()
        self._last = new
        self._until(new)
        return time.perf_counter() - begun

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _until(self, text: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self._url, data=b"x", timeout=10) as response:
                    if text.encode() in response.read():
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.005)
        sys.exit(f"`{self.name}` never responded with `{text}`")


def bare_go_build(work: Path, env: dict[str, str], edits: int) -> list[float]:
    plain = work / "plain"
    shutil.copytree(work / "build" / "bench-go", plain)
    edit = Edit(plain / "function" / "handler.go")
    go = shutil.which("go", path=env["PATH"]) or str(BIN / "go")
    go_env = {**env, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    found = []
    for _ in range(edits):
        edit()
        found.append(seconds(lambda: run(go, "build", "-trimpath", "-o", "handler", ".", cwd=plain, env=go_env)))
    return sorted(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=20)
    edits = parser.parse_args().edits
    met = True
    with tempfile.TemporaryDirectory(prefix="faas-bench-") as folder:
        work = Path(folder) / "work"
        work.mkdir()
        port = free_port()
        gateway = f"http://127.0.0.1:{port}"
        env = {
            **os.environ, "FAAS_STATE_DIR": f"{folder}/state", "OPENFAAS_CONFIG": f"{folder}/config",
            "OPENFAAS_URL": gateway,
        }  # fmt: skip
        run(FAAS, "gateway", "start", "--port", str(port), "--metrics-port", "0", cwd=work, env=env)
        try:
            for lang in ("go", "python", "node", "python-http", "node-http"):
                loop = Loop(work, env, lang, gateway)
                try:
                    found = sorted(loop.edit(number) for number in range(edits))
                finally:
                    loop.close()
                within = sum(each <= TARGET for each in found) / edits
                met &= within >= 0.95
                print(
                    f"{lang}: median {found[edits // 2]:.2f} s, slowest {found[-1]:.2f} s, "
                    f"{within:.0%} within {TARGET:g} s  target >= 95%: {'met' if within >= 0.95 else 'MISSED'}",
                    flush=True,
                )
                if lang == "go":
                    bare = bare_go_build(work, env, edits)
                    ratio = found[edits // 2] / bare[edits // 2]
                    print(f"go: {ratio:.1f} times a bare `go build` (which runs no test and starts no function)")
        finally:
            run(FAAS, "gateway", "stop", cwd=work, env=env)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
