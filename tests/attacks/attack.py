"""What an attack is. The tests run the tables of the modules beside this one; docs/security.md is made from them."""

from dataclasses import dataclass

ALWAYS = "always"
"""In `stopped_by`: no setting and no machine lets the attack through."""


@dataclass(frozen=True)
class Attack:
    """One way in: what somebody who succeeds would gain, and what stops it."""

    name: str
    gains: str
    stopped_by: tuple[str, ...]
    """Levels of isolation for attacks from inside a function, else `ALWAYS`."""
    root: bool = False
    """Whether it needs a gateway that is root to succeed at all."""
