#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: nothing of the machine may be lost
"""
HTTP/2 as the RFC allows it and as attackers send it: every representation of
header fields, frames cut anywhere, resets in every phase, floods. The server
of ours writes down what it did; the agent must say the same.
"""
import random
import struct
import time

import lib
from h2 import Client, H2Server, f, nghttp
from lib import between, delayed, equal
from oracle import expect_http, expect_losses, expect_time, settled

MILLI = 0.001
NO_LOSS = ("streams_full", "stream_unknown", "hpack", "connections_full", "header_invalid", "resync", "budget",
           "fault", "gap")
METHODS = ("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get")


def exact(agent, server, count, before, seconds=20):
    """The record has so many requests, and the agent says the same of them and lost nothing."""
    want = settled(server, count)
    scrape = expect_http(agent, server.name, want, seconds)
    expect_losses(before, scrape, NO_LOSS)
    return want, scrape


def varied(client, chance, requests):
    """Requests of any method with any status, some of them at once."""
    for _ in range(requests // 4):
        numbers = []
        for _ in range(4):
            status = chance.choice((200, 204, 206, 304, 400, 404, 500, chance.randrange(200, 600)))
            fields = [("user-agent", f"test {chance.randrange(40)}"), ("x-long", "v" * chance.randrange(300))]
            path = f"/?status={status}&n={chance.randrange(60)}&trailers={chance.randrange(2)}"
            numbers.append(client.begin(path, chance.choice(METHODS), fields))
        client.wait(*numbers)


def test_representations(env):
    """Indexed or literal, incremental or not, Huffman or not, tables that change their size."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-fields", seed=7)
    chance = random.Random(11)
    for seed in (None, *range(14)):
        with Client(server.port, seed=seed) as c:
            c.encoder.sizes = seed is not None and seed % 2 == 1
            varied(c, chance, 200)
    want, _ = exact(agent, server, 3000, before)
    between(len(want.responses), 300, 3000, "kinds of responses")


def test_common_representations(env):
    """What most libraries do: all that is said twice is referred to."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-indexed")
    chance = random.Random(12)
    for _ in range(3):
        with Client(server.port) as c:
            varied(c, chance, 800)
    exact(agent, server, 2400, before)


def test_no_table(env):
    """A peer that allows no dynamic table, and one that asks for a large one."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-table", table=65536)
    chance = random.Random(13)
    with Client(server.port, settings=[(f.SETTING_TABLE, 0)]) as c:
        c.until(lambda: c.settled, "SETTINGS")
        varied(c, chance, 200)
    with Client(server.port, settings=[(f.SETTING_TABLE, 65536)]) as c:
        c.until(lambda: c.settled, "SETTINGS")
        c.encoder.want = 65536
        equal(c.get("/?status=203").status, 203, "status")
        varied(c, chance, 400)
    exact(agent, server, 601, before)


def test_bytewise(env):
    """One segment and one read per byte, from both sides."""
    agent = env.shared_agent()
    before = agent.scrape()
    count = 0
    for how in (dict(write="bytewise"), dict(write="bytewise", read=1), dict(write=3, read=7), dict(write=10, read=9)):
        server = H2Server(env, f"e2e-h2-bytes-{len(env.processes)}", seed=3, **how)
        with Client(server.port, bytewise=True, seed=5) as c:
            for i in range(12):
                path = f"/?status={(200, 404, 418, 503)[i % 4]}&n={i * 3}&trailers=1&early=1&pieces={1 + i % 4}&pad={i}"
                answer = c.get(path, ("GET", "POST", "HEAD")[i % 3], body=b"b" * i if i % 3 == 1 else None)
                equal((answer.status, answer.interim), ((200, 404, 418, 503)[i % 4], [103]), "answer")
                count += 1
        exact(agent, server, 12, before)


def test_every_cut(env):
    """The same exchange, cut in two at each of its bytes."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-cuts", seed=9)
    count = 0
    at = 1
    while True:
        with Client(server.port, seed=1, preface=False) as c:
            start = f.PREFACE + f.settings([(f.SETTING_WINDOW, 70000)])
            one, first = c.header("/?status=418&n=20&pieces=3", "DELETE", pieces=2, pad=4, priority=True)
            two, second = c.header("/?status=503", "POST", end=False)
            stream = start + first + second + f.data_frame(two, b"content", True, pad=2)
            if at >= len(stream):
                break
            c.send(stream[:at])
            time.sleep(0.002)  # two segments: the server has most likely read the first
            c.send(stream[at:])
            c.wait(one, two)
            count += 2
        at += 1
    assert at > 150, f"only {at} cuts"
    exact(agent, server, count, before)


def test_shapes(env):
    """CONTINUATION, padding, priority, unknown frames, interim responses, trailers of both sides."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-shapes")
    count = 0
    with Client(server.port) as c:
        for pieces in (1, 2, 5, 40):
            for pad in (None, 0, 1, 255):
                for priority in (False, True):
                    fields = [("x-long", "y" * 500)]
                    path = f"/?status=421&pieces={pieces}&n=100&trailers=1&early=2&unknown=1"
                    path += "" if pad is None else f"&pad={pad}"
                    number = c.begin(path, "PUT", fields, end=False, pieces=pieces, pad=pad, priority=priority)
                    c.send(f.frame(0xFA, 0xFF, number, b"GET / HTTP/1.1\r\n\r\n"))
                    c.send(f.frame(f.PRIORITY, 0, number, struct.pack(">IB", 0, 200)))
                    c.data(number, b"d" * 700, pad=pad)
                    c.data(number, b"")
                    c.send(f.header_frames(number, c.encoder.block([("x-sum", "1")]), True, pieces, pad))
                    answer = c.wait(number)
                    equal((answer.status, answer.interim, answer.bytes), (421, [103, 103], 100), "answer")
                    assert answer.trailers, "no trailers"
                    count += 1
        # A header of 300 KB in 16 KiB pieces: more than anything looks at.
        number = c.begin("/?status=431", fields=[(f"x-{i}", "z" * 3000) for i in range(20)], pieces=5)
        equal(c.wait(number).status, 431, "status")
        count += 1
    exact(agent, server, count, before)


def test_bodies_both_ways(env):
    """Twenty streams whose uploads and downloads lie between each other."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-bodies")
    chance = random.Random(17)
    with Client(server.port, settings=[(f.SETTING_WINDOW, 1 << 20)]) as c:
        c.send(f.window_update(0, 1 << 24))
        numbers = []
        for i in range(20):
            path = f"/?status={210 + i}&n={5000 * i + 1}&chunk={50 * i + 100}&trailers={i % 2}&now={i % 3 == 0:d}"
            numbers.append(c.begin(path, "POST", end=False))
        left = {n: 12 for n in numbers}
        while left:
            number = chance.choice(list(left))
            left[number] -= 1
            c.data(number, b"HTTP/1.1 200 OK\r\n\r\n" * chance.randrange(1, 200), end=not left[number])
            if not left[number]:
                del left[number]
        c.wait(*numbers)
        for i, number in enumerate(numbers):
            equal((c.answers[number].status, c.answers[number].bytes), (210 + i, 5000 * i + 1), "answer")
    exact(agent, server, 20, before)


def test_flow_control(env):
    """A response that waits for its window lasts until its last byte; others pass it."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-stall")
    with Client(server.port, grant=False) as c:
        stalled = c.begin("/?n=70000")
        c.until(lambda: c.answers[stalled].bytes == 65535, "the window's end")
        c.send(f.window_update(0, 1000))  # for the others
        c.wait(*[c.begin("/?status=203&n=50") for _ in range(10)])
        time.sleep(0.4)  # the stall is what is measured

        def flying(scrape):
            equal(scrape.value("edgetap_app_concurrency", app=server.name), 1, "in flight")

        agent.expect(flying)
        c.send(f.window_update(0, 70000) + f.window_update(stalled, 70000))
        equal(c.wait(stalled).bytes, 70000, "bytes")
    want, scrape = exact(agent, server, 11, before)
    between(want.seconds, 0.4, 20, "the server's own sum")
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, 11 * 5 * MILLI)
    first = scrape.histogram("edgetap_app_http_time_to_first_byte_seconds", app=server.name)
    between(first.sum, 0, 0.2 + delayed(server.name), "time to the first byte")


def test_times(env):
    """Each stream has its own clock, however they overlap."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-times")
    with Client(server.port) as c:
        for _ in range(5):
            paths = [f"/?ms={ms}&n=3000&chunk=1000&pause={pause}" for ms in (10, 80, 150) for pause in (0, 30)]
            c.wait(*[c.begin(path) for path in paths])
    want, scrape = exact(agent, server, 30, before)
    for side in ("edge", "app"):
        expect_time(scrape, server.name, side, want.seconds, 30 * 5 * MILLI)
    first = scrape.histogram("edgetap_app_http_time_to_first_byte_seconds", app=server.name)
    # 480 ms of waiting for each five rounds; the pauses (3 x 30 ms, thrice) come behind the first byte.
    most = 5 * 0.480 + 30 * 20 * MILLI + delayed(server.name)
    between(first.sum, 5 * 0.480, most, "sum of the times to the first byte")


def test_resets(env):
    """RST_STREAM by either side in every phase, and what no longer matters behind the end."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-resets")
    count = 0
    with Client(server.port, grant=False) as c:
        for code in (f.CANCEL, f.NO_ERROR, f.REFUSED_STREAM):
            number = c.begin("/?ms=60000")  # the client, while it waits
            c.reset(number, code)
            number = c.begin("/", "POST", end=False)  # with content to come
            c.data(number, b"half")
            c.reset(number, code)
            number = c.begin("/?n=20&pause=60000")  # within the response
            c.until(lambda n=number: c.answers[n].status, "the header")
            c.reset(number, code)
            number = c.begin("/?rst=1")  # the server, instead of it
            c.wait(number)
            number = c.begin("/?rst=2&n=10")  # and within it
            c.wait(number)
            equal(c.answers[number].reset, f.INTERNAL_ERROR, "error code")
            number = c.begin("/?status=203&rst=3&now=1", "POST", end=False)  # a whole response, no content wanted
            c.until(lambda n=number: c.answers[n].reset is not None, "RST_STREAM")
            number = c.begin("/?status=202&n=3")  # one that has ended is no more
            c.wait(number)
            c.reset(number, code)
            c.reset(number, code)
            c.send(f.frame(f.PRIORITY, 0, number + 100, struct.pack(">IB", 0, 1)))
            count += 7
        c.ping()
        want = settled(server, count)
        expected = {("client", "wait"): 6, ("client", "response"): 3, ("server", "wait"): 3, ("server", "response"): 3}
        equal(dict(want.aborted), expected, "the server's record")
        exact(agent, server, count, before)
    exact(agent, server, count, before)  # the connection's end adds nothing


def test_ends(env):
    """Connections that end with streams open: each of them is aborted, by whom and when."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-ends")
    count = 0
    for end in ("finish", "close"):
        c = Client(server.port, grant=False)
        for _ in range(5):
            c.begin("/?ms=60000")
        for _ in range(4):
            number = c.begin("/?n=20&pause=60000")
            c.until(lambda n=number: c.answers[n].status, "the header")
        number = c.begin("/?status=203")
        c.wait(number)
        c.ping()
        c.finish() if end == "finish" else c.raw.reset()
        count += 10
        settled(server, count)
    with Client(server.port) as c:  # the server leaves
        c.begin("/?ms=60000")
        number = c.begin("/?n=20&pause=60000")
        c.until(lambda n=number: c.answers[n].status, "the header")
        c.begin("/?close=1")
        while c.more():
            pass
        count += 3
    want = settled(server, count)
    expected = {("client", "wait"): 10, ("client", "response"): 8, ("server", "wait"): 2, ("server", "response"): 1}
    equal(dict(want.aborted), expected, "the server's record")
    exact(agent, server, count, before)


def test_half_a_header(env):
    """A connection that ends within a header block: the request was never complete."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-half")
    for i in range(6):
        c = Client(server.port)
        number, data = c.header("/?status=203", pieces=2, fields=[("x-long", "h" * 100)])
        first = int.from_bytes(data[:3], "big") + 9
        c.send(data[:first])  # HEADERS without END_HEADERS
        c.finish()
        settled(server, i + 1)
    with Client(server.port) as c:
        c.get("/")
    want, _ = exact(agent, server, 7, before)
    equal(dict(want.aborted), {("client", "request"): 6}, "the server's record")


def test_goaway(env):
    """GOAWAY by either side: streams that are open go on, and end as ever."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-goaway")
    for _ in range(5):
        with Client(server.port) as c:
            numbers = [c.begin("/?ms=30&status=404"), c.begin("/?goaway=1&status=410"), c.begin("/?ms=60&n=3000")]
            c.wait(*numbers)
            equal(c.goaway, 0, "GOAWAY's error")
            c.send(f.goaway(0, f.NO_ERROR, b"HTTP/1.1 200 OK\r\n\r\n"))
            c.finish()
    exact(agent, server, 15, before)


def test_push(env):
    """What is promised is a request, by the method of the promise; refused pushes are aborted."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-promise", seed=4)
    with Client(server.port, seed=6) as c:
        for _ in range(10):
            number = c.begin("/?promise=3&n=500&status=203")
            c.wait(number)
            c.until(lambda: all(a.done for a in c.answers.values()), "the pushed responses")
    with Client(server.port, grant=False) as c:
        c.wait(c.begin("/?promise=2&later=60000"))
        c.reset(2)
        c.reset(4)
        c.ping()
    exact(agent, server, 43, before)


def test_in_flight(env):
    """Streams that wait for their answer are in flight, whatever their end."""
    agent = env.shared_agent()
    server = H2Server(env, "e2e-h2-flight")

    def expect(n):
        def check(scrape):
            equal(scrape.value("edgetap_app_concurrency", app=server.name), n, "in flight")

        agent.expect(check)

    a, b = Client(server.port), Client(server.port)
    expect(0)
    numbers = [a.begin("/?ms=4000&status=203") for _ in range(6)]
    for _ in range(5):
        b.begin("/?ms=60000")
    expect(11)
    a.reset(numbers[0])
    expect(10)
    b.raw.reset()
    expect(5)
    a.wait(*numbers[1:])
    expect(0)
    expect_http(agent, server.name, settled(server, 11))
    a.close()


def test_many_streams(env):
    """3,000 streams open at once on a few connections."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-many")
    clients = [Client(server.port) for _ in range(3)]
    numbers = [[c.begin("/?ms=2500&status=203") for _ in range(1000)] for c in clients]
    for c, mine in zip(clients, numbers):
        c.wait(*mine)
        c.finish()
    exact(agent, server, 3000, before)


def test_too_many_streams(env):
    """More open streams than are followed: what is not counted by its status is counted as lost."""
    agent = env.agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-full")
    clients = [Client(server.port) for _ in range(10)]
    numbers = []
    for c in clients:
        data = b"".join(c.header("/?ms=9000&status=203")[1] for _ in range(2000))
        c.send(data)
        numbers.append(list(c.answers))
    for c, mine in zip(clients, numbers):
        c.wait(*mine)
    want = settled(server, 20000)

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
        assert set(got) <= {("203", "GET"), ("203", "__other__"), ("__other__", "__other__")}, f"invented: {got}"
        lost = scrape.loss("streams_full") - before.loss("streams_full")
        assert lost > 0, "no stream was beyond the limit"
        missing = want.total() - sum(got.values())
        between(lost, missing, 2 * want.total(), "streams counted as beyond the limit")
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(check, 20)
    for c in clients:
        c.finish()
    with Client(server.port) as c:  # there is room again
        count = scrape_count(agent, server)
        for _ in range(20):
            c.get("/?status=207")

        def after(scrape):
            got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
            equal(got.get(("207", "GET")), 20, "responses after the flood")
            equal(sum(got.values()), count + 20, "all responses")

        agent.expect(after)


def scrape_count(agent, server):
    return agent.scrape().value("edgetap_app_http_responses_total", app=server.name)


def test_rapid_reset(env):
    """50,000 requests that are reset at once: each is aborted, none stays in flight."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-rapid")
    for _ in range(10):
        with Client(server.port) as c:
            for _ in range(50):
                parts = []
                for _ in range(100):
                    number, data = c.header("/?ms=60000")
                    parts += [data, f.rst_stream(number)]
                c.send(b"".join(parts))
            c.ping()
            equal(c.get("/?status=203").status, 203, "a normal one behind the flood")
    want, _ = exact(agent, server, 50010, before, 30)
    equal(dict(want.aborted), {("client", "wait"): 50000}, "the server's record")


def test_garbage(env):
    """What is no HTTP/2 behind the preface: nothing is invented, and other connections are exact."""
    agent = env.shared_agent()
    server = H2Server(env, "e2e-h2-garbage")
    chance = random.Random(23)
    started = 0
    for i in range(60):
        c = Client(server.port)
        c.get("/?status=203")
        started += 1
        number, data = c.header("/?status=204")
        if i % 6 == 0:
            c.send(chance.randbytes(3000))
        elif i % 6 == 1:
            c.send(b"\xff\xff\xff\x01\x04" + struct.pack(">I", number) + b"\x88" * 3000)  # 16 MB of HEADERS
        elif i % 6 == 2:
            c.send(f.frame(f.HEADERS, 0, number, data[9:20]) + f.frame(f.PING, 0, 0, b"12345678"))
        elif i % 6 == 3:
            c.send(f.frame(f.HEADERS, f.END_HEADERS | f.END_STREAM, number, b"\xff" * 200))  # integers without end
        elif i % 6 == 4:
            c.send(f.frame(f.HEADERS, f.END_HEADERS | f.PADDED, number, b"\xff\x82"))  # more padding than frame
        else:
            c.send(f.frame(f.CONTINUATION, f.END_HEADERS, number, b"\x82\x84\x86"))
        c.raw.reset()
    with Client(server.port) as c:
        for _ in range(40):
            c.get("/?status=205")

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
        equal(got, {("203", "GET"): started, ("205", "GET"): 40}, "responses")
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(check)


def test_nghttp(env):
    """A client that nobody here wrote, against all that this server can do."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = H2Server(env, "e2e-h2-shapes-ng", seed=2)
    paths = [
        f"/?status={status}&n={n}&pieces={pieces}&pad={pad}&trailers={n % 2}&early={pad % 2}&promise={pieces % 2}"
        for status, n, pieces, pad in ((200, 0, 1, 0), (404, 5000, 2, 7), (418, 70001, 3, 255), (503, 1, 4, 1))
    ]
    for _ in range(5):
        nghttp(server.port, paths)
    exact(agent, server, 5 * (4 + 2), before)


if __name__ == "__main__":
    lib.main(globals())
