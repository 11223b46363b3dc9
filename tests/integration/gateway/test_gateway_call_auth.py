"""Functions that only some may call: with an account of the gateway, or with a token of their own."""

import base64
import hashlib
import sys

import pytest

TOKEN = "s3cret-token"
BY_TOKEN = {"com.faas.auth": "sha256:" + hashlib.sha256(TOKEN.encode()).hexdigest()}
BY_ACCOUNT = {"com.faas.auth": "basic"}
# Shows what the function learns about its caller.
SHOW = "import os; print(os.environ.get('Http_Authorization'), os.environ.get('Http_X_Other'))"


@pytest.fixture
def guarded(gateway):
    """A gateway whose function `own` wants its token and `ours` an account; `open` wants nothing."""
    gateway.add_image("show", {"show.py": SHOW}, {"fprocess": f"{sys.executable} show.py"})
    for name, annotations in (("own", BY_TOKEN), ("ours", BY_ACCOUNT), ("open", {})):
        assert gateway.deploy(name, "show", annotations=annotations).status == 202
    return gateway


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_the_right_credentials_open_the_function_and_never_reach_it(guarded):
    own = guarded.call("own", Authorization=f"Bearer {TOKEN}", X_Other="seen")
    ours = guarded.call("ours", Authorization=guarded.authorization(), X_Other="seen")

    assert (own.status, own.text) == (200, "None seen\n"), own
    assert (ours.status, ours.text) == (200, "None seen\n"), ours
    assert guarded.call("open", Authorization="Bearer mine").text == "Bearer mine None\n"


@pytest.mark.parametrize("path", ["/function/{}", "/function/{}.openfaas-fn/deep?x=1", "/async-function/{}"])
def test_everybody_else_is_refused(guarded, path):
    admin = guarded.authorization()
    for name, scheme, wrong in (
        ("own", "Bearer", [None, f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", admin]),
        ("ours", "Basic", [None, basic("admin", "guess"), basic("nobody", ""), "Basic !", f"Bearer {TOKEN}"]),
    ):
        for authorization in wrong:
            headers = {"Authorization": authorization} if authorization else {}
            answer = guarded.ask("POST", path.format(name), b"x" * 100, headers)
            assert (answer.status, answer.text.strip()) == (401, "invalid credentials"), (authorization, answer)
            assert answer.headers["WWW-Authenticate"].startswith(scheme)
    assert guarded.ask("GET", "/system/functions").json()[0].get("invocationCount", 0) == 0


def test_asynchronous_calls_need_them_when_they_are_accepted(guarded, wait_for):
    accepted = guarded.ask("POST", "/async-function/own", b"", {"Authorization": f"Bearer {TOKEN}", "X-Other": "seen"})
    assert accepted.status == 202

    call_id = accepted.headers["X-Call-Id"]
    wait_for(lambda: guarded.ask("GET", f"/system/async/{call_id}/result").body == b"None seen\n")
    database = b"".join(path.read_bytes() for path in (guarded.state / "queue").iterdir())
    assert TOKEN.encode() not in database


def test_users_of_the_file_may_call_too(guarded):
    # The hash of `secret`.
    hashed = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
    (guarded.state / "users.htpasswd").write_text(f"ada:{hashed}\n")

    for _ in range(2):
        assert guarded.call("ours", b"x" * 100_000, Authorization=basic("ada", "secret")).status == 200
    wrong = guarded.call("ours", b"x" * 100_000, Authorization=basic("ada", "guess"))
    assert (wrong.status, wrong.text) == (401, "invalid credentials\n")
    assert guarded.ask("POST", "/async-function/ours", b"", {"Authorization": basic("ada", "secret")}).status == 202


def test_a_saved_password_is_of_no_use_to_another_site(guarded):
    """A browser sends it along with any page's form."""
    admin = guarded.authorization()

    assert guarded.call("ours", Authorization=admin, Sec_Fetch_Site="same-origin").status == 200
    assert guarded.call("ours", Authorization=admin, Sec_Fetch_Site="cross-site").status == 401


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        ("/function/own", "Bearer x", f"Bearer {TOKEN}"),
        ("/async-function/own", "Bearer x", f"Bearer {TOKEN}"),
        ("/system/info", basic("admin", "x"), None),
    ],
)
def test_guessing_ends_soon(guarded, path, wrong, right):
    """Each guess comes by a connection, and so from a port, of its own."""
    method = "GET" if path.startswith("/system") else "POST"
    found = [guarded.ask(method, path, b"", {"Authorization": wrong}, auth=False).status for _ in range(21)]

    assert found == [401] * 20 + [429]
    # The account's generated password is let in: no number of guesses finds it.
    given = {"Authorization": right or guarded.authorization()}
    assert (guarded.ask(method, path, b"", given, auth=False).status == 429) is (right is not None)


def test_rules_outlive_the_gateway_and_change_with_the_function(guarded):
    guarded.kill()
    guarded.start()
    assert guarded.call("own").status == 401

    assert guarded.update("own", "show").status == 202
    assert guarded.call("own").status == 200


def test_a_rule_that_means_nothing_is_refused(gateway):
    answer = gateway.deploy("echo", annotations={"com.faas.auth": "sha256:abc"})

    assert (answer.status, "annotation `com.faas.auth`: `sha256:abc`" in answer.text) == (400, True)
