#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: nothing of the machine may be lost
"""HTTP/1.1 inside TLS by every library that is followed, linked in every way, against the servers' logs."""
import os
from pathlib import Path

import lib
from client import request
from https import (
    Books, EX, GO, READ_WRITE, every_path, exact_or_unseen, kinds, linked, load, python, watch,
    watch_itself,
)
from lib import between, equal
from oracle import Requests, expect_connections, expect_http, expect_time, settled
from servers import Logged, go, node
from tls import Certificates, TlsConnection, probed


def test_go(env):
    """A static program without any C library."""
    lib.need_parts("go-tls")
    certificates = Certificates(env)
    agent = env.shared_agent()
    server = go(env, "e2e-https-go", certificates.environ())
    watch_itself(server.process, GO)
    books = Books(agent)
    before = lib.passive_opens()
    load(server.port, 15000, keep_alive=True)
    load(server.port, 1000)
    count = 16000 + kinds(server, 3)
    opened = lib.passive_opens() - before
    want = settled(server, count)
    scrape = expect_http(agent, server.name, want)
    books.nothing_lost()
    expect_connections(agent, server.name, opened)
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
    between(have.above(0.1), 6, 12, "slow answers")
    got = scrape.value("edgetap_edge_tls_handshake_time_seconds_count", app=server.name)
    equal(got, opened, "handshakes")


def test_node(env):
    """Memory BIOs: the library never touches the socket."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    server = node(env, "e2e-https-node", certificates.environ())
    exe = Path(os.readlink(f"/proc/{server.process.pid}/exe"))
    names = READ_WRITE
    try:
        probed(server.process.pid, exe, *names, seconds=15)
    except AssertionError as e:
        print(f"not watched: {e}")
    books = Books(agent)
    before = lib.passive_opens()
    load(server.port, 8000, keep_alive=True)
    load(server.port, 400)
    count = 8400 + kinds(server, 3)
    opened = lib.passive_opens() - before
    want = settled(server, count)
    exact_or_unseen(agent, books, server, want, opened)


def test_python(env):
    """Python's ssl on blocking sockets: SSL_read_ex and SSL_write_ex."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    server = python(env, "e2e-https-python", certificates, "blocking")
    watch(server.process, r"libssl\.so", EX)
    books = Books(agent)
    count = every_path(server)
    with TlsConnection(server.port) as c:
        for _ in range(10):
            equal(c.get("/?ms=50")[0], 200, "slow")
        c.finish()
    want = settled(server, count + 10)
    scrape = expect_http(agent, server.name, want)
    books.nothing_lost()
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, 0.1 + 0.25 * want.seconds)


def test_asyncio(env):
    """Python's streams keep TLS in memory BIOs: exact, or counted as not seen."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    server = python(env, "e2e-https-asyncio", certificates, "asyncio")
    watch(server.process, r"libssl\.so", EX)
    books = Books(agent)
    before = lib.passive_opens()
    held = [TlsConnection(server.port) for _ in range(8)]
    count = 0
    for _ in range(200):  # several connections at once: none may be taken for another
        for i, c in enumerate(held):
            c.send(request(f"/?status={200 + i}"))
        for i, c in enumerate(held):
            equal(c.response()[0], 200 + i if i != 4 else 204, "status")
            count += 1
    for c in held:
        c.finish()
    count += every_path(server, 10)
    want = settled(server, count)
    exact_or_unseen(agent, books, server, want, lib.passive_opens() - before)


def test_gnutls(env):
    """gnutls-serv answers every GET with a page and closes."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    port = lib.free_port()
    pair = certificates.server
    program = env.renamed(lib.need("gnutls-serv"), "e2e-https-gnutls")
    server = env.start(
        [program, "--http", "-q", "-p", str(port), "--x509certfile", pair.cert, "--x509keyfile", pair.key,
         "--disable-client-cert"],
        name="e2e-https-gnutls",
    )
    server.name = "e2e-https-gnutls"
    lib.listening(port, owner=server)
    watch(server, r"libgnutls\.so", ("gnutls_record_recv", "gnutls_record_send"))
    books = Books(agent)
    want = Requests()
    for i in range(300):
        with TlsConnection(port) as c:
            if i % 3:
                c.send(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
            else:
                for byte in b"GET /bytewise HTTP/1.0\r\n\r\n":
                    c.send(bytes([byte]))
            status, _ = c.response()
            want.answered(status, "GET")
    equal(dict(want.responses), {("200", "GET"): 300}, "what the client was answered")
    expect_http(agent, server.name, want)
    books.nothing_lost()
    done = agent.scrape().value("edgetap_edge_tls_handshake_time_seconds_count", app=server.name)
    equal(done, 300, "handshakes")


def own_server(env, static, how):
    certificates = Certificates(env)
    agent = env.shared_agent()
    name = f"e2e-https-{'static' if static else 'shared'}-{how}"
    program = env.renamed(linked(static), name)
    server = Logged(env, name, [program, how], certificates.environ())
    names = EX if how == "ex" else READ_WRITE
    if static:
        watch_itself(server.process, names)
    else:
        watch(server.process, r"libssl\.so", names)
    books = Books(agent)
    before = lib.passive_opens()
    load(server.port, 8000, keep_alive=True)
    load(server.port, 500)
    count = 8500
    for _ in range(5):
        with TlsConnection(server.port) as c:
            for status in (200, 201, 204, 304, 403, 404, 500, 503, 599):
                for size in (0, 1, 65536, 300000):
                    for method in ("GET", "HEAD", "PUT"):
                        body = b"b" * size if method == "PUT" else b""
                        equal(c.get(f"/{status}/{size}", method, body=body)[0], status, f"{method} {status}")
                        count += 1
            c.finish()
    want = settled(server, count)
    return agent, books, server, want, lib.passive_opens() - before


def test_static(env):
    """OpenSSL inside a static program that has its symbols."""
    agent, books, server, want, _ = own_server(env, True, "plain")
    expect_http(agent, server.name, want)
    books.nothing_lost()


def test_static_ex(env):
    agent, books, server, want, _ = own_server(env, True, "ex")
    expect_http(agent, server.name, want)
    books.nothing_lost()


def test_shared(env):
    agent, books, server, want, _ = own_server(env, False, "plain")
    scrape = expect_http(agent, server.name, want)
    books.nothing_lost()
    # The server's own clock starts when it has the whole head, and is one of a thread that may wait for a CPU.
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
    between(have.sum, want.seconds * 0.9 - 0.05, want.seconds * 1.5 + 0.5, "sum of app times")


def test_memory(env):
    exact_or_unseen(*own_server(env, False, "memory"))


if __name__ == "__main__":
    lib.main(globals())
