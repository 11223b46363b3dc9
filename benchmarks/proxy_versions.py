"""Two versions of the proxy on one core, before the same upstream, in turn: the processor time of a call.

    git worktree add /tmp/old COMMIT
    python benchmarks/proxy_versions.py /tmp/old/runtime runtime [--rounds N] [--seconds S]

Each argument is a folder that holds `faas_runtime`: a checkout's `runtime`, or what
scripts/compile_proxy.py made. The first version is also measured against itself: how far that ratio
is from 1 shows how far the other one may be by chance. `--old-script` names the benchmark script of
the first version where its modules have other names.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from gateway import LOADS, Load, Result, measure, ratio
from proxies import HERE, LOAD_CORE, PROXY_CORE, free_port, pinned, running


def compare(options: argparse.Namespace, work: Path, loads: list[Load]) -> list[dict[str, Result]]:
    """For each load, each version's processor time of a call, round by round."""
    helper = work / "reverseproxy"
    subprocess.run(["go", "build", "-o", helper, "."], cwd=HERE / "reverse_proxy", check=True)
    upstream, script = free_port(), HERE / "proxy_standalone.py"
    old = (options.old, options.old_script or script)
    versions = {"old": old, "new": (options.new, script), "old again": old}
    results = [{name: Result() for name in versions} for _ in loads]
    with ExitStack() as stack:
        command = pinned(LOAD_CORE, str(helper), "upstream", f"127.0.0.1:{upstream}")
        stack.enter_context(running(command, upstream, {"GOMAXPROCS": "1"}))
        started = {}
        for name, (folder, its_script) in versions.items():
            port = free_port()
            command = pinned(PROXY_CORE, sys.executable, str(its_script), str(port), str(upstream))
            server = stack.enter_context(running(command, port, {"PYTHONPATH": str(folder.resolve())}))
            started[name] = (server.pid, port)
        for turn in range(options.rounds + 1):
            # Alternating directions: no version has the advantage of being first. The first round warms up.
            for name, (pid, port) in list(started.items())[:: 1 if turn % 2 else -1]:
                for load, found in zip(loads, results, strict=True):
                    result = found[name] if turn else Result()
                    measure(load, pid, port, options.seconds, work / "load.lua", result)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument(
        "--loads", type=int, nargs="+", choices=range(1, 5), default=[1], help="by number, as in gateway.py"
    )
    parser.add_argument("--old-script", type=Path)
    options = parser.parse_args()
    for tool in ("wrk", "taskset", "go"):
        if shutil.which(tool) is None:
            sys.exit(f"`{tool}` is missing")
    loads = [LOADS[number - 1] for number in options.loads]
    with tempfile.TemporaryDirectory() as folder:
        results = compare(options, Path(folder), loads)
    for load, found in zip(loads, results, strict=True):
        print(f"{load.title}, {options.rounds} rounds of {options.seconds} s each:")
        for name, result in found.items():
            beside = (
                "" if name == "old" else f"   speed compared with old: {ratio(found['old'].costs, result.costs):.3f}"
            )
            errors = f"   {result.errors} ERRORS" if result.errors else ""
            print(f"  {name:10}{statistics.median(result.costs):7.1f} us/call{beside}{errors}")


if __name__ == "__main__":
    main()
