"""`python -m faas_runtime.gateway.workers CHANNEL`: a worker; started by a control process only."""

from __future__ import annotations

import logging
import socket
import sys

import uvloop

from faas_runtime.gateway.workers.worker import work

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s %(message)s")
uvloop.run(work(socket.socket(fileno=int(sys.argv[1]))))
