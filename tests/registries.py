"""A real registry for tests, `docker-registry`, on a port of its own."""

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.request

_CONFIG = """version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}/data
http:
  addr: 127.0.0.1:{port}
"""
_PASSWORDS = """auth:
  htpasswd:
    realm: tests
    path: {folder}/htpasswd
"""


@contextlib.contextmanager
def serve_registry(folder, missing, htpasswd=""):
    """Host and port of a registry that keeps its data in `folder`; with lines of a password file it needs one."""
    program = shutil.which("docker-registry")
    if program is None:
        missing("`docker-registry`", "apt-get install docker-registry")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "htpasswd").write_text(htpasswd)
    config = _CONFIG + (_PASSWORDS if htpasswd else "")
    (folder / "config.yml").write_text(config.format(folder=folder, port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 15
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
