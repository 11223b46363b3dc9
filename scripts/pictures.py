"""Pictures of the terminal for the documentation: what `faas up` and `faas dev` look like to a person.

    python scripts/pictures.py docs/images        # needs tmux, and `faas` on PATH

Each picture is a real session in a real terminal, captured with its colours and written as SVG.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH, HEIGHT = 100, 26
LIMIT = 60.0


class Terminal:
    """A terminal in which commands are typed."""

    def __init__(self, folder: Path, state: Path) -> None:
        self._name = f"faas-pictures-{os.getpid()}"
        environment = {
            "PS1": "$ ",
            "FAAS_STATE_DIR": str(state),
            "OPENFAAS_CONFIG": str(state / "config"),
            "PATH": os.environ["PATH"],
        }
        settings = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        self._tmux("new-session", "-d", "-s", self._name, "-c", str(folder), *size, *settings, "bash --norc")
        time.sleep(0.5)

    def type(self, text: str) -> None:
        """Type a line and press Enter."""
        self._tmux("send-keys", "-t", self._name, text, "Enter")

    def press(self, key: str) -> None:
        """Press a key, `C-c` for example."""
        self._tmux("send-keys", "-t", self._name, key)

    def until(self, words: str) -> None:
        """Wait until the screen shows something."""
        deadline = time.monotonic() + LIMIT
        while words not in self.screen():
            if time.monotonic() > deadline:
                sys.exit(f"`{words}` did not appear:\n{self.screen()}")
            time.sleep(0.05)

    def screen(self) -> str:
        """What the screen shows, with its colours."""
        return self._tmux("capture-pane", "-p", "-e", "-t", self._name)

    def picture(self, path: Path, title: str) -> None:
        """Write the screen as SVG."""
        with Path(os.devnull).open("w") as nowhere:
            console = Console(record=True, width=WIDTH, file=nowhere)
            console.print(Text.from_ansi(self.screen().rstrip("\n")))
            svg = console.export_svg(title=title, unique_id=path.stem)
        path.write_text(re.sub(r"[ \t]+\n", "\n", svg), encoding="utf-8")

    def close(self) -> None:
        """Close the terminal."""
        self._tmux("kill-session", "-t", self._name)

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run(["tmux", *arguments], capture_output=True, text=True, check=True).stdout


def main() -> None:
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="faas-pictures-") as work:
        folder = Path(work) / "project"
        folder.mkdir()
        terminal = Terminal(folder, Path(work) / "state")
        try:
            terminal.type("clear; faas gateway start --port 0 --metrics-port 0 >/dev/null 2>&1; clear")
            time.sleep(2)
            terminal.type("export OPENFAAS_URL=$(faas gateway status | sed -n 's/Gateway: *//p'); clear")
            terminal.type("faas new --lang go gohash --quiet && faas up && echo -n test | faas invoke gohash")
            terminal.until("You said: test")
            terminal.picture(target / "up.svg", "faas up")
            terminal.type("clear; faas dev")
            terminal.until("watching")
            handler = folder / "gohash" / "handler.go"
            good = handler.read_text()
            handler.write_text(good.replace("fmt.Sprintf", "fmt.Sprint"))
            terminal.until("the tests of")
            handler.write_text(good + "\n")
            time.sleep(2)
            terminal.picture(target / "dev.svg", "faas dev")
            terminal.press("C-c")
            terminal.type("faas gateway stop")
            terminal.until("stopped")
        finally:
            terminal.close()


if __name__ == "__main__":
    main()
