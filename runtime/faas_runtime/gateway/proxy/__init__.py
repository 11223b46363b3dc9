"""The proxy: every function call comes in here and is streamed to a replica.

    from faas_runtime.gateway.proxy import Certificate, ProxySettings, Proxy

The rest of the package is private to it.
"""

from faas_runtime.gateway.listeners.tls import Certificate
from faas_runtime.gateway.proxy.server import Proxy
from faas_runtime.gateway.proxy.settings import ProxySettings

__all__ = ["Certificate", "Proxy", "ProxySettings"]
