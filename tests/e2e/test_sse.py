#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: the first byte comes at once, the response lasts as long as the stream."""
import subprocess

import lib
import tls
from client import Connection, request
from h2 import Client, node_h2, records
from lib import between, delayed, equal
from oracle import expect_http, expect_time, settled
from servers import Logged, Nginx

MILLI = 0.001
STREAM_S = 9 * 0.03  # ten events, 30 ms apart


class Events(Logged):
    """programs/sse_server.py."""

    def __init__(self, env, name):
        program, environ = env.python(name)
        super().__init__(env, name, [program, lib.HERE / "programs" / "sse_server.py"], environ)

    def oracle(self):
        return records(self.log.read_text())

    def first_bytes(self):
        """Sum of the times to the first byte."""
        lines = self.log.read_text().splitlines()
        return sum(float(line.split()[3]) for line in lines if not line.startswith("ABORTED"))


def expect_stream(agent, server, want, first_s, within):
    """Whole streams by both clocks, and first bytes that did not wait for them."""
    count = want.total()
    scrape = expect_http(agent, server.name, want)
    app = expect_time(scrape, server.name, "app", want.seconds, count * within)
    edge = scrape.histogram("edgetap_edge_http_response_time_seconds", app=server.name)
    queue = scrape.histogram("edgetap_app_http_queue_time_seconds", app=server.name)
    both = app.sum + queue.sum
    between(edge.sum, both - count * MILLI, both + count * MILLI + delayed(server.name), "edge: app and queue")
    between(want.seconds, count * STREAM_S, count * 3, "the server's own sum")
    first = scrape.histogram("edgetap_app_http_time_to_first_byte_seconds", app=server.name)
    unseen = scrape.value("edgetap_app_http_first_bytes_unseen_total", app=server.name)
    equal((first.count, unseen), (count, 0), "first bytes, seen and unseen")
    between(first.sum, 0, first_s + count * within + delayed(server.name), "times to the first byte")
    return scrape


def test_chunked(env):
    """On one connection, one after the other."""
    agent = env.shared_agent()
    server = Events(env, "e2e-sse-chunked")
    with Connection(server.port) as c:
        for _ in range(10):
            status, body = c.get("/?events=10&ms=30", headers="Accept: text/event-stream\r\n")
            equal((status, body.count(b"id: ")), (200, 10), "events")
    want = settled(server, 10)
    expect_stream(agent, server, want, server.first_bytes(), 5 * MILLI)


def test_close_delimited(env):
    """The stream's end is the connection's."""
    agent = env.shared_agent()
    server = Events(env, "e2e-sse-close")
    open_now = [Connection(server.port) for _ in range(10)]
    for c in open_now:
        c.send(request("/?events=10&ms=30&close=1"))

    def flying(scrape):
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 10, "streams in flight")

    lib.eventually(lambda: flying(agent.scrape()) is None, 2, "streams in flight")
    for c in open_now:
        status, body = c.response()
        equal((status, body.count(b"id: ")), (200, 10), "events")
        c.close()
    want = settled(server, 10)
    expect_stream(agent, server, want, server.first_bytes(), 10 * MILLI)


def test_client_leaves(env):
    """Streams do not end by themselves: a browser that goes away aborts them within the response."""
    agent = env.shared_agent()
    server = Events(env, "e2e-sse-leave")
    for end in ("close", "reset"):
        for _ in range(4):
            c = Connection(server.port)
            c.send(request("/?events=100000&ms=10"))
            c.until(b"id: 3")
            getattr(c, end)()
    want = settled(server, 8)
    equal(dict(want.aborted), {("client", "response"): 8}, "the record")
    expect_http(agent, server.name, want)


def test_curl(env):
    """curl -N, as people look at such streams."""
    agent = env.shared_agent()
    server = Events(env, "e2e-sse-curl")
    for path in ("/?events=10&ms=30", "/?events=10&ms=30&close=1"):
        argv = [lib.need("curl"), "-sN", f"http://127.0.0.1:{server.port}{path}"]
        done = subprocess.run(argv, capture_output=True, timeout=20)
        equal((done.returncode, done.stdout.count(b"id: ")), (0, 10), "curl")
    want = settled(server, 2)
    expect_stream(agent, server, want, server.first_bytes(), 10 * MILLI)


def proxied(env, name, certificates=None):
    """nginx before a server of events: .port HTTP/1.1, .two HTTP/2."""
    back = Events(env, f"{name}-behind")
    two = lib.free_port()
    location = f"location / {{ proxy_pass http://127.0.0.1:{back.port}; proxy_http_version 1.1; proxy_buffering off; }}"
    listen = f"listen 127.0.0.1:{two} {'ssl ' if certificates else ''}http2;"
    tls_lines = certificates.nginx() if certificates else None
    front = Nginx(env, name, server=location, listen=listen, tls=tls_lines)
    lib.listening(two, owner=front.process)
    front.two, front.back = two, back
    return front


def both_versions(agent, front, secure):
    kind = tls.TlsConnection if secure else Connection
    with kind(front.port) as c:
        for _ in range(4):
            equal(c.get("/?events=10&ms=30")[1].count(b"id: "), 10, "events by HTTP/1.1")
    with Client(front.two, tls=secure) as c:
        for _ in range(3):
            numbers = [c.begin("/?events=10&ms=30") for _ in range(4)]
            c.wait(*numbers)
            equal({c.answers[n].status for n in numbers}, {200}, "statuses by HTTP/2")
    want = settled(front, 16)
    expect_stream(agent, front, want, 16 * 10 * MILLI + delayed(front.back.name), 8 * MILLI)
    behind = settled(front.back, 16)
    expect_stream(agent, front.back, behind, front.back.first_bytes(), 8 * MILLI)


def test_nginx(env):
    agent = env.shared_agent()
    both_versions(agent, proxied(env, "e2e-sse-nginx"), False)


def test_nginx_tls(env):
    agent = env.shared_agent()
    front = proxied(env, "e2e-sse-nginx-tls", tls.Certificates(env))
    tls.probed(front.process.pid, tls.mapped(front.process.pid, r"libssl\.so"), "SSL_read", "SSL_write")
    both_versions(agent, front, True)


def test_node(env):
    """Node's http2 streams five events, 40 ms apart; others pass them on the same connection."""
    agent = env.shared_agent()
    server = node_h2(env, "e2e-sse-node")
    with Client(server.port) as c:
        streams = [c.begin("/events") for _ in range(6)]
        for _ in range(10):
            equal(c.get("/").status, 200, "status")
        c.wait(*streams)
        equal({c.answers[n].bytes for n in streams}, {5 * len("data: 1\n\n")}, "bytes of the streams")
    want = settled(server, 16)
    scrape = expect_http(agent, server.name, want)
    between(want.seconds, 6 * 0.155, 10, "Node's own sum")
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, 16 * 15 * MILLI)
    first = scrape.histogram("edgetap_app_http_time_to_first_byte_seconds", app=server.name)
    equal(first.count, 16, "first bytes")
    between(first.sum, 0, 16 * 20 * MILLI + delayed(server.name), "times to the first byte")


def test_node_leaves(env):
    """A stream of events that is reset on a connection that lives on."""
    agent = env.shared_agent()
    server = node_h2(env, "e2e-sse-node-rst")
    with Client(server.port) as c:
        for _ in range(5):
            number = c.begin("/events")
            c.until(lambda n=number: c.answers[n].bytes, "the first event")
            c.reset(number)
            equal(c.get("/").status, 200, "status")

    def check(scrape):
        got = scrape.by("edgetap_app_http_requests_aborted_total", "by", "phase", app=server.name)
        equal(got, {("client", "response"): 5}, "aborted")
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
        equal(got, {("200", "GET"): 5}, "responses")
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(check)


if __name__ == "__main__":
    lib.main(globals())
