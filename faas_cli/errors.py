"""Errors that a user may see: one sentence, a hint when there is a next step, and an exit code."""

from __future__ import annotations

EXIT_FAILED = 1
"""The command failed."""
EXIT_MISUSED = 2
"""The command line is invalid."""
EXIT_INTERRUPTED = 130
"""Stopped by Ctrl-C."""


class FaasError(Exception):
    """Base of every expected error; `cli.run` prints it without a traceback.

    `message` says what failed, on what, and why; `hint` what to do about it;
    `detail` holds longer output (a compiler's) printed unchanged before the message.
    """

    exit_code = EXIT_FAILED

    def __init__(self, message: str, *, hint: str = "", detail: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(FaasError):
    """The command line contradicts itself or lacks something."""

    exit_code = EXIT_MISUSED


class StackError(FaasError):
    """A stack file cannot be read. `file`, `line` and `key` are the place (lines count from 1, 0 unknown)."""

    def __init__(
        self, message: str, *, file: str = "", line: int = 0, column: int = 0, key: str = "", hint: str = ""
    ) -> None:
        place = file
        if line:
            place += f":{line}"
            if column:
                place += f":{column}"
        text = f"{place}: {message}" if place else message
        super().__init__(text, hint=hint)
        self.file, self.line, self.column, self.key = file, line, column, key


class BuildError(FaasError):
    """A function could not be built; `detail` holds the failing tool's own output."""


class GatewayError(FaasError):
    """The gateway refused, or could not be reached. `status` is the HTTP status, 0 when there was none."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status
