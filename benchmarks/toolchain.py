"""How long the command line takes, compared with a lower bound.

    python benchmarks/toolchain.py [--runs N]

Start-up is compared with a bare import of click, the rebuild after an edit with `go build` of the same
context, the first response after a deployment and the completion of a name with a bare start of the
interpreter. A function with 100,000 files is built again without a change. Everything runs in a temporary
folder, with its own state directory and port.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import alternate, report, seconds

BIN = Path(sys.executable).parent
FAAS = str(BIN / "faas")


def run(*command: str, cwd: Path, env: dict[str, str], stdin: bytes = b"") -> bytes:
    done = subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Edit:
    """Changes one line of a Go handler to a new value."""

    def __init__(self, handler: Path) -> None:
        self.handler, self.count = handler, 0

    def __call__(self) -> None:
        self.count += 1
        text = re.sub(r"\n// edit \d+\n", "\n", self.handler.read_text())
        # A string constant, not a comment, so that the binary changes.
        text = re.sub(r'\nvar edit = "\d+"\n', "\n", text).rstrip("\n") + f'\n\nvar edit = "{self.count}"\n'
        self.handler.write_text(text)


def startup(work: Path, env: dict[str, str], runs: int) -> bool:
    comparison = alternate(
        lambda: run(FAAS, "--help", cwd=work, env=env),
        lambda: run(sys.executable, "-c", "import click", cwd=work, env=env),
        runs,
    )
    return report("start-up", comparison, "faas --help", "import click", target=1.5)


def rebuilds(work: Path, env: dict[str, str], runs: int) -> bool:
    run(FAAS, "new", "--lang", "go", "gohash", cwd=work, env=env)
    build = (FAAS, "build", "-f", "gohash.yml", "--builder", "oci")
    run(*build, cwd=work, env=env)
    unchanged = [seconds(lambda: run(*build, cwd=work, env=env)) for _ in range(runs)]
    helps = [seconds(lambda: run(FAAS, "--help", cwd=work, env=env)) for _ in range(runs)]
    own = sorted(unchanged)[runs // 2] - sorted(helps)[runs // 2]
    print(
        f"no-change rebuild: {own * 1000:.0f} ms beyond start-up  target <= 300 ms: {'met' if own <= 0.3 else 'MISSED'}"
    )

    plain = work / "plain"
    shutil.copytree(work / "build" / "gohash", plain)
    edit_ours = Edit(work / "gohash" / "handler.go")
    edit_plain = Edit(plain / "function" / "handler.go")
    go = shutil.which("go", path=env["PATH"]) or str(BIN / "go")

    def ours() -> None:
        edit_ours()
        run(*build, cwd=work, env=env)

    def bare() -> None:
        edit_plain()
        go_env = {**env, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
        run(go, "build", "-trimpath", "-ldflags", "-s -w", "-o", "handler", ".", cwd=plain, env=go_env)

    def with_tests() -> None:
        bare()
        run(go, "test", "-count=1", "handler/function/...", cwd=plain, env={**env, "GOTOOLCHAIN": "local"})

    met = report("edit rebuild", alternate(ours, bare, runs), "faas build", "go build", target=1.5)
    # The same work: `faas build` runs the handler's tests, too.
    report("edit rebuild", alternate(ours, with_tests, runs), "faas build", "go build + go test")
    return met and own <= 0.3


def many_files(work: Path, env: dict[str, str], runs: int) -> bool:
    """Build a function with 100,000 files again, without a change."""
    run(FAAS, "new", "--lang", "python", "many", cwd=work, env=env)
    for number in range(100_000):
        path = work / "many" / "data" / str(number % 1000) / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
    build = (FAAS, "build", "-f", "many.yml", "--builder", "oci")
    run(*build, cwd=work, env=env)
    median = sorted(seconds(lambda: run(*build, cwd=work, env=env)) for _ in range(runs))[runs // 2]
    print(f"100,000 files without a change: {median:.1f} s  target < 5 s: {'met' if median < 5 else 'MISSED'}")
    return median < 5


def deployment(work: Path, env: dict[str, str], runs: int) -> bool:
    port = free_port()
    run(FAAS, "gateway", "start", "--port", str(port), "--metrics-port", "0", cwd=work, env=env)
    env = {**env, "OPENFAAS_URL": f"http://127.0.0.1:{port}"}
    stack = work / "gohash.yml"
    stack.write_text(re.sub(r"gateway: .*", f"gateway: http://127.0.0.1:{port}", stack.read_text()))

    def deploy_and_call() -> None:
        run(FAAS, "deploy", "-f", "gohash.yml", cwd=work, env=env)
        run(FAAS, "invoke", "gohash", cwd=work, env=env, stdin=b"test")

    try:
        comparison = alternate(
            deploy_and_call, lambda: run(sys.executable, "-c", "import click", cwd=work, env=env), max(3, runs // 2)
        )
        completed = completion(work, env, runs)
    finally:
        run(FAAS, "gateway", "stop", cwd=work, env=env)
    return report("deploy to first answer", comparison, "deploy + invoke", "import click") and completed


def completion(work: Path, env: dict[str, str], runs: int) -> bool:
    """Complete a function's name from the running gateway, as a shell does."""
    asked = {**env, "_FAAS_COMPLETE": "bash_complete", "COMP_WORDS": "faas invoke go", "COMP_CWORD": "2"}

    def complete() -> None:
        if run(FAAS, cwd=work, env=asked) != b"plain,gohash\n":
            sys.exit("the function is missing among the completions")

    comparison = alternate(complete, lambda: run(sys.executable, "-c", "import click", cwd=work, env=env), runs)
    report("completion from a gateway", comparison, "faas invoke go<Tab>", "import click")
    median = sorted(comparison.a)[runs // 2]
    print(f"completion: {median * 1000:.0f} ms  target < 300 ms: {'met' if median < 0.3 else 'MISSED'}")
    return median < 0.3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="faas-bench-") as folder:
        work = Path(folder)
        env = {**os.environ, "FAAS_STATE_DIR": str(work / "state"), "OPENFAAS_CONFIG": str(work / "config")}
        results = [part(work, env, runs) for part in (startup, rebuilds, many_files, deployment)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
