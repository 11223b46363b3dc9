"""Parsing image names into registry, repository, tag and digest, with Docker's defaults."""

from __future__ import annotations

from dataclasses import dataclass

from faas_cli.errors import FaasError

DOCKER_HUB = "registry-1.docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's address. `registry` is `HOST[:PORT]`; `digest` is empty unless the name has one."""

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
        """The manifest's name in the registry: the digest if there is one, else the tag."""
        return self.digest or self.tag


def parse_reference(image: str) -> Reference:
    """Parse an image's name; `python:3.13-slim` is in Docker Hub's `library`. Raises FaasError."""
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
        raise FaasError(f"`{image}` is not a valid image name")
    return Reference(registry, path, tag, digest)


def check_pushable(*images: str) -> None:
    """Raise FaasError for names without registry and owner, which cannot be pushed."""
    local = [image for image in images if "/" not in image]
    if local:
        names = ", ".join(f"`{image}`" for image in local)
        raise FaasError(
            f"{names} cannot be pushed: the {'name has' if len(local) == 1 else 'names have'} no registry or owner",
            hint=f"set `image: OWNER/{local[0]}` or `image: REGISTRY/{local[0]}` in the stack file; "
            "functions of this machine's gateway need no push",
        )
