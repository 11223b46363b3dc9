"""The local image store: an OCI image layout that builders write and the embedded engine runs from.

One layout for all images of a user. `index.json` names each manifest by the annotation
`org.opencontainers.image.ref.name`; blobs are content-addressed under `blobs/sha256/`.
"""
