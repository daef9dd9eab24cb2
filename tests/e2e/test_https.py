#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: nothing of the machine may be lost
"""HTTP/1.1 inside TLS by nginx, haproxy and Apache, and queue time: against the servers' logs and timers."""
import re
import ssl
import subprocess
import time

import lib
from client import request, wrk
from https import Books, EX, MILLI, READ_WRITE, load, python, watch
from lib import between, equal
from oracle import expect_http, expect_time, settled
from servers import Apache, Haproxy, Logged, Nginx
from tls import Certificates, TlsConnection, children, context, mapped, probed


def test_nginx_load(env):
    """Keep-alive and a connection per request, TLS 1.2 and 1.3, ab, wrk and curl."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    server = Nginx(
        env, "e2e-https-nginx", tls=certificates.nginx(), buffered=True,
        http="keepalive_requests 100000;", workers=2,
    )
    for worker in children(server.process.pid):
        probed(worker, mapped(worker, r"libssl\.so"), *READ_WRITE)
    books = Books(agent)
    before = lib.passive_opens()
    load(server.port, 20000, keep_alive=True)
    load(server.port, 5000, keep_alive=True, args=["-f", "TLS1.2"])
    load(server.port, 1500)
    load(server.port, 500, args=["-f", "TLS1.2"])
    load(server.port, 1000, keep_alive=True, path="/missing")
    count = 28000
    url = f"https://127.0.0.1:{server.port}"
    done = subprocess.run(
        [lib.need("curl"), "-sS", "--http1.1", "--cacert", certificates.ca, url + "/[1-50]", url + "/", "-I", url + "/"],
        capture_output=True, text=True, timeout=30,
    )
    assert done.returncode == 0, done.stderr
    count += done.stdout.count("HTTP/1.1 ")
    equal(done.stdout.count("HTTP/1.1 "), 52, "curl's responses")
    opened = lib.passive_opens() - before
    percentiles, most = wrk(server.port, 3, scheme="https")
    server.quit()
    want = server.oracle()
    between(want.total(), count + most - 16, count + most + 16, "lines in nginx's log")
    scrape = expect_http(agent, server.name, want, 20)
    books.nothing_lost()
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, want.total() * MILLI)
    # wrk's median holds the whole way of a request; nothing that the agent says may be above it by a bucket.
    have = scrape.histogram("edgetap_edge_http_response_time_seconds", app=server.name, status="2xx")
    low, _ = have.quantile(0.5)
    assert low <= percentiles[50] * 1.5, f"median at the edge above {low} s, wrk's {percentiles[50]} s"
    got = scrape.value("edgetap_edge_tls_handshake_time_seconds_count", app=server.name)
    between(got, opened - 16, opened + 200, "handshakes")
    queue = scrape.histogram("edgetap_app_http_queue_time_seconds", app=server.name)
    equal(queue.count, want.total(), "requests in the queue time")
    between(queue.sum, 0, scrape.histogram("edgetap_edge_http_response_time_seconds", app=server.name).sum, "queue time")


def test_nginx_kinds(env):
    """Statuses, methods, bodies of every size both ways, chunks, and a server that is slow."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    program, environ = env.python("e2e-https-up")
    back = Logged(env, "e2e-https-up", [program, lib.HERE / "programs" / "upstream.py"], environ)
    server = Nginx(
        env, "e2e-https-kinds", tls=certificates.nginx(),
        http="client_body_buffer_size 64k;",
        server=f"""
        client_max_body_size 100m;
        location /204 {{ return 204; }}
        location /304 {{ return 304; }}
        location /301 {{ return 301 /elsewhere; }}
        location /403 {{ return 403; }}
        location /502 {{ proxy_pass http://127.0.0.1:1; }}
        location /599 {{ return 599; }}
        location /teapot {{ return 418 "short"; }}
        location /dav/ {{ dav_methods PUT; create_full_put_path on; }}
        location /up/ {{ proxy_pass http://127.0.0.1:{back.port}/; proxy_http_version 1.1; proxy_buffering off; }}
        """,
    )
    for worker in children(server.process.pid):
        probed(worker, mapped(worker, r"libssl\.so"), *READ_WRITE)
    (server.root / "large").write_bytes(b"HTTP/1.1 500 no\r\n\r\n" * 500000)
    books = Books(agent)
    count = 0
    for version in (None, ssl.TLSVersion.TLSv1_2):
        tls = context()
        if version:
            tls.maximum_version = version
        with TlsConnection(server.port, tls=tls) as c:
            for path, status in (
                ("/", 200), ("/204", 204), ("/304", 304), ("/301", 301), ("/403", 403), ("/missing", 404),
                ("/502", 502), ("/599", 599), ("/teapot", 418), ("/large", 200), ("/up/chunked?n=40", 200),
            ):
                for method in ("GET", "HEAD"):
                    if method == "HEAD" and "up" in path:
                        continue
                    equal(c.get(path, method)[0], status, f"{method} {path}")
                    count += 1
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"):
                equal(c.get("/teapot", method)[0], 418, method)
                count += 1
            for size in (1, 5000, 3 << 20):
                status = c.get(f"/dav/{tls.maximum_version:x}-{size}", "PUT", body=b"GET / HTTP/1.1\r\n\r\n" * (size // 18 + 1))[0]
                equal(status, 201, "PUT")
                equal(c.get("/up/length?n=7", "POST", body=b"q" * size)[0], 200, "POST")
                count += 2
            for byte in request("/teapot"):  # a record for every byte
                c.send(bytes([byte]))
            equal(c.response()[0], 418, "byte by byte")
            c.send(request("/teapot") * 5)
            for _ in range(5):
                equal(c.response()[0], 418, "pipelined")
            count += 6
            c.finish()
    with TlsConnection(server.port) as c:
        for _ in range(10):
            equal(c.get("/up/slow?ms=60")[0], 200, "slow")
            equal(c.get("/up/chunked?n=3&ms=20")[0], 200, "in parts")
            count += 2
            time.sleep(0.02)  # idle, which nobody may count
        c.finish()
    want = settled(server, count)
    scrape = expect_http(agent, server.name, want)
    books.nothing_lost()
    between(want.seconds, 1, 20, "nginx's own sum")
    # The clocks and nginx's differ by the rounding of its log, and by the time to encrypt.
    expect_time(scrape, server.name, "app", want.seconds, count * 2 * MILLI)
    expect_time(scrape, server.name, "edge", want.seconds, count * 2 * MILLI + 0.1)
    first = scrape.histogram("edgetap_app_http_time_to_first_byte_seconds", app=server.name)
    between(first.count, count - 60, count, "first bytes")
    # nginx went to another server over clear text: that one is not confused with it.
    expect_http(agent, back.name, settled(back, 2 * 4 + 20))


def test_slow_reader(env):
    """20 MB to a client that takes its time: both clocks end with the last byte, as nginx's does."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    server = Nginx(env, "e2e-https-slow", tls=certificates.nginx())
    for worker in children(server.process.pid):
        probed(worker, mapped(worker, r"libssl\.so"), *READ_WRITE)
    size = 20 << 20
    with open(server.root / "large", "wb") as f:
        f.truncate(size)
    with TlsConnection(server.port, receive_buffer=65536) as c:
        c.send(request("/large"))
        equal(c.head()[0], 200, "status")
        for _ in range(20):
            c.exactly(size // 20)
            time.sleep(0.06)  # the pace is the workload
        want = settled(server, 1)
        assert want.seconds > 0.6, f"nginx finished after {want.seconds} s: the reader was not slow"
        scrape = expect_http(agent, server.name, want)
        for side in ("edge", "app"):
            expect_time(scrape, server.name, side, want.seconds, 0.02)


def test_aborted(env):
    """Clients that leave, over TLS: what nginx logs as 499, and an answer cut short."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    program, environ = env.python("e2e-https-late")
    back = Logged(env, "e2e-https-late", [program, lib.HERE / "programs" / "upstream.py"], environ)
    server = Nginx(
        env, "e2e-https-abort", tls=certificates.nginx(),
        server=f"""
        location /444 {{ return 444; }}
        location /up/ {{ proxy_pass http://127.0.0.1:{back.port}/; }}
        """,
    )
    for worker in children(server.process.pid):
        probed(worker, mapped(worker, r"libssl\.so"), *READ_WRITE)
    with open(server.root / "large", "wb") as f:
        f.truncate(50 << 20)
    count = 0
    for end in ("close", "reset"):
        for _ in range(3):
            c = TlsConnection(server.port)
            c.send(request("/up/slow?ms=3000"))

            def flying():
                return agent.scrape().value("edgetap_app_concurrency", app=server.name) == 1

            lib.eventually(flying, 5, "request in flight")
            getattr(c, end)()
            count += 1
            settled(server, count)
    for _ in range(3):
        with TlsConnection(server.port) as c:
            c.send(request("/444"))
            equal(c.rest(), b"", "answer to 444")
            count += 1
    for _ in range(3):
        c = TlsConnection(server.port)  # leaves while it is being answered
        c.send(request("/large"))
        c.exactly(100000)
        c.reset()
        count += 1
    with TlsConnection(server.port) as c:
        equal(c.get()[0], 200, "a normal one")
        c.finish()
    want = settled(server, count + 1)
    equal(
        dict(want.aborted),
        {("client", "wait"): 6, ("server", "wait"): 3, ("client", "response"): 3},
        "aborted in nginx's log",
    )
    expect_http(agent, server.name, want)


def test_haproxy(env):
    """haproxy in front of nginx, TLS on both sides: each has its own requests and handshakes."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    back = Nginx(env, "e2e-https-back", tls=certificates.nginx(), http="keepalive_requests 100000;")
    proxy = Haproxy(
        env, "e2e-https-haproxy", [back.port], bind=f"ssl crt {certificates.server.both} alpn http/1.1",
        backend="    default-server ssl verify none",
    )
    for worker in children(back.process.pid):
        probed(worker, mapped(worker, r"libssl\.so"), *READ_WRITE)
    watch(proxy.process, r"libssl\.so")
    books = Books(agent)
    before = lib.passive_opens()
    load(proxy.port, 15000, keep_alive=True)
    load(proxy.port, 500, keep_alive=True, path="/missing")
    load(proxy.port, 500)
    want = settled(proxy, 16000)
    behind = settled(back, 16000)
    opened = lib.passive_opens() - before
    scrape = expect_http(agent, proxy.name, want)
    expect_http(agent, back.name, behind)
    books.nothing_lost()
    times = "edgetap_edge_tls_handshake_time_seconds_count"
    front, inner = (scrape.value(times, app=s.name) for s in (proxy, back))
    between(front, 500, 530, "handshakes at the front")
    equal(front + inner, opened, "handshakes of both are the connections that the kernel accepted")
    program, environ = env.python("e2e-https-slowly")
    slow = Logged(env, "e2e-https-slowly", [program, lib.HERE / "programs" / "upstream.py"], environ)
    timed = Haproxy(
        env, "e2e-https-timed", [slow.port], bind=f"ssl crt {certificates.server.both} alpn http/1.1"
    )
    watch(timed.process, r"libssl\.so")
    with TlsConnection(timed.port) as c:
        for _ in range(20):
            equal(c.get("/slow?ms=30")[0], 200, "status")
        c.finish()
    want = settled(timed, 20)
    # %Ta: from the request's first byte to the answer's last, without the handshake and idle time.
    active = sum(int(n) for n in re.findall(r"^\d+ GET \S+ \d+ \d+ (\d+)$", timed.process.output(), re.M)) / 1000
    between(active, 0.6, 3, "haproxy's own sum")
    scrape = expect_http(agent, timed.name, want)
    for side in ("edge", "app"):
        expect_time(scrape, timed.name, side, active, 20 * 2 * MILLI)


def test_apache(env):
    """Ten prefork workers with mod_ssl: one library, one instance."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    server = Apache(
        env, "e2e-https-apache", extra=("ssl", "socache_shmcb"),
        conf=f"""
        SSLEngine on
        SSLCertificateFile {certificates.server.cert}
        SSLCertificateKeyFile {certificates.server.key}
        SSLSessionCache none
        Redirect 301 /moved http://test/
        Redirect 410 /gone
        RewriteEngine On
        RewriteRule ^/none$ - [R=204]
        RewriteRule ^/fail$ - [R=500]
        """,
    )
    watch(server.process, r"libssl\.so")
    books = Books(agent)
    load(server.port, 10000, keep_alive=True)
    load(server.port, 800)
    load(server.port, 200, path="/missing", args=["-f", "TLS1.2"])
    load(server.port, 100, args=["-i"])  # HEAD
    count = 11100
    (server.root / "text").write_bytes(b"HTTP/1.1 500 no\r\n\r\nGET /x HTTP/1.1\r\n\r\n" * 20000)
    for path, status in (
        ("/", 200), ("/moved", 301), ("/gone", 410), ("/none", 204), ("/fail", 500), ("/no", 404), ("/text", 200),
    ):
        for method in ("GET", "HEAD"):
            with TlsConnection(server.port) as c:
                equal(c.get(path, method)[0], status, f"{method} {path}")
                c.finish()
                count += 1
    want = settled(server, count)
    scrape = expect_http(agent, server.name, want)
    books.nothing_lost()
    found = {labels["instance"] for labels, _ in scrape.select("edgetap_app_tcp_connects_total", app=server.name)}
    equal(len(found), 1, f"instances of ten workers {found}")
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
    between(have.sum, want.seconds / 20, want.seconds * 1.05, "sum of app times")


def test_queue(env):
    """A server that leaves requests unread: queue time, also where they wait as ciphertext."""
    certificates = Certificates(env)
    agent = env.shared_agent()
    wait, count = 0.25, 5
    late = python(env, "e2e-https-late-read", certificates, "blocking", BEFORE_READ_MS=str(int(wait * 1000)))
    prompt = python(env, "e2e-https-prompt", certificates, "blocking")
    for server in (late, prompt):
        watch(server.process, r"libssl\.so", EX)
        with TlsConnection(server.port) as c:
            for _ in range(count):
                equal(c.get()[0], 200, "status")
            c.finish()

    def times(server):
        scrape = expect_http(agent, server.name, settled(server, count))
        names = ("edge_http_response_time", "app_http_response_time", "app_http_queue_time")
        have = [scrape.histogram(f"edgetap_{name}_seconds", app=server.name) for name in names]
        equal([h.count for h in have], [count] * 3, f"{server.name}: counts")
        return [h.sum for h in have]

    edge, app, queue = times(late)
    low, high = wait * (count - 1) * 0.9, wait * count + 0.2
    between(queue, low, high, "queue time of unread requests")
    between(edge, low, high, "edge time of unread requests")
    between(app, 0, 0.2, "app time of unread requests")
    edge, app, queue = times(prompt)
    between(queue, 0, 0.1, "queue time of an idle server")
    between(edge - app - queue, -0.02, 0.02, "edge less app less queue")


if __name__ == "__main__":
    lib.main(globals())
