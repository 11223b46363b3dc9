"""A terminal's screen, as far as our programs use it: what a person sees in the end, scrolled lines included."""

import io
import re

_CODE = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])")


class Terminal(io.StringIO):
    """A stream that says it is a terminal; several streams may share one screen."""

    def isatty(self):
        """Yes."""
        return True


def screen(text, columns=80):
    """The lines that `text` leaves: carriage returns, line feeds, cursor up and down, erasing, wrapping."""
    lines, row, column, wraps = [[]], 0, 0, True
    position = 0
    while position < len(text):
        found = _CODE.match(text, position)
        if found:
            position = found.end()
            number = int(found[1]) if found[1].isdigit() else 1
            match found[2]:
                case "A":
                    row = max(0, row - number)
                case "B":
                    row += number
                case "K" if found[1] == "2":
                    lines[row] = []
                case "K":
                    lines[row] = lines[row][:column]
                case "J":
                    lines[row:] = [lines[row][:column]]
                case "h" | "l" if found[1] == "?7":
                    wraps = found[2] == "h"
                case "h" | "l" | "m":
                    pass
                case other:
                    raise AssertionError(f"{other!r}: this terminal does not know {found[0]!r}")
        else:
            char, position = text[position], position + 1
            if char == "\r":
                column = 0
            elif char == "\n":
                row, column = row + 1, 0
            else:
                if column == columns:
                    row, column = (row + 1, 0) if wraps else (row, columns - 1)
                lines += [[] for _ in range(row + 1 - len(lines))]
                lines[row] += " " * (column + 1 - len(lines[row]))
                lines[row][column] = char
                column += 1
        lines += [[] for _ in range(row + 1 - len(lines))]
    return ["".join(line).rstrip() for line in lines]
