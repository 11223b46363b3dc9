"""The front door: every function call comes in here and is streamed to a replica.

    from faas_runtime.gateway.door import Certificate, DoorSettings, FrontDoor

The rest of the package is private to it.
"""

from faas_runtime.gateway.door.server import FrontDoor
from faas_runtime.gateway.door.settings import DoorSettings
from faas_runtime.gateway.door.tls import Certificate

__all__ = ["Certificate", "DoorSettings", "FrontDoor"]
