#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Apache with ten prefork workers, which are one instance."""
import time

import lib
from client import Connection, ab, request
from lib import between, delayed, equal
from oracle import expect_connections, expect_http, expect_time, settled
from servers import Apache


def test_load(env):
    agent = env.shared_agent()
    server = Apache(env, "e2e-apache-load")
    before = lib.passive_opens()
    ab(server.port, 10000, concurrency=8, keep_alive=True)
    ab(server.port, 2000, concurrency=8)
    ab(server.port, 200, concurrency=8, path="/missing")
    ab(server.port, 200, concurrency=8, args=["-i"])  # HEAD
    opened = lib.passive_opens() - before
    want = settled(server, 12400)
    equal(want.responses[("200", "HEAD")], 200, "HEAD in Apache's log")
    scrape = expect_http(agent, server.name, want)
    expect_connections(agent, server.name, opened)
    # %D counts microseconds until Apache writes its log line, when it may have been off the CPU.
    # The edge is longer by what a request waits behind others for a free worker.
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
    between(have.sum, want.seconds / 20, want.seconds * 1.05 + delayed(server.name), "sum of app times")


def test_slow_reader(env):
    """A large response to a slow client: Apache's timer and both clocks end with its last byte."""
    agent = env.shared_agent()
    server = Apache(env, "e2e-apache-slow")
    size = 20 << 20
    with open(server.root / "large", "wb") as f:
        f.truncate(size)
    with Connection(server.port, receive_buffer=65536) as c:
        c.send(request("/large"))
        equal(c.head()[0], 200, "status")
        for _ in range(20):
            c.exactly(size // 20)
            time.sleep(0.06)  # the pace is the workload
        want = settled(server, 1)
        assert want.seconds > 0.8, f"Apache finished after {want.seconds} s: the reader was not slow"
        scrape = expect_http(agent, server.name, want)
        for side in ("edge", "app"):
            expect_time(scrape, server.name, side, want.seconds, 0.02)


def test_one_instance(env):
    """All ten workers answered, under one name."""
    agent = env.shared_agent()
    server = Apache(env, "e2e-apache-ten")
    lib.eventually(lambda: len(server.workers()) >= 10, 10, "ten workers")
    held = [Connection(server.port) for _ in range(10)]  # one worker holds each
    for _ in range(3):
        for c in held:
            equal(c.get()[0], 200, "status")
    want = settled(server, 30)
    scrape = expect_http(agent, server.name, want)
    for c in held:
        c.finish()
    expect_connections(agent, server.name, 10)
    found = {labels["instance"] for labels, _ in scrape.select("edgetap_app_tcp_connects_total", app=server.name)}
    equal(len(found), 1, f"instances of ten workers {found}")


def test_kinds(env):
    """Statuses, a body that looks like a request, a slow body, errors."""
    agent = env.shared_agent()
    server = Apache(
        env,
        "e2e-apache-kinds",
        conf="""
        Redirect 301 /moved http://test/
        Redirect 410 /gone
        RewriteEngine On
        RewriteRule ^/none$ - [R=204]
        RewriteRule ^/fail$ - [R=500]
        """,
    )
    (server.root / "text").write_bytes(b"HTTP/1.1 500 no\r\n\r\nGET /x HTTP/1.1\r\n\r\n" * 20000)
    count = 0
    for path, status in (("/", 200), ("/moved", 301), ("/gone", 410), ("/none", 204), ("/fail", 500),
                         ("/no", 404), ("/text", 200)):
        for method in ("GET", "HEAD", "OPTIONS"):
            with Connection(server.port) as c:
                got = c.get(path, method)[0]
                assert got == status or method == "OPTIONS", f"{method} {path}: {got}"
                c.finish()
                count += 1
    for data in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\nHost: a\r\n\r\n",
                 request(headers="X: " + "y" * 9000 + "\r\n")):
        with Connection(server.port) as c:
            c.send(data)
            equal(c.response()[0], 400, "bad request")
            c.finish()
            count += 1
    want = settled(server, count)
    between(len(want.responses), 12, 30, "kinds in Apache's log")
    expect_http(agent, server.name, want)


if __name__ == "__main__":
    lib.main(globals())
