"""A real NATS server with JetStream, kept in files, that can be killed and started again."""

import shutil
import socket
import subprocess

import pytest

SERVER = shutil.which("nats-server", path="/usr/sbin:/usr/local/bin:/usr/bin")


class Nats:
    """One server on a port of its own."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.folder, self.process = folder, None
        self.url = f"nats://127.0.0.1:{self.port}"

    def start(self):
        command = [SERVER, "-js", "-sd", str(self.folder), "-a", "127.0.0.1", "-p", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def accepts(self):
        """Whether it takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def nats(tmp_path, wait_for, missing):
    """A NATS server with JetStream."""
    if SERVER is None:
        missing("NATS", "apt-get install nats-server")
    folder = tmp_path / "nats"
    folder.mkdir()
    server = Nats(folder)
    server.start()
    wait_for(server.accepts)
    yield server
    server.kill()
