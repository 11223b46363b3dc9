"""Attacks from outside of a function. Each returns whether it succeeded, and has its name in one of the tables."""

import base64
import gzip
import io
import os
import re
import socket
import stat
import tarfile
import time

from faas_runtime.images.unpack import unpack_layer

ATTACKS = {}
ASYNC = "/async-function/echo"


def attack(name):
    """Register an attack."""

    def register(function):
        ATTACKS[name] = function
        return function

    return register


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def raw(world, data):
    """The bytes that the gateway answers to these bytes."""
    host, port = world.gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        found = b""
        while data := sock.recv(65536):
            found += data
        return found


# A client without an account.


@attack("log in with an empty password")
def empty_password(world):
    pairs = [("admin", ""), ("", ""), ("admin", "\n"), ("admin", "\0")]
    return any(world.anonymous("GET", "/system/functions", headers=basic(*pair)).status == 200 for pair in pairs)


@attack("use the control API without an account")
def no_account(world):
    asked = [("GET", "/system/functions"), ("POST", "/system/functions"), ("GET", "/system/secrets")]
    asked += [("GET", "/system/queue"), ("DELETE", "/system/queue"), ("GET", "/system/logs?name=echo")]
    asked += [("POST", "/system/scale-function/echo"), ("GET", "/ui/"), ("GET", "/system/images")]
    return any(world.anonymous(method, path, b"{}").status != 401 for method, path in asked)


@attack("reach the control API through the path of a function")
def path_of_a_function(world):
    paths = ["/function/echo/../../system/functions", "/function/%2e%2e/system/functions", "/function/..%2fsystem/info"]
    paths += ["/function/echo/..%2f..%2fsystem/functions", "//system/functions", "/async-function/../system/functions"]
    return any(b"invocationCount" in world.anonymous("GET", path).body for path in paths)


@attack("smuggle a second request behind the first")
def smuggling(world):
    hidden = b"GET /system/functions HTTP/1.1\r\nHost: x\r\n\r\n"
    heads = [b"Content-Length: 4\r\nTransfer-Encoding: chunked", b"Content-Length: 1\r\nContent-Length: 50"]
    heads += [b"Transfer-Encoding : chunked", b"Transfer-Encoding: xchunked", b"Content-Length: +5"]
    start = b"POST /function/echo HTTP/1.1\r\nHost: x\r\n"
    found = [raw(world, start + head + b"\r\n\r\n0\r\n\r\n" + hidden) for head in heads]
    return any(len(re.findall(rb"HTTP/1\.1 \d", each)) > 1 or b" 200 " in each[:20] for each in found)


@attack("guess passwords for ever")
def guesses(world):
    found = [world.anonymous("GET", "/system/info", headers=basic("root", str(number))).status for number in range(25)]
    return 429 not in found


@attack("guess passwords from forged addresses")
def forged_guesses(world):
    # This machine is a trusted proxy: it may claim any client.
    def guess(number):
        return {**basic("victim", str(number)), "X-Forwarded-For": f"198.51.100.{number}"}

    found = [world.anonymous("GET", "/system/info", headers=guess(number)).status for number in range(70)]
    return 429 not in found


@attack("call an internal function")
def internal(world):
    return any(
        world.anonymous("POST", f"/function/{name}", b"x", {"X-Forwarded-For": "unix"}).status != 404
        for name in ("internal", "internal.openfaas-fn", "%69nternal")
    )


@attack("queue a call of an internal function")
def queued_internal(world):
    return world.anonymous("POST", "/async-function/internal", b"x").status != 401


@attack("read the result of somebody's call")
def result(world):
    call_id, _ = world.queued()
    return any(world.anonymous("GET", f"/system/async/{call_id}{more}").status != 401 for more in ("", "/result"))


@attack("cancel somebody's call by its id")
def cancel(world):
    call_id, token = world.queued()
    tries = [{}, {"X-Faas-Cancel-Token": ""}, {"X-Faas-Cancel-Token": token[:-1]}, {"X-Faas-Cancel-Token": call_id}]
    return any(world.anonymous("DELETE", f"/async-function/{call_id}", headers=each).status == 202 for each in tries)


@attack("give a call the id of another and cancel both")
def same_id(world):
    call_id, _ = world.queued()
    answer = world.anonymous("POST", ASYNC, b"x", {"X-Call-Id": call_id, "X-Faas-Delay": "1h"})
    token = {"X-Faas-Cancel-Token": answer.headers["X-Faas-Cancel-Token"]}
    cancelled = world.anonymous("DELETE", f"/async-function/{call_id}", headers=token).status == 202
    return cancelled or world.gateway.ask("GET", f"/system/async/{call_id}").json()["state"] != "queued"


@attack("fill the disk with delayed calls")
def delayed(world):
    found = [world.anonymous("POST", ASYNC, b"x", {"X-Faas-Delay": "100h"}).status for _ in range(world.max_calls + 1)]
    world.gateway.ask("DELETE", "/system/queue?state=queued")
    return found[-1] != 429


@attack("queue a body without end")
def endless(world):
    return world.anonymous("POST", ASYNC, bytes(17 << 20)).status != 413


@attack("have the gateway call this machine back")
def callback(world):
    return any(
        world.anonymous("POST", ASYNC, b"x", {"X-Callback-Url": f"http://{host}:1/"}).status != 400
        for host in ("localhost", "127.0.0.2", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0", "192.0.0.192")
    )


@attack("have it call back by another form of the address")
def callback_forms(world):
    hosts = ["2130706434", "0x7f000002", "0177.0.0.2", "127.2", "[::ffff:127.0.0.2]", "[64:ff9b::7f00:2]"]
    hosts += ["[2002:7f00:2::1]", "[fec0::1]", "[::127.0.0.2]", "[64:ff9b:1::a9fe:a9fe]", "[2001:0:7f00:2::]"]
    return any(
        world.anonymous("POST", ASYNC, b"x", {"X-Callback-Url": f"http://{host}:1/"}).status != 400 for host in hosts
    )


@attack("freeze the control plane with callbacks that never answer")
def black_hole(world):
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        for _ in range(60):
            assert world.anonymous("POST", ASYNC, b"x", {"X-Callback-Url": url}).status == 202
        slowest = 0.0
        for _ in range(10):
            began = time.monotonic()
            assert world.gateway.ask("GET", "/system/functions").status == 200
            slowest = max(slowest, time.monotonic() - began)
    return slowest > 3.0


# A web page.


@attack("drive a gateway without authentication by DNS rebinding")
def rebinding(world):
    for path in ("/system/functions", "/system/secrets", "/ui/"):
        for headers in ({"Host": "evil.example"}, {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}):
            if world.open.ask("GET", path, headers=headers, auth=False).status != 403:
                return True
    return world.open.ask("GET", "/system/functions", auth=False).status != 200  # the attack's own world is right


@attack("read the metrics by DNS rebinding")
def rebound_metrics(world):
    return world.metrics({"Host": "evil.example"}) != 403 or world.metrics({}) != 200


@attack("send a form from another site")
def forged_form(world):
    form = {"Content-Type": "text/plain"}
    pages = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}]
    pages.append({"Origin": "null"})
    body = {"functionName": "echo"}
    found = [world.gateway.ask("DELETE", "/system/functions", body, {**form, **page}).status for page in pages]
    return any(status != 403 for status in found)


@attack("show the dashboard in a frame")
def framed(world):
    found = [world.gateway.ask("GET", path, headers=world.admin, auth=False) for path in ("/ui/", "/ui/login")]
    return any("frame-ancestors 'none'" not in each.headers["Content-Security-Policy"] for each in found)


@attack("receive the administrator's password as a function")
def password(world):
    answer = world.gateway.call("show", **world.admin)
    lower = world.gateway.ask("POST", "/function/show", b"", {"authorization": world.admin["Authorization"]})
    kept = world.gateway.call("show", Authorization="Basic eDp5")
    assert "Basic eDp5" in kept.text  # what is the function's own still reaches it
    return world.admin["Authorization"] in answer.text + lower.text


@attack("receive the password as a queued function")
def queued_password(world):
    world.anonymous("POST", "/async-function/show", b"", {**world.admin, "X-Faas-Delay": "1h"})
    kept = b"".join(path.read_bytes() for path in (world.gateway.state / "queue").iterdir())
    return world.admin["Authorization"].encode() in kept


@attack("have the browser ask for a password and keep it")
def challenged(world):
    page = world.anonymous("GET", "/ui/", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
    own = world.anonymous("GET", "/system/functions", headers={"X-Faas-Dashboard": "1"})
    script = world.gateway.ask("GET", "/ui/api.js", headers=world.admin, auth=False).text
    return (
        (page.status, page.headers["Location"]) != (303, "/ui/login")
        or own.status != 401
        or own.headers["WWW-Authenticate"] is not None
        or 'credentials = "omit"' not in script
    )


@attack("drive the gateway from the page of a function")
def page_of_a_function(world):
    policy = world.anonymous("GET", "/function/echo").headers["Content-Security-Policy"] or ""
    return not policy.startswith("sandbox ") or "allow-same-origin" in policy


@attack("run a function's stored response as a page of the gateway")
def stored_page(world):
    answer = world.anonymous("POST", ASYNC, b"<script>alert(1)</script>")
    call_id = answer.headers["X-Call-Id"]
    world.wait_for(lambda: world.gateway.ask("GET", f"/system/async/{call_id}").json()["state"] == "done", 30)
    found = world.gateway.ask("GET", f"/system/async/{call_id}/result")
    return (
        "sandbox" not in found.headers["Content-Security-Policy"]
        or "attachment" not in found.headers["Content-Disposition"]
    )


def log_in(world):
    """The lines of `Set-Cookie`, and the session as a browser sends it."""
    form = f"user=admin&password={world.gateway.password()}"
    answer = world.anonymous("POST", "/ui/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 303, answer
    lines = answer.headers.get_all("Set-Cookie")
    return lines, {"Cookie": lines[0].partition(";")[0]}


@attack("take the session of the dashboard")
def session(world):
    lines, cookie = log_in(world)
    assert world.anonymous("GET", "/system/functions", headers=cookie).status == 200
    other_site = world.anonymous("DELETE", "/system/queue", headers={**cookie, "Sec-Fetch-Site": "cross-site"}).status
    paths = {re.search(r"Path=([^;]*)", line)[1] for line in lines}
    exposed = any("HttpOnly" not in line or "SameSite=Strict" not in line for line in lines)
    return exposed or paths != {"/system", "/ui"} or other_site != 403


@attack("use a session after its end")
def ended_session(world):
    _, cookie = log_in(world)
    assert world.anonymous("POST", "/ui/logout", b"", {**cookie, "Sec-Fetch-Site": "same-origin"}).status == 204
    return world.anonymous("GET", "/system/functions", headers=cookie).status == 200


# An image.


def unpacked(world, *members):
    """Unpack a layer in a folder that has a neighbour; the folder's root, and whether it was refused."""
    folder = world.folder()
    blob = folder / "blob"
    with tarfile.open(blob, "w") as archive:
        for name, kind, more in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, 0o4755
            content = more if kind == tarfile.REGTYPE else b""
            info.linkname = more if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return apply(folder, blob)


def apply(folder, blob):
    root = folder / "images" / "work" / "root"
    root.mkdir(parents=True)
    (folder / "images" / "neighbour").write_text("there")
    (folder / "secret").write_text("secret")
    try:
        unpack_layer(blob, root)
    except (ValueError, OSError):
        return root, True
    return root, False


FILE, LINK, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


def intact(root):
    images = root.parent.parent
    return (images / "neighbour").exists() and (images.parent / "secret").read_text() == "secret"


@attack("write a file outside the image")
def outside(world):
    names = ("../../neighbour", "a/../../../../secret", "/../../neighbour", "../root2")
    return any(not refused or not intact(root) for root, refused in (unpacked(world, (n, FILE, b"x")) for n in names))


@attack("write through a link to the outside")
def through_link(world):
    root, refused = unpacked(world, ("out", LINK, "../.."), ("out/neighbour", FILE, b"x"))
    chain, refused_too = unpacked(world, ("a", LINK, ".."), ("b", LINK, "a/.."), ("b/neighbour", FILE, b"x"))
    return not (refused and refused_too and intact(root) and intact(chain))


@attack("link a file of the machine into the image")
def hard_link(world):
    root, refused = unpacked(world, ("here", HARD, "../../../secret"))
    root2, refused2 = unpacked(world, ("out", LINK, "../../.."), ("here", HARD, "out/secret"))
    return not (refused and refused2) or (root / "here").exists() or (root2 / "here").exists()


@attack("delete other images by a whiteout")
def whiteout(world):
    names = (".wh...", "a/.wh...", "/.wh...", "a/../.wh...")
    return any(not intact(unpacked(world, ("a", FOLDER, b""), (name, FILE, b""))[0]) for name in names)


@attack("delete the image's own folder by a whiteout")
def own_whiteout(world):
    found = [unpacked(world, (name, FILE, b"")) for name in (".wh..", ".wh.", "./.wh..")]
    return any(not refused or not root.exists() for root, refused in found)


@attack("become a thousand times as large")
def bomb(world):
    folder = world.folder()
    info = tarfile.TarInfo("zeros")
    info.size = 2 << 30
    with gzip.open(folder / "blob", "wb", 9) as stream:
        stream.write(info.tobuf() + bytes(1 << 20))
    root, refused = apply(folder, folder / "blob")
    return not refused or any(root.iterdir())


@attack("be made of files without content")
def empty_files(world):
    folder = world.folder()
    with gzip.open(folder / "blob", "wb", 1) as stream:
        for number in range(40_000):
            stream.write(tarfile.TarInfo(f"{number}").tobuf(tarfile.USTAR_FORMAT))
    root, refused = apply(folder, folder / "blob")
    return not refused and sum(1 for _ in root.iterdir()) >= 40_000


@attack("have folders without end")
def deep(world):
    _, refused = unpacked(world, ("/".join("d" * 1500) + "/f", FILE, b"x"))
    return not refused


@attack("have a header that fills the memory")
def header(world):
    folder = world.folder()
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    with gzip.open(folder / "blob", "wb", 1) as stream:
        stream.write(info.tobuf() + bytes(32 << 20))
    return not apply(folder, folder / "blob")[1]


@attack("have a program that runs as another user")
def setuid(world):
    root, _ = unpacked(world, ("program", FILE, b"x"))
    return bool(os.stat(root / "program").st_mode & (stat.S_ISUID | stat.S_ISGID))
