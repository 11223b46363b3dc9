"""Docker Swarms of this machine's own: engines in network namespaces, each with its own address, wired to a bridge.

The kernel needs VXLAN; it needs no IPVS. Everything is taken down by the process numbers and names made here.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from random import sample

import docker

_PATIENCE = 60
_COMMANDS = ("dockerd", "ip", "iptables", "nsenter")


class CannotRun(Exception):
    """What this machine lacks, and the command that brings it."""


def lacking() -> CannotRun | None:
    """What is in the way of a Swarm here, None when nothing is."""
    if os.geteuid() != 0:
        return CannotRun("root, to make network namespaces", "sudo -E make test")
    for command in _COMMANDS:
        if shutil.which(command, path=_path()) is None:
            return CannotRun(command, "apt-get install docker.io iproute2 iptables")
    return None


def _path() -> str:
    # The engine of the distribution, not another one that may stand before it.
    return os.pathsep.join(["/usr/sbin", "/usr/bin", "/sbin", "/bin", os.environ.get("PATH", "")])


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": _path()}, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Machine:
    """One engine with an address of its own."""

    def __init__(self, name: str, switch: str, address: str) -> None:
        self.name, self.address, self._switch = name, address, switch
        self.folder = Path(tempfile.mkdtemp(prefix="faas-swarm-", dir="/tmp"))
        self.socket = f"unix://{self.folder}/docker.sock"
        self._link = f"{name}h"
        run("ip", "netns", "add", name)
        run("ip", "-n", switch, "link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "-n", switch, "link", "set", self._link, "master", "br0", "up")
        for command in (
            ("addr", "add", f"{address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
            # No way out: to look for a registry fails at once instead of after a timeout.
        ):
            run("ip", "-n", name, *command)
        self._log = (self.folder / "log").open("wb")
        self.process: subprocess.Popen[bytes] | None = None
        # A version that is named is not asked for: nothing listens yet.
        self.client = docker.DockerClient(base_url=self.socket, version="1.41", timeout=60)

    def start(self) -> None:
        """Start the engine and wait until it answers."""
        folder = self.folder
        command = [
            # Not `ip netns exec`: that would hide the control groups.
            "nsenter", f"--net=/run/netns/{self.name}", "dockerd",
            "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec",
            "--pidfile", f"{folder}/pid", "-H", self.socket, "--bridge", "none", "--userland-proxy=true",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env={**os.environ, "PATH": _path()}, start_new_session=True
        )
        deadline = time.monotonic() + _PATIENCE
        while True:
            # The client leaves sockets open that it could not connect.
            if (folder / "docker.sock").exists():
                with contextlib.suppress(Exception):
                    self.client.ping()
                    return
            assert self.process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def take(self, image: str, source: docker.DockerClient) -> None:
        """Copy an image from another engine; there is no registry here."""
        self.client.images.load(b"".join(source.images.get(image).save(named=image)))

    def cut_off(self) -> None:
        """Pull the plug of the network."""
        run("ip", "-n", self._switch, "link", "set", self._link, "down")

    def connect(self) -> None:
        """Put it back."""
        run("ip", "-n", self._switch, "link", "set", self._link, "up")

    def kill(self) -> None:
        """End the engine and all it runs, at once."""
        assert self.process is not None
        own = _processes_of(self.name)
        for pid in own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        self.client.close()
        with contextlib.suppress(Exception):
            self.kill()
        self._log.close()
        _unmount_below(self.folder)
        with contextlib.suppress(RuntimeError):
            run("ip", "netns", "del", self.name)
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """Machines on one bridge, which this machine can reach as well."""

    def __init__(self, size: int) -> None:
        mark = uuid.uuid4().hex[:4]
        self._link = self._switch = f"fsw{mark}"
        net = _free_network()
        # A bridge of this machine's own would be under the packet filter of its container engine.
        run("ip", "netns", "add", self._switch)
        self.machines: list[Machine] = []
        try:
            run("ip", "-n", self._switch, "link", "add", "br0", "up", "type", "bridge")
            run("ip", "link", "add", self._link, "type", "veth", "peer", "name", "up0", "netns", self._switch)
            run("ip", "-n", self._switch, "link", "set", "up0", "master", "br0", "up")
            run("ip", "addr", "add", f"{net}.1/24", "dev", self._link)
            run("ip", "link", "set", self._link, "up")
            for number in range(size):
                self.machines.append(Machine(f"fsw{mark}n{number}", self._switch, f"{net}.{10 + number}"))
                self.machines[-1].start()
            self._form()
        except BaseException:
            self.close()
            raise

    @property
    def manager(self) -> Machine:
        """Where gateways look for the Swarm."""
        return self.machines[0]

    def _form(self) -> None:
        manager = self.manager
        manager.client.swarm.init(advertise_addr=manager.address, listen_addr=manager.address)
        manager.client.swarm.reload()
        token = manager.client.swarm.attrs["JoinTokens"]["Worker"]
        for machine in self.machines[1:]:
            machine.client.swarm.join(
                remote_addrs=[manager.address], join_token=token, advertise_addr=machine.address,
                listen_addr=machine.address,
            )  # fmt: skip

    def close(self) -> None:
        """Leave nothing behind."""
        for machine in reversed(self.machines):
            machine.close()
        with contextlib.suppress(RuntimeError):
            run("ip", "netns", "del", self._switch)


def _free_network() -> str:
    """The first three numbers of a network that no link of this machine is in."""
    taken = run("ip", "-o", "-4", "address")
    return next(net for net in (f"10.213.{number}" for number in sample(range(1, 251), 250)) if f" {net}." not in taken)


def _processes_of(namespace: str) -> list[int]:
    """Processes in a network namespace, and the containers' own, whose namespaces are others: by their parents."""
    inside = {int(pid) for pid in run("ip", "netns", "pids", namespace).split()}
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in inside} - inside
        inside |= more
        grown = bool(more)
    return sorted(inside)


def _unmount_below(folder: Path) -> None:
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((each for each in mounted if each.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "-l", place], capture_output=True, check=False)
