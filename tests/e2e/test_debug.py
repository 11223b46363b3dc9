"""`faas local-run --debug` and `--watch`: a function under its language's debugger, and one that follows its files."""

import itertools
import json
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from .test_dev import Running
from .test_local_run import answer

pytestmark = pytest.mark.e2e


class Editor:
    """The part of the Debug Adapter Protocol that an editor needs to stop at a line and go on."""

    def __init__(self, port: int) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, f"no debugger listens on {port}"
                time.sleep(0.05)
        self._stream = self._socket.makefile("rwb")
        self._numbers = itertools.count(1)

    def send(self, command: str, **arguments: object) -> None:
        message = {"seq": next(self._numbers), "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._stream.flush()

    def until(self, kind: str) -> dict:
        """The next event, or answer to the command, of this name."""
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = self._stream.read(1)
                assert byte, f"the debugger left before `{kind}`"
                head += byte
            message = json.loads(self._stream.read(int(re.search(rb"Content-Length: (\d+)", head)[1])))
            if message["type"] == "response" and not message["success"]:
                pytest.fail(f"{message['command']}: {message.get('message')}")
            if kind in (message.get("event"), message.get("command")):
                return message

    def stop_at(self, source: str, line: int, **attach: object) -> dict:
        """Attach, set a breakpoint and go on until it is reached; returns where it stopped."""
        self.send("initialize", adapterID="test", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)
        self.send("attach", **attach)
        self.until("initialized")
        self.send("setBreakpoints", source={"path": source}, breakpoints=[{"line": line}])
        assert self.until("setBreakpoints")["body"]["breakpoints"][0]["verified"]
        self.send("configurationDone")
        return self.until("stopped")["body"]

    def finish(self, thread: int) -> None:
        """Go on to the end; debuggers hold on to a program that has ended until the editor leaves."""
        self.send("continue", threadId=thread)
        self.until("terminated")
        self.send("disconnect", terminateDebuggee=True)
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


class Call:
    """A call that goes on meanwhile."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answer = b""
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def _make(self) -> None:
        self.answer = answer(self._url, b"me", patience=120)

    def waits(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> bytes:
        self._thread.join(60)
        assert not self.waits()
        return self.answer


def debugged(shell, lang):
    """A function under its debugger, its URL, and the editor's launch entry."""
    shell.faas("new", "--lang", lang, "fn")
    run = Running(shell, "local-run", "fn", "-p", "0", "--builder", "oci", "--debug")
    run.until("listening on", patience=120)
    url = re.search(r"on: (http://127\.0\.0\.1:\d+)", run.output)[1]
    (entry,) = json.loads((shell.folder / ".vscode" / "launch.json").read_text())["configurations"]
    assert entry["name"] == "faas: fn"
    return run, url, entry


@pytest.mark.parametrize("lang", ["python", "go"])
def test_a_call_waits_for_the_editor_and_stops_where_it_says(shell, lang):
    """For as long as it takes; afterwards it answers as ever."""
    run, url, entry = debugged(shell, lang)
    try:
        call = Call(url)
        mapping = entry.get("pathMappings", entry.get("substitutePath"))[0]
        source = mapping.get("remoteRoot", mapping.get("to"))
        handler = next(path for path in (shell.folder / "fn").iterdir() if path.stem == "handler")
        lines = handler.read_text().splitlines()
        line = next(number for number, text in enumerate(lines, 1) if text.strip().startswith("return"))
        editor = Editor(entry.get("port") or entry["connect"]["port"])
        assert call.waits()
        stopped = editor.stop_at(f"{source}/{handler.name}", line, mode="remote")
        assert stopped["reason"] == "breakpoint"
        assert call.waits()
        editor.finish(stopped["threadId"])
        assert b"You said: me" in call.end()
    finally:
        assert run.interrupt() in (0, 130)


def test_node_waits_for_its_inspector(shell, tool):
    """Node's own command-line debugger attaches where the editor would."""
    run, url, entry = debugged(shell, "node")
    try:
        call = Call(url)
        Editor(entry["port"]).close()
        assert call.waits()
        address = f"127.0.0.1:{entry['port']}"
        with subprocess.Popen(
            [tool("node"), "inspect", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as node:
            assert node.stdin is not None
            assert node.stdout is not None
            while b"Break on start" not in node.stdout.readline():
                pass
            # A program that has ended waits until nobody looks at it any more.
            node.communicate(b"cont\n.exit\n", timeout=30)
        assert b"You said: me" in call.end()
    finally:
        assert run.interrupt() in (0, 130)


def test_comments_in_the_launch_file_are_left_alone(shell):
    """A launch file with comments is not changed; the entry is printed instead."""
    shell.faas("new", "--lang", "node", "fn")
    launch = shell.folder / ".vscode" / "launch.json"
    launch.parent.mkdir()
    launch.write_text('{\n  // mine\n  "configurations": []\n}\n')
    run = Running(shell, "local-run", "fn", "-p", "0", "--builder", "oci", "--debug")
    try:
        run.until("listening on")
        assert "// mine" in launch.read_text()
        assert '"request": "attach"' in run.output
    finally:
        assert run.interrupt() in (0, 130)


def test_a_template_that_names_no_debugger(shell):
    """Is said, with where it would be named."""
    shell.faas("template", "new", "plain")
    template = shell.folder / "template" / "plain" / "template.yml"
    template.write_text(template.read_text().split("  debug:")[0])
    shell.faas("new", "--lang", "plain", "fn")
    error = shell.fails("local-run", "fn", "-p", "0", "--builder", "oci", "--debug")
    assert "the template `plain` has no debugger configuration" in error


def test_watch_runs_what_is_saved(shell):
    """Tests that fail are reported, and the edit runs; code that cannot be called is reported and changes nothing."""
    shell.faas("new", "--lang", "python", "fn")
    handler = shell.folder / "fn" / "handler.py"
    good = handler.read_text()
    run = Running(shell, "local-run", "fn", "-p", "0", "--builder", "oci", "--watch")
    try:
        run.until("watching")
        url = re.search(r"on: (http://127\.0\.0\.1:\d+)", run.output)[1]
        assert b"You said: me" in answer(url, b"me")
        (shell.folder / "fn" / "handler_test.py").write_text("def broken(:\n")
        run.until("its tests fail; it runs nevertheless")
        assert "the tests of `fn` fail" in run.output
        assert b"You said: me" in answer(url, b"me")
        handler.write_text("def handle(req)\n    return 1\n")
        run.until("expected ':'")
        assert b"You said: me" in answer(url, b"me")
        handler.write_text(good.replace("You said", "You wrote"))
        deadline = time.monotonic() + 30
        while True:
            with urllib.request.urlopen(url, data=b"me", timeout=30) as response:
                if b"You wrote: me" in response.read():
                    break
            assert time.monotonic() < deadline
    finally:
        assert run.interrupt() == 0


@pytest.mark.parametrize("flag", ["--watch", "--debug", "--quiet"])
def test_nothing_outlives_it(shell, flag):
    """Not when a service manager or a script's time limit ends it, either."""
    shell.faas("new", "--lang", "node", "fn")
    run = Running(shell, "local-run", "fn", "-p", "0", "--builder", "oci", flag)
    run.until("listening on")
    url = re.search(r"on: (http://127\.0\.0\.1:\d+)", run.output)[1]
    run.process.terminate()
    assert run.process.wait(timeout=20) == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)
