"""A client without an account: whoever reaches the gateway's port. The attacks are in `outside.py`."""

from tests.attacks.attack import ALWAYS, Attack

ATTACKS = tuple(
    Attack(name, gains, (ALWAYS,))
    for name, gains in (
        ("log in with an empty password", "the whole gateway"),
        ("use the control API without an account", "the whole gateway"),
        ("reach the control API through the path of a function", "the whole gateway"),
        ("smuggle a second request behind the first", "requests in the name of others"),
        ("guess passwords for ever", "the whole gateway"),
        ("guess passwords from forged addresses", "the whole gateway"),
        ("call an internal function", "what is meant for other functions"),
        ("queue a call of an internal function", "what is meant for other functions"),
        ("read the result of somebody's call", "other people's data"),
        ("cancel somebody's call by its id", "calls that were accepted and are never made"),
        ("give a call the id of another and cancel both", "calls that were accepted and are never made"),
        ("fill the disk with delayed calls", "a gateway that can store nothing"),
        ("queue a body without end", "memory and disk of the gateway"),
        ("have the gateway call this machine back", "services that trust this machine, and credentials of clouds"),
        ("have it call back by another form of the address", "services that trust this machine"),
        ("freeze the control plane with callbacks that never answer", "a gateway that cannot be managed"),
    )
)
