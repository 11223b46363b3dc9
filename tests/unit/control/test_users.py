"""Passwords against hashes as `htpasswd -B` writes them."""

import bcrypt
import pytest

from faas_runtime.gateway.auth.users import matches, parse

# Of `secret`, as `htpasswd -B` and other programs mark them.
HASHES = [f"${kind}$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a" for kind in ("2a", "2b", "2y")]


@pytest.mark.parametrize("hashed", HASHES)
def test_a_password_matches_its_hash_alone(hashed):
    """Case counts, and nothing may follow."""
    assert matches("secret", hashed)
    assert not matches("Secret", hashed)
    assert not matches("secret\0", hashed)


def test_users_are_read_and_weak_hashes_are_left_out(caplog):
    text = "# people\nada:$2y$05$abc\n\nold:$apr1$x$y\nplain:secret\nnobody\neve:$6$salt$hash\nbob:$2b$12$x\n"

    assert parse(text) == {"ada": "$2y$05$abc", "bob": "$2b$12$x"}
    assert "line 4" in caplog.text
    assert "line 5" in caplog.text
    assert "line 7" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("hashed", ["$2y$05$nonsense", "$2b$", HASHES[1].replace("$05$", "$99$"), "$6$", "*0"])
def test_an_invalid_hash_matches_nothing(hashed):
    assert not matches("secret", hashed)
    assert not matches("", hashed)


def test_a_long_password_counts_up_to_72_bytes():
    """As in `htpasswd`, which made the hash from all of it."""
    hashed = bcrypt.hashpw(b"p" * 72, bcrypt.gensalt(4)).decode()
    assert matches("p" * 100, hashed)
    assert not matches("p" * 71, hashed)
