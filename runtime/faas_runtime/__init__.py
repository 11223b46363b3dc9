"""The runtime: a gateway that answers the OpenFaaS REST API, and the providers that run functions."""

__version__ = "0.1.0"
