"""A minimal Debian with systemd as its first process, in a container, with this installation in it."""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from tests.gateways import ROOT

TREE = Path.home() / ".cache/faas-tests/systemd-bookworm"
"""Made once: half a minute, and a mirror of Debian."""
_PACKAGES = (
    "systemd,systemd-sysv,dbus,python3-minimal,libffi8,libsqlite3-0,libssl3,libexpat1,zlib1g,libbz2-1.0,liblzma5"
)
_PATIENCE = 60


def tree(missing):
    """The folder of the system, made if it is not there."""
    for program, package in (("debootstrap", "debootstrap"), ("systemd-nspawn", "systemd-container")):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            missing(f"`{program}`", f"apt-get install {package}")
    if os.geteuid() != 0:
        missing("root, for a container with systemd", "sudo -E make test")
    if not TREE.exists():
        new = TREE.with_name(f".{TREE.name}-{os.getpid()}")
        new.mkdir(parents=True)
        command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(new)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        new.rename(TREE)
    return TREE


class Machine:
    """The running system."""

    def __init__(self, process, leader):
        self._process, self._leader = process, leader

    def run(self, *command, check=True, folder="/", **environment):
        """Run a command as root with the environment of a login; with `check` it must succeed."""
        variables = {"PATH": "/opt/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **environment}
        assigned = [f"{key}={value}" for key, value in variables.items()]
        words = ["nsenter", "-t", str(self._leader), "-a", "env", "-i", "-C", folder, *assigned, *command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def faas(self, *arguments, **options):
        """Run this installation's `faas`."""
        return self.run("/opt/venv/bin/python", "-c", "from faas_cli.cli import main; main()", *arguments, **options)


@contextlib.contextmanager
def machine(folder, missing):
    """A booted system; what it writes is in memory and gone afterwards."""
    root = tree(missing)
    environment = folder / "venv"
    (environment / "bin").mkdir(parents=True)
    base = Path(sys.base_prefix)
    home = "/usr/bin" if str(base) == "/usr" else "/opt/python/bin"
    (environment / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (environment / "bin/python").symlink_to(f"{home}/{version}")
    packages = environment / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "faas.pth").write_text("/opt/src\n/opt/src/runtime\n/opt/site\n")
    (environment / "bin/faas").write_text("#!/opt/venv/bin/python\nfrom faas_cli.cli import main\nmain()\n")
    (environment / "bin/faas").chmod(0o755)
    for path in (folder, environment, *environment.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    binds = {
        environment: "/opt/venv", ROOT / "faas_cli": "/opt/src/faas_cli", ROOT / "runtime": "/opt/src/runtime",
        ROOT / "templates": "/opt/src/templates", Path(sysconfig.get_path("purelib")): "/opt/site",
    }  # fmt: skip
    if home != "/usr/bin":
        binds[base] = "/opt/python"
    name = f"faas-test-{os.getpid()}"
    command = [
        "systemd-nspawn", "--quiet", "-D", str(root), "--volatile=overlay", "--boot", f"--machine={name}",
        "--register=no", "--keep-unit", "--console=pipe",
        *(f"--bind-ro={source}:{target}" for source, target in binds.items()),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    leader = 0
    try:
        leader = _leader(process, folder)
        booted = Machine(process, leader)
        deadline = time.monotonic() + _PATIENCE
        while booted.run("systemctl", "is-system-running", check=False).stdout.strip() not in ("running", "degraded"):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        # Where this Python has a shared library, the linker does not look there.
        booted.run("sh", "-c", "echo /opt/python/lib > /etc/ld.so.conf.d/python.conf; ldconfig")
        yield booted
    finally:
        if leader:
            # The first process of the container: all others end with it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(leader, 9)
        process.terminate()
        process.wait(_PATIENCE)


def _leader(process, folder):
    """The process number of the container's systemd, once it runs."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if found and Path(f"/proc/{found[0]}/comm").read_text().strip() == "systemd":
            return int(found[0])
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.1)
