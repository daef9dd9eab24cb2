#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A request that waits to be read shows at the edge and in the queue, not in the app."""
import time

import lib
from client import Connection, request
from lib import between, equal
from oracle import expect_http, settled
from servers import odd

WAIT = 0.3
COUNT = 5
SLACK = 0.25  # of a busy machine, over all requests


def times(scrape, app):
    """Sums of edge, app, first byte and queue time."""
    families = (
        "edge_http_response_time", "app_http_response_time",
        "app_http_time_to_first_byte", "app_http_queue_time",
    )
    out = []
    for family in families:
        have = scrape.histogram(f"edgetap_{family}_seconds", app=app)
        equal(have.count, COUNT, f"{app} {family}: count")
        out.append(have.sum)
    return out


def ask(server, agent):
    with Connection(server.port) as c:
        for _ in range(COUNT):
            equal(c.get()[0], 200, "status")
    return times(expect_http(agent, server.name, settled(server, COUNT)), server.name)


def test_before_reading(env):
    agent = env.agent()
    edge, app, first, queue = ask(odd(env, "e2e-queue-before", before_read_ms=int(WAIT * 1000)), agent)
    # The server sleeps, and then reads: the request came at some time of the first sleep.
    low, high = WAIT * (COUNT - 1) * 0.9, WAIT * COUNT + SLACK
    between(queue, low, high, "queue time")
    between(edge, low, high, "edge time")
    between(app, 0, SLACK, "app time")
    between(first, 0, SLACK, "time to first byte")
    between(edge - app - queue, -1e-6, 1e-6, "edge less app less queue")


def test_after_reading(env):
    agent = env.agent()
    edge, app, first, queue = ask(odd(env, "e2e-queue-after", after_read_ms=int(WAIT * 1000)), agent)
    low, high = WAIT * COUNT, WAIT * COUNT + SLACK
    between(edge, low, high, "edge time")
    between(app, low, high, "app time")
    between(first, low, high, "time to first byte")
    between(queue, 0, SLACK, "queue time")


def test_between_the_bytes(env):
    """The first byte starts the clocks, the last one is only a part of the request."""
    agent = env.agent()
    server = odd(env, "e2e-queue-parts", size=1)
    message = request()
    with Connection(server.port) as c:
        for _ in range(COUNT):
            c.send(message[:5])
            time.sleep(WAIT)  # the pace of the workload
            c.send(message[5:])
            equal(c.response()[0], 200, "status")
    edge, app, _, queue = times(expect_http(agent, server.name, settled(server, COUNT)), server.name)
    low, high = WAIT * COUNT, WAIT * COUNT + SLACK
    between(edge, low, high, "edge time")
    between(app, low, high, "app time")
    between(queue, 0, SLACK, "queue time")


def test_queued_behind(env):
    """Pipelined requests arrive together and are read together: no queue, but edge time."""
    agent = env.agent()
    server = odd(env, "e2e-queue-pipe", after_read_ms=100)
    with Connection(server.port) as c:
        c.send(request() * COUNT)
        for _ in range(COUNT):
            equal(c.response()[0], 200, "status")
    edge, app, _, queue = times(expect_http(agent, server.name, settled(server, COUNT)), server.name)
    total = sum(0.1 * i for i in range(1, COUNT + 1))
    between(edge, total, total + SLACK * 2, "edge time")
    between(app, total, total + SLACK * 2, "app time")
    between(queue, 0, SLACK, "queue time")


if __name__ == "__main__":
    lib.main(globals())
