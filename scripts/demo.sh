#!/bin/sh
# The walkthrough on the process engine, every command shown as it runs.
# It uses its own folder, state directory and port, and removes them at the end.
set -eu
FAAS_BIN=${FAAS_BIN:?path of the folder that holds the faas command}
PATH="$FAAS_BIN:$PATH"
work=$(mktemp -d "${TMPDIR:-/tmp}/faas-demo.XXXXXX")
port=$("$FAAS_BIN/python" - <<'PY'
import socket
for port in (8080, 0):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break
PY
)
export PATH FAAS_STATE_DIR="$work/state" OPENFAAS_CONFIG="$work/config" OPENFAAS_URL="http://127.0.0.1:$port"
started=$(date +%s)

finish() {
    code=$?
    trap - EXIT INT TERM
    faas gateway stop >/dev/null 2>&1 || true
    rm -rf "$work"
    if [ "$code" -ne 0 ]; then echo "The demonstration failed (exit code $code)." >&2; fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Bold only on a terminal, as the commands themselves do.
bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR+set}" ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi

show() {
    printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"
    sh -c "$1"
}

mkdir "$work/project"
cd "$work/project"
show "faas gateway start --port $port --metrics-port 0"
show "faas new --lang go gohash"
show "cat gohash/handler.go"
show "faas build -f gohash.yml"
show "faas deploy -f gohash.yml"
show "faas list"
show "echo -n test | faas invoke gohash"
echo
answer=$(printf test | faas invoke gohash)
if [ "$answer" != "Hello, Go. You said: test" ]; then
    echo "unexpected answer: $answer" >&2
    exit 1
fi
show "faas delete -f gohash.yml"
show "faas list"
show "faas gateway stop"
printf '\nDone in %s s. To go on in a folder of your own:\n' "$(($(date +%s) - started))"
# shellcheck disable=SC2016  # the reader's shell expands $PATH
printf '  export PATH="%s:$PATH"\n  faas gateway start\n  faas new --lang python hello\n' "$FAAS_BIN"
