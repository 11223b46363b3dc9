"""Two gateways connected by NATS: one leads and scales on the load of both."""

import http.client
import threading

import pytest


@pytest.fixture
def pair(nats, provider, make_gateway):
    """Two gateways in front of one provider."""
    return [
        make_gateway("--nats", nats.url, "--provider-url", provider.url, "--provider-secrets-dir", str(provider.state))
        for _ in range(2)
    ]


def leaders(gateways):
    """The gateways that lead, by the last line about it in each log."""
    last = {}
    for each in gateways:
        about = [line for line in each.log().splitlines() if line.endswith(" the leader")]
        last[each] = about[-1] if about else ""
    return [each for each, line in last.items() if line.endswith(" is the leader")]


def test_one_leads_and_the_other_takes_over(pair, wait_for):
    """Within a few seconds of the leader's death."""
    wait_for(lambda: len(leaders(pair)) == 1, 15)
    (first,) = leaders(pair)
    (second,) = [each for each in pair if each is not first]
    first.kill()
    wait_for(lambda: leaders([second]) == [second], 15)
    first.start()


def test_a_leader_that_stops_hands_over_at_once(pair, wait_for):
    wait_for(lambda: len(leaders(pair)) == 1, 15)
    (first,) = leaders(pair)
    (second,) = [each for each in pair if each is not first]
    first.stop()
    wait_for(lambda: leaders([second]) == [second], 4)
    first.start()


def test_the_leader_scales_on_the_calls_of_both(pair, wait_for):
    """Calls that only the other one sees keep a function from being scaled to zero."""
    wait_for(lambda: len(leaders(pair)) == 1, 15)
    (leader,) = leaders(pair)
    (other,) = [each for each in pair if each is not leader]
    labels = {"com.openfaas.scale.zero": "true", "com.openfaas.scale.zero-duration": "4s"}
    assert leader.deploy("echo", "echo", labels=labels).status == 202
    wait_for(lambda: other.call("echo").status == 200)
    over = threading.Event()

    def call():
        while not over.wait(0.3):
            connection = http.client.HTTPConnection("127.0.0.1", int(other.url.rpartition(":")[2]), timeout=10)
            connection.request("POST", "/function/echo", b"x")
            assert connection.getresponse().status == 200
            connection.close()

    caller = threading.Thread(target=call)
    caller.start()
    try:
        assert not over.wait(8)
        assert leader.status("echo")["replicas"] == 1
    finally:
        over.set()
        caller.join()
    wait_for(lambda: "replicas" not in leader.status("echo"), 20)
