#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 inside TLS, by every library that is followed: against the servers' logs and timers."""
import os
import re
import ssl
import subprocess
import time
from pathlib import Path

import lib
from client import ab, request, wrk
from lib import between, equal
from oracle import Requests, expect_connections, expect_http, expect_time, settled
from servers import Apache, Haproxy, Logged, Nginx, go, node
from tls import Certificates, TlsConnection, children, context, library, mapped, probed

MILLI = 0.001
READ_WRITE = ("SSL_read", "SSL_write")
EX = ("SSL_read_ex", "SSL_write_ex")
GO = ("crypto/tls.(*Conn).Read", "crypto/tls.(*Conn).Write")
# What may be lost for another reason than that plain text was not seen: none of these may grow.
LOSSES = (
    "tls_unseen", "tls_call", "sockets_full", "connections_full", "rows_full", "statuses_full",
    "pipeline_full", "header_invalid", "resync", "gap", "budget", "fault", "iovec", "events_full",
)


def watch(process, pattern, names=READ_WRITE):
    """Waits until a process's library is watched: what it serves from now on is seen."""
    probed(process.pid, mapped(process.pid, pattern), *names)


def watch_itself(process, names=READ_WRITE):
    """The same for a process that has the library inside."""
    probed(process.pid, Path(os.readlink(f"/proc/{process.pid}/exe")), *names)


class Books:
    """The losses before a test, so that it can say that it lost nothing."""

    def __init__(self, agent):
        self.agent = agent
        self.before = agent.scrape()

    def lost(self, *reasons):
        return self.agent.scrape().loss(*reasons) - self.before.loss(*reasons)

    def nothing_lost(self):
        now = self.agent.scrape().losses()
        before = self.before.losses()
        grown = {r: now.get(r, 0) - before.get(r, 0) for r in LOSSES if now.get(r, 0) != before.get(r, 0)}
        equal(grown, {}, "losses")


def https(port, requests, **how):
    return ab(port, requests, scheme="https", **how)


def kinds(server, count=1):
    """Requests of every kind to a server whose paths are those of server.go and server.js; how many."""
    sent = 0
    for _ in range(count):
        with TlsConnection(server.port) as c:
            for path, status in (
                ("/", 200), ("/chunked", 200), ("/empty", 204), ("/missing", 404), ("/error", 500),
                ("/slow", 200),
            ):
                for method in ("GET", "HEAD"):
                    equal(c.get(path, method)[0], status, f"{method} {path}")
                    sent += 1
            for size in (1, 1000, 300000):
                equal(c.get("/", "POST", body=b"p" * size)[0], 201, "POST")
                sent += 1
            c.finish()
    return sent


def test_nginx_load(env):
    """Keep-alive and a connection per request, TLS 1.2 and 1.3, ab, wrk and curl."""
    certificates = Certificates(env)
    agent = env.agent()
    server = Nginx(
        env, "e2e-https-nginx", tls=certificates.nginx(), buffered=True,
        http="keepalive_requests 100000;", workers=2,
    )
    for worker in children(server.process.pid):
        probed(worker, mapped(worker, r"libssl\.so"), *READ_WRITE)
    books = Books(agent)
    before = lib.passive_opens()
    https(server.port, 20000, keep_alive=True)
    https(server.port, 5000, keep_alive=True, args=["-f", "TLS1.2"])
    https(server.port, 1500)
    https(server.port, 500, args=["-f", "TLS1.2"])
    https(server.port, 1000, keep_alive=True, path="/missing")
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
    agent = env.agent()
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
    agent = env.agent()
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
    agent = env.agent()
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
    agent = env.agent()
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
    https(proxy.port, 15000, keep_alive=True)
    https(proxy.port, 500, keep_alive=True, path="/missing")
    https(proxy.port, 500)
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
    agent = env.agent()
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
    https(server.port, 10000, keep_alive=True)
    https(server.port, 800)
    https(server.port, 200, path="/missing", args=["-f", "TLS1.2"])
    https(server.port, 100, args=["-i"])  # HEAD
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


def test_go(env):
    """A static program without any C library."""
    certificates = Certificates(env)
    agent = env.agent()
    server = go(env, "e2e-https-go", certificates.environ())
    watch_itself(server.process, GO)
    books = Books(agent)
    before = lib.passive_opens()
    https(server.port, 15000, keep_alive=True)
    https(server.port, 1000)
    count = 16000 + kinds(server, 3)
    opened = lib.passive_opens() - before
    want = settled(server, count)
    scrape = expect_http(agent, server.name, want)
    books.nothing_lost()
    expect_connections(agent, server.name, opened)
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
    between(have.above(0.1), 6, 12, "slow answers")
    got = scrape.value("edgetap_edge_tls_handshake_time_seconds_count", app=server.name)
    equal(got, opened, "handshakes")


def exact_or_unseen(agent, books, server, want, connections):
    """
    Of a server whose library does not touch the socket: every request is counted
    as its log has it, or the connection is counted as not seen. Never a wrong one.
    """

    def check(scrape):
        name = "edgetap_app_http_responses_total"
        got = scrape.by(name, "status", "method", app=server.name)
        unseen = scrape.loss("tls_unseen") - books.before.loss("tls_unseen")
        for key, n in got.items():
            between(n, 0, want.responses.get(key, 0), f"{server.name} {key}")
        missing = want.total() - sum(got.values())
        lost = scrape.value("edgetap_app_http_requests_lost_total", app=server.name)
        if not missing:
            equal((unseen, lost), (0, 0), "connections not seen, requests lost, of an exact count")
        else:
            between(unseen, 1, connections, f"connections not seen, of {missing} requests")
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")
        equal(
            scrape.by("edgetap_app_http_requests_aborted_total", "by", "phase", app=server.name), {}, "aborted"
        )
        return missing, unseen

    scrape = agent.expect(check)
    missing, unseen = check(scrape)
    print(f"{server.name}: {missing} of {want.total()} requests, {unseen} of {connections} connections not seen")
    return missing


def test_node(env):
    """Memory BIOs: the library never touches the socket."""
    certificates = Certificates(env)
    agent = env.agent()
    server = node(env, "e2e-https-node", certificates.environ())
    exe = Path(os.readlink(f"/proc/{server.process.pid}/exe"))
    names = READ_WRITE
    try:
        probed(server.process.pid, exe, *names, seconds=15)
    except AssertionError as e:
        print(f"not watched: {e}")
    books = Books(agent)
    before = lib.passive_opens()
    https(server.port, 8000, keep_alive=True)
    https(server.port, 400)
    count = 8400 + kinds(server, 3)
    opened = lib.passive_opens() - before
    want = settled(server, count)
    exact_or_unseen(agent, books, server, want, opened)


def python(env, name, certificates, mode, **more):
    program, environ = env.python(name)
    environ = dict(environ, MODE=mode, **certificates.environ(), **more)
    environ.update(PYTHONHOME="/usr", PYTHONUNBUFFERED="1")
    return Logged(env, name, [program, lib.HERE / "programs" / "tls_server.py"], environ)


def every_path(server, rounds=20):
    """Requests of every kind to tls_server.py; how many."""
    count = 0
    for _ in range(rounds):
        with TlsConnection(server.port) as c:
            for status in (200, 201, 204, 302, 304, 404, 418, 500, 503):
                for method in ("GET", "HEAD", "DELETE"):
                    equal(c.get(f"/?status={status}&n=100", method)[0], status, f"{method} {status}")
                    count += 1
            for size in (1, 20000, 200000):
                equal(c.get("/?status=201", "POST", body=b"p" * size)[0], 201, "POST")
                equal(len(c.get(f"/?n={size}&chunk=3000")[1]), size, "chunked")
                count += 2
            c.send(request("/?status=418") * 4)
            for _ in range(4):
                equal(c.response()[0], 418, "pipelined")
                count += 1
            c.finish()
    return count


def test_python(env):
    """Python's ssl on blocking sockets: SSL_read_ex and SSL_write_ex."""
    certificates = Certificates(env)
    agent = env.agent()
    server = python(env, "e2e-https-python", certificates, "blocking")
    watch(server.process, r"libssl\.so", EX)
    books = Books(agent)
    count = every_path(server)
    with TlsConnection(server.port) as c:
        for _ in range(10):
            equal(c.get("/?ms=50")[0], 200, "slow")
        c.finish()
    want = settled(server, count + 10)
    scrape = expect_http(agent, server.name, want)
    books.nothing_lost()
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, 0.1 + 0.25 * want.seconds)


def test_asyncio(env):
    """Python's streams keep TLS in memory BIOs: exact, or counted as not seen."""
    certificates = Certificates(env)
    agent = env.agent()
    server = python(env, "e2e-https-asyncio", certificates, "asyncio")
    watch(server.process, r"libssl\.so", EX)
    books = Books(agent)
    before = lib.passive_opens()
    held = [TlsConnection(server.port) for _ in range(8)]
    count = 0
    for _ in range(200):  # several connections at once: none may be taken for another
        for i, c in enumerate(held):
            c.send(request(f"/?status={200 + i}"))
        for i, c in enumerate(held):
            equal(c.response()[0], 200 + i if i != 4 else 204, "status")
            count += 1
    for c in held:
        c.finish()
    count += every_path(server, 10)
    want = settled(server, count)
    exact_or_unseen(agent, books, server, want, lib.passive_opens() - before)


def test_queue(env):
    """A server that leaves requests unread: queue time, also where they wait as ciphertext."""
    certificates = Certificates(env)
    agent = env.agent()
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


def test_gnutls(env):
    """gnutls-serv answers every GET with a page and closes."""
    certificates = Certificates(env)
    agent = env.agent()
    port = lib.free_port()
    pair = certificates.server
    program = env.renamed(lib.need("gnutls-serv"), "e2e-https-gnutls")
    server = env.start(
        [program, "--http", "-q", "-p", str(port), "--x509certfile", pair.cert, "--x509keyfile", pair.key,
         "--disable-client-cert"],
        name="e2e-https-gnutls",
    )
    server.name = "e2e-https-gnutls"
    lib.listening(port, owner=server)
    watch(server, r"libgnutls\.so", ("gnutls_record_recv", "gnutls_record_send"))
    books = Books(agent)
    want = Requests()
    for i in range(300):
        with TlsConnection(port) as c:
            if i % 3:
                c.send(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
            else:
                for byte in b"GET /bytewise HTTP/1.0\r\n\r\n":
                    c.send(bytes([byte]))
            status, _ = c.response()
            want.answered(status, "GET")
    equal(dict(want.responses), {("200", "GET"): 300}, "what the client was answered")
    expect_http(agent, server.name, want)
    books.nothing_lost()
    done = agent.scrape().value("edgetap_edge_tls_handshake_time_seconds_count", app=server.name)
    equal(done, 300, "handshakes")


def linked(static):
    """A server of ours around OpenSSL, linked with the shared library or with the archive."""
    found = subprocess.run(["cc", "-print-file-name=libssl.a"], capture_output=True, text=True, check=True)
    if static and not Path(found.stdout.strip()).is_absolute():
        raise lib.Skip("no libssl.a")
    flags = ("-static",) if static else ()
    return lib.compiled(
        "tls_server.c", out="tls_static" if static else "tls_shared", flags=flags, libs=("-lssl", "-lcrypto")
    )


def own_server(env, static, how):
    certificates = Certificates(env)
    agent = env.agent()
    name = f"e2e-https-{'static' if static else 'shared'}-{how}"
    program = env.renamed(linked(static), name)
    server = Logged(env, name, [program, how], certificates.environ())
    names = EX if how == "ex" else READ_WRITE
    if static:
        watch_itself(server.process, names)
    else:
        watch(server.process, r"libssl\.so", names)
    books = Books(agent)
    before = lib.passive_opens()
    https(server.port, 8000, keep_alive=True)
    https(server.port, 500)
    count = 8500
    for _ in range(5):
        with TlsConnection(server.port) as c:
            for status in (200, 201, 204, 304, 403, 404, 500, 503, 599):
                for size in (0, 1, 65536, 300000):
                    for method in ("GET", "HEAD", "PUT"):
                        body = b"b" * size if method == "PUT" else b""
                        equal(c.get(f"/{status}/{size}", method, body=body)[0], status, f"{method} {status}")
                        count += 1
            c.finish()
    want = settled(server, count)
    return agent, books, server, want, lib.passive_opens() - before


def test_static(env):
    """OpenSSL inside a static program that has its symbols."""
    agent, books, server, want, _ = own_server(env, True, "plain")
    expect_http(agent, server.name, want)
    books.nothing_lost()


def test_static_ex(env):
    agent, books, server, want, _ = own_server(env, True, "ex")
    expect_http(agent, server.name, want)
    books.nothing_lost()


def test_shared(env):
    agent, books, server, want, _ = own_server(env, False, "plain")
    scrape = expect_http(agent, server.name, want)
    books.nothing_lost()
    # The server's own clock starts when it has the whole head, and is one of a thread that may wait for a CPU.
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
    between(have.sum, want.seconds * 0.9 - 0.05, want.seconds * 1.5 + 0.5, "sum of app times")


def test_memory(env):
    exact_or_unseen(*own_server(env, False, "memory"))


def test_started_before(env):
    """A server that is older than the agent, with a connection that is, and one whose request is answered later."""
    certificates = Certificates(env)
    path, environ = library(env)
    server = Nginx(env, "e2e-https-before", tls=certificates.nginx(), workers=2, environ=environ)
    used = [TlsConnection(server.port) for _ in range(6)]
    for c in used:
        equal(c.get()[0], 200, "status before the agent")
    settled(server, 6)
    agent = env.agent()
    for worker in children(server.process.pid):
        probed(worker, path, *READ_WRITE)
    books = Books(agent)
    fresh = [TlsConnection(server.port) for _ in range(6)]
    for _ in range(20):
        for c in fresh:
            equal(c.get("/missing")[0], 404, "status on a new connection")
    for c in fresh:
        c.finish()

    def fresh_ones(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", app=server.name)
        equal(got, {("404",): 120}, "responses on new connections")

    agent.expect(fresh_ones)
    for _ in range(20):
        for c in used:
            equal(c.get("/", "HEAD")[0], 200, "status on an old connection")
    for c in used:
        c.finish()
    settled(server, 6 + 240)

    def old_ones(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
        assert set(got) <= {("404", "GET"), ("200", "HEAD")}, f"invented: {got}"
        equal(got.get(("404", "GET")), 120, "responses on new connections")
        seen = got.get(("200", "HEAD"), 0)
        between(seen, 0, 120, "responses on old connections")
        unseen = scrape.loss("tls_unseen") - books.before.loss("tls_unseen")
        missing = 120 - seen
        if missing:
            between(unseen, (missing + 19) // 20, 6, f"old connections not seen, of {missing} requests")
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(old_ones)


def test_agent_restarts(env):
    """Keep-alive connections that live through three agents: each counts its own share, none a wrong one."""
    certificates = Certificates(env)
    path, environ = library(env)
    server = Nginx(env, "e2e-https-restart", tls=certificates.nginx(), environ=environ)
    held = [TlsConnection(server.port) for _ in range(5)]
    worker = children(server.process.pid)[0]
    total = 0
    for turn in range(3):
        agent = env.agent()
        probed(worker, path, *READ_WRITE)
        books = Books(agent)
        fresh = TlsConnection(server.port)
        for _ in range(30):
            equal(fresh.get("/missing")[0], 404, "status")
            for c in held:
                equal(c.get()[0], 200, "status")
        total += 30 * 6
        settled(server, total)

        def check(scrape):
            got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
            assert set(got) <= {("404", "GET"), ("200", "GET")}, f"invented: {got}"
            equal(got.get(("404", "GET")), 30, f"agent {turn}: responses on its own connection")
            seen = got.get(("200", "GET"), 0)
            between(seen, 0, 150, f"agent {turn}: responses on older connections")
            equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

        scrape = agent.expect(check)
        seen = scrape.by("edgetap_app_http_responses_total", "status", app=server.name).get(("200",), 0)
        fresh.finish()
        if turn == 2:
            for c in held:
                c.finish()
            unseen = books.lost("tls_unseen")
            if seen < 150:
                lib.eventually(lambda: books.lost("tls_unseen") >= (150 - seen + 29) // 30, 5,
                               f"older connections counted: {150 - seen} requests missing, {unseen} connections")
        agent.stop()


def test_without(env):
    """Switched off for an app or for a library: its connections are counted as not seen, others are followed."""
    certificates = Certificates(env)
    config = "apps:\n  rules:\n    - match: { app: e2e-https-without }\n      set: { uprobes: false }\n"
    agent = env.agent(config)
    seen = Logged(env, "e2e-https-with", [env.renamed(linked(True), "e2e-https-with")], certificates.environ())
    watch_itself(seen.process)
    unseen = Logged(env, "e2e-https-without", [env.renamed(linked(True), "e2e-https-without")], certificates.environ())
    books = Books(agent)
    for server in (unseen, seen):
        for _ in range(4):
            with TlsConnection(server.port) as c:
                for _ in range(5):
                    equal(c.get()[0], 200, "status")
                c.finish()

    def check(scrape):
        name = "edgetap_app_http_responses_total"
        equal(scrape.by(name, "status", app=seen.name), {("200",): 20}, "responses of the one that is followed")
        equal(scrape.by(name, "status", app=unseen.name), {}, "responses of the one that is not")
        equal(scrape.loss("tls_unseen") - books.before.loss("tls_unseen"), 4, "connections not seen")

    agent.expect(check)
    agent.stop()
    agent = env.agent(flags=["--tls-libraries=gnutls,go"])
    gopher = go(env, "e2e-https-only-go", certificates.environ())
    watch_itself(gopher.process, GO)
    books = Books(agent)
    for server in (gopher, seen):
        with TlsConnection(server.port) as c:
            for _ in range(5):
                equal(c.get()[0], 200, "status")
            c.finish()

    def only_go(scrape):
        name = "edgetap_app_http_responses_total"
        equal(scrape.by(name, "status", app=gopher.name), {("200",): 5}, "responses of Go")
        equal(scrape.by(name, "status", app=seen.name), {}, "responses of OpenSSL")
        equal(scrape.loss("tls_unseen") - books.before.loss("tls_unseen"), 1, "connections not seen")

    agent.expect(only_go)


if __name__ == "__main__":
    lib.main(globals())
