"""Stand-ins for images that a test machine cannot pull, under their real names, made from this machine's programs."""

import shutil
import subprocess
from pathlib import Path

from faas_cli.gateway.install.image import BASE
from faas_cli.gateway.install.layout import ALERTMANAGER, NATS, PROMETHEUS
from tests.images import make_base_images as base_images

# Image, Debian package and program, path in the image, folder of data and its owner in the image.
SERVERS = (
    (NATS, "nats-server", "usr/local/bin/nats-server", "data", 0),
    (PROMETHEUS, "prometheus", "bin/prometheus", "prometheus", 65534),
    (ALERTMANAGER, "prometheus-alertmanager", "bin/alertmanager", "alertmanager", 65534),
)


def ensure(missing, host=None):
    """Make those the engine at `host` has no image for."""
    docker = ["docker", *(["--host", host] if host else [])]
    base_images.IMAGES[BASE] = base_images.IMAGES["python:3.13-slim"]
    base_images.ensure([BASE])
    for name, program, target, data, owner in SERVERS:
        if not _exists(docker, name):
            _import(docker, name, _program(program, missing), target, data, owner)


def _program(name, missing):
    found = shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin")
    if found is None:
        missing(f"`{name}`", f"apt-get install {name}")
    return Path(found)


def _exists(docker, name):
    return subprocess.run([*docker, "image", "inspect", name], capture_output=True, check=False).returncode == 0


def _import(docker, name, program, target, data, owner):
    changes = [f'ENTRYPOINT ["/{target}"]', f"USER {owner}", "LABEL io.faas.stand-in=true"]
    words = [word for change in changes for word in ("--change", change)]
    process = subprocess.Popen([*docker, "import", *words, "-", name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with process.stdin as stream:
        root = base_images.Rootfs(stream)
        root.program(program, target)
        root.folder(data, 0o777)
        # Debian's Alertmanager has its templates in a folder.
        templates = Path("/usr/share/prometheus/alertmanager")
        if program.name == "prometheus-alertmanager" and templates.is_dir():
            root.tree(templates, str(templates).lstrip("/"))
        root.close()
    assert process.wait() == 0, name
