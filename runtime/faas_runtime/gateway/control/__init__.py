"""The control room: the REST API for everything that is not a function call.

    from faas_runtime.gateway.control import ControlRoom, create_app

The rest of the package is private to it.
"""

from faas_runtime.gateway.control.app import create_app
from faas_runtime.gateway.control.services import ControlRoom

__all__ = ["ControlRoom", "create_app"]
