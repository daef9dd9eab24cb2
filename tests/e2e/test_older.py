#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections and listeners that are older than the agent, here and in another network namespace."""
import contextlib

import lib
from client import Connection, request
from lib import between, equal
from oracle import expect_http, settled
from places import Netns
from servers import Nginx, odd


def test_own_namespace(env):
    older(env, "e2e-old-here", None)


def test_other_namespace(env):
    older(env, "e2e-old-there", Netns(env))


def older(env, name, namespace):
    inside = namespace.inside if namespace else contextlib.nullcontext
    with inside():
        server = Nginx(env, name, server="location /204 { return 204; }")
        quiet = Connection(server.port)  # no request yet
        used = [Connection(server.port) for _ in range(5)]
    for c in used:
        equal(c.get()[0], 200, "status before the agent")
    before = settled(server, 5)
    agent = env.agent()
    count = 5
    for _ in range(10):
        for c in used + [quiet]:
            equal(c.get("/204")[0], 204, "status on an old connection")
            equal(c.get("/missing", "HEAD")[0], 404, "status on an old connection")
            count += 2
    with inside():
        fresh = Connection(server.port)  # of a listener that is older
    equal(fresh.get()[0], 200, "status on a new connection")
    count += 1
    want = settled(server, count)
    want.responses.subtract(before.responses)
    want.responses = +want.responses
    expect_http(agent, server.name, want)
    for c in used + [quiet, fresh]:
        c.finish()

    def check(scrape):
        opened = scrape.value("edgetap_edge_tcp_connects_total", app=server.name)
        equal(opened, 1, "connections opened since")
        assert scrape.value("edgetap_edge_data_in_bytes_total", app=server.name) > 0, "no bytes"

    agent.expect(check)


def test_in_the_middle(env):
    """A request that was read before the agent came is answered after: counted under started_before."""
    server = odd(env, "e2e-old-middle", after_read_ms=6000)
    waiting = [Connection(server.port) for _ in range(3)]
    for c in waiting:
        c.send(request("/?status=203"))
    lib.eventually(lambda: all_read(server.port, 3), 5, "requests read")
    agent = env.agent()
    for c in waiting:
        equal(c.response()[0], 203, "status")
    settled(server, 3)

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
        lost = scrape.loss("started_before")
        assert set(got) <= {("203", "GET"), ("203", "__other__")}, f"invented: {got}"
        between(lost, 3, 10**9, "responses under started_before")
        have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
        between(have.sum, 0, 3 * 6.5, "times that nobody could know")
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(check)


def all_read(port, connections):
    """The server's sockets have nothing left to read."""
    found = 0
    with open("/proc/net/tcp") as f:
        for line in f.readlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port and fields[3] == "01":
                found += int(fields[4].split(":")[1], 16) == 0
    return found == connections


def test_unread_at_start(env):
    """A request that lay in the receive queue when the agent came."""
    server = odd(env, "e2e-old-unread", before_read_ms=6000)
    with Connection(server.port) as c:
        c.send(request("/?status=206"))
        agent = env.agent()
        equal(c.response()[0], 206, "status")
        want = settled(server, 1)
        before = agent.scrape()
        scrape = expect_http(agent, server.name, want)
        have = scrape.histogram("edgetap_edge_http_response_time_seconds", app=server.name)
        between(have.sum, 0, 7, "edge time")
        assert have.sum > 1 or before.loss("arrival_unknown") > 0, "neither the wait nor a loss"


if __name__ == "__main__":
    lib.main(globals())
