"""The proxy: accepts every request and streams function calls to replicas.

    from faas_runtime.gateway.proxy import Proxy, ProxySettings, proxy_settings

The rest of the package is private to it.
"""

from faas_runtime.gateway.proxy.server import Proxy, proxy_settings
from faas_runtime.gateway.proxy.settings import ProxySettings

__all__ = ["Proxy", "ProxySettings", "proxy_settings"]
