"""The expected failures of running functions. The control API maps this tree to status codes in one table.

RuntimeFault
├── Invalid            the request itself is wrong               400
├── NotFound           no such function, secret or namespace     404
├── AlreadyExists      it exists already                         409
├── Unsupported        this engine cannot do that                501
├── StartFailed        the function did not become ready         400, with its last log lines
├── LimitReached       a limit of the gateway is reached         429
├── DiskFull           the disk has no room for the request      507
└── Unavailable        the platform below does not answer        503
"""

from __future__ import annotations


class RuntimeFault(Exception):
    """Base of every expected failure. `str(fault)` is one sentence a user may read."""


class Invalid(RuntimeFault):
    """A field of the request cannot be accepted; the message names the field."""


class NotFound(RuntimeFault):
    """The function, secret or namespace does not exist; the message names it."""


class AlreadyExists(RuntimeFault):
    """The function, secret or namespace exists already; the message names it."""


class Unsupported(RuntimeFault):
    """This engine does not support the request; the message names one that does."""


class StartFailed(RuntimeFault):
    """A function's process ended before it was ready; the message holds its last lines of output."""


class LimitReached(RuntimeFault):
    """A limit of the gateway is reached; the message names the limit and its setting."""


class DiskFull(RuntimeFault):
    """The disk has no room, or less than the gateway must leave free."""


class Unavailable(RuntimeFault):
    """The platform below (an engine, a cluster) does not answer."""
