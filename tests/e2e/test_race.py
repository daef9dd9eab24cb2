#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: it measures what a client and a server do on a CPU each
"""
The loopback race: the client's next request arrives before this response's
write has been told of. No request may be lost and no time distorted by it.
"""
import os

import lib
from lib import between, equal
from oracle import Requests, expect_connections, expect_http, expect_losses

NANO = 1e-9


def race(env, name, connections, requests, size, when):
    """Runs it under the agent; what the program measured, in seconds, and the last scrape."""
    if (os.cpu_count() or 1) < 2:
        raise lib.Skip("needs two CPUs")
    agent = env.shared_agent()
    before = agent.scrape()
    program = env.renamed(lib.compiled("race.c", libs=["-lpthread"]), name)
    process = env.start([program, lib.free_port(), connections, requests, size, when], name=name)
    equal(process.wait(120), 0, "exit")
    have = {k: int(v) for k, v in (line.split() for line in process.output().splitlines())}
    print(f"  {name}: {have}")
    if not have["raced"]:
        raise lib.Skip(f"none of {have['requests']} requests raced")
    want = Requests()
    want.responses[("200", "GET")] = have["requests"]
    expect_http(agent, name, want)
    scrape = expect_connections(agent, name, connections)
    expect_losses(before, scrape, ("arrival_unknown", "pipeline_full", "header_invalid", "gap"))
    times = {k: v * NANO for k, v in have.items() if k not in ("requests", "raced")}
    check_times(scrape, name, have["requests"], times)
    return scrape, times


def check_times(scrape, name, requests, times):
    edge, app, first, queue = (
        scrape.histogram(f"edgetap_{family}_seconds", app=name)
        for family in (
            "edge_http_response_time", "app_http_response_time",
            "app_http_time_to_first_byte", "app_http_queue_time",
        )
    )
    # The hooks are inside the two calls that the program timed from outside: between its
    # own figure and that plus the way out of read() and into the next one, less what the
    # server waited for its CPU on the way out of write().
    slack = 0.1 * times["served"] + requests * 3e-6 + 0.05
    low = times["served"] - slack - times["delayed"]
    between(app.sum, low, times["served"] + slack, "sum of app times")
    between(first.sum, 0, app.sum + 1e-6, "sum of times to first byte")
    between(edge.sum - app.sum - queue.sum, -1e-5 * requests, 1e-5 * requests, "edge less app less queue")
    # A request waits from its sending at most until its write has returned.
    limit = times["waited"] + times["written"] + slack
    between(edge.sum, app.sum, max(limit, app.sum), "sum of edge times")
    for family, have in (("edge", edge), ("app", app), ("queue", queue)):
        equal(have.count, requests, f"count of {family} times")
        equal(have.above(1.0), 0, f"{family} times above a second")
        between(have.sum, 0, times["elapsed"] * 2, f"sum of {family} times")


def test_whole(env):
    """The next request as soon as the response is complete, from a spinning client."""
    race(env, "e2e-race-whole", 4, lib.sized(25000, 100000), 200, "whole")


def test_early(env):
    """The next request as soon as a long response begins: its write is still under way."""
    race(env, "e2e-race-early", 4, lib.sized(5000, 20000), 300000, "early")


def test_early_short(env):
    race(env, "e2e-race-short", 50, lib.sized(12500, 50000), 3000, "early")


if __name__ == "__main__":
    lib.main(globals())
