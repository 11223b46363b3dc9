"""Two versions of a function at once: a canary takes its share, is promoted or ended, and outlives the gateway."""

from collections import Counter

import pytest

CALLS = 200


@pytest.fixture
def two(gateway):
    """The function `server` as version 1, and version 2 as a canary with a quarter of the calls."""
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    deployed = canary(gateway, 25, envVars={"GREETING": "two"})
    assert deployed.status == 202, deployed
    return gateway


def canary(gateway, weight, **more):
    return gateway.update("server", "server", annotations={"com.faas.traffic": str(weight)}, **more)


def drawn(gateway, calls=CALLS, path="/function/server"):
    """Number of responses of each version."""
    return Counter(gateway.ask("POST", path).text.split()[0] for _ in range(calls))


def traffic(gateway):
    answer = gateway.ask("GET", "/system/function/server/traffic")
    assert answer.status == 200, answer
    return [(each["version"], each["weight"]) for each in answer.json()]


def weigh(gateway, **body):
    return gateway.ask("PUT", "/system/function/server/traffic", body)


def running(gateway):
    """Whether the canary's function is there."""
    return gateway.ask("GET", "/system/function/server--canary").status == 200


def test_calls_are_divided_by_weight(two):
    """A fair lot is 8 standard deviations from these bounds."""
    found = drawn(two, 400)

    assert found["one"] + found["two"] == 400
    assert 31 < found["two"] < 169, found
    assert traffic(two) == [(1, 75), (2, 25)]


@pytest.mark.parametrize(("weight", "who"), [(0, "one"), (100, "two")])
def test_nothing_and_everything_are_shares_too(two, weight, who):
    assert weigh(two, weight=weight).status == 200

    assert drawn(two, 40) == {who: 40}
    assert drawn(two, 1, "/function/server--canary") == {"two": 1}


def test_it_is_one_function_to_everybody_else(two):
    """In lists and counters; only the traffic of the function shows both versions."""
    weigh(two, weight=50)
    drawn(two, 60)

    assert [each["name"] for each in two.ask("GET", "/system/functions").json()] == ["server"]
    stats = two.ask("GET", "/system/stats").json()
    assert [(each["name"], each["started"]) for each in stats] == [("server", 60)]
    shares = two.ask("GET", "/system/function/server/traffic").json()
    assert sum(each["calls"] for each in shares) == 60
    assert all(each["calls"] and each["seconds"] > 0 for each in shares)
    assert [each.get("canary", False) for each in shares] == [False, True]


def test_promoting_makes_it_the_present_version(two):
    assert [each["weight"] for each in two.ask("POST", "/system/function/server/promote").json()] == [100]

    assert drawn(two, 20) == {"two": 20}
    assert traffic(two) == [(2, 100)]
    assert not running(two)
    versions = two.ask("GET", "/system/function/server/versions").json()
    assert [(each["version"], each.get("current", False)) for each in versions] == [(2, True), (1, False)]
    assert two.ask("POST", "/system/function/server/rollback", {}).status == 200
    assert drawn(two, 5) == {"one": 5}


def test_ending_it_leaves_the_present_version(two):
    assert two.ask("DELETE", "/system/function/server/traffic").status == 202

    assert drawn(two, 20) == {"one": 20}
    assert not running(two)
    versions = two.ask("GET", "/system/function/server/versions").json()
    assert [(each["version"], each.get("current", False)) for each in versions] == [(2, False), (1, True)]
    # What was never promoted is not what came before.
    assert two.ask("POST", "/system/function/server/rollback", {}).status == 404
    assert two.ask("DELETE", "/system/function/server/traffic").status == 404


def test_a_version_that_was_kept_can_be_the_canary(gateway):
    for greeting in ("one", "two", "three"):
        gateway.deploy("server", "server", "PUT" if greeting != "one" else "POST", envVars={"GREETING": greeting})

    assert weigh(gateway, version=1, weight=100).status == 200
    assert drawn(gateway, 10) == {"one": 10}
    assert weigh(gateway, version=2, weight=100).status == 200
    assert drawn(gateway, 10) == {"two": 10}
    assert gateway.ask("POST", "/system/function/server/promote").status == 200
    assert traffic(gateway) == [(4, 100)]


def test_it_outlives_the_gateway(two):
    two.kill()
    two.start()

    assert traffic(two) == [(1, 75), (2, 25)]
    weigh(two, weight=50)
    assert set(drawn(two, 60)) == {"one", "two"}


@pytest.mark.parametrize("how", ["update", "delete"])
def test_replacing_or_deleting_the_function_takes_the_canary_along(two, how):
    if how == "update":
        assert two.update("server", "server", envVars={"GREETING": "three"}).status == 202
        assert drawn(two, 20) == {"three": 20}
    else:
        assert two.delete("server").status == 202
        assert two.call("server").status == 404

    assert not running(two)
    assert two.call("server--canary").status == 404


def test_a_canary_that_does_not_start_changes_nothing(two):
    assert canary(two, 90, envProcess="false").status == 400

    assert traffic(two) == [(1, 75), (2, 25)]
    assert set(drawn(two, 60)) == {"one", "two"}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"weight": 101}, 400, "field `weight`"),
        ({"weight": -1}, 400, "field `weight`"),
        ({"version": 1, "weight": 5}, 400, "version 1 is the current one"),
        ({"version": 9, "weight": 5}, 404, "has no version 9"),
        ({"version": 2}, 400, "weight"),
    ],
)
def test_what_makes_no_sense_is_refused(two, body, status, words):
    answer = weigh(two, **body)

    assert (answer.status, words in answer.text) == (status, True), answer


def test_a_canarys_name_belongs_to_it(two):
    assert two.deploy("other--canary").status == 400
    assert "faas traffic server" in two.delete("server--canary").text
    assert canary(two, "lots").status == 400


def test_asynchronous_calls_are_divided_too(two, wait_for):
    weigh(two, weight=50)
    ids = [two.ask("POST", "/async-function/server").headers["X-Call-Id"] for _ in range(40)]

    def answers():
        found = [two.ask("GET", f"/system/async/{each}/result") for each in ids]
        return all(each.status == 200 for each in found) and {each.text.split()[0] for each in found}

    assert wait_for(answers, 30) == {"one", "two"}
