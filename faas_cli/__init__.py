"""The toolchain: from a folder of code to an image and a request to a gateway. `faas_cli.pipeline` is for Python."""
