"""Building without a word on the way."""

from __future__ import annotations

from faas_cli.images.model import BuildResult


class Silent:
    """A build report of which only the result counts."""

    def started(self, worker: int, function: str) -> None:
        """Nothing to say."""

    def step(self, function: str, text: str) -> None:
        """Nothing to say."""

    def line(self, function: str, text: str) -> None:
        """Nothing to say; a failing tool's words are in the result."""

    def note(self, function: str, text: str) -> None:
        """Nothing to say."""

    def finished(self, worker: int, result: BuildResult) -> None:
        """Nothing to say."""
