#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: nothing of the machine may be lost
"""Messages cut at every byte, many in one packet, and bodies that look like messages."""
import lib
from client import Connection, request
from lib import between, equal
from oracle import expect_http, expect_losses, settled
from servers import Nginx, odd

LOOKS_LIKE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /x HTTP/1.0\r\n\r\n"


def test_reads_bytewise(env):
    """The server reads one byte at a time, by every system call that reads."""
    agent = env.shared_agent()
    for read in ("recv", "read", "recvmsg"):
        server = odd(env, f"e2e-1-{read}", read=read, size=1)
        with Connection(server.port) as c:
            equal(c.get("/?status=200")[0], 200, "status")
            equal(c.get("/?status=404", "HEAD")[0], 404, "status")
            equal(c.get("/?status=201", "POST", body=LOOKS_LIKE)[0], 201, "status")
            equal(c.get("/?status=500&n=9000&chunk=900")[0], 500, "status")
        expect_http(agent, server.name, settled(server, 4))


def test_sent_bytewise(env):
    """The client sends one byte per segment, to nginx."""
    agent = env.shared_agent()
    server = Nginx(env, "e2e-nginx-bytes", server="location /204 { return 204; }")
    with Connection(server.port) as c:
        for path, status in (("/", 200), ("/204", 204), ("/missing", 404), ("/", 200)):
            c.send_bytewise(request(path))
            equal(c.response()[0], status, path)
    expect_http(agent, server.name, settled(server, 4))


def test_writes_bytewise(env):
    """The server writes one byte at a time."""
    agent = env.shared_agent()
    server = odd(env, "e2e-write-1", write="bytewise")
    with Connection(server.port) as c:
        for path, status in (("/", 200), ("/?status=204", 204), ("/?status=404&n=0", 404),
                             ("/?n=300&chunk=7", 200), ("/?status=503&n=1", 503)):
            equal(c.get(path)[0], status, path)
        equal(c.get("/?status=302", "HEAD")[0], 302, "HEAD")
    expect_http(agent, server.name, settled(server, 6))


def test_every_call(env):
    """Every pair of calls that read and write memory which can be found."""
    agent = env.shared_agent()
    for read, write in (("read", "write"), ("readv", "writev"), ("recvmsg", "sendmsg"), ("recv", "send")):
        server = odd(env, f"e2e-{read}-{write}", read=read, write=write)
        with Connection(server.port) as c:
            for i in range(20):
                equal(c.get(f"/?status={200 + i % 3 * 2}&n={i * 700}")[0], 200 + i % 3 * 2, "status")
                equal(c.get("/?status=201", "PUT", body=LOOKS_LIKE * i)[0], 201, "status")
        expect_http(agent, server.name, settled(server, 40))


def test_header_split(env):
    """The first read, and every write, is cut at each offset of a message in turn."""
    agent = env.shared_agent()
    message = request("/?status=207&n=11", "POST", "X-Some: thing\r\n", b"hello body")
    count = max(len(message), 90)  # longer than a response's header
    for name, how in (("read", {"first": "nth"}), ("write", {"write": "split", "split": "nth"})):
        server = odd(env, f"e2e-split-{name}", **how)
        for offset in range(count):
            with Connection(server.port) as c:
                for _ in range(2):
                    c.send(message)
                    equal(c.response()[0], 207, f"status with the {name} cut at {offset}")
        expect_http(agent, server.name, settled(server, 2 * count))


def test_pipelined(env):
    """Up to 16 requests in one packet, answered one by one and all in one write."""
    agent = env.shared_agent()
    for write in ("send", "together"):
        server = odd(env, f"e2e-pipe-{write}", write=write)
        count = 0
        with Connection(server.port) as c:
            for n in list(range(2, 17)) + [3, 16]:
                kinds = [("GET", 200), ("HEAD", 404), ("POST", 201), ("DELETE", 204)]
                batch = [kinds[i % 4] for i in range(n)]
                c.send(b"".join(request(f"/?status={s}&n={i}", m) for i, (m, s) in enumerate(batch)))
                for method, status in batch:
                    equal(c.response(method)[0], status, f"{method} of {n} pipelined")
                count += n
        expect_http(agent, server.name, settled(server, count))


def test_pipelined_nginx(env):
    agent = env.shared_agent()
    server = Nginx(env, "e2e-nginx-pipe", server="location /204 { return 204; }")
    with Connection(server.port) as c:
        for _ in range(20):
            c.send((request("/") + request("/204") + request("/missing", "HEAD")) * 5)
            for _ in range(5):
                equal([c.response()[0], c.response()[0], c.response("HEAD")[0]], [200, 204, 404], "statuses")
    expect_http(agent, server.name, settled(server, 300))


def test_pipeline_too_deep(env):
    """Beyond the depth that is remembered a request is lost under pipeline_full, and only it."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = odd(env, "e2e-pipe-32")
    with Connection(server.port) as c:
        for _ in range(2):
            c.send(request("/?status=202") * 32)
            for _ in range(32):
                equal(c.response()[0], 202, "status")
            equal(c.get("/?status=404")[0], 404, "status of the request after")
        want = settled(server, 66)
        want.responses[("202", "GET")] = 32
        want.lost = 32
        scrape = expect_http(agent, server.name, want)
        between(scrape.loss("pipeline_full") - before.loss("pipeline_full"), 32, 10**6, "pipeline_full")


def test_read_full(env):
    """Hundreds and thousands of requests in one read: sixteen are remembered, the others lost, every one."""
    agent = env.shared_agent()
    for count in (200, 5000):
        server = odd(env, f"e2e-pipe-{count}", size=1 << 20)
        with Connection(server.port) as c:
            c.send(request("/?status=202") * count)
            for _ in range(count):
                equal(c.response()[0], 202, "status")
            equal(c.get("/?status=404")[0], 404, "status of the request after")
        settled(server, count + 1)

        def check(scrape, server=server, count=count):
            got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
            assert set(got) == {("202", "GET"), ("404", "GET")}, f"responses: {got}"
            between(got[("202", "GET")], 16, count, "requests that were remembered")
            equal(got[("404", "GET")], 1, "the request after")
            lost = scrape.value("edgetap_app_http_requests_lost_total", app=server.name)
            equal(got[("202", "GET")] + lost, count, "followed and lost")
            equal(scrape.value("edgetap_app_http_requests_aborted_total", app=server.name), 0, "aborted")
            equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

        agent.expect(check)


def coded(data, chunk):
    parts = [data[i : i + chunk] for i in range(0, len(data), chunk)]
    return b"".join(b"%X\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def test_chunked(env):
    """Tiny and huge chunks, in both directions, with extensions and trailers."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = odd(env, "e2e-chunks")
    count = 0
    with Connection(server.port) as c:
        for n, chunk in ((1, 1), (40, 1), (300, 10), (20000, 1000), (200000, 70000), (2000000, 1000000), (0, 1)):
            status, body = c.get(f"/?n={n}&chunk={chunk}")
            equal((status, len(body)), (200, n), f"{n} bytes in chunks of {chunk}")
            data = (LOOKS_LIKE * (n // len(LOOKS_LIKE) + 1))[:n]
            c.send(request("/?status=201", "POST", "Transfer-Encoding: chunked\r\n") + coded(data, chunk))
            equal(c.response()[0], 201, f"upload of {n} bytes in chunks of {chunk}")
            count += 2
    scrape = expect_http(agent, server.name, settled(server, count))
    expect_losses(before, scrape, ("header_invalid", "budget"))


def test_chunks_apart(env):
    """Chunks that are read and written in parts which end at every place."""
    agent = env.shared_agent()
    for size in (1, 2, 3, 7, 100, 4096):
        server = odd(env, f"e2e-chunks-{size}", size=size, write="bytewise" if size < 4 else "send")
        with Connection(server.port) as c:
            for n, chunk in ((5, 1), (200, 64), (700, 350)):
                equal(c.get(f"/?n={n}&chunk={chunk}")[0], 200, "status")
                data = (LOOKS_LIKE * 20)[:n]
                c.send(request("/?status=201", "PUT", "Transfer-Encoding: chunked\r\n") + coded(data, chunk))
                equal(c.response()[0], 201, "status")
        expect_http(agent, server.name, settled(server, 6))


def test_many_chunks(env):
    """Thousands of chunks in one write, and in one read."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = odd(env, "e2e-chunks-many", size=1 << 20)
    with Connection(server.port) as c:
        for chunk in (100, 20, 7):
            equal(c.get(f"/?status=206&n=20000&chunk={chunk}")[0], 206, "status")
            c.send(request("/?status=201", "POST", "Transfer-Encoding: chunked\r\n") + coded(b"x" * 20000, chunk))
            equal(c.response()[0], 201, "upload")
            equal(c.get("/?status=203", "HEAD")[0], 203, "status of the request after")
    scrape = expect_http(agent, server.name, settled(server, 9))
    expect_losses(before, scrape, ("header_invalid", "budget"))


def test_bodies_that_look_like_messages(env):
    """Text that looks like HTTP at the start of reads and writes is content."""
    agent = env.shared_agent()
    server = odd(env, "e2e-lookalike", size=len(LOOKS_LIKE))
    with Connection(server.port) as c:
        for i in range(1, 30):
            c.send(request("/?status=200&n=1000", "POST", f"Content-Length: {i * len(LOOKS_LIKE)}\r\n"))
            for _ in range(i):
                c.send(LOOKS_LIKE)
            equal(c.response()[0], 200, "status")
    expect_http(agent, server.name, settled(server, 29))


if __name__ == "__main__":
    lib.main(globals())
