"""The parts of an image's name: registry, repository, tag, digest; Docker's own rules for what is left out."""

from __future__ import annotations

from dataclasses import dataclass

from faas_cli.errors import FaasError

DOCKER_HUB = "registry-1.docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an image is. `registry` is host and perhaps port; `digest` is empty unless the name is pinned."""

    registry: str
    repository: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}@{self.digest}" if self.digest else self.tagged

    @property
    def tagged(self) -> str:
        """Registry, repository and tag."""
        return f"{self.registry}/{self.repository}:{self.tag}"

    @property
    def manifest(self) -> str:
        """What to ask the registry for: the digest if there is one, else the tag."""
        return self.digest or self.tag


def parse_reference(image: str) -> Reference:
    """Read an image's name; `python:3.13-slim` is one of Docker Hub's library. Raises FaasError."""
    name, _, digest = image.partition("@")
    registry, slash, repository = name.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, repository = DOCKER_HUB, name
    if registry in _HUB_NAMES:
        registry = DOCKER_HUB
    path, colon, tag = repository.rpartition(":")
    if not colon:
        path, tag = repository, "latest"
    if registry == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    if not path or not tag:
        raise FaasError(f"`{image}` is not an image's name")
    return Reference(registry, path, tag, digest)


def check_pushable(*images: str) -> None:
    """Raise FaasError for names that say no registry or owner: pushing them could only fail."""
    local = [image for image in images if "/" not in image]
    if local:
        names = ", ".join(f"`{image}`" for image in local)
        raise FaasError(
            f"{names} {'names' if len(local) == 1 else 'name'} no registry to push to",
            hint=f"name the image like `ttl.sh/{local[0]}` or `OWNER/{local[0]}` in the stack file; "
            "functions on this machine's own gateway need no push",
        )
