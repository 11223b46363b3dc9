#!/bin/sh
# Pin what `make` and CI install: requirements/*.txt, with hashes, for every supported Python and platform.
# Needs PyPI. Pass uv options through, for example `make pin PIN_ARGS="--upgrade-package ruff"`.
set -eu
cd "$(dirname "$0")/.."
venv=.cache/pin
[ -x "$venv/bin/uv" ] || { "${PYTHON:-python3}" -m venv "$venv" && "$venv/bin/python" -m pip install --quiet 'uv>=0.5'; }

compile() {
    target=requirements/$1.txt
    shift
    # shellcheck disable=SC2086 # PIN_ARGS holds several words
    "$venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-annotate --custom-compile-command "make pin" --output-file "$target" "$@" ${PIN_ARGS:-} >/dev/null
    echo "$target: $(grep -c '^[a-z].*==' "$target") packages"
}

mkdir -p requirements
compile package pyproject.toml --group build
compile dev --group dev --constraint requirements/package.txt
compile parts --group parts --constraint requirements/package.txt --constraint requirements/dev.txt
# The toolchains of the extras, each for machines without its command.
for extra in go node; do
    "$venv/bin/python" -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['$extra'])" |
        compile "$extra" -
done
