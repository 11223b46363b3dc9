"""Mode http, seen from its connections: what follows what on one of them, and in how many packets it comes."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.watchdog.watchdog_driver import Conversation, eventually, read_all, seen

PLAIN = b"GET /plain HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = b"Host: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
LARGE = b"x" * 40_000

# What a client may send next on its connection: request, and what the function must have seen of it.
REQUESTS = {
    "plain": (PLAIN, "GET /plain", ""),
    "body": (b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "POST /body", "hello"),
    "no-body": (b"POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "POST /none", ""),
    "chunked": (b"POST /chunked-request HTTP/1.1\r\n" + CHUNKED, "POST /chunked-request", "onetwo"),
    "large": (b"PUT /large HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n" + LARGE, "PUT /large", LARGE.decode()),
    "asks-first": (
        b"POST /continue HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
        "POST /continue",
        "ok",
    ),
    "absolute": (b"GET http://other.example/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a?b", ""),
    "both-lengths": (b"POST /both HTTP/1.1\r\nContent-Length: 999\r\n" + CHUNKED, "POST /both", "onetwo"),
    "same-length-twice": (
        b"POST /twice HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "POST /twice",
        "ok",
    ),
    "line-feeds": (b"GET /feeds HTTP/1.1\nHost: h\n\n", "GET /feeds", ""),
    "long-header": (
        b"GET /long-line HTTP/1.1\r\nHost: h\r\nX-Long: " + b"y" * 100_000 + b"\r\n\r\n",
        "GET /long-line",
        "",
    ),
    "many-headers": (
        b"GET /many HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X-%d: v\r\n" % n for n in range(300)) + b"\r\n",
        "GET /many",
        "",
    ),
    "http-1.0": (b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /old", ""),
}


@pytest.fixture
def talk(shared_function):
    """A connection to a watchdog whose function is ready."""
    with shared_function.converse() as conversation:
        yield conversation


def check(answer, name):
    _, line, body = REQUESTS[name]
    request = seen(answer)
    assert (answer.status, f"{request['method']} {request['target']}", request["body"]) == (200, line, body)


@pytest.mark.parametrize("packet", [1, 7, 1000, None])
def test_pipelined_requests_of_every_kind(talk, packet):
    """In packets of any size, each is answered as if it had come alone, in their order."""
    order = [*REQUESTS, "plain"] if packet != 1 else ["plain", "body", "chunked", "plain", "asks-first", "body"]
    data = b"".join(REQUESTS[name][0] for name in order)
    with ThreadPoolExecutor(1) as sender:
        size = packet or len(data)
        sender.submit(lambda: [talk.send(data[at : at + size]) for at in range(0, len(data), size)])
        for name in order:
            check(talk.answer(), name)


@pytest.mark.parametrize("second", REQUESTS)
@pytest.mark.parametrize("first", ["plain", "body"])
def test_plain_request_with_another_in_the_same_packet(talk, first, second):
    talk.send(REQUESTS[first][0] + REQUESTS[second][0])

    check(talk.answer(), first)
    check(talk.answer(), second)
    check(talk.ask(PLAIN), "plain")


@pytest.mark.parametrize("name", ["body", "chunked"])
def test_request_in_two_packets(talk, name):
    """Cut at every place where a reader may stumble: within names, line ends, the empty line, the body."""
    request = REQUESTS[name][0]
    end = request.index(b"\r\n\r\n")
    first_line = request.index(b"\r\n")
    for cut in (1, first_line, first_line + 1, first_line + 2, end - 3, *range(end, end + 6), len(request) - 1):
        talk.send_taken(request[:cut])
        talk.send(request[cut:])
        check(talk.answer(), name)


def test_second_request_begins_in_the_packet_of_the_first(talk):
    for cut in (1, 5, len(PLAIN) - 2):
        talk.send(REQUESTS["body"][0] + PLAIN[:cut])
        check(talk.answer(), "body")
        talk.send(PLAIN[cut:])
        check(talk.answer(), "plain")


def test_empty_lines_between_requests(talk):
    """Some clients of old send one after a body."""
    check(talk.ask(REQUESTS["body"][0]), "body")
    check(talk.ask(b"\r\n" + PLAIN), "plain")


@pytest.mark.parametrize(
    ("request_line", "status", "body", "header"),
    [
        ("GET /head", 200, b"content", ("Content-Length", "7")),
        ("HEAD /head", 200, b"", ("Content-Length", "7")),
        ("HEAD /chunked", 200, b"", ("Content-Length", None)),
        ("GET /empty", 204, b"", ("Content-Length", None)),
        ("GET /empty?length", 204, b"", ("Content-Length", None)),
        ("DELETE /empty", 204, b"", ("Transfer-Encoding", None)),
        ("GET /unchanged", 304, b"", ("Etag", '"a"')),
        ("GET /chunked", 200, b"onetwo", ("Etag", None)),
        ("GET /trailers", 200, b"body", ("X-Sum", "42")),
        ("GET /until-close", 200, b"until the end", ("Content-Type", "text/plain")),
        ("GET /hints", 200, b"late", ("Link", None)),
        ("GET /slow", 200, b"slow", ("X-Slow", "yes")),
        ("GET /close", 200, b"bye", ("Connection", None)),
        ("GET /too-much", 200, b"real", ("Content-Length", "4")),
        ("GET /odd", 201, b"ok", ("X-Odd-Name", "v")),
        ("GET /private", 200, b"x", ("X-Private", None)),
        ("GET /private", 200, b"x", ("Keep-Alive", None)),
        ("GET /private", 200, b"x", ("X-Public", "q")),
        ("GET /long", 200, b"x", ("X-Long", "x" * 60_000)),
        ("GET /two-lengths", 500, b"", ("X-Openfaas-Internal", "of-watchdog")),
        ("GET /hang-up", 500, b"", ("X-Openfaas-Internal", "of-watchdog")),
        ("GET /garbage", 500, b"", ("X-Openfaas-Internal", "of-watchdog")),
        ("GET /_/health", 200, b"OK", ("X-Duration-Seconds", None)),
        ("HEAD /_/health", 405, b"", ("X-Duration-Seconds", None)),
        ("GET /_/ready", 200, b"", ("X-Duration-Seconds", None)),
        ("POST //a/../b", 307, b"", ("Location", "/b")),
        ("OPTIONS *", 200, b"", ("Content-Length", "0")),
    ],
)
def test_answer_and_the_next_one(talk, request_line, status, body, header):
    """Nothing of an answer is left over for the next, and the connection of the client outlives the function's."""
    for _ in range(2):
        answer = talk.ask(f"{request_line} HTTP/1.1\r\nHost: h\r\n\r\n", request_line.partition(" ")[0])
        assert (answer.status, answer.body, answer.headers[header[0]]) == (status, body, header[1])
        assert answer.headers["Date"]
        check(talk.ask(PLAIN + REQUESTS["body"][0]), "plain")
        check(talk.answer(), "body")


@pytest.mark.parametrize("path", ["/chunked", "/until-close", "/trailers", "/close"])
def test_http_1_0_gets_no_chunks(shared_function, path):
    answer = shared_function.raw(f"GET {path} HTTP/1.0\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"chunked" not in head
    assert body in (b"onetwo", b"until the end", b"body", b"bye")


def test_http_1_0_ends_the_connection_unless_asked(shared_function):
    watchdog = shared_function

    assert watchdog.raw("GET /head HTTP/1.0\r\n\r\n").endswith(b"content")
    with watchdog.converse() as talk:
        for _ in range(3):
            answer = talk.ask("GET /head HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (answer.body, answer.headers["Connection"]) == (b"content", "keep-alive")


@pytest.mark.parametrize(
    "request_text",
    [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na",
        "GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n: no name\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX Y: blank in a name\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX-Nul: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n first: line begins with a blank\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a\x01b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET noslash HTTP/1.1\r\nHost: h\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        "GET / http/1.1\r\nHost: h\r\n\r\n",
        "GET /\r\nHost: h\r\n\r\n",
    ],
)
def test_malformed_request_never_reaches_the_function(shared_function, request_text):
    """Refused, whether it is the first of its connection or follows a good one, and nothing after it is read."""
    watchdog = shared_function
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    for before in (b"", PLAIN):
        with watchdog.converse() as talk:
            talk.send(before + request_text.encode("latin-1") + smuggled)
            if before:
                check(talk.answer(), "plain")
            answer = talk.answer()
            assert answer.status in (400, 501, 505)
            assert talk.rest() == b""
    assert "/smuggled" not in watchdog.log


def test_header_above_the_limit(shared_function):
    watchdog = shared_function

    for before in (b"", PLAIN):
        with watchdog.converse() as talk:
            talk.send(before + b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * (1_048_576 + 20_000) + b"\r\n\r\n")
            if before:
                check(talk.answer(), "plain")
            assert talk.answer().status == 431


def test_headers_of_a_plain_request_arrive(talk):
    """Every value in its order, names canonical, less what concerns the client's connection only."""
    request = seen(
        talk.ask(
            "GET / HTTP/1.1\r\nhost: fn.example:1\r\nx-lower-case: 1\r\nX-Multi: one\r\nX-Multi: two\r\nX-Empty:\r\n"
            "X-Blanks: \t v \t\r\nTE: trailers\r\nConnection: x-private, keep-alive\r\nX-Private: p\r\n"
            "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nAuthorization: a\r\nX-Timeout: 20s\r\n\r\n"
        )
    )

    headers = [tuple(pair) for pair in request["headers"] if pair[0] != "Traceparent"]
    assert sorted(headers) == [
        ("Authorization", "a"),
        ("Host", "fn.example:1"),
        ("Te", "trailers"),
        ("X-Blanks", "v"),
        ("X-Empty", ""),
        ("X-Lower-Case", "1"),
        ("X-Multi", "one"),
        ("X-Multi", "two"),
        ("X-Timeout", "20s"),
    ]


def test_every_request_of_a_connection_has_a_trace_of_its_own(talk):
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    traces = [dict(seen(talk.ask(PLAIN))["headers"])["Traceparent"] for _ in range(3)]

    assert len(set(traces)) == 3
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace) for trace in traces)
    request = f"GET / HTTP/1.1\r\nHost: h\r\ntraceparent: {given}\r\n\r\n"
    assert dict(seen(talk.ask(request))["headers"])["Traceparent"] == given


def test_client_that_closes_leaves_the_functions_connection_open(function):
    """`Connection: close` is between the client and us."""
    watchdog = function()
    request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    numbers = set()
    for _ in range(3):
        with watchdog.converse() as talk:
            answer = talk.ask(request)
            assert answer.headers["Connection"] == "close"
            assert talk.rest() == b""
            numbers.add(seen(answer)["connection"])

    assert len(numbers) == 1


def test_connection_that_the_function_wants_to_end_is_not_used_again(talk):
    number = talk.ask("GET /close-kept HTTP/1.1\r\nHost: h\r\n\r\n").text

    assert seen(talk.ask(PLAIN))["connection"] != int(number)


@pytest.mark.parametrize(("method", "times"), [("POST", 1), ("PATCH", 1), ("GET", 2), ("PUT", 2)])
def test_request_is_sent_twice_only_where_that_does_no_harm(talk, tmp_path, method, times):
    """A kept connection that ends without an answer may have been closed before the request came."""
    counter = tmp_path / "counter"
    check(talk.ask(PLAIN), "plain")

    answer = talk.ask(f"{method} /swallow?{counter} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok")

    assert (answer.status, counter.read_text()) == (500, "x" * times)


def test_answers_before_the_real_one_are_not_counted(function):
    watchdog = function()
    with watchdog.converse() as talk:
        assert talk.ask("GET /hints HTTP/1.1\r\nHost: h\r\n\r\n").body == b"late"
        talk.ask(PLAIN)

    assert 'http_requests_total{code="200",method="get"} 2\n' in watchdog.metrics()


def test_every_request_of_a_connection_is_counted_and_logged(function):
    watchdog = function(log_callid="true")
    with watchdog.converse() as talk:
        for method, path in [("GET", "/plain"), ("GET", "/duration"), ("DELETE", "/empty"), ("GET", "/plain")]:
            talk.ask(f"{method} {path} HTTP/1.1\r\nHost: h\r\nX-Call-Id: id-{method}\r\n\r\n")
        talk.ask("GET /plain HTTP/1.1\r\nHost: h\r\nUser-Agent: kube-probe/1.29\r\n\r\n")
        talk.ask(PLAIN)

    metrics = watchdog.metrics()
    assert 'http_requests_total{code="200",method="get"} 4' in metrics
    assert 'http_requests_total{code="404",method="get"} 1' in metrics
    assert 'http_requests_total{code="204",method="delete"} 1' in metrics
    assert 'http_request_duration_seconds_count{code="200",method="get"} 4' in metrics
    assert "http_requests_in_flight 0" in metrics
    lines = [line[20:] for line in watchdog.log.splitlines() if " - ContentLength: " in line]
    assert [re.sub(r"[\d.]+k?B \([\d.]+s\)", "SIZE", line) for line in lines] == [
        "GET /plain - 200 OK - ContentLength: SIZE [id-GET]",
        "GET /duration - 404 Not Found - ContentLength: SIZE [id-GET]",
        "DELETE /empty - 204 No Content - ContentLength: SIZE [id-DELETE]",
        "GET /plain - 200 OK - ContentLength: SIZE [id-GET]",
        "GET /plain - 200 OK - ContentLength: SIZE [none]",
    ]


def test_answers_of_many_connections_are_not_mixed_up(function):
    """Sixteen clients, each with a text of its own, over few connections to the function."""
    watchdog = function()

    def client(number):
        texts = [f"{number}-{turn}" * (1 + turn % 7) for turn in range(25)]
        with watchdog.converse() as talk:
            heads = [f"POST /{text} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(text)}\r\n\r\n{text}" for text in texts]
            return [seen(talk.ask(head))["body"] for head in heads] == texts

    with ThreadPoolExecutor(16) as clients:
        assert all(clients.map(client, range(16)))


def test_connection_goes_on_after_a_refusal(function, tmp_path):
    gate, watchdog = tmp_path / "gate", function(max_inflight="1")
    with watchdog.converse() as busy, watchdog.converse() as other:
        busy.send(f"GET /gated?{gate} HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually("the call runs", lambda: watchdog.get("/_/ready").status == 429)
        for name in ("plain", "body"):
            refused = other.ask(REQUESTS[name][0])
            assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        gate.touch()
        assert busy.answer().body == b"opened"
        eventually("the slot is free", lambda: watchdog.get("/_/ready").status == 200)
        check(other.ask(PLAIN), "plain")


@pytest.mark.parametrize("request_head", ["GET {} HTTP/1.1\r\n", "POST {} HTTP/1.1\r\nContent-Length: 0\r\n"])
def test_connection_goes_on_after_a_call_that_took_too_long(talk, request_head):
    answer = talk.ask(f"{request_head.format('/silence')}Host: h\r\nX-Timeout: 200ms\r\n\r\n")

    assert (answer.status, answer.body, answer.headers["Connection"]) == (504, b"", None)
    assert 0.2 <= float(answer.headers["X-Duration-Seconds"]) < 5
    check(talk.ask(PLAIN), "plain")


@pytest.mark.parametrize("request_head", ["GET {} HTTP/1.1\r\n", "POST {} HTTP/1.1\r\nContent-Length: 2\r\n"])
def test_client_that_leaves_is_told_to_the_function(function, tmp_path, request_head):
    """On a connection that has carried calls before."""
    mark, watchdog = tmp_path / "mark", function()
    with watchdog.converse() as talk:
        check(talk.ask(PLAIN), "plain")
        body = "" if request_head.startswith("GET") else "ok"
        talk.send(f"{request_head.format('/gone?' + str(mark))}Host: h\r\n\r\n{body}")
        eventually("the call runs", (tmp_path / "mark-begun").exists)
        assert not mark.exists()
        talk.file.close()

    eventually("the function is told", mark.exists)
    eventually("the call is over", lambda: "http_requests_in_flight 0" in watchdog.metrics())


def test_connection_outlives_the_functions_process(function):
    watchdog = function(restart="true")
    with watchdog.converse() as talk:
        pid = "GET /pid HTTP/1.1\r\nHost: h\r\n\r\n"
        first = talk.ask(pid).text
        assert talk.ask("GET /leave?3 HTTP/1.1\r\nHost: h\r\n\r\n").body == b"bye"
        eventually("another process answers", lambda: talk.ask(pid).text not in (first, ""))
        check(talk.ask(REQUESTS["body"][0]), "body")


def test_idle_connection_is_closed_after_calls(function):
    with function(read_timeout="500ms").converse() as talk:
        check(talk.ask(PLAIN), "plain")
        check(talk.ask(REQUESTS["body"][0]), "body")
        assert talk.rest() == b""


@pytest.mark.parametrize("start_of_request", [b"G", PLAIN[:-2]])
def test_request_that_does_not_end_is_closed_silently(function, start_of_request):
    with function(read_timeout="500ms").converse() as talk:
        check(talk.ask(PLAIN), "plain")
        talk.send(start_of_request)
        assert talk.rest() == b""


def test_body_that_stops_coming_on_a_kept_connection(function):
    with function(read_timeout="500ms").converse() as talk:
        check(talk.ask(PLAIN), "plain")
        assert talk.ask(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").status == 504
        assert talk.rest() == b""


def refuses(watchdog):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", watchdog.port)) != 0


def test_drain_closes_connections_that_wait_and_ends_those_that_work(function, tmp_path):
    gate, watchdog = tmp_path / "gate", function()
    with watchdog.converse() as idle, watchdog.converse() as busy:
        check(idle.ask(PLAIN), "plain")
        check(busy.ask(PLAIN), "plain")
        busy.send(f"GET /gated?{gate} HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually("the call runs", lambda: "http_requests_in_flight 1" in watchdog.metrics())
        watchdog.terminate()
        assert idle.rest() == b""
        eventually("the port closes", lambda: refuses(watchdog))
        assert watchdog.process.poll() is None
        gate.touch()
        answer = busy.answer()
        assert (answer.body, answer.headers["Connection"]) == (b"opened", "close")
        assert busy.rest() == b""
    assert watchdog.exit_code() == 0


def test_drain_serves_kept_connections_during_the_interval(function):
    watchdog = function(healthcheck_interval="60s")
    with watchdog.converse() as talk:
        check(talk.ask(PLAIN), "plain")
        watchdog.terminate()
        eventually("it drains", lambda: not watchdog.lock.exists())
        check(talk.ask(PLAIN), "plain")
        check(talk.ask(REQUESTS["body"][0]), "body")
        watchdog.terminate()
        assert talk.rest() == b""
    assert watchdog.exit_code() == 0


def test_drain_cuts_what_outlasts_it(function):
    watchdog = function(write_timeout="500ms", exec_timeout="20s")
    with watchdog.converse() as talk:
        talk.send("GET /silence HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually("the call runs", lambda: "http_requests_in_flight 1" in watchdog.metrics())
        watchdog.terminate()
        received = read_all(talk.connection)
    assert watchdog.exit_code() == 0
    assert received == b"" or received.startswith(b"HTTP/1.1 50")


def test_connection_of_the_function_is_shared_by_clients(function):
    """One after the other, they use the same one; what one client sent never shows up for another."""
    watchdog, answers = function(), []
    with watchdog.converse() as one, watchdog.converse() as two:
        for text in ("a", "bb", "ccc"):
            request = f"POST /{text} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(text)}\r\n\r\n{text}"
            answers += [seen(talk.ask(request)) for talk in (one, two)]
            assert [answer["body"] for answer in answers[-2:]] == [text] * 2
    assert len({answer["connection"] for answer in answers}) == 1


def test_half_closed_client_is_one_that_has_left(function, tmp_path):
    mark, watchdog = tmp_path / "mark", function()
    with watchdog.connect() as connection:
        talk = Conversation(connection)
        talk.send(f"GET /gone?{mark} HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually("the call runs", (tmp_path / "mark-begun").exists)
        connection.shutdown(socket.SHUT_WR)
        eventually("the function is told", mark.exists)


@pytest.mark.parametrize("again", ["on the same connection", "on another"])
def test_time_limit_of_one_call_is_not_that_of_a_later_one(function, again):
    """The function's connection is kept, the limit for sending a long body is not."""
    watchdog = function(exec_timeout="500ms")
    with watchdog.converse() as first, watchdog.converse() as second:
        check(first.ask(REQUESTS["chunked"][0]), "chunked")
        talk = first if again == "on the same connection" else second
        for _ in range(2):
            check(talk.ask(PLAIN), "plain")
            time.sleep(0.6)
        check(talk.ask(PLAIN), "plain")
