"""Passwords against hashes as `htpasswd` and `mkpasswd` write them."""

import pytest

from faas_runtime.gateway.auth.users import matches, parse

# Each is a hash of `secret`, as openssl and libcrypt make it.
HASHES = [
    "$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.",
    "$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.",
    "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
]


@pytest.mark.parametrize("hashed", HASHES)
def test_a_password_matches_its_hash_alone(hashed):
    assert matches("secret", hashed)
    assert not matches("Secret", hashed)
    assert not matches("secret\0", hashed)


def test_users_are_read_and_weak_hashes_are_left_out(caplog):
    text = "# people\nada:$2y$05$abc\n\nold:$apr1$x$y\nplain:secret\nnobody\neve:$6$salt$hash\n"

    assert parse(text) == {"ada": "$2y$05$abc", "eve": "$6$salt$hash"}
    assert "line 4" in caplog.text
    assert "line 5" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("hashed", ["$2y$05$nonsense", "$6$", "$5$salt$", "*0"])
def test_nonsense_matches_nothing(hashed):
    assert not matches("secret", hashed)
    assert not matches("", hashed)
