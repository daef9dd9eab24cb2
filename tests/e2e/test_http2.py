#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: nothing of the machine may be lost
"""HTTP/2 by real servers and real clients, in clear text and over TLS, against the servers' own logs."""
import re

import lib
import tls
from client import Connection
from h2 import Client, H2Server, curl, f, go_h2, h2load, nghttp, nghttpd, node_h2
from lib import between, delayed, equal
from oracle import Requests, expect_http, expect_losses, expect_time, settled
from servers import Apache, Haproxy, Logged, Nginx

MILLI = 0.001
# 302, 403, 418, 502 and 503 are not in HPACK's static table, 200, 204, 304, 404 and 500 are.
STATUSES = (204, 301, 302, 304, 403, 404, 418, 500, 502, 503)
LOCATIONS = "\n".join(
    f"location = /{s} {{ return {s}{' /elsewhere' if s in (301, 302) else ''}; }}" for s in STATUSES
)
PATHS = ("/", *(f"/{s}" for s in STATUSES))
NO_LOSS = ("streams_full", "stream_unknown", "hpack", "connections_full", "header_invalid", "resync", "budget",
           "fault", "gap")


class H2Nginx(Nginx):
    """.port speaks HTTP/1.1, .clear HTTP/2 by prior knowledge, .secure HTTP/2 over TLS."""

    def __init__(self, env, name, server="", certificates=None, **how):
        self.clear, self.secure = lib.free_port(), lib.free_port()
        listen = f"listen 127.0.0.1:{self.clear} http2 backlog=4096;\n"
        if certificates:
            listen += f"listen 127.0.0.1:{self.secure} ssl http2 backlog=4096;\n{certificates.nginx()}"
        http = "keepalive_requests 10000000; http2_max_concurrent_streams 1000;" + how.pop("http", "")
        super().__init__(env, name, server=LOCATIONS + server, http=http, listen=listen, **how)
        lib.listening(self.clear, owner=self.process)


def seen(server, pattern=r"libssl\.so", functions=("SSL_read", "SSL_write")):
    """Waits until what this server does inside TLS can be seen."""
    tls.probed(server.process.pid, tls.mapped(server.process.pid, pattern), *functions)


def exact(agent, server, requests, before, seconds=20):
    """The server's log has so many requests, and the agent says the same of them and lost nothing."""
    want = settled(server, requests)
    scrape = expect_http(agent, server.name, want, seconds)
    expect_losses(before, scrape, NO_LOSS)
    return want, scrape


def exact_or_unseen(agent, server, requests, connections, before):
    """As exact(), or none of it was seen and each connection is counted as that."""
    want = settled(server, requests)

    def unseen(scrape):
        found = scrape.value("edgetap_app_http_responses_total", app=server.name)
        equal(found, 0, "responses seen")
        expect_losses(before, scrape, ("tls_unseen",), connections, connections)

    try:
        return expect_http(agent, server.name, want, 5)
    except AssertionError:
        scrape = agent.expect(unseen)
        print(f"  {server.name}: not seen, and counted so: {connections} connections")
        return scrape


def test_nginx_load(env):
    """200,000 requests, 100 streams on each of 10 connections."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Nginx(env, "e2e-h2-nginx", buffered=True)
    got = h2load(server.clear, 198000, PATHS)
    equal(sum(got.values()), 198000, "responses of h2load")
    equal(got["2xx"], 198000 // len(PATHS) * 2, "2xx of h2load")
    h2load(server.clear, 1000, args=["-H", "range: bytes=0-9"])
    h2load(server.clear, 1000, args=["-H", ":method: HEAD"])
    server.quit()
    want, scrape = exact(agent, server, 200000, before)
    equal(want.responses[("206", "GET")], 1000, "206 in nginx's log")
    equal(want.responses[("200", "HEAD")], 1000, "HEAD in nginx's log")
    upgraded = scrape.value("edgetap_app_upgraded_connections_total", app=server.name)
    equal(upgraded, 0, "upgraded connections")


def test_nginx_tls_load(env):
    agent = env.shared_agent()
    certificates = tls.Certificates(env)
    server = H2Nginx(env, "e2e-h2-nginx-tls", certificates=certificates, buffered=True)
    seen(server)
    before = agent.scrape()
    h2load(server.secure, 44000, PATHS, tls=True)
    h2load(server.secure, 1000, tls=True, args=["-H", "range: bytes=0-9"])
    server.quit()
    exact(agent, server, 45000, before)


def test_nginx_clients(env):
    """curl, nghttp and a client of ours; methods, bodies both ways, nothing but known frames."""
    agent = env.shared_agent()
    before = agent.scrape()
    certificates = tls.Certificates(env)
    back = "location /dav/ { dav_methods PUT DELETE; create_full_put_path on; }\nclient_max_body_size 100m;"
    server = H2Nginx(env, "e2e-h2-clients", server=back, certificates=certificates)
    (server.root / "large").write_bytes(b"l" * 3000000)
    seen(server)
    count = 0
    for port, secure in ((server.clear, False), (server.secure, True)):
        flag = "--http2" if secure else "--http2-prior-knowledge"
        got = curl(port, PATHS, flag, tls=secure)
        equal(got, [(s, "2") for s in (200, *STATUSES)], "curl")
        curl(port, ["/large"], flag, "--head", tls=secure)
        curl(port, ["/large"], flag, tls=secure)
        count += len(PATHS) + 2
        upload = env.dir / "upload"
        upload.write_bytes(b"HTTP/1.1 500 no\r\n\r\n" * 50000)
        equal(curl(port, ["/dav/a"], flag, "-T", str(upload), tls=secure), [(201, "2")], "PUT")
        equal(curl(port, ["/dav/a"], flag, "-X", "DELETE", tls=secure), [(204, "2")], "DELETE")
        count += 2
        for args in ([], ["-p", "50"], ["-m", "20"], ["-b", "80"], ["--no-dep"], ["-c", "100000"]):
            said = nghttp(port, PATHS, tls=secure, args=args)
            answers = len(re.findall(r"recv \(stream_id=\d+\) :status: \d+", said))
            expected = len(PATHS) * (20 if args[:1] == ["-m"] else 1)
            equal(answers, expected, f"nghttp {args}")
            count += expected
        with Client(port, tls=secure) as c:
            for method in ("GET", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND"):
                for path in PATHS:
                    c.get(path, method)
                    count += 1
    exact(agent, server, count, before)


def test_nginx_latency(env):
    """nginx's own time of slow answers, many at once on one connection."""
    agent = env.shared_agent()
    certificates = tls.Certificates(env)
    program, environ = env.python("e2e-h2-upstream")
    back = Logged(env, "e2e-h2-upstream", [program, lib.HERE / "programs" / "upstream.py"], environ)
    proxy = f"location /up/ {{ proxy_pass http://127.0.0.1:{back.port}/; proxy_buffering off; }}"
    server = H2Nginx(env, "e2e-h2-latency", server=proxy, certificates=certificates)
    seen(server)
    before = agent.scrape()
    count = 0
    for secure in (False, True):
        with Client(server.secure if secure else server.clear, tls=secure) as c:
            for _ in range(5):
                c.wait(*[c.begin(f"/up/slow?ms={ms}") for ms in (200, 20, 120, 60)])
                c.wait(*[c.begin("/up/chunked?n=5&ms=20") for _ in range(3)])
                count += 7
    want, scrape = exact(agent, server, count, before)
    between(want.seconds, 10 * 0.6, 60, "nginx's own sum")
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, count * 3 * MILLI)
    first = scrape.histogram("edgetap_app_http_time_to_first_byte_seconds", app=server.name)
    equal(first.count, count, "first bytes")
    between(first.sum, 10 * 0.4, want.seconds - 30 * 0.05 + delayed(server.name), "sum of the times to the first byte")
    queue = scrape.histogram("edgetap_app_http_queue_time_seconds", app=server.name)
    between(queue.sum, 0, count * 10 * MILLI + delayed(server.name), "queue time of an idle nginx")


def test_nginx_aborted(env):
    """What nginx logs as 499, and as an incomplete 200, was reset."""
    agent = env.shared_agent()
    before = agent.scrape()
    program, environ = env.python("e2e-h2-up-abort")
    back = Logged(env, "e2e-h2-up-abort", [program, lib.HERE / "programs" / "upstream.py"], environ)
    proxy = f"location /up/ {{ proxy_pass http://127.0.0.1:{back.port}/; }}"
    server = H2Nginx(env, "e2e-h2-abort", server=proxy)
    (server.root / "large").write_bytes(b"l" * 3000000)
    count = 0
    with Client(server.clear, grant=False) as c:
        for _ in range(5):  # before the answer
            number = c.begin("/up/slow?ms=3000")
            c.ping()
            c.reset(number)
            count += 1
        for _ in range(3):  # within it: the window is small, so the response cannot end
            number = c.begin("/large")
            c.until(lambda n=number: c.answers[n].status, "the header")
            c.reset(number)
            count += 1
        settled(server, count)
        number = c.begin("/up/slow?ms=3000")  # and with the connection
        c.ping()
        count += 1
    with Client(server.clear) as c:
        equal(c.get("/").status, 200, "a normal one")
        count += 1
    want, _ = exact(agent, server, count, before)
    equal(dict(want.aborted), {("client", "wait"): 6, ("client", "response"): 3}, "aborted in nginx's log")


def test_nginx_reset_together(env):
    """A request that is read together with its reset: nginx answers it all the same, and logs that."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Nginx(env, "e2e-h2-together")
    sent = 0
    with Client(server.clear) as c:
        c.until(lambda: c.settled, "SETTINGS")
        for together in (1, 7, 60):
            data = b""
            for i in range(together):
                number, header = c.header(PATHS[i % len(PATHS)])
                data += header + f.rst_stream(number)
            c.send(data)
            c.ping()
            sent += together
        equal(c.get("/").status, 200, "a normal one")
    want, _ = exact(agent, server, sent + 1, before)
    assert not want.aborted, f"nginx logs aborted requests: {want.aborted}"


def test_nginx_push(env):
    """What nginx pushes stands in its log as a request, and is one."""
    agent = env.shared_agent()
    before = agent.scrape()
    push = "location = /push.html { http2_push /204; http2_push /404; http2_push /; }"
    server = H2Nginx(env, "e2e-h2-push", server=push)
    (server.root / "push.html").write_text("push\n")
    for _ in range(5):
        said = nghttp(server.clear, ["/push.html"])
        equal(len(re.findall(r"recv PUSH_PROMISE", said)), 3, "promises that nghttp got")
    exact(agent, server, 20, before)


def test_nghttpd(env):
    agent = env.shared_agent()
    before = agent.scrape()
    certificates = tls.Certificates(env)
    for name, secure in (("e2e-nghttpd", False), ("e2e-nghttpd-tls", True)):
        server = nghttpd(env, name, certificates if secure else None)
        if secure:
            tls.probed(server.pid, tls.mapped(server.pid, r"libssl\.so"), "SSL_read", "SSL_write")
        paths = ("/", "/style.css", "/none", "/large")
        got = h2load(server.port, 20000, paths, tls=secure)
        equal((got["2xx"], got["4xx"]), (15000, 5000), "h2load")
        want = Requests()
        want.responses.update({("200", "GET"): 15000, ("404", "GET"): 5000})
        said = nghttp(server.port, paths, tls=secure, args=["-m", "5"])
        for status in re.findall(r"recv \(stream_id=\d+\) :status: (\d+)", said):
            want.answered(status, "GET")
        equal(want.total(), 20020, "responses that the clients got")
        scrape = expect_http(agent, name, want)
        expect_losses(before, scrape, NO_LOSS)


def test_nghttpd_push(env):
    """nghttpd pushes, and ends its responses with trailers."""
    agent = env.shared_agent()
    server = nghttpd(env, "e2e-nghttpd-push", flags=["--push=/=/style.css,/none", "--trailer=x-a: b"])
    want = Requests()
    for _ in range(10):
        said = nghttp(server.port, ["/"])
        for status in re.findall(r"recv \(stream_id=\d+\) :status: (\d+)", said):
            want.answered(status, "GET")
    equal(dict(want.responses), {("200", "GET"): 20, ("404", "GET"): 10}, "responses that nghttp got")
    expect_http(agent, server.name, want)


def slow(server, secure=False):
    """Forty requests that wait in the server, four at a time. Returns how many it made."""
    with Client(server.port, tls=secure) as c:
        for _ in range(10):
            c.wait(*[c.begin("/slow") for _ in range(4)])
    return 40


def slow_times(agent, server):
    """Behind slow() alone: the server's own timer, which starts in its handler."""
    want = settled(server, 40)
    scrape = expect_http(agent, server.name, want)
    between(want.seconds, 40 * 0.095, 40, "the server's own sum")
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, 40 * 8 * MILLI)


def mixed(server, secure=False, load=10000):
    """What Node and Go can answer. Returns how many requests it made."""
    port = server.port
    h2load(port, load, ("/", "/status/204", "/status/404", "/status/418", "/status/503"), tls=secure)
    h2load(port, 200, clients=2, streams=20, tls=secure, args=["-d", __file__])  # POST
    flag = "--http2" if secure else "--http2-prior-knowledge"
    got = curl(port, ["/", "/status/403", "/large", "/slow"], flag, tls=secure)
    equal(got, [(s, "2") for s in (200, 403, 200, 200)], "curl")
    with Client(port, tls=secure) as c:
        assert c.get("/trailers").trailers, "no trailers"
        c.get("/large", "HEAD")
        equal(c.get("/", "POST", body=b"b" * 30000).status, 201, "POST")
    return load + 200 + 7


def test_node(env):
    agent = env.shared_agent()
    before = agent.scrape()
    server = node_h2(env, "e2e-h2-node")
    count = slow(server)
    slow_times(agent, server)
    count += mixed(server)
    with Client(server.port) as c:
        for _ in range(10):
            answer = c.get("/early")
            equal((answer.status, answer.interim), (200, [103]), "early hints")
            count += 1
    exact(agent, server, count, before)


def test_node_rows(env):
    """
    Answers in more pieces than any buffer has: each is counted, or lost and the ones behind it, on
    the same connection, are not.
    """
    agent = env.shared_agent()
    server = node_h2(env, "e2e-h2-rows")
    count = 0
    for rows in (1, 150, 300, 1500):
        with Client(server.port) as c:
            for _ in range(3):
                c.wait(*[c.begin(f"/rows/{rows}") for _ in range(5)])
                c.wait(*[c.begin("/") for _ in range(20)])
            count += 75
    settled(server, count)

    def check(scrape):
        counted = scrape.value("edgetap_app_http_responses_total", app=server.name)
        lost = scrape.value("edgetap_app_http_requests_lost_total", app=server.name) or 0
        equal(counted + lost, count, "requests counted or lost")
        assert lost <= 45, f"{lost} requests lost"
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(check)


def test_node_tls(env):
    """Node gives OpenSSL's bytes to the socket itself: exact, or counted as not seen."""
    agent = env.shared_agent()
    server = node_h2(env, "e2e-h2-node-tls", tls.Certificates(env))
    tls.probed_itself(server.process.pid, "SSL_read", "SSL_write")
    before = agent.scrape()
    opened = lib.passive_opens()
    count = slow(server, True) + mixed(server, True, load=3000)
    opened = lib.passive_opens() - opened
    exact_or_unseen(agent, server, count, opened, before)


def test_go(env):
    agent = env.shared_agent()
    before = agent.scrape()
    server = go_h2(env, "e2e-h2-go")
    count = slow(server)
    slow_times(agent, server)
    count += mixed(server)
    exact(agent, server, count, before)


def test_go_tls(env):
    agent = env.shared_agent()
    server = go_h2(env, "e2e-h2-go-tls", tls.Certificates(env))
    names = ("crypto/tls.(*Conn).Read", "crypto/tls.(*Conn).Write")
    tls.probed(server.process.pid, env.dir / "e2e-h2-go-tls", *names)
    before = agent.scrape()
    count = slow(server, True)
    slow_times(agent, server)
    count += mixed(server, True, load=5000)
    exact(agent, server, count, before)


class H2Apache(Apache):
    """
    Its log calls some responses aborted that were sent whole, when the client leaves while
    a worker is still busy with the log line. Here the clients got all that they asked for.
    """

    def __init__(self, env, name, conf, extra=()):
        super().__init__(env, name, conf=conf + APACHE, extra=["http2", *extra], mpm="event")

    def oracle(self):
        out = Requests()
        for line in self.log.read_text().splitlines():
            status, method, micros = re.match(r'(\d+) "(\S+)" (\d+) ', line).groups()
            out.answered(status, method, int(micros) / 1e6)
        return out


APACHE = """
ThreadsPerChild 25
MaxRequestWorkers 50
ServerLimit 2
StartServers 2
Redirect 301 /301 http://test/
Redirect 410 /410
RewriteEngine On
RewriteRule ^/204$ - [R=204]
RewriteRule ^/503$ - [R=503]
"""
APACHE_PATHS = ("/", "/301", "/410", "/204", "/503", "/none")


def test_apache(env):
    """mod_http2: prior knowledge, and the upgrade from HTTP/1.1, which is no upgraded connection."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Apache(env, "e2e-h2-apache", "Protocols h2c http/1.1\n")
    h2load(server.port, 6000, APACHE_PATHS, clients=4, streams=50)
    got = curl(server.port, APACHE_PATHS, "--http2-prior-knowledge")
    equal([v for _, v in got], ["2"] * 6, "curl by prior knowledge")
    h1 = curl(server.port, APACHE_PATHS, "--http1.1")
    equal([s for s, _ in got], [s for s, _ in h1], "the same statuses by either version")
    count = 6012
    for _ in range(20):
        equal(curl(server.port, ["/", "/none"], "--http2"), [(200, "2"), (404, "2")], "curl with an upgrade")
        count += 2
    for _ in range(5):  # one request each: Apache may leave at once when that of the upgrade is answered
        said = nghttp(server.port, ["/"], args=["--upgrade"])
        equal(len(re.findall(r"recv \(stream_id=\d+\) :status: 200", said)), 1, "nghttp with an upgrade")
        count += 1
    logged = lib.eventually(lambda: logged_at_least(server, count), 20, "Apache's log")
    switched = sum(n for (status, _), n in logged.responses.items() if status == "101")
    assert switched in (0, 45), f"101 in Apache's log: {switched}"
    want, scrape = exact(agent, server, count + switched, before)
    upgraded = scrape.value("edgetap_app_upgraded_connections_total", app=server.name)
    equal(upgraded, 0, "upgraded connections")


def logged_at_least(server, count):
    out = server.oracle()
    return out if out.total() >= count else None


def test_apache_tls(env):
    agent = env.shared_agent()
    certificates = tls.Certificates(env)
    pair = certificates.server
    conf = f"Protocols h2 http/1.1\nSSLEngine on\nSSLCertificateFile {pair.cert}\nSSLCertificateKeyFile {pair.key}\n"
    server = H2Apache(env, "e2e-h2-apache-tls", conf + "SSLSessionCache none\n", ["ssl"])
    seen(server)
    before = agent.scrape()
    h2load(server.port, 3000, APACHE_PATHS, clients=4, streams=50, tls=True)
    got = curl(server.port, APACHE_PATHS, "--http2", tls=True)
    equal([v for _, v in got], ["2"] * 6, "curl")
    want, _ = exact(agent, server, 3006, before)
    equal(want.responses[("410", "GET")], 501, "410 in Apache's log")


def test_haproxy(env):
    """HTTP/2 in front, clear and over TLS, and HTTP/2 to the server behind."""
    agent = env.shared_agent()
    before = agent.scrape()
    back = H2Nginx(env, "e2e-h2-behind", buffered=False)
    to = f"    server back 127.0.0.1:{back.clear} proto h2"
    clear = Haproxy(env, "e2e-h2-haproxy", [], backend=to, bind="proto h2")
    count = 11000
    h2load(clear.port, count, PATHS, clients=5)
    exact(agent, clear, count, before)
    want = settled(back, count)
    expect_http(agent, back.name, want)


def test_haproxy_tls(env):
    agent = env.shared_agent()
    certificates = tls.Certificates(env)
    back = Nginx(env, "e2e-h1-behind", server=LOCATIONS)
    bind = f"ssl crt {certificates.server.both} alpn h2,http/1.1"
    server = Haproxy(env, "e2e-h2-haproxy-tls", [back.port], bind=bind)
    seen(server)
    before = agent.scrape()
    h2load(server.port, 5500, PATHS, clients=5, tls=True)
    equal(curl(server.port, ["/", "/418"], "--http2", tls=True), [(200, "2"), (418, "2")], "curl by HTTP/2")
    equal(curl(server.port, ["/", "/418"], "--http1.1", tls=True), [(200, "1.1"), (418, "1.1")], "curl by HTTP/1.1")
    exact(agent, server, 5504, before)


def test_older_nginx(env):
    """Connections older than the agent: nginx refers to nothing that was said before, so all of it counts."""
    server = H2Nginx(env, "e2e-h2-old-nginx")
    old = [Client(server.clear) for _ in range(3)]
    quiet = Client(server.clear)
    for c in old:
        for path in PATHS:
            c.get(path)
    before = settled(server, 3 * len(PATHS))
    agent = env.agent()
    start = agent.scrape()
    for c in (*old, quiet):
        for path in PATHS:
            c.get(path)
            c.get(path, "HEAD")
    check_older(agent, start, server, before, 3 * len(PATHS) + 8 * len(PATHS), static_methods=("GET",))
    for c in (*old, quiet):
        c.finish()


def test_older_indexed(env):
    """The server refers to statuses, the client to methods, that were said before the agent came."""
    server = H2Server(env, "e2e-h2-old")
    statuses = (200, 204, 404, 418, 503, 599)
    old = [Client(server.port) for _ in range(3)]
    count = 0
    for c in old:
        for status in statuses:
            c.get(f"/?status={status}")
            c.get(f"/?status={status}", "DELETE")
            count += 2
    before = settled(server, count)
    agent = env.agent()
    start = agent.scrape()
    for c in old:
        for _ in range(5):
            for status in statuses:
                c.get(f"/?status={status}")
                c.get(f"/?status={status}", "DELETE")
                count += 2
        c.get("/?status=598", "PATCH")  # new: said in full
        c.get("/?status=598", "PATCH")  # and referred to, which is known now
        count += 2
    check_older(agent, start, server, before, count, static_methods=("GET",), static_only=True)
    for c in old:
        c.finish()


def check_older(agent, start, server, before, count, static_methods, static_only=False):
    """
    Named statuses and methods are never more than there were; static ones are all
    there; every response is counted, as __other__ at worst, or lost and counted as that.
    """
    want = settled(server, count)
    want.responses.subtract(before.responses)
    want.responses = +want.responses
    static = {"200", "204", "206", "304", "400", "404", "500"}

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
        for (status, method), n in got.items():
            if "__other__" not in (status, method):
                assert n <= want.responses[(status, method)], f"invented {status} {method}: {n}"
        for (status, method), n in want.responses.items():
            if method in static_methods and (status in static or not static_only):
                equal(got.get((status, method), 0), n, f"{status} {method}")
        lost = scrape.value("edgetap_app_http_requests_lost_total", app=server.name)
        missing = want.total() - sum(got.values()) - lost
        expect_losses(start, scrape, ("started_before",), missing, missing)
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(check)


def test_both_versions(env):
    """One nginx, one app: HTTP/1.1 and HTTP/2 requests add up."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Nginx(env, "e2e-h2-both")
    with Connection(server.port) as one, Client(server.clear) as two:
        for _ in range(50):
            equal(one.get("/418")[0], 418, "by HTTP/1.1")
            equal(two.get("/418").status, 418, "by HTTP/2")
    exact(agent, server, 100, before)


if __name__ == "__main__":
    lib.main(globals())
