#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""nginx: every kind of response that it can give, against its own access log and timers."""
import time

import lib
from client import Connection, ab, request
from lib import between, equal
from oracle import expect_connections, expect_http, expect_time, settled
from servers import Logged, Nginx

MILLI = 0.001


def upstream(env):
    """A server of ours that is slow, chunked or late on request; see its file."""
    program, environ = env.python("e2e-upstream")
    return Logged(env, "e2e-upstream", [program, lib.HERE / "programs" / "upstream.py"], environ)


def test_keep_alive(env):
    agent = env.shared_agent()
    server = Nginx(env, "e2e-nginx-keep")
    before = lib.passive_opens()
    ab(server.port, 20000, concurrency=8, keep_alive=True)
    opened = lib.passive_opens() - before
    want = settled(server, 20000)
    scrape = expect_http(agent, server.name, want)
    expect_connections(agent, server.name, opened)
    assert opened < 200, f"{opened} connections: not keep-alive"
    # nginx rounds each time down to its clock's last millisecond.
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, 20000 * MILLI)


def test_close(env):
    """One connection per request: no phantom error, abort or connection."""
    agent = env.shared_agent()
    server = Nginx(env, "e2e-nginx-close")
    before = lib.passive_opens()
    ab(server.port, 5000, concurrency=16)  # HTTP/1.0, closes
    for _ in range(50):
        with Connection(server.port) as c:
            equal(c.get(headers="Connection: close\r\n")[0], 200, "status")
            equal(c.rest(), b"", "bytes after the response")
    opened = lib.passive_opens() - before
    between(opened, 5050, 5050 + 16, "connections")  # ab may open a few that it never uses
    want = settled(server, 5050)
    equal(want.aborted, {}, "aborted in nginx's log")
    expect_http(agent, server.name, want)
    scrape = expect_connections(agent, server.name, opened)
    resets = scrape.value("edgetap_edge_tcp_resets_total", app=server.name)
    equal(resets, 0, "resets")


def test_unused_connections(env):
    """Connections without a byte: nginx took them, so they are the app's, and none is an abort."""
    agent = env.shared_agent()
    server = Nginx(env, "e2e-nginx-unused", server="location /status { stub_status; }")
    for _ in range(100):
        Connection(server.port).close()
        Connection(server.port).finish()
    with Connection(server.port) as c:
        lib.eventually(lambda: int(c.get("/status")[1].split()[7]) == 201, 10, "201 accepts of nginx")
        c.finish()
    scrape = expect_connections(agent, server.name, 201)
    aborted = scrape.by("edgetap_app_http_requests_aborted_total", "by", "phase", app=server.name)
    equal(aborted, {}, "aborted")


def test_one_dot_zero(env):
    """HTTP/1.0 with and without keep-alive; no length, so the close ends the response."""
    agent = env.shared_agent()
    back = upstream(env)
    proxy = f"location / {{ proxy_pass http://127.0.0.1:{back.port}; proxy_buffering off; }}"
    server = Nginx(env, "e2e-nginx-10", server=proxy)
    for _ in range(20):
        with Connection(server.port) as c:
            c.send(b"GET /chunked?n=3&ms=10 HTTP/1.0\r\nHost: test\r\n\r\n")
            status, body = c.response()
            equal((status, len(body)), (200, 3 * 1000), "close-delimited response")
    with Connection(server.port) as c:
        for _ in range(20):
            c.send(b"GET /length?n=10 HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n")
            equal(c.response()[0], 200, "status")
    want = settled(server, 40)
    scrape = expect_http(agent, server.name, want)
    # 20 responses of three parts, 10 ms apart: the last part ends them.
    expect_time(scrape, server.name, "app", want.seconds, 40 * 2 * MILLI)


def test_statuses_and_methods(env):
    agent = env.shared_agent()
    server = Nginx(
        env,
        "e2e-nginx-status",
        http="large_client_header_buffers 2 1k;",
        server="""
        client_max_body_size 1k;
        location /204 { return 204; }
        location /304 { return 304; }
        location /301 { return 301 /elsewhere; }
        location /403 { return 403; }
        location /500 { return 500; }
        location /502 { proxy_pass http://127.0.0.1:1; }
        location /599 { return 599; }
        location /teapot { return 418 "short"; }
        """,
    )
    count = 0
    with Connection(server.port) as c:
        for path, status in (
            ("/", 200), ("/204", 204), ("/304", 304), ("/301", 301), ("/403", 403),
            ("/missing", 404), ("/502", 502), ("/599", 599), ("/teapot", 418),
        ):
            for method in ("GET", "HEAD"):
                equal(c.get(path, method)[0], status, f"{method} {path}")
                count += 1
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"):
            equal(c.get("/teapot", method)[0], 418, method)
            count += 1
    refused = (
        (request("/500"), 500),
        (request("/500", "HEAD"), 500),
        (b"garbage\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
        (request("/" + "u" * 2000), 414),
        (request(headers="X-Long: " + "h" * 3000 + "\r\n"), 400),
        (request(method="POST", body=b"b" * 2000), 413),
    )
    for data, status in refused:
        with Connection(server.port) as c:
            c.send(data)
            method = "HEAD" if data.startswith(b"HEAD") else "GET"
            equal(c.response(method)[0], status, repr(data[:40]))
            c.rest()
            count += 1
    want = settled(server, count)
    # Of a request line that does not end, or is of another protocol, the method is not believed.
    for status in ("414", "505"):
        want.responses[(status, "__other__")] += want.responses.pop((status, "GET"))
    expect_http(agent, server.name, want)


def test_large_file_slow_reader(env):
    """Both clocks run until the kernel has taken the last byte of 50 MB."""
    agent = env.shared_agent()
    server = Nginx(env, "e2e-nginx-sendfile", server="sendfile on; tcp_nopush on;")
    size = 50 << 20
    with open(server.root / "large", "wb") as f:
        f.truncate(size)
    with Connection(server.port, receive_buffer=65536) as c:
        c.send(request("/large"))
        status, headers = c.head()
        equal((status, int(headers["content-length"])), (200, size), "answer")
        left = size
        while left:  # 25 parts with a pause: the pace is the workload
            part = min(left, 2 << 20)
            c.exactly(part)
            left -= part
            time.sleep(0.08)
        # The connection stays open: what ends the response is its length.
        want = settled(server, 1)
        assert want.seconds > 1, f"nginx finished after {want.seconds} s: the reader was not slow"
        scrape = expect_http(agent, server.name, want)
        for side in ("edge", "app"):
            expect_time(scrape, server.name, side, want.seconds, 5 * MILLI)
        first = scrape.histogram("edgetap_app_http_time_to_first_byte_seconds", app=server.name)
        equal(first.count, 1, "first bytes")
        assert first.sum < want.seconds / 2, f"first byte after {first.sum} s"


def test_chunked(env):
    """Chunked responses end with their last chunk, not with the next request."""
    agent = env.shared_agent()
    back = upstream(env)
    server = Nginx(
        env,
        "e2e-nginx-chunked",
        http="gzip on; gzip_min_length 1; gzip_http_version 1.1;",
        server=f"""
        location /up/ {{ proxy_pass http://127.0.0.1:{back.port}/; proxy_http_version 1.1; proxy_buffering off; }}
        """,
    )
    (server.root / "text.html").write_text("".join(f"line {i}\n" for i in range(20000)))
    with Connection(server.port) as c:
        for i in range(10):
            status, body = c.get("/up/chunked?n=5&ms=5")
            equal((status, len(body)), (200, 5000), "streamed")
            status, _ = c.get("/text.html", headers="Accept-Encoding: gzip\r\n")
            equal(status, 200, "compressed")
            time.sleep(0.05)  # idle time that must not be counted
        want = settled(server, 20)
        scrape = expect_http(agent, server.name, want)
        expect_time(scrape, server.name, "app", want.seconds, 20 * 2 * MILLI)


def test_continue_upload(env):
    """100 Continue is no response; the upload's time runs until 201."""
    agent = env.shared_agent()
    server = Nginx(
        env,
        "e2e-nginx-upload",
        server="client_max_body_size 100m; location /dav/ { dav_methods PUT; create_full_put_path on; }",
    )
    body = b"GET / HTTP/1.1\r\n\r\n" * 60000  # looks like requests and is none
    for i in range(5):
        with Connection(server.port) as c:
            for j in range(2):
                head = request(f"/dav/{i}-{j}", "PUT", f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n")
                c.send(head)
                equal(c.head()[0], 100, "interim status")
                time.sleep(0.02)
                c.send(body)
                equal(c.response("PUT")[0], 201, "final status")
    want = settled(server, 10)
    scrape = expect_http(agent, server.name, want)
    assert want.seconds > 10 * 0.015, "nginx saw no waiting"
    expect_time(scrape, server.name, "app", want.seconds, 10 * 2 * MILLI)


def test_absolute_form(env):
    agent = env.shared_agent()
    server = Nginx(env, "e2e-nginx-absolute")
    with Connection(server.port) as c:
        for _ in range(10):
            equal(c.get("http://test.example:8080/")[0], 200, "absolute form")
        equal(c.get("*", "OPTIONS")[0], 400, "asterisk form")
        c.rest()
    with Connection(server.port) as c:
        for _ in range(10):
            equal(c.get("HTTP://test.example/missing?a=/b#", "HEAD")[0], 404, "absolute form")
    want = settled(server, 21)
    expect_http(agent, server.name, want)


def test_aborted(env):
    """What nginx logs as 499, 444 and 408 was never sent: aborted, by whom and when."""
    agent = env.shared_agent()
    back = upstream(env)
    server = Nginx(
        env,
        "e2e-nginx-abort",
        http="client_header_timeout 1s; client_body_timeout 1s; send_timeout 1s;",
        server=f"""
        location /444 {{ return 444; }}
        location /up/ {{ proxy_pass http://127.0.0.1:{back.port}/; }}
        """,
    )
    with open(server.root / "large", "wb") as f:
        f.truncate(50 << 20)
    count = 0
    for end in ("close", "reset"):
        for _ in range(4):
            c = Connection(server.port)
            c.send(request("/up/slow?ms=3000"))
            lib.eventually(lambda: in_flight(agent, server.name) == 1, 5, "request in flight")
            getattr(c, end)()
            count += 1
            settled(server, count)
    for _ in range(5):
        with Connection(server.port) as c:
            c.send(request("/444"))
            equal(c.rest(), b"", "answer to 444")
            count += 1
    late = [Connection(server.port) for _ in range(3)]
    for c in late:
        c.send(b"GET / HTTP/1.1\r\nHost: te")
    for c in late:
        equal(c.rest(), b"", "answer to half a header")
        c.close()
        count += 1
    for _ in range(3):
        with Connection(server.port) as c:  # leaves while it is being answered
            c.send(request("/large"))
            c.exactly(100000)
            c.reset()
            count += 1
    with Connection(server.port) as c:
        equal(c.get()[0], 200, "a normal one")
        count += 1
    with Connection(server.port):
        pass  # a connection without a request is no abort
    want = settled(server, count)
    equal(
        dict(want.aborted),
        {("client", "wait"): 8, ("server", "wait"): 5, ("server", "request"): 3, ("client", "response"): 3},
        "aborted in nginx's log",
    )
    expect_http(agent, server.name, want)


def in_flight(agent, app):
    return agent.scrape().value("edgetap_app_concurrency", app=app)


def test_in_flight(env):
    """Requests in flight are those that wait for their answer, whatever their end."""
    agent = env.shared_agent()
    back = upstream(env)
    server = Nginx(env, "e2e-nginx-flight", server=f"location / {{ proxy_pass http://127.0.0.1:{back.port}; }}")

    def expect(n):
        def check(scrape):
            equal(scrape.value("edgetap_app_concurrency", app=server.name), n, "in flight")

        agent.expect(check)

    open_now = [Connection(server.port) for _ in range(7)]
    expect(0)
    for c in open_now:
        c.send(request("/slow?ms=2500"))
    expect(7)
    open_now[0].close()
    open_now[1].reset()
    expect(5)
    for c in open_now[2:]:
        equal(c.response()[0], 200, "status")
    expect(0)


if __name__ == "__main__":
    lib.main(globals())
