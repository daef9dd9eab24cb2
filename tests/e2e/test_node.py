#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Node's http module: libuv reads and writes, writev for chunks."""
import lib
from client import Connection, ab
from lib import equal
from oracle import expect_connections, expect_http, settled
from servers import node

PATHS = (("/", 200), ("/chunked", 200), ("/empty", 204), ("/missing", 404), ("/error", 500), ("/slow", 200))


def exercise(env, server):
    """Load and every kind of response; the same for Node and Go."""
    agent = env.agent()
    before = lib.passive_opens()
    ab(server.port, 8000, concurrency=8, keep_alive=True)
    ab(server.port, 1500, concurrency=8)
    count = 9500
    for _ in range(5):
        with Connection(server.port) as c:
            for path, status in PATHS:
                for method in ("GET", "HEAD"):
                    equal(c.get(path, method)[0], status, f"{method} {path}")
                    count += 1
            for size in (1, 1000, 300000):
                equal(c.get("/", "POST", body=b"p" * size)[0], 201, "POST")
                count += 1
            c.finish()
    opened = lib.passive_opens() - before
    want = settled(server, count)
    scrape = expect_http(agent, server.name, want)
    expect_connections(agent, server.name, opened)
    # Ten answers of 120 ms are in there (a timer of Node may fire a little early), and nothing longer.
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
    equal(have.above(0.1) >= 10, True, "slow answers")
    equal(have.above(5.0), 0, "answers above 5 s")


def test_node(env):
    exercise(env, node(env, "e2e-node"))


def test_many_writes(env):
    """A stream piped to the response, and many writes in one turn: each is a chunk, of a few segments of a writev."""
    agent = env.shared_agent()
    server = node(env, "e2e-node-writes")
    count = 0
    with Connection(server.port) as c:
        for kind in ("rows", "writes"):
            for n in (1, 20, 21, 22, 100, 340, 341, 342, 1000, 5000):
                status, body = c.get(f"/{kind}/{n}")
                lines = body.count(b"\n") if kind == "rows" else len(body)
                equal((status, lines), (200, n), f"{n} {kind}")
                equal(c.get("/missing", "HEAD")[0], 404, "the next one")
                count += 2
    expect_http(agent, server.name, settled(server, count))


if __name__ == "__main__":
    lib.main(globals())
