"""`faas namespaces`: the old name of `faas namespace list`."""

from faas_cli.commands.namespace import list_namespaces as command

__all__ = ["command"]
