"""Parses a request's head; strict wherever two parsers could disagree."""

from __future__ import annotations

import re
from collections.abc import Callable

from faas_runtime.gateway.proxy.fields import (
    AUTHORIZATION,
    CALL_ID,
    CONNECTION,
    CONTENT_LENGTH,
    DROP,
    EXPECT,
    FIELD_BLOCK,
    FORWARDED,
    HOST,
    TOKEN,
    TRACEPARENT,
    TRACESTATE,
    TRANSFER_ENCODING,
    UPGRADE,
    Field,
    Malformed,
    check_no_bare_line_end,
    content_length,
    explain,
    tokens,
    with_underscores,
)

_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])\r\n")
_OTHER_VERSION = re.compile(TOKEN + rb" [\x21-\x7e]+ HTTP/[0-9]+(?:\.[0-9]+)?")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~\-%!$&'()*+,;=]*)(?::[0-9]{0,5})?")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_SPECIAL = with_underscores(
    {
        b"host": HOST,
        b"content-length": CONTENT_LENGTH,
        b"transfer-encoding": TRANSFER_ENCODING,
        b"connection": CONNECTION,
        b"expect": EXPECT,
        b"upgrade": UPGRADE,
        b"authorization": AUTHORIZATION,
        b"x-call-id": CALL_ID,
        b"traceparent": TRACEPARENT,
        b"tracestate": TRACESTATE,
        b"x-forwarded-for": FORWARDED,
        b"x-forwarded-host": FORWARDED,
        b"x-forwarded-proto": FORWARDED,
        b"x-forwarded-port": FORWARDED,
        b"forwarded": FORWARDED,
        b"x-real-ip": FORWARDED,
        # The gateway's own headers: only it may set them.
        b"x-start-time": DROP,
        b"x-served-by": DROP,
        b"x-openfaas-internal": DROP,
        # Hop by hop.
        b"keep-alive": DROP,
        b"proxy-connection": DROP,
        b"proxy-authenticate": DROP,
        b"proxy-authorization": DROP,
        b"te": DROP,
        b"http2-settings": DROP,
        # Becomes HTTP_PROXY in a CGI-like environment.
        b"proxy": DROP,
    }
)

# Naming these in Connection must not make the proxy drop them.
_END_TO_END = frozenset(
    (b"authorization", b"cookie", b"cache-control", b"content-type", b"content-encoding", b"content-range")
)

_TUNNELS = frozenset((b"websocket",))
"""Protocols a client may upgrade to. Not h2c: it would carry requests past every check here."""


class RequestHead:
    """A client's request without its body.

    `lines` are the header lines to pass on, byte for byte. `length` is the body's length, or -1 if there is
    no body or it is chunked. `path` is as sent, `query` starts with `?`.
    """

    __slots__ = (
        "authorization",
        "call_id",
        "chunked",
        "expects_continue",
        "forwarded",
        "host",
        "http11",
        "keep_alive",
        "length",
        "lines",
        "method",
        "path",
        "query",
        "traceparent",
        "tracestate",
        "upgrade",
    )

    def __init__(self, method: bytes, path: bytes, query: bytes, http11: bool) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.http11 = http11
        self.keep_alive = http11
        self.lines: list[bytes] = []
        self.forwarded: list[bytes] | None = None
        self.host: bytes | None = None
        self.length = -1
        self.chunked = False
        self.expects_continue = False
        self.upgrade = b""
        self.authorization = False
        self.call_id = b""
        self.traceparent = b""
        self.tracestate: list[bytes] = []

    @property
    def has_body(self) -> bool:
        """Whether a body follows the head."""
        return self.chunked or self.length > 0

    def value(self, name: bytes) -> str:
        """The value of the first header with this lower-case name; empty if there is none."""
        return next((_value(line) for line in self.lines if _name(line) == name), "")

    def drop_authorization(self, unwanted: Callable[[str], bool]) -> None:
        """Remove every `Authorization` whose value is unwanted."""
        self.lines = [line for line in self.lines if _name(line) != b"authorization" or not unwanted(_value(line))]

    def take_authorization(self) -> str:
        """Remove and return the `Authorization`; empty if there are several."""
        found = [line for line in self.lines if _name(line) == b"authorization"]
        self.lines = [line for line in self.lines if _name(line) != b"authorization"]
        return _value(found[0]) if len(found) == 1 else ""


def find_head_end(buffer: bytes | bytearray, searched: int, limit: int) -> int:
    """Offset after the head's last line (before the empty line), or -1 while it is incomplete.

    Raises Malformed if it is too large or can never become complete.
    """
    end = buffer.find(b"\r\n\r\n", searched)
    if end > limit or (end < 0 and len(buffer) > limit):
        raise Malformed("the request's head is too large", 431)
    if end < 0:
        check_no_bare_line_end(buffer, searched)
        return -1
    return end + 2


def parse_request(buffer: bytes, end: int, max_headers: int) -> RequestHead:
    """Parse the head in `buffer[:end]`. Raises Malformed."""
    matched = _REQUEST_LINE.match(buffer)
    if matched is None:
        raise _explain_line(buffer[: buffer.find(b"\r\n")])
    head = _request_line(matched)
    first = matched.end()
    if FIELD_BLOCK.fullmatch(buffer, first, end) is None:
        raise explain(buffer[first : end - 2])
    if end > first:
        _read_fields(head, buffer[first : end - 2].split(b"\r\n"), max_headers)
    if head.host is None and head.http11:
        raise Malformed("an HTTP/1.1 request without Host")
    if head.upgrade and (head.has_body or not head.http11):
        head.upgrade = b""
    return head


def _explain_line(line: bytes) -> Malformed:
    """The reason why the first line is refused."""
    check_no_bare_line_end(line)
    if _OTHER_VERSION.fullmatch(line):
        return Malformed("this is an HTTP/1.1 server", 505)
    return Malformed("bad request line")


def _request_line(matched: re.Match[bytes]) -> RequestHead:
    method, target, minor = matched.groups()
    path, mark, query = target.partition(b"?")
    head = RequestHead(method, path, mark + query, minor == b"1")
    if target[0] != 47 or b"#" in target:
        _other_target(head, target)
    return head


def _other_target(head: RequestHead, target: bytes) -> None:
    """Convert the absolute form to the origin form; refuse other forms."""
    if head.method == b"CONNECT" or b"#" in target:
        raise Malformed("bad request target", 405 if head.method == b"CONNECT" else 400)
    if target == b"*" and head.method == b"OPTIONS":
        return
    scheme, _, rest = head.path.partition(b"://")
    if scheme.lower() not in (b"http", b"https"):
        raise Malformed("bad request target")
    authority, slash, path = rest.partition(b"/")
    if not authority or _HOST.fullmatch(authority) is None:
        raise Malformed("bad request target")
    head.path = slash + path or b"/"
    head.host = authority


def _read_fields(head: RequestHead, lines: list[bytes], max_headers: int) -> None:
    if len(lines) > max_headers:
        raise Malformed("too many headers", 431)
    keep = head.lines
    special = _SPECIAL.get
    seen = 0
    named: list[bytes] = []
    absolute = head.host
    for line in lines:
        name, _, value = line.partition(b":")
        field = special(name.lower())
        if field is None:
            keep.append(line)
            continue
        if field is DROP:
            continue
        value = value.strip(b" \t")
        if field <= TRANSFER_ENCODING:
            if seen & 1 << field:
                raise Malformed(f"more than one {name.decode()}")
            seen |= 1 << field
        if field is HOST:
            head.host = _checked_host(value, absolute)
        elif field is CONTENT_LENGTH:
            head.length = content_length(value)
        elif field is CONNECTION:
            named += tokens(value)
        else:
            _rarer_field(head, field, line, value)
    if head.chunked and head.length >= 0:
        raise Malformed("both Content-Length and Transfer-Encoding")
    if named:
        _apply_connection(head, named)
    else:
        head.upgrade = b""


def _checked_host(value: bytes, absolute: bytes | None) -> bytes:
    if _HOST.fullmatch(value) is None:
        raise Malformed("bad Host")
    if absolute is not None and value.lower() != absolute.lower():
        raise Malformed("Host differs from the request target")
    return value


def _rarer_field(head: RequestHead, field: Field, line: bytes, value: bytes) -> None:
    if field is TRANSFER_ENCODING:
        if not head.http11:
            raise Malformed("Transfer-Encoding in an HTTP/1.0 request")
        if value.lower() != b"chunked":
            # Only a body that ends with its last chunk has an end at all.
            ends = tokens(value)[-1:] == [b"chunked"]
            raise Malformed("unknown Transfer-Encoding", 501 if ends else 400)
        head.chunked = True
    elif field is EXPECT:
        if value.lower() != b"100-continue":
            raise Malformed("unknown expectation", 417)
        head.expects_continue = head.http11
    elif field is UPGRADE:
        if value.lower() in _TUNNELS:
            head.upgrade = value
    elif field is CALL_ID:
        if value and not head.call_id:
            head.call_id = value
            head.lines.append(line)
    elif field is AUTHORIZATION:
        head.authorization = True
        head.lines.append(line)
    elif field is TRACEPARENT:
        if _TRACEPARENT.fullmatch(value) and not head.traceparent:
            head.traceparent = value
    elif field is TRACESTATE:
        head.tracestate.append(line)
    elif field is FORWARDED:
        if head.forwarded is None:
            head.forwarded = []
        head.forwarded.append(line)


def _apply_connection(head: RequestHead, named: list[bytes]) -> None:
    """Apply Connection: persistence, upgrade, and the headers it declares as hop-by-hop."""
    if b"close" in named:
        head.keep_alive = False
    elif b"keep-alive" in named:
        head.keep_alive = True
    if b"upgrade" not in named:
        head.upgrade = b""
    hop_by_hop = set(named) - {b"close", b"keep-alive", b"upgrade"} - _END_TO_END
    if hop_by_hop:
        head.lines = [line for line in head.lines if _name(line) not in hop_by_hop]


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


def _value(line: bytes) -> str:
    return line.partition(b":")[2].strip(b" \t").decode("latin-1")
