# SPDX-License-Identifier: Apache-2.0
"""What servers and the kernel say happened, in the words of the agent's metrics."""
import re
import subprocess
from collections import Counter

from lib import Env, between, delayed, equal, eventually, need

METHODS = "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split()


def method_label(text):
    return text if text in METHODS else "__other__"


class Requests:
    """responses: {(status, method): n}; aborted: {(by, phase): n}; times in seconds."""

    def __init__(self):
        self.responses = Counter()
        self.aborted = Counter()
        self.lost = 0  # those that the test says cannot be followed
        self.seconds = 0.0  # sum over the responses
        self.connections = set()

    def answered(self, status, method, seconds=0.0):
        self.responses[(str(status), method_label(method))] += 1
        self.seconds += seconds

    def total(self):
        return sum(self.responses.values())


def expect_http(agent, app, want, seconds=10, **match):
    """
    Responses by status and method, aborted requests and the count of every
    histogram equal the oracle's, nothing is left in flight, and stays so.
    Returns the last scrape.
    """

    def check(scrape):
        have = dict(app=app, **match)
        aborted = scrape.by("edgetap_app_http_requests_aborted_total", "by", "phase", **have)
        for side in ("edge", "app"):
            got = scrape.by(f"edgetap_{side}_http_responses_total", "status", "method", **have)
            equal({**got, **aborted}, {**want.responses, **want.aborted}, f"{app} {side} responses and aborted")
        lost = scrape.value("edgetap_app_http_requests_lost_total", **have)
        equal(lost, want.lost, f"{app} requests lost")
        for family in ("edge_http_response_time", "app_http_response_time"):
            count = scrape.value(f"edgetap_{family}_seconds_count", **have)
            equal(count, want.total(), f"{app} count of {family}")
        by_class = Counter()
        for (status, _), n in want.responses.items():
            by_class[(status[0] + "xx",)] += n
        got = scrape.by("edgetap_edge_http_response_time_seconds_count", "status", **have)
        equal(got, dict(by_class), f"{app} edge histogram by class")
        equal(scrape.value("edgetap_app_concurrency", **have), 0, f"{app} in flight")

    return agent.expect(check, seconds)


def others_served(before, after):
    """Apps that had traffic between two scrapes of an agent and are none of this script's, nor that agent."""
    name = "edgetap_edge_data_in_bytes_total"
    was, now = before.by(name, "app"), after.by(name, "app")
    found = {app for (app,), n in now.items() if n != was.get((app,), 0)} - Env.names
    own, all_agents = (
        after.value(name, **match) - before.value(name, **match)
        for name, match in (
            ("edgetap_exporter_connections_total", {}), ("edgetap_edge_tcp_connects_total", {"app": "edgetap"}),
        )
    )
    return found - {"edgetap"} if own == all_agents else found


def expect_losses(before, after, reasons, low=0, high=0):
    """
    What was lost under each of the reasons between two scrapes is low .. high. Losses are the
    whole machine's: more is a fault where no app but this script's had traffic meanwhile.
    """
    others = others_served(before, after)
    for reason in reasons:
        lost = after.loss(reason) - before.loss(reason)
        if lost > high and others:
            print(f"  {lost} lost under {reason}, not judged: {', '.join(sorted(others))} had traffic", flush=True)
        else:
            between(lost, low, high, f"losses under {reason}")


def expect_connections(agent, app, opened, closed=None, seconds=10):
    """Connections taken and ended; all of them ended unless `closed` says otherwise."""
    closed = opened if closed is None else closed

    def check(scrape):
        for name, want in (
            ("edge_tcp_connects_total", opened),
            ("app_tcp_connects_total", opened),
            ("edge_tcp_disconnects_total", closed),
        ):
            equal(scrape.value(f"edgetap_{name}", app=app), want, f"{app} {name}")

    return agent.expect(check, seconds)


def expect_time(scrape, app, side, seconds, within, **match):
    """The sum of a response-time histogram agrees with the oracle's sum, `within` and what the machine was busy."""
    within += delayed(app)
    have = scrape.histogram(f"edgetap_{side}_http_response_time_seconds", app=app, **match)
    between(have.sum, seconds - within, seconds + within, f"{app} sum of {side} response times")
    return have


def ss(port):
    """
    {(local port, peer port): {field: number}} of the established sockets on a
    port, from `ss -ti`: bytes_acked, bytes_received, segs_out and the like.
    """
    filters = ["state", "connected", f"( sport = :{port} or dport = :{port} )"]
    done = subprocess.run(
        [need("ss"), "-tinH", *filters], capture_output=True, text=True, check=True
    )
    return parse_ss(done.stdout)


def parse_ss(text):
    out = {}
    ends = None
    for line in text.splitlines():
        if not line[:1].isspace():
            local, peer = line.split()[3:5]
            ends = (int(local.rsplit(":", 1)[1]), int(peer.rsplit(":", 1)[1]))
            out[ends] = {"state": line.split()[0]}
            continue
        for name, value in re.findall(r"\b([a-z_]+):(\d+)\b", line):
            out[ends][name] = int(value)
    return out


def settled(server, requests, seconds=20):
    """The server's log once it has as many lines as the clients made requests."""

    def check():
        out = server.oracle()
        have = out.total() + sum(out.aborted.values())
        equal(have, requests, f"lines in the log of {server.name}")
        return out

    return eventually(check, seconds)
