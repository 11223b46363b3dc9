"""What tracing costs where nobody asks for it: the proxy as it is, and one without the question, in turn.

    python benchmarks/tracing_cost.py [--rounds N]

Both are on one core before the same upstream, and so is a second proxy as it is: how far its
ratio is from 1 tells how far the other one may be by chance.
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

from gateway import LOADS, Result, measure, ratio
from proxies import HERE, LOAD_CORE, PROXY_CORE, free_port, pinned, running

AS_IT_IS = "as it is"
PROXIES = {AS_IT_IS: [], "as it is, again": [], "without the question": ["--without-tracing"]}
UNTOLD = {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ""}


def compare(rounds: int, work: Path) -> dict[str, Result]:
    """Each proxy's processor time of a call, round by round."""
    helper = work / "reverseproxy"
    subprocess.run(["go", "build", "-o", helper, "."], cwd=HERE / "reverse_proxy", check=True)
    upstream = free_port()
    results = {name: Result() for name in PROXIES}
    with ExitStack() as stack:
        command = pinned(LOAD_CORE, str(helper), "upstream", f"127.0.0.1:{upstream}")
        stack.enter_context(running(command, upstream, {"GOMAXPROCS": "1"}))
        proxies = {}
        for name, options in PROXIES.items():
            port = free_port()
            command = pinned(PROXY_CORE, sys.executable, str(HERE / "proxy_alone.py"), str(port), str(upstream))
            proxies[name] = (stack.enter_context(running([*command, *options], port, UNTOLD)).pid, port)
        for turn in range(rounds + 1):
            # Whoever comes first in a round has no advantage of it.
            for name, (pid, port) in list(proxies.items())[:: 1 if turn % 2 else -1]:
                # The first round is for warming up.
                measure(LOADS[0], pid, port, 1, work / "load.lua", results[name] if turn else Result())
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    for tool in ("wrk", "taskset", "go"):
        if shutil.which(tool) is None:
            sys.exit(f"`{tool}` is missing")
    with tempfile.TemporaryDirectory() as folder:
        results = compare(options.rounds, Path(folder))
    print(f"{LOADS[0].title}, {options.rounds} rounds of a second each:")
    ours = results[AS_IT_IS].costs
    for name, result in results.items():
        beside = "" if name == AS_IT_IS else f"   the proxy as it is: {ratio(ours, result.costs):.3f} of it"
        errors = f"   {result.errors} ERRORS" if result.errors else ""
        print(f"  {name:22}{statistics.median(result.costs):6.1f} us/call{beside}{errors}")


if __name__ == "__main__":
    main()
