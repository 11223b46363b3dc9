"""An image: whoever made what somebody deploys. The attacks are in `outside.py`."""

from tests.attacks.attack import ALWAYS, Attack

ATTACKS = tuple(
    Attack(name, gains, (ALWAYS,))
    for name, gains in (
        ("write a file outside the image", "any file of the user"),
        ("write through a link to the outside", "any file of the user"),
        ("link a file of the machine into the image", "any file of the user"),
        ("delete other images by a whiteout", "every other function stops"),
        ("delete the image's own folder by a whiteout", "the unpacking of another layer elsewhere"),
        ("become a thousand times as large", "a full disk"),
        ("be made of files without content", "a disk without room for files"),
        ("have folders without end", "a gateway that fails, and folders that nothing deletes"),
        ("have a header that fills the memory", "a gateway that is killed"),
        ("have a program that runs as another user", "root, by a setuid bit"),
    )
)
