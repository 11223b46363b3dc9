"""Functions as services of a Docker Swarm."""

from faas_runtime.providers.swarm.provider import SwarmProvider

__all__ = ["SwarmProvider"]
