"""The built-in scaler and alerts, on real replicas."""

from concurrent.futures import ThreadPoolExecutor

PREFIX = "com.openfaas.scale."


def test_a_function_goes_up_with_its_load_then_down_then_to_zero_and_back(gateway, wait_for):
    labels = {"type": "capacity", "target": "2", "max": "3", "down.window": "1s", "zero": "true", "zero-duration": "8s"}
    gateway.deploy("server", "server", labels={PREFIX + name: value for name, value in labels.items()})

    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(gateway.call, "server", X_Sleep="4") for _ in range(6)]
        gateway.wait_available("server", 3)
        assert [call.result().status for call in calls] == [200] * 6

    wait_for(lambda: gateway.status("server").get("replicas", 0) == 1, 20)
    wait_for(lambda: "replicas" not in gateway.status("server"), 20)
    assert gateway.call("server").status == 200
    assert gateway.status("server")["replicas"] == 1


def test_an_alert_scales_one_step_and_its_end_scales_back(gateway):
    gateway.deploy("server", "server", labels={PREFIX + "max": "3", PREFIX + "factor": "40"})

    def alert(status, name="server.openfaas-fn"):
        body = {"status": status, "receiver": "x", "alerts": [{"status": status, "labels": {"function_name": name}}]}
        return gateway.ask("POST", "/system/alert", body).status

    assert alert("firing") == 200
    assert gateway.status("server")["replicas"] == 3
    assert alert("resolved") == 200
    assert gateway.status("server")["replicas"] == 1
    assert alert("firing", "ghost") == 200
    assert gateway.ask("POST", "/system/alert", b"{").status == 400
    assert gateway.ask("POST", "/system/alert", {"alerts": 3}).status == 400


def test_usage_is_shown_when_it_is_asked_for(gateway, wait_for):
    gateway.deploy("server", "server")

    assert "usage" not in gateway.status("server")
    wait_for(lambda: gateway.ask("GET", "/system/function/server?usage=1").json()["usage"]["totalMemoryBytes"] > 1e6)


def test_one_number_limits_a_replica_and_calls_for_another(gateway, wait_for):
    """`concurrency`: a call above the limit is refused at once, and a later one accepted."""
    annotations = {"com.faas.concurrency": "1"}
    gateway.deploy("server", "server", annotations=annotations, labels={PREFIX + "max": "2"})

    def call_at_length():
        # The probes below may be first.
        return wait_for(lambda: (answer := gateway.call("server", X_Sleep="6")).status != 429 and answer)

    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(call_at_length)
        wait_for(lambda: gateway.call("server").status == 429, 5)
        gateway.wait_available("server", 2)
        assert gateway.call("server").status == 200
        assert long.result().status == 200


def test_settings_that_contradict_each_other_are_refused(gateway):
    """Both are named; what ran before still does."""
    gateway.deploy("server", "server")
    changed = {
        "service": "server",
        "image": "server",
        "envVars": {"exec_timeout": "5s"},
        "annotations": {"com.faas.timeout": "1m"},
    }
    answer = gateway.ask("PUT", "/system/functions", changed)
    assert answer.status == 400
    assert "`exec_timeout: 5s` contradict each other" in answer.text
    assert gateway.call("server").status == 200
