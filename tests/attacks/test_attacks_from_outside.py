"""Attacks of clients, web pages and images, against gateways that run: none succeeds."""

import itertools
import json
import sys
import urllib.error
import urllib.request

import pytest

from tests.attacks import from_a_client, from_a_web_page, from_an_image, outside
from tests.gateways import ECHO, Gateway, build_watchdog, free_port, wait_for

SHOW = "import os; print(os.environ.get('Http_Authorization'))"
TABLES = (from_a_client, from_a_web_page, from_an_image)
NAMES = [each.name for table in TABLES for each in table.ATTACKS]


class World:
    """A gateway with an account, one without, and what attackers know of them."""

    wait_for = staticmethod(wait_for)
    max_calls = 150

    def __init__(self, folder):
        build_watchdog()
        self._folder, self._numbers = folder, itertools.count()
        limits = ["--max-queued-calls", str(self.max_calls), "--callback-host", "127.0.0.1"]
        self.gateway = Gateway(self.folder(), *limits).start()
        self.open = Gateway(self.folder(), "--no-auth", "--metrics-port", str(free_port())).start()
        self.gateway.add_image("echo", {"echo.py": ECHO}, {"fprocess": f"{sys.executable} echo.py"})
        self.gateway.add_image("show", {"show.py": SHOW}, {"fprocess": f"{sys.executable} show.py"})
        for name, image, annotations in (
            ("echo", "echo", {}),
            ("show", "show", {}),
            ("internal", "echo", {"com.faas.expose": "internal"}),
        ):
            answer = self.gateway.deploy(name, image, annotations=annotations)
            assert answer.status == 202, answer

    @property
    def admin(self):
        return {"Authorization": self.gateway.authorization()}

    def folder(self):
        """A new folder."""
        path = self._folder / str(next(self._numbers))
        path.mkdir()
        return path

    def anonymous(self, method, path, body=b"", headers=None):
        """A request without credentials, but for those in the headers."""
        return self.gateway.ask(method, path, body, headers, auth=False)

    def queued(self):
        """Somebody's call that waits: its id, and the token that cancels it."""
        answer = self.anonymous("POST", outside.ASYNC, b"x", {"X-Faas-Delay": "1h"})
        return answer.headers["X-Call-Id"], answer.headers["X-Faas-Cancel-Token"]

    def metrics(self, headers):
        """The status of the metrics page of the open gateway."""
        url = json.loads((self.open.state / "gateway.json").read_text())["metrics_url"]
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def close(self):
        for each in (self.gateway, self.open):
            each.kill()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    found = World(tmp_path_factory.mktemp("outside"))
    yield found
    found.close()


def test_every_attack_of_the_tables_is_made():
    """And each that is made is in a table."""
    assert sorted(outside.ATTACKS) == sorted(NAMES)


# Guesses block this machine's address for the others: last.
LAST = ("guess passwords for ever", "guess passwords from forged addresses")


@pytest.mark.parametrize("name", sorted(NAMES, key=lambda name: (name in LAST, NAMES.index(name))))
def test_no_attack_succeeds(world, name):
    assert not outside.ATTACKS[name](world)
