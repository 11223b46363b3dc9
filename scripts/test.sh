#!/bin/sh
# Run every suite, and print what each took. COVERAGE=1 also measures what they cover, for `scripts/coverage_floor.py`.
# PYTEST_ARGS holds options for pytest.
set -u
cd "$(dirname "$0")/.." || exit 1
failed="" times=""

if [ -n "${COVERAGE:-}" ]; then
    rm -rf build/coverage
    mkdir -p build/coverage/go/unit build/coverage/go/processes
    export GOCOVERDIR="$PWD/build/coverage/go/processes"
    python="python -m coverage run -m"
else
    python="python -m"
fi

part() {
    name=$1
    shift
    echo "== $name"
    started=$(date +%s)
    "$@" || failed="$failed $name"
    times="$times$(printf '%6d s  %s' "$(($(date +%s) - started))" "$name")
"
}

tests() {
    # shellcheck disable=SC2086 # several words each
    $python pytest ${PYTEST_ARGS:-} "$@"
}

part go sh scripts/go-test.sh
# Commands that tests start, which need the processor: one for each core and two that wait.
part unit tests -n 4 --dist worksteal tests/unit
part cli tests -n 4 --dist worksteal tests/conformance/cli
# What a function may do to this machine is tested while nothing else runs.
part attacks tests tests/attacks
# The rest mostly waits. tests/groups.py says which tests must not run at the same time.
part suites tests -n 3 --dist loadgroup --no-loadscope-reorder tests/conformance/proxy tests/conformance/proxy_compiled \
    tests/conformance/watchdog tests/conformance/gateway tests/integration tests/real tests/e2e

printf '== time by part\n%s' "$times"
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
