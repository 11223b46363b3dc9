"""An image for several platforms: one index that names a manifest for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from faas_cli.registry.client import Manifest, Registry
from faas_cli.registry.reference import parse_reference
from faas_runtime.images.store import INDEX_TYPE, canonical_json


def put_index(image: str, manifests: Mapping[str, Manifest], extra_tags: Sequence[str] = ()) -> str:
    """Store an index of manifests that are in the registry, by architecture; returns its digest. Raises FaasError."""
    target = parse_reference(image)
    registry = Registry(target.registry, push=True)
    entries = [
        {
            "mediaType": manifest.media_type,
            "digest": manifest.digest,
            "size": len(manifest.content),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture, manifest in sorted(manifests.items())
    ]
    content = canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})
    for tag in (target.tag, *extra_tags):
        digest = registry.put_manifest(target.repository, tag, content, INDEX_TYPE)
    return digest
