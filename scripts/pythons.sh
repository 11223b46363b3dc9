#!/bin/sh
# Run the unit tests and some of the command line's with each supported Python that this machine has; the missing are
# named. PYTHONS chooses the versions. An interpreter is looked for on PATH, then among pyenv's.
set -u
cd "$(dirname "$0")/.." || exit 1
slice="tests/conformance/cli/test_closed_output.py tests/conformance/cli/test_output.py tests/conformance/cli/test_deploy.py"
failed="" missing=""

# The newest interpreter of a version that works, with all that a virtual environment takes.
find_python() {
    for candidate in "$(command -v "python$1")" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/"python$1"; do
        "$candidate" -c 'import ctypes, ensurepip, sqlite3, ssl' 2>/dev/null && found=$candidate
    done
    echo "${found:-}"
}

run() {
    version=$1 python=$2 venv=.cache/pythons/$1
    if ! cat requirements/package.txt requirements/dev.txt | cmp -s - "$venv/.installed"; then
        rm -rf "$venv"
        "$python" -m venv "$venv" &&
            "$venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes \
                -r requirements/package.txt -r requirements/dev.txt &&
            cat requirements/package.txt requirements/dev.txt >"$venv/.installed" || return 1
    fi
    # Not installed: the sources run as they are, which needs no Go.
    # shellcheck disable=SC2086 # several files
    PYTHONPATH="$PWD:$PWD/runtime" "$venv/bin/python" -m pytest -q -n 3 --dist worksteal tests/unit $slice
}

for version in ${PYTHONS:-3.12 3.13 3.14}; do
    python=$(find_python "$version")
    if [ -z "$python" ]; then
        missing="$missing $version"
        continue
    fi
    echo "== Python $version: $python"
    run "$version" "$python" || failed="$failed $version"
done
[ -z "$missing" ] || echo "not tested, since there is no such Python here:$missing"
[ -z "$failed" ] || { echo "failed with Python$failed" >&2; exit 1; }
