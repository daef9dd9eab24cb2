#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""haproxy in front of nginx: one kernel, two instances, each with a log of its own."""
import lib
from client import Connection, ab, request
from lib import between, equal
from oracle import expect_connections, expect_http, expect_time, settled
from servers import Haproxy, Logged, Nginx

MILLI = 0.001


def test_load(env):
    agent = env.shared_agent()
    back = Nginx(env, "e2e-nginx-back")
    proxy = Haproxy(env, "e2e-haproxy-load", [back.port])
    ab(proxy.port, 20000, concurrency=8, keep_alive=True)
    ab(proxy.port, 3000, concurrency=8)
    ab(proxy.port, 500, keep_alive=True, path="/missing")
    want = settled(proxy, 23500)
    behind = settled(back, 23500)
    equal(want.responses, behind.responses, "haproxy's log against nginx's")
    scrape = expect_http(agent, proxy.name, want)
    expect_http(agent, back.name, behind)
    # %Tt runs from accept, so it bounds the response time only on fresh connections.
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=proxy.name)
    inner = scrape.histogram("edgetap_app_http_response_time_seconds", app=back.name)
    assert have.sum > inner.sum, f"the proxy ({have.sum} s) was faster than its server ({inner.sum} s)"


def test_connections(env):
    """Connections of the front, not those that haproxy opens to its server."""
    agent = env.shared_agent()
    back = Nginx(env, "e2e-nginx-behind")
    proxy = Haproxy(env, "e2e-haproxy-conn", [back.port], defaults="    option http-server-close")
    for _ in range(40):
        with Connection(proxy.port) as c:
            for _ in range(3):
                equal(c.get()[0], 200, "status")
            c.finish()
    want = settled(proxy, 120)
    expect_http(agent, proxy.name, want)
    expect_connections(agent, proxy.name, 40)
    expect_connections(agent, back.name, 120)


def test_aborted(env):
    """haproxy logs status -1 for a request that it never answered."""
    agent = env.shared_agent()
    program, environ = env.python("e2e-upstream-h")
    back = Logged(env, "e2e-upstream-h", [program, lib.HERE / "programs" / "upstream.py"], environ)
    proxy = Haproxy(env, "e2e-haproxy-abort", [back.port], defaults="    option abortonclose")
    count = 0
    for end in ("close", "reset"):
        for _ in range(5):
            c = Connection(proxy.port)
            c.send(request("/slow?ms=2000"))

            def flying():
                return agent.scrape().value("edgetap_app_concurrency", app=proxy.name) == 1

            lib.eventually(flying, 5, "request in flight")
            getattr(c, end)()
            count += 1
            settled(proxy, count)
    for _ in range(3):  # half a header, then gone
        with Connection(proxy.port) as c:
            c.send(b"GET / HTTP/1.1\r\nHo")
            lib.eventually(lambda: drained(proxy.port), 5, "half a header read")
        count += 1
        settled(proxy, count)
    with Connection(proxy.port) as c:
        equal(c.get("/slow?ms=30")[0], 200, "a normal one")
        count += 1
        want = settled(proxy, count)
        # It answers 400 to those who only closed their side, and nothing after an RST.
        equal(want.aborted, {("client", "wait"): 5}, "-1 in haproxy's log")
        equal(want.responses[("400", "__other__")], 3, "<BADREQ> in haproxy's log")
        want.responses[("400", "GET")] += want.responses.pop(("400", "__other__"))  # what was sent
        expect_http(agent, proxy.name, want)


def drained(port):
    """The server has read all that it was sent."""
    with open("/proc/net/tcp") as f:
        for line in f.readlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port and fields[3] == "01":
                return int(fields[4].split(":")[1], 16) == 0
    return False


def test_timers(env):
    """haproxy's own time for a slow answer, to the millisecond that it prints."""
    agent = env.shared_agent()
    program, environ = env.python("e2e-upstream-t")
    back = Logged(env, "e2e-upstream-t", [program, lib.HERE / "programs" / "upstream.py"], environ)
    proxy = Haproxy(env, "e2e-haproxy-time", [back.port])
    for _ in range(20):
        with Connection(proxy.port) as c:
            equal(c.get("/slow?ms=20")[0], 200, "status")
    want = settled(proxy, 20)
    between(want.seconds, 0.4, 3, "haproxy's own sum")
    scrape = expect_http(agent, proxy.name, want)
    for side in ("edge", "app"):
        expect_time(scrape, proxy.name, side, want.seconds, 20 * 2 * MILLI)


if __name__ == "__main__":
    lib.main(globals())
