"""Every attack from inside a function, at every level that this machine offers, as root and as an ordinary user.

An attack must be stopped wherever its table claims so, and must succeed without isolation, else the test shows nothing.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from faas_runtime.core.isolation import LANDLOCK, NAMESPACES, NONE, SECCOMP, probe_machine
from tests.attacks.attack import ALWAYS
from tests.attacks.from_a_function import ATTACKS
from tests.gateways import ROOT, SERVER, Gateway, build_watchdog, free_port, wait_for

USER = 12345
"""An ordinary user that the machine does not know."""
LEVELS = (NONE, SECCOMP, LANDLOCK, NAMESPACES)
USERS = ("root", "user") if os.geteuid() == 0 else ("user",)

# The interpreter may lie below a home folder that only its owner can enter: this shows the user that one folder.
OPENED = """
set -e
mkdir -p "$0/bound"
mount --bind "$1" "$0/bound"
mount -t tmpfs -o mode=755 none "$2"
mkdir -p "$1"
mount --bind "$0/bound" "$1"
shift 2
exec setpriv --reuid {user} --regid {user} --clear-groups "$@"
"""


class World:
    """A gateway at a level, a victim and an attacker on it, and things of the machine that are worth attacking."""

    def __init__(self, level, user):
        self.level, self.user = level, user
        self.folder = Path(tempfile.mkdtemp(prefix="attacked-"))
        self.folder.chmod(0o755)
        self.home, self.shared = self.folder / "home", self.folder / "shared"
        self.closing = []
        belongings = {".ssh/id_ed25519": "a key", ".openfaas/config.yml": "a password", ".profile": "# starts"}
        for name, text in belongings.items():
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(text)
        self.shared.mkdir()
        self.metrics = free_port()
        state = self.folder / "state"
        state.mkdir(mode=0o700)
        self.gateway = Gateway(state, "--isolation", "standard", "--metrics-port", str(self.metrics))
        self.gateway.add_image(
            "victim",
            {"victim.py": SERVER},
            {"fprocess": "python3 victim.py", "mode": "http", "upstream_url": "http://127.0.0.1:8082"},
            {"io.faas.upstream-port-env": "PORT"},
        )
        inside = Path(__file__).with_name("inside.py").read_text(encoding="utf-8")
        self.gateway.add_image("attacker", {"inside.py": inside}, {"fprocess": "python3 inside.py"})
        for path in (self.folder, *self.folder.rglob("*")):
            if user != os.geteuid():
                os.chown(path, user, user)
        self.shared.chmod(0o777)

    def __enter__(self):
        try:
            self._machine()
            self._start()
            secret = {"name": "victim-secret", "value": "secret of the victim"}
            assert self.gateway.ask("POST", "/system/secrets", secret).status in (200, 201, 202)
            assert self.gateway.ask("POST", "/system/secrets", {"name": "own", "value": "x"}).status in (200, 201, 202)
            assert self.gateway.deploy("victim", "victim", secrets=["victim-secret"]).status == 202
            assert self.gateway.deploy("attacker", "attacker", secrets=["own"]).status == 202
            self.gateway.wait_available("victim", 1)
            self.gateway.wait_available("attacker", 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.gateway.stop()
        finally:
            for close in self.closing:
                close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _machine(self):
        """What other programs of the machine have open."""
        for address in (f"{self.shared}/daemon.sock", f"\0{self.folder.name}"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(address)
            listener.listen(16)
            self.closing.append(listener.close)
        (self.shared / "daemon.sock").chmod(0o777)
        libc = ctypes.CDLL(None, use_errno=True)
        self.shm_key = int.from_bytes(os.urandom(3), "big") + 1
        segment = libc.shmget(self.shm_key, 4096, 0o1666)
        assert segment >= 0
        self.closing.append(lambda: libc.shmctl(segment, 0, None))

    def _start(self):
        command = [sys.executable, "-m", "tests.attacks.gateway_at_level", "run", *self.gateway.options]
        environment = {
            **os.environ, "OPENFAAS_STORE": "", "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}",
            "FAAS_TEST_LEVEL": self.level, "HOME": str(self.home),
        }  # fmt: skip
        if self.user != os.geteuid():
            command = self._as_user(command)
        with (self.folder / "gateway.log").open("ab") as log:
            self.gateway.process = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)
        self.gateway.log = lambda: (self.folder / "gateway.log").read_text()
        self.gateway.url = wait_for(self.gateway._told, 30)["url"]

    def _as_user(self, command):
        base = Path(sys.base_prefix)
        hidden = next((path for path in base.parents if not path.stat().st_mode & 0o001), None)
        if hidden is None:
            return ["setpriv", "--reuid", str(self.user), "--regid", str(self.user), "--clear-groups", *command]
        script = OPENED.format(user=self.user)
        return ["unshare", "--mount", "sh", "-c", script, str(self.folder), str(base), str(hidden), *command]

    def known(self):
        """What the attacker knows, or could find out."""
        victim = self.gateway.processes("victim.py")[0]
        variables = dict(
            each.split("=", 1)
            for each in Path(f"/proc/{victim}/environ").read_text(encoding="utf-8").split("\0")
            if "=" in each
        )
        replica = next(path.name for path in (self.gateway.state / "process/replicas").glob("victim-*"))
        socket_of_victim = self.gateway.state / "process/s" / replica.rpartition("-")[2]
        return {
            "state": str(self.gateway.state), "home": str(self.home), "shared": str(self.shared),
            "code": str(ROOT / "runtime/faas_runtime/__init__.py"), "gateway": self.gateway.process.pid,
            "victim": victim, "victim_port": int(variables["PORT"]), "victim_socket": str(socket_of_victim),
            "metrics": self.metrics, "port": int(self.gateway.url.rpartition(":")[2]), "shm_key": self.shm_key,
            "abstract": self.folder.name,
        }  # fmt: skip

    def attacked(self):
        """Each attack with whether it succeeded and what it said."""
        answer = self.gateway.call("attacker", json.dumps(self.known()).encode())
        assert answer.status == 200, answer
        return json.loads(answer.text.splitlines()[-1])


@pytest.fixture(scope="module")
def offer():
    build_watchdog()
    return probe_machine()


@pytest.fixture(scope="module")
def results(offer):
    """What succeeded at a level, as a user; each is tried once."""
    made = {}

    def get(level, user):
        if LEVELS.index(level) > LEVELS.index(offer.level):
            pytest.skip(f"this machine offers {offer.level} only: {'; '.join(map(str, offer.missing))}")
        if (level, user) not in made:
            with World(level, 0 if user == "root" else USER if os.geteuid() == 0 else os.geteuid()) as world:
                made[level, user] = world.attacked()
        return made[level, user]

    return get


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("level", LEVELS)
def test_what_the_table_claims_holds(level, user, results, offer):
    """No attack succeeds at a level that claims to stop it."""
    found = results(level, user)
    assert found.keys() == {each.name for each in ATTACKS}
    stops = {ALWAYS, level} | ({"guard"} if offer.has("guard") and level != NONE else set())
    through = {each.name: found[each.name] for each in ATTACKS if stops & set(each.stopped_by) and found[each.name][0]}
    assert not through


@pytest.mark.parametrize("user", USERS)
def test_the_attacks_work_where_nothing_stops_them(user, results, offer):
    """An attack that fails without isolation shows nothing."""
    found = results(NONE, user)
    # A kernel may lack a call altogether.
    lacking = {name for name, (_, said) in found.items() if "Errno 38" in said}
    if offer.level != NAMESPACES:
        lacking.add("make namespaces")  # the machine refuses them to everybody
    failed = {
        each.name: found[each.name][1]
        for each in ATTACKS
        if each.name not in lacking
        and ALWAYS not in each.stopped_by
        and (user == "root" or not each.root)
        and not found[each.name][0]
    }
    assert not failed
