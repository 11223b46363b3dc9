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
# These share nothing, and mostly wait for commands they have started. The others measure, or need a part for themselves.
part unit tests -n 4 --dist worksteal tests/unit
part cli tests -n 4 --dist worksteal tests/conformance/cli
part proxy tests tests/conformance/proxy tests/conformance/proxy_compiled
part watchdog tests tests/conformance/watchdog
part gateway tests tests/conformance/gateway
part integration tests tests/integration
part attacks tests tests/attacks
part real tests tests/real
part e2e tests tests/e2e

printf '== time by part\n%s' "$times"
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
