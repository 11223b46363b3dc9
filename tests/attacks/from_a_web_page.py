"""A web page in the browser of somebody who uses the gateway. The attacks are in `outside.py`."""

from tests.attacks.attack import ALWAYS, Attack

ATTACKS = tuple(
    Attack(name, gains, (ALWAYS,))
    for name, gains in (
        ("drive a gateway without authentication by DNS rebinding", "the whole gateway"),
        ("read the metrics by DNS rebinding", "names and loads of all functions"),
        ("send a form from another site", "changes with the user's rights"),
        ("show the dashboard in a frame", "clicks of the user that change something"),
        ("receive the administrator's password as a function", "the whole gateway"),
        ("receive the password as a queued function", "the whole gateway"),
        ("have the browser ask for a password and keep it", "a password that is sent to every page of the address"),
        ("drive the gateway from the page of a function", "the whole gateway"),
        ("run a function's stored response as a page of the gateway", "the whole gateway"),
        ("take the session of the dashboard", "the whole gateway for half a day"),
        ("use a session after its end", "the whole gateway"),
    )
)
