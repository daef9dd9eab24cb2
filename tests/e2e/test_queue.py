#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A request that waits to be read shows at the edge and in the queue, not in the app."""
import json
import re
import threading
import time

import lib
from client import Connection, request
from lib import between, delayed, equal, eventually
from oracle import expect_http, settled
from prometheus import Prometheus
from servers import odd

WAIT = 0.3
COUNT = 5
SLACK = 0.25  # over all requests, and what the machine was busy


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
    agent = env.shared_agent()
    server = odd(env, "e2e-queue-before", before_read_ms=int(WAIT * 1000))
    edge, app, first, queue = ask(server, agent)
    slack = SLACK + delayed(server.name)
    # The server sleeps, and then reads: the request came at some time of the first sleep.
    low, high = WAIT * (COUNT - 1) * 0.9, WAIT * COUNT + slack
    between(queue, low, high, "queue time")
    between(edge, low, high, "edge time")
    between(app, 0, slack, "app time")
    between(first, 0, slack, "time to first byte")
    between(edge - app - queue, -1e-6, 1e-6, "edge less app less queue")


def test_after_reading(env):
    agent = env.shared_agent()
    server = odd(env, "e2e-queue-after", after_read_ms=int(WAIT * 1000))
    edge, app, first, queue = ask(server, agent)
    slack = SLACK + delayed(server.name)
    low, high = WAIT * COUNT, WAIT * COUNT + slack
    between(edge, low, high, "edge time")
    between(app, low, high, "app time")
    between(first, low, high, "time to first byte")
    between(queue, 0, slack, "queue time")


def test_between_the_bytes(env):
    """The first byte starts the clocks, the last one is only a part of the request."""
    agent = env.shared_agent()
    server = odd(env, "e2e-queue-parts", size=1)
    message = request()
    with Connection(server.port) as c:
        for _ in range(COUNT):
            c.send(message[:5])
            time.sleep(WAIT)  # the pace of the workload
            c.send(message[5:])
            equal(c.response()[0], 200, "status")
    edge, app, _, queue = times(expect_http(agent, server.name, settled(server, COUNT)), server.name)
    slack = SLACK + delayed(server.name)
    low, high = WAIT * COUNT - (slack - SLACK), WAIT * COUNT + slack  # it may come late to the first byte
    between(edge, low, high, "edge time")
    between(app, low, high, "app time")
    between(queue, 0, slack, "queue time")


def test_queued_behind(env):
    """Pipelined requests arrive together and are read together: no queue, but edge time."""
    agent = env.shared_agent()
    server = odd(env, "e2e-queue-pipe", after_read_ms=100)
    with Connection(server.port) as c:
        c.send(request() * COUNT)
        for _ in range(COUNT):
            equal(c.response()[0], 200, "status")
    edge, app, _, queue = times(expect_http(agent, server.name, settled(server, COUNT)), server.name)
    slack = SLACK + delayed(server.name)
    total = sum(0.1 * i for i in range(1, COUNT + 1))
    between(edge, total, total + slack * 2, "edge time")
    between(app, total, total + slack * 2, "app time")
    between(queue, 0, slack, "queue time")


def documented_shares():
    """The queries that the man page and the dashboard have for the share of time that is spent waiting."""
    page = (lib.REPO / "deploy" / "edgetap.1").read_text()
    blocks = re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed$", page, re.M | re.S)
    found = [query for block in blocks for query in re.findall(r"^clamp_min.*", block, re.M | re.S)]
    equal(len(found), 1, "queries of the man page")
    board = json.loads((lib.REPO / "deploy" / "grafana" / "edgetap.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            if panel["title"] == "Share of time queued" or re.match(r"clamp_min\(1 - .*edgetap_edge", target["expr"]):
                found.append(re.sub(r"=~\"\$[a-z]+\"", "=~\".*\"", target["expr"]))
    equal(len(found), 3, "queries of man page and dashboard")
    return [re.sub(r"\[[^]]*\]", "[20s]", query) for query in found]


def test_share(env):
    """
    The share of time spent in the queue, as it is documented, is what it is, and never above 1: also
    where many give up, whose wait is a queue time and in no response time.
    """
    before, after = 0.1, 0.05
    agent = env.shared_agent()
    prometheus = Prometheus(env, agent.port)
    server = odd(env, "e2e-queue-share", before_read_ms=int(before * 1000), after_read_ms=int(after * 1000))
    stop = threading.Event()
    trouble = []

    def answered():
        with Connection(server.port) as c:
            while not stop.is_set():
                equal(c.get()[0], 200, "status")

    def given_up():
        while not stop.is_set():
            c = Connection(server.port)
            c.send(request())
            time.sleep(before + after / 2)  # the pace of a client that has no more patience
            c.reset()

    def run(work):
        try:
            work()
        except BaseException as e:  # pylint: disable=broad-except
            trouble.append(e)

    threads = [threading.Thread(target=run, args=(work,)) for work in (answered, *[given_up] * 4)]
    for thread in threads:
        thread.start()
    match = f'{{app="{server.name}"}}'
    naive = (f"sum(rate(edgetap_app_http_queue_time_seconds_sum{match}[20s])) / "
             f"sum(rate(edgetap_edge_http_response_time_seconds_sum{match}[20s]))")

    def shares():
        assert not trouble, trouble
        # those that were given up are in it, or this would prove nothing
        assert prometheus.one(naive) > 1, "queue time of what was given up"
        for query in documented_shares():
            found = [v for labels, v in prometheus.ask(query) if labels.get("app") == server.name]
            equal(len(found), 1, query)
            between(found[0], before / (before + after) - 0.08, before / (before + after) + 0.08, query)
        return True

    try:
        eventually(shares, 30)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for query in documented_shares():
        assert all(0 <= v <= 1 for _, v in prometheus.ask(query)), query


if __name__ == "__main__":
    lib.main(globals())
