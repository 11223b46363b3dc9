"""A gateway whose state directory is on a small disk that is full at many points, for real."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateways import ECHO, Gateway

SIZE = 48 << 20


@pytest.fixture
def small(tmp_path, watchdog_binary):
    """A gateway on a disk of 48 MiB."""
    state = tmp_path / "state"
    state.mkdir()
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", state]).returncode:
        pytest.skip("needs root and the right to mount")
    found = Gateway(state, "--min-free-bytes", "1Ki")
    try:
        found.add_image("echo", {"echo.py": ECHO}, {"fprocess": f"{sys.executable} echo.py"})
        found.start()
        yield found
        found.stop()
    finally:
        if found.process is not None and found.process.poll() is None:
            found.kill()
        subprocess.run(["umount", "--lazy", state], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Take all of the disk but `leave` bytes."""
    path = folder / "filler"
    path.unlink(missing_ok=True)
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - leave))
    return path


def test_nothing_acknowledged_is_lost_on_a_full_disk(small, wait_for):
    """At any fullness: every answer says why, management works, and everything recovers when there is room again."""
    wait_for(lambda: (small.state / "reserve").exists())
    assert small.deploy("first").status == 202
    value = base64.b64encode(b"x" * 3000).decode()
    deployed, secrets, calls, refused = {"first"}, set(), set(), []
    for number, leave in enumerate((2 << 20, 256 << 10, 64 << 10, 16 << 10, 8 << 10, 4 << 10, 0, 0, 0)):
        filler = fill(small.state, leave)
        if number == 7:  # not even the reserve is left
            (small.state / "reserve").unlink(missing_ok=True)
            filler = fill(small.state, 0)
        name = f"f{number}"
        steps = {
            "deploy": small.deploy(name),
            "secret": small.ask("POST", "/system/secrets", {"name": name, "value": value}),
            "call": small.ask("POST", "/async-function/first", b"y" * 2000, {"X-Faas-Delay": "1h"}),
            "update": small.update("first", envVars={"N": str(number)}),
        }
        for step, answer in steps.items():
            assert answer.status in (201, 202, 507), (leave, step, answer)
            if answer.status >= 400:
                refused.append(step)
                assert "full" in answer.text or "No space left" in answer.text, (leave, step, answer)
        if steps["deploy"].status == 202:
            deployed.add(name)
        if steps["secret"].status < 300:
            secrets.add(name)
        if steps["call"].status == 202:
            calls.add(steps["call"].headers["X-Call-Id"])
        assert small.ask("GET", "/system/functions").status == 200
        assert small.ask("GET", "/healthz").status in (200, 503)
        if name in deployed:
            assert small.delete(name).status == 202
            deployed.discard(name)
    assert {"deploy", "secret", "call"} <= set(refused)
    assert small.ask("DELETE", "/system/queue?state=dead").status in (200, 507)

    small.kill()
    filler.unlink()
    small.start()
    assert {each["name"] for each in small.ask("GET", "/system/functions").json()} == deployed
    assert {each["name"] for each in small.ask("GET", "/system/secrets").json()} == secrets
    listed = small.ask("GET", "/system/queue?state=queued").json()["calls"]
    assert {each["callId"] for each in listed} == calls
    assert small.deploy("after").status == 202
    assert small.ask("POST", "/async-function/first", b"z").status == 202
    assert small.call("first", b"again").body == b"again"
    assert "Traceback" not in small.log()


def test_a_gateway_starts_on_a_full_disk(small, wait_for):
    """With the reserve of its last run: what it has can still be managed."""
    wait_for(lambda: (small.state / "reserve").exists())
    assert small.deploy("first").status == 202
    call = small.ask("POST", "/async-function/first", b"y", {"X-Faas-Delay": "1h"}).headers["X-Call-Id"]
    small.kill()
    fill(small.state, 0)
    small.start()
    assert [each["name"] for each in small.ask("GET", "/system/functions").json()] == ["first"]
    assert small.ask("GET", f"/system/async/{call}").json()["state"] == "queued"
    assert small.ask("DELETE", "/system/queue?state=queued").json() == {"purged": 1}
    assert small.delete("first").status == 202
