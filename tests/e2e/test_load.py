#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: nothing of the machine may be lost
"""
A million requests and a hundred thousand connections across six servers, under one agent (a tenth
of it in a quick check): every one of them is in the counters, none twice.
"""
import time

import lib
from client import ab
from lib import equal
from oracle import expect_connections, expect_http, expect_losses, others_served, settled
from servers import Apache, Haproxy, Nginx, go, node, python_http

REASONS = (
    "sockets_full", "rows_full", "statuses_full", "pipeline_full", "header_invalid",
    "resync", "gap", "budget", "fault", "iovec", "events_full",
)
PART = lib.sized(10, 1)  # of the load: one in so many


class Load:
    """Runs ab and keeps the books: requests by server, connections as the kernel counts them."""

    def __init__(self):
        self.requests = {}
        self.connections = {}

    def run(self, server, requests, keep_alive, concurrency=16, path="/"):
        before = lib.passive_opens()
        start = time.monotonic()
        ab(server.port, requests, concurrency, keep_alive, path)
        spent = time.monotonic() - start
        opened = lib.passive_opens() - before
        self.requests[server] = self.requests.get(server, 0) + requests
        self.connections[server] = self.connections.get(server, 0) + opened
        kind = "keep-alive" if keep_alive else "close"
        print(f"  {server.name}: {requests} ({kind}), {opened} connections, {requests / spent:.0f}/s", flush=True)


def test_million(env):
    agent = env.agent()
    before = agent.scrape()
    load = Load()

    nginx = Nginx(env, "e2e-load-nginx", buffered=True, http="keepalive_requests 100000;")
    load.run(nginx, 790000 // PART, True, concurrency=32)
    load.run(nginx, 56000 // PART, False)
    load.run(nginx, 10000 // PART, True, path="/missing")

    apache = Apache(env, "e2e-load-apache")
    load.run(apache, 30000 // PART, True, concurrency=8)
    load.run(apache, 15000 // PART, False, concurrency=8)

    gopher = go(env, "e2e-load-go")
    load.run(gopher, 40000 // PART, True)
    load.run(gopher, 10000 // PART, False)

    noder = node(env, "e2e-load-node")
    load.run(noder, 20000 // PART, True)
    load.run(noder, 5000 // PART, False)

    python = python_http(env, "e2e-load-python")
    python.name = "e2e-load-python"
    load.run(python, 4000 // PART, False, concurrency=4)

    # Last: what haproxy opens to its server is not what its clients open to it.
    back = Nginx(env, "e2e-load-back", buffered=True)
    proxy = Haproxy(env, "e2e-load-haproxy", [back.port])
    ab(proxy.port, 20000 // PART, 16, True)
    ab(proxy.port, 12000 // PART, 16, False)
    load.requests[proxy] = load.requests[back] = 32000 // PART

    total = sum(load.requests.values())
    connections = sum(load.connections.values()) + 12000 // PART
    print(f"  {total} requests, {connections} connections")
    assert total >= 1000000 // PART and connections >= 100000 // PART, "the load is too small"

    nginx.quit()
    back.quit()
    for server, requests in load.requests.items():
        want = settled(server, requests)
        equal(dict(want.aborted), {}, f"aborted in the log of {server.name}")
        expect_http(agent, server.name, want, 20)
    for server, opened in load.connections.items():
        expect_connections(agent, server.name, opened, seconds=20)
    scrape = agent.scrape()
    expect_losses(before, scrape, REASONS)
    # A connection of somebody else that was there before the agent may add one.
    expect_losses(before, scrape, ("arrival_unknown",), 0, 20)
    missed = scrape.by("edgetap_program_missed_runs_total", "name")
    if not others_served(before, scrape):
        equal(missed, before.by("edgetap_program_missed_runs_total", "name"), "runs that the kernel skipped")


if __name__ == "__main__":
    lib.main(globals())
