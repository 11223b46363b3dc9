"""The control API: the REST API for everything that is not a function call."""
