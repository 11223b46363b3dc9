"""A Podman of these tests' own: its API service at a socket, with images and containers in a folder of its own."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

_PATIENCE = 30


def configuration():
    """What Podman needs on machines where it cannot raise limits, or with control groups of version 1."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    # crun refuses control groups of both versions side by side.
    engine = "" if unified else 'runtime = "runc"\n'
    return (
        f'[containers]\ndefault_ulimits = ["nofile={hard}:{hard}", "nproc=4096:4096"]\n'
        f'[engine]\ncgroup_manager = "cgroupfs"\n{engine}'
    )


@contextlib.contextmanager
def service(folder, missing):
    """The address of the service; it and all it made are gone afterwards."""
    for program in ("podman", "netavark"):
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/lib/podman", "/usr/libexec/podman"])
        if shutil.which(program, path=path) is None:
            missing("Podman", "apt-get install --no-install-recommends podman netavark aardvark-dns runc")
    if os.geteuid() != 0:
        missing("root, for a Podman with a network", "sudo -E make test")
    (folder / "containers.conf").write_text(configuration())
    environment = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
    environment.pop("CONTAINER_HOST", None)
    address = f"unix://{folder}/podman.sock"
    podman = ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run")]
    with (folder / "log").open("wb") as log:
        command = [*podman, "system", "service", "--time=0", address]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not (folder / "podman.sock").exists():
            failed = process.poll() is not None or time.monotonic() > deadline
            assert not failed, (folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE)
        for words in (["rm", "--all", "--force", "--time=0"], ["network", "prune", "--force"]):
            subprocess.run([*podman, *words], env=environment, capture_output=True, check=False)
        subprocess.run(["umount", str(folder / "root/overlay")], capture_output=True, check=False)
