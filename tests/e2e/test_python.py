#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Python's http.server: unbuffered writes, HTTP/1.0 by default."""
import lib
from client import Connection, ab, request
from lib import equal
from oracle import expect_connections, expect_http, settled
from servers import python_http


def test_one_dot_zero(env):
    agent = env.shared_agent()
    server = python_http(env, "e2e-python-10")
    server.name = "e2e-python-10"
    before = lib.passive_opens()
    ab(server.port, 2000, concurrency=4)
    ab(server.port, 100, concurrency=4, path="/missing")
    ab(server.port, 100, concurrency=4, args=["-i"])
    with Connection(server.port) as c:
        equal(c.get("/", "POST")[0], 501, "POST to http.server")
    opened = lib.passive_opens() - before
    want = settled(server, 2201)
    expect_http(agent, server.name, want)
    expect_connections(agent, server.name, opened)


def test_one_dot_one(env):
    agent = env.shared_agent()
    server = python_http(env, "e2e-python-11", "--protocol", "HTTP/1.1")
    server.name = "e2e-python-11"
    held = [Connection(server.port) for _ in range(4)]
    for _ in range(100):  # ab -k would wait for a header that http.server does not send
        for c in held:
            c.send(request())
        for c in held:
            equal(c.response()[0], 200, "status")
    for c in held:
        c.finish()
    for _ in range(20):
        with Connection(server.port) as c:
            for path, status in (("/", 200), ("/missing", 404)):
                for method in ("GET", "HEAD"):
                    equal(c.get(path, method)[0], status, path)
                    if status == 404:
                        c.finish()  # http.server closes after an error
                        c.__init__(server.port)
    want = settled(server, 480)
    expect_http(agent, server.name, want)


if __name__ == "__main__":
    lib.main(globals())
