"""The front door: every function call comes in here and is streamed to a replica.

    from faas_runtime.gateway.proxy import Certificate, DoorSettings, FrontDoor

The rest of the package is private to it.
"""

from faas_runtime.gateway.listeners.tls import Certificate
from faas_runtime.gateway.proxy.server import FrontDoor
from faas_runtime.gateway.proxy.settings import DoorSettings

__all__ = ["Certificate", "DoorSettings", "FrontDoor"]
