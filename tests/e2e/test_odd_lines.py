#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Requests that are not as most are, to real servers: what they answer is counted once, and the next is right."""
from collections import Counter

import lib
from client import Connection
from lib import equal
from servers import Apache, Haproxy, Nginx, go, node, python_http

ODD = (
    b"get / HTTP/1.1", b"GeT / HTTP/1.1", b"BREW / HTTP/1.1", b"A-METHOD-OF-MORE-THAN-TWENTY-CHARACTERS / HTTP/1.1",
    b"!#$%&'*+-.^_`|~ / HTTP/1.1", b"G{}T / HTTP/1.1", b"\xc3\xa4 / HTTP/1.1", b"G\x01T / HTTP/1.1",
    b"GET  /  HTTP/1.1", b"GET\t/\tHTTP/1.1", b"GET / HTTP/1.1 ", b"GET / HTTP/1.1\t  ", b" GET / HTTP/1.1",
    b"GET / http/1.1", b"GET / HTTP/1.15", b"GET / HTTP/2.0", b"GET / HTTP/9.9", b"GET /a b HTTP/1.1", b"GET HTTP/1.1",
    b"GET", b"nothing", b"/", b"GET http://test/ HTTP/1.1", b"get http://test/ HTTP/1.1",
    b"\x16\x03\x05 hello", b"\x00\x01\x02", b"GET /" + b"u" * 500 + b" HTTP/1.1", b"x" * 500,
)


# Header sections whose framing servers understand in different ways, or refuse.
POST = b"POST / HTTP/1.1\r\nHost: test\r\n"
FRAMED = (
    POST + b"Content-Length: 3, 3\r\n\r\nabc", POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    POST + b"Content-Length:\r\n 3\r\n\r\nabc", POST + b"Content-Length: three\r\n\r\nabc",
    POST + b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
    POST + b"Transfer-Encoding: gzip\r\n\r\n",
    POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n",
    b"\r\n\r\n" + POST + b"Content-Length: 3\r\n\r\nabc",
)


def answer(c):
    """The status of the answer, "raw" where it has none, or None where nothing was said."""
    if not c.more():
        return None
    if not c.pending.startswith(b"HTTP/"):
        return "raw"
    return str(c.response()[0])


def usual(c, want):
    """Two requests as usual, unless the server has closed."""
    try:
        for method in ("HEAD", "GET"):
            want[(str(c.get("/", method)[0]), method)] += 1
    except (AssertionError, ConnectionError):
        pass


def exercise(env, server):
    """Each line first on a connection, and between requests that are as usual."""
    agent = env.shared_agent()
    want = Counter()
    simple = 0
    for message in [line + b"\r\nHost: test\r\n\r\n" for line in ODD] + list(FRAMED):
        for before in (False, True):
            with Connection(server.port) as c:
                if before:
                    want[(str(c.get()[0]), "GET")] += 1
                c.send(message)
                status = answer(c)
                if status == "raw":
                    simple += before or message.startswith((b"GET /", b"GET HTTP/1"))
                elif status:
                    want[(status, "?")] += 1
                    usual(c, want)

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
        sums, wanted = Counter(), Counter()
        for (status, _), n in got.items():
            sums[status] += n
        for (status, _), n in want.items():
            wanted[status] += n
        equal(dict(sums), dict(wanted), f"{server.name} responses by status")
        # what is certain of methods: all HEAD are the usual ones
        heads = sum(n for (_, m), n in got.items() if m == "HEAD")
        equal(heads, sum(n for (_, m), n in want.items() if m == "HEAD"), f"{server.name} HEAD")
        equal(scrape.value("edgetap_app_http_requests_lost_total", app=server.name), simple, f"{server.name} lost")
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, f"{server.name} in flight")
        return got

    agent.expect(check)
    assert sum(n for (_, m), n in want.items() if m == "HEAD"), f"{server.name} closed each connection"


def test_nginx(env):
    exercise(env, Nginx(env, "e2e-odd-nginx"))


def test_go(env):
    exercise(env, go(env, "e2e-odd-go"))


def test_node(env):
    exercise(env, node(env, "e2e-odd-node"))


def test_apache(env):
    exercise(env, Apache(env, "e2e-odd-apache"))


def test_haproxy(env):
    back = Nginx(env, "e2e-odd-back")
    exercise(env, Haproxy(env, "e2e-odd-haproxy", [back.port]))


def test_python(env):
    server = python_http(env, "e2e-odd-python", "--protocol", "HTTP/1.1")
    server.name = "e2e-odd-python"
    exercise(env, server)


if __name__ == "__main__":
    lib.main(globals())
