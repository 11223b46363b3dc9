"""A gateway on a machine that offers no more than a level of isolation: `FAAS_TEST_LEVEL`, else all there is."""

import os
import sys
from unittest.mock import patch

import msgspec

from faas_runtime.core.isolation import NAMESPACES, Missing, probe_machine
from faas_runtime.gateway.__main__ import main
from faas_runtime.providers.process import provider


def limited(offer, level):
    """The offer without what is above a level."""
    parts = dict(offer.parts)
    for part in ("namespaces", "network_namespace", "own_user")[: 3 if level != NAMESPACES else 0]:
        parts[part] = False
    missing = [*offer.missing, Missing("test", f"only {level} is used")]
    return msgspec.structs.replace(offer, level=level, parts=parts, missing=missing)


if __name__ == "__main__":
    level = os.environ.pop("FAAS_TEST_LEVEL", "")
    if level:
        patch.object(provider, "probe_machine", lambda: limited(probe_machine(), level)).start()
    sys.exit(main())
