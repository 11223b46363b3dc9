#!/bin/sh
# gofmt and go vet over all Go: the watchdog, the benchmarks, and each Go template with its handler put in place.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=local
# The wheel of Go from PyPI puts only `go` on PATH.
unformatted=$("$(go env GOROOT)/bin/gofmt" -l runtime/watchdog benchmarks templates)
if [ -n "$unformatted" ]; then
    echo "gofmt: these files are not formatted:" >&2
    echo "$unformatted" >&2
    exit 1
fi
(cd runtime/watchdog && go vet ./...)
(cd benchmarks/reverse_proxy && go vet ./...)
go vet benchmarks/spawn_limit/main.go
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for template in templates/go*; do
    cp -R "$template" "$work/t"
    cp "$work"/t/*cookiecutter*/* "$work/t/function/"
    rm -r "$work"/t/*cookiecutter*
    (cd "$work/t" && go vet . ./function/...)
    rm -r "$work/t"
done
