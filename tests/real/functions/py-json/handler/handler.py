"""Adds up the values of an object."""

import json


def handle(req):
    """As OpenFaaS's python3 has it.

    Args:
        req (str): request body
    """
    return json.dumps({"sum": sum(json.loads(req).values())})
