"""Key pairs and sealed secrets (contract 10)."""

import base64
import json

import pytest
import yaml

pytest.importorskip("nacl")


@pytest.fixture
def keys(client):
    """A key pair in `key` and `key.pub`."""
    client.run("secret", "keygen")
    return client


def seal(client, *flags):
    return client.run("secret", "seal", "key.pub", *flags)


def test_keys(client):
    """Their modes, their length, and no second pair over the first."""
    done = client.run("secret", "keygen", "-o", "sub/mine")
    private, public = client.folder / "sub" / "mine", client.folder / "sub" / "mine.pub"
    assert private.stat().st_mode & 0o777 == 0o600
    assert len(base64.b64decode(private.read_text())) == len(base64.b64decode(public.read_text())) == 32
    assert not public.read_text().endswith("\n")
    assert f"Key ID:      {public.read_text()[:8]}" in done.stdout.decode()
    before = private.read_text()
    client.run("secret", "keygen", "-o", "sub/mine", code=1)
    assert private.read_text() == before


def test_there_and_back(keys):
    """Text, bytes, and what holds `=`."""
    binary = bytes(range(256))
    (keys.folder / "file").write_bytes(binary)
    done = seal(keys, "--from-literal", "a=b=c", "--from-literal", "d=e", "--from-file", "f=file")
    assert b"Sealed 3 secrets in com.openfaas.secrets" in done.stdout
    assert (keys.folder / "com.openfaas.secrets").stat().st_mode & 0o777 == 0o600
    assert keys.run("secret", "unseal", "key", "--key", "f").stdout == binary
    assert keys.run("secret", "unseal", "key", "--key", "a").stdout == b"b=c"
    assert json.loads(keys.run("secret", "unseal", "key", "--json").stdout)["d"] == "e"
    assert keys.run("secret", "unseal", "key").stdout.splitlines()[:2] == [b"a=b=c", b"d=e"]


def test_the_file_opens_with_libsodium_itself(keys):
    """Nonce, then ciphertext; one key pair for the file, one nonce for each value."""
    from nacl.bindings import crypto_box_open

    seal(keys, "--from-literal", "a=one", "--from-literal", "b=one", "-o", "sealed")
    content = yaml.safe_load((keys.folder / "sealed").read_text())
    public = (keys.folder / "key.pub").read_text()
    assert (content["version"], content["algorithm"], content["key_id"]) == ("v1", "nacl/box", public[:8])
    sender, private = (base64.b64decode(each) for each in (content["public_key"], (keys.folder / "key").read_text()))
    values = [base64.b64decode(each) for each in content["secrets"].values()]
    assert values[0][:24] != values[1][:24]
    assert [crypto_box_open(each[24:], each[:24], sender, private) for each in values] == [b"one", b"one"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("v1", "v2"), "version `v2`"),
        (lambda text: text.replace("nacl/box", "rot13"), "algorithm `rot13`"),
        (lambda text: "hello", "not a sealed secrets file"),
        (lambda text: text[: text.index("secrets:")] + "secrets: {a: AAAA}\n", "sealed for another key, or modified"),
    ],
)
def test_files_that_cannot_be_opened(keys, change, words):
    """Exit code 1 and the reason."""
    seal(keys, "--from-literal", "a=b")
    path = keys.folder / "com.openfaas.secrets"
    path.write_text(change(path.read_text()))
    assert words.encode() in keys.run("secret", "unseal", "key", code=1).stderr


def test_mistakes(keys):
    """Another key, an unknown name, nothing to seal, no such file, no key."""
    seal(keys, "--from-literal", "a=b")
    keys.run("secret", "keygen", "-o", "other")
    assert b"for another key" in keys.run("secret", "unseal", "other", code=1).stderr
    assert b"it has: a" in keys.run("secret", "unseal", "key", "--key", "z", code=1).stderr
    keys.run("secret", "unseal", "key", "--in", "nowhere", code=1)
    seal_nothing = keys.run("secret", "seal", "key.pub", code=2)
    assert b"nothing to seal" in seal_nothing.stderr
    keys.write("bad.pub", "hello")
    assert b"not a public key" in keys.run("secret", "seal", "bad.pub", "--from-literal", "a=b", code=1).stderr
