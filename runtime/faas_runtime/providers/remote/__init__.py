"""Functions that another provider runs, reached over its REST API."""

from faas_runtime.providers.remote.provider import RemoteProvider

__all__ = ["RemoteProvider"]
