#!/bin/sh
# gofmt and go vet over every Go file: the watchdog, the templates, the benchmarks and the tests.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=local
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

gofmt -l benchmarks runtime/watchdog templates tests >"$work/unformatted"
if [ -s "$work/unformatted" ]; then
    echo "gofmt: these files are not formatted:" >&2
    cat "$work/unformatted" >&2
    exit 1
fi

(cd runtime/watchdog && go vet ./...)

# A template is a workspace of main.go and the function; the build copies the user's folder to function/.
for template in templates/go*; do
    built="$work/$(basename "$template")"
    cp -R "$template" "$built"
    cp "$built/{{cookiecutter.folder}}"/* "$built/function/"
    rm -r "$built/{{cookiecutter.folder}}"
    (cd "$built" && go vet . handler/function/...)
done

# Programs outside those two are single packages; some have no go.mod.
find benchmarks tests -name '*.go' -exec dirname {} + | sort -u >"$work/programs"
while read -r program; do
    if [ -e "$program/go.mod" ]; then
        (cd "$program" && go vet .)
    else
        (cd "$program" && GO111MODULE=off go vet .)
    fi
done <"$work/programs"
