"""A function of mode http for the tests: what it does is in the path. Speaks HTTP by hand to be able to misbehave.

Arguments: port (or path of a Unix socket), then optionally `late=FILE` (listen only once the file exists).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import resource
import signal
import socket
import sys
import threading
import time
from pathlib import Path

LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU, resource.RLIMIT_AS)


class Call:
    """One request as it came."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.connection, self.number = connection, number
        self.file = connection.makefile("rb")

    def read_head(self) -> bool:
        line = self.file.readline()
        if not line:
            return False
        self.method, self.target, self.version = line.decode().split()
        self.headers: list[tuple[str, str]] = []
        while (field := self.file.readline().decode("latin-1").strip()) != "":
            name, _, value = field.partition(":")
            self.headers.append((name, value.strip()))
        self.fields = {name.lower(): value for name, value in self.headers}
        return True

    def read_body(self) -> bytes:
        if self.fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                self.file.readline()
            self.trailers = []
            while (line := self.file.readline().strip()) != b"":
                self.trailers.append(line.decode())
            return body
        return self.file.read(int(self.fields.get("content-length", "0")))

    def send(self, text: str | bytes) -> None:
        self.connection.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def answer(self, body: bytes, status: str = "200 OK", extra: str = "") -> None:
        self.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n")
        self.send(body)

    def chunk(self, data: bytes) -> None:
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def wait_for(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.01)


def echo(call: Call) -> None:
    """Tell what came, as JSON."""
    body = call.read_body()
    seen = {
        "method": call.method,
        "target": call.target,
        "headers": call.headers,
        "body": body.decode("latin-1"),
        "trailers": getattr(call, "trailers", []),
        "connection": call.number,
    }
    call.answer(json.dumps(seen).encode(), extra="Content-Type: application/json\r\n")


def mirror(call: Call) -> None:
    """Send the body back while it comes."""
    length = int(call.fields["content-length"])
    call.send(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Type: application/octet-stream\r\n\r\n")
    while length:
        piece = call.file.read1(min(length, 65536))
        length -= len(piece)
        call.send(piece)


def stream(call: Call) -> None:
    """One chunk now, one when the file named in the query exists."""
    kind = call.fields.get("accept", "text/plain")
    call.send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: {kind}\r\n\r\n")
    call.chunk(b"data: first\n\n")
    wait_for(call.target.partition("?")[2])
    call.chunk(b"data: last\n\n")
    call.send("0\r\n\r\n")


def sized_stream(call: Call) -> None:
    """The same with a length."""
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst")
    wait_for(call.target.partition("?")[2])
    call.send("last")


def trailers(call: Call) -> None:
    call.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
    call.chunk(b"body")
    call.send("0\r\nX-Sum: 42\r\n\r\n")


def early_hints(call: Call) -> None:
    call.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
    call.answer(b"late", extra="X-Final: yes\r\n")


def websocket(call: Call) -> None:
    """Accept an upgrade and send every byte back."""
    key = call.fields.get("sec-websocket-key", "")
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
    call.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n")
    call.send(f"Upgrade: {call.fields['upgrade']}\r\nSec-Websocket-Accept: {accept.decode()}\r\n\r\n")
    while piece := call.file.read1(65536):
        call.send(piece)


def silence(call: Call) -> None:
    """Never answer; leave one mark at once, and another when the caller hangs up."""
    mark = call.target.partition("?")[2]
    if mark:
        Path(f"{mark}-begun").touch()
    call.connection.recv(1)
    if mark:
        Path(mark).touch()


def gone(call: Call) -> None:
    """Work until the caller hangs up; leave a mark then."""
    call.read_body()
    silence(call)


def refuse(call: Call) -> None:
    """Answer without reading the body."""
    call.send("HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")


def continues(call: Call) -> None:
    """Ask for the body before it comes."""
    call.send("HTTP/1.1 100 Continue\r\n\r\n")
    echo(call)


def duration(call: Call) -> None:
    extra = "X-Duration-Seconds: 99\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: mine\r\n"
    call.answer(b"x", "404 Custom", extra + "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n")


def redirect(call: Call) -> None:
    call.answer(b"", "302 Found", "Location: http://elsewhere.example/\r\n")


def html(call: Call) -> None:
    call.answer(b"<html><body>x")


def encoded(call: Call) -> None:
    """Says that it is packed, and not what is in it."""
    call.answer(b"<html>", extra="Content-Encoding: gzip\r\n")


def untyped_close(call: Call) -> None:
    """An answer that ends with the connection."""
    call.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end")
    call.connection.shutdown(socket.SHUT_RDWR)


def garbage(call: Call) -> None:
    call.send("this is not HTTP\r\n\r\n")
    call.connection.shutdown(socket.SHUT_RDWR)


def endless_header(call: Call) -> None:
    call.send("HTTP/1.1 200 OK\r\n")
    for _ in range(40):
        call.send("X-Long: " + "x" * 65536 + "\r\n")


def hang_up(call: Call) -> None:
    call.connection.shutdown(socket.SHUT_RDWR)


def cut(call: Call) -> None:
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
    call.connection.shutdown(socket.SHUT_RDWR)


def cut_chunked(call: Call) -> None:
    call.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    call.connection.shutdown(socket.SHUT_RDWR)


def stall(call: Call) -> None:
    call.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    call.connection.recv(1)


def last_of_connection(call: Call) -> None:
    """Answer as if the connection were kept, and hang up a moment later."""
    call.answer(str(call.number).encode())
    call.connection.shutdown(socket.SHUT_RDWR)


def leave(call: Call) -> None:
    """End the process with the code in the query, after the answer."""
    call.answer(b"bye")
    os._exit(int(call.target.partition("?")[2]))


def leave_child(call: Call) -> None:
    """Leave a child that holds the connection and streams, and exit with code 3. The query names a file for its pid."""
    path = Path(call.target.partition("?")[2])
    if os.fork() == 0:
        if path.name == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if path.name == "session":
            os.setsid()
        path.write_text(f"{os.getpid()}\n")
        time.sleep(60)
    wait_for(str(path))
    os._exit(3)


def own_pid(call: Call) -> None:
    call.answer(str(os.getpid()).encode())


def empty(call: Call) -> None:
    """With `?length`, the length that many servers send although it is forbidden."""
    call.read_body()
    call.send("HTTP/1.1 204 No Content\r\n" + ("Content-Length: 0\r\n\r\n" if "?length" in call.target else "\r\n"))


def unchanged(call: Call) -> None:
    """An answer whose length is that of a body which does not come."""
    call.send('HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: "a"\r\n\r\n')


def head_only(call: Call) -> None:
    """What a correct server says to HEAD: the length, and nothing more."""
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n" + ("" if call.method == "HEAD" else "content"))


def chunked(call: Call) -> None:
    call.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def byte_by_byte(call: Call) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Slow: yes\r\n\r\nslow":
        call.send(bytes([byte]))


def close_announced(call: Call) -> None:
    """A complete answer, and the connection ends with it."""
    call.read_body()
    call.answer(b"bye", extra="Connection: close\r\n")
    call.connection.shutdown(socket.SHUT_RDWR)


def close_without_doing_so(call: Call) -> None:
    """Announce the end of the connection and go on; the next request on it would be a mistake."""
    call.answer(str(call.number).encode(), extra="Connection: close\r\n")


def swallow(call: Call) -> None:
    """Hang up without an answer; count in the file named in the query how often that happened."""
    call.read_body()
    with Path(call.target.partition("?")[2]).open("a") as file:
        file.write("x")
    hang_up(call)


def too_much(call: Call) -> None:
    """More bytes than announced: another answer, that nobody has asked for."""
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nrealHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake")


def two_lengths(call: Call) -> None:
    call.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde")


def long_header(call: Call) -> None:
    call.answer(b"x", extra="X-Long: " + "x" * 60_000 + "\r\n")


def odd_names(call: Call) -> None:
    """Header names in any case, blanks around values, no reason phrase."""
    call.send("HTTP/1.1 201\r\ncontent-LENGTH:2\r\nx-odd-name: \t v \r\nset-cookie: a\r\nSet-Cookie: b\r\n\r\nok")


def connection_headers(call: Call) -> None:
    """Headers that concern our connection only."""
    call.answer(b"x", extra="Connection: X-Private\r\nX-Private: p\r\nKeep-Alive: timeout=9\r\nX-Public: q\r\n")


def gated(call: Call) -> None:
    """Answer when the file named in the query exists."""
    wait_for(call.target.partition("?")[2])
    call.answer(b"opened")


def limits(call: Call) -> None:
    """Our soft and hard limit of open files, and the soft ones of processor time and memory."""
    files, cpu, memory = (resource.getrlimit(each) for each in LIMITS)
    call.answer(f"{files[0]} {files[1]} {cpu[0]} {memory[0] // 1024}".encode())


def count_of_bytes(call: Call) -> None:
    """As many bytes as the query says."""
    left = int(call.target.partition("?")[2])
    call.send(f"HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n")
    while left > 0:
        call.send(b"x" * min(left, 1 << 20))
        left -= 1 << 20


PATHS = {
    "/mirror": mirror, "/stream": stream, "/sized": sized_stream, "/trailers": trailers, "/hints": early_hints,
    "/websocket": websocket, "/silence": silence, "/gone": gone, "/refuse": refuse,
    "/continue": continues, "/duration": duration,
    "/redirect": redirect, "/html": html, "/until-close": untyped_close, "/garbage": garbage,
    "/endless-header": endless_header, "/hang-up": hang_up, "/cut": cut, "/cut-chunked": cut_chunked,
    "/stall": stall, "/last": last_of_connection, "/leave": leave, "/leave-child": leave_child,
    "/pid": own_pid, "/empty": empty,
    "/unchanged": unchanged, "/head": head_only, "/chunked": chunked, "/slow": byte_by_byte,
    "/close": close_announced, "/too-much": too_much, "/two-lengths": two_lengths, "/long": long_header,
    "/odd": odd_names, "/private": connection_headers, "/gated": gated, "/encoded": encoded,
    "/limits": limits, "/bytes": count_of_bytes,
    "/close-kept": close_without_doing_so, "/swallow": swallow,
}  # fmt: skip


def serve(connection: socket.socket, number: int) -> None:
    with connection:
        try:
            call = Call(connection, number)
            while call.read_head():
                PATHS.get(call.target.partition("?")[0], echo)(call)
        except OSError:
            pass


def main() -> None:
    address = sys.argv[1]
    options = dict(option.split("=", 1) for option in sys.argv[2:])
    if "term" in options:
        signal.signal(signal.SIGTERM, lambda *_: (Path(options["term"]).touch(), os._exit(0)))
    if "late" in options:
        wait_for(options["late"])
    if address.startswith("/"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen()
    else:
        listener = socket.create_server(("127.0.0.1", int(address)))
    print("function listens", flush=True)
    print("function complains", file=sys.stderr, flush=True)
    number = 0
    while True:
        connection, _ = listener.accept()
        if connection.family != socket.AF_UNIX:
            # Each write shall be a packet of its own, and go out at once.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number += 1
        threading.Thread(target=serve, args=(connection, number), daemon=True).start()


if __name__ == "__main__":
    main()
