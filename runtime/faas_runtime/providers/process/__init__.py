"""The embedded engine: every replica is a watchdog with its function, as a process of this machine.

    from faas_runtime.providers.process import ProcessProvider

The rest of the package is private to it.
"""

from faas_runtime.providers.process.provider import ProcessProvider

__all__ = ["ProcessProvider"]
