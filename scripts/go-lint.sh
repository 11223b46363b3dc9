#!/bin/sh
# go vet and gofmt over the watchdog and the Go templates.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=local
(cd runtime/watchdog && go vet ./...)
unformatted=$(gofmt -l runtime/watchdog)
if [ -n "$unformatted" ]; then
    echo "gofmt: these files are not formatted:" >&2
    echo "$unformatted" >&2
    exit 1
fi
