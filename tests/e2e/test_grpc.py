#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: nothing of the machine may be lost
"""gRPC by grpcio and by Go: calls by method and status against the services' own records."""
import json
import random
import re
import struct
import subprocess
from collections import Counter

import lib
import tls
from h2 import Client, f, go_program
from lib import between, delayed, equal
from oracle import Requests, expect_http, expect_losses, settled
from servers import Logged

MILLI = 0.001
NAMED_METHODS = 100  # of one instance: DEFAULT_MAX_RPCS_OF_INSTANCE
CODES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
).split()
NO_LOSS = ("streams_full", "stream_unknown", "hpack", "connections_full", "rpcs_full", "fault", "gap")


class Service(Logged):
    """A service whose record has a line `CODE METHOD SECONDS` per call."""

    def calls(self):
        """{(method, code): n} and {method: seconds} of the calls that were answered, and those that were not."""
        answered, gone, seconds = Counter(), Counter(), Counter()
        for line in self.log.read_text().splitlines():
            code, method, spent = line.split()
            if code == "GONE":
                gone[method] += 1
                continue
            answered[(method, code)] += 1
            seconds[method] += float(spent)
        return answered, gone, seconds

    def oracle(self):
        """As HTTP: each answered call is a 200 to a POST."""
        out = Requests()
        answered, gone, _ = self.calls()
        out.responses[("200", "POST")] = sum(answered.values())
        if gone:
            out.aborted[("client", "any")] = sum(gone.values())
        return out


def python_service(env, name, certificates=None):
    program, environ = env.python(name)
    if certificates:
        environ = certificates.environ(PYTHONHOME="/usr", PYTHONUNBUFFERED="1")
    return Service(env, name, [program, lib.HERE / "programs" / "grpc_server.py"], environ)


def go_service(env, name, certificates=None):
    program = env.renamed(go_program(env, "grpc_server.go", "go_grpc"), name)
    return Service(env, name, [program], certificates.environ() if certificates else None)


def call(server, calls, certificates=None):
    """Makes the calls on one connection; returns {(method, code): n} as the client has it."""
    argv = [lib.PYTHON, lib.HERE / "programs" / "grpc_client.py", server.port]
    argv += [certificates.ca if certificates else "-"]
    text = json.dumps(calls)
    done = subprocess.run([str(a) for a in argv], input=text, capture_output=True, text=True, timeout=100)
    if "No module named" in done.stderr:
        raise lib.Skip("python3-grpcio is not installed")
    assert done.returncode == 0, f"calls: {done.stderr[-600:]}"
    return Counter({(k.split()[1], k.split()[0]): n for k, n in json.loads(done.stdout).items()})


def expect_grpc(agent, server, want, before, seconds=15):
    """Calls by method and status, as gRPC and as HTTP, are exactly these; nothing is left in flight or lost."""
    http = Requests()
    http.responses[("200", "POST")] = sum(want.values())
    expect_http(agent, server.name, http, seconds)

    def check(scrape):
        name = "edgetap_app_grpc_responses_total"
        equal(scrape.by(name, "grpc_method", "grpc_status", app=server.name), dict(want), name)
        name = "edgetap_app_grpc_response_time_seconds_count"
        by_method = Counter()
        for (method, _), n in want.items():
            by_method[(method,)] += n
        equal(scrape.by(name, "grpc_method", app=server.name), dict(by_method), name)
        expect_losses(before, scrape, NO_LOSS)

    return agent.expect(check, seconds)


EVERY_KIND = [
    *[["unary", "/test.Echo/Code", number, 5] for number in range(len(CODES))],
    ["unary", "/test.Echo/Code", 0, 2000],
    ["unary", "/nowhere.Service/Method", 0, 20],  # UNIMPLEMENTED
    ["stream", "/test.Echo/Stream", 20, 5],
    ["stream", "/test.Echo/Stream", 0, 5],
    ["stream", "/test.Echo/Stream", -3, 5],  # NOT_FOUND behind three messages
    ["upload", "/test.Echo/Upload", 50, 5],
    ["upload", "/test.Echo/Upload", 1, 5],
    ["chat", "/test.Echo/Chat", 50, 5],
    ["chat", "/test.Echo/Chat", 0, 5],
]


def every_kind(env, agent, server, certificates=None):
    before = agent.scrape()
    said = call(server, EVERY_KIND, certificates)
    settled(server, sum(said.values()))
    answered, gone, _ = server.calls()
    equal(answered, said, "the service's record and what the client got")
    equal(len({code for _, code in answered}), len(CODES), "kinds of statuses")
    equal(dict(gone), {}, "calls that were not answered")
    return answered, before


def test_statuses(env):
    """All statuses, in trailers and trailers-only, unary and streams of either side."""
    agent = env.shared_agent()
    server = python_service(env, "e2e-grpc")
    answered, before = every_kind(env, agent, server)
    expect_grpc(agent, server, answered, before)


def test_statuses_go(env):
    agent = env.shared_agent()
    server = go_service(env, "e2e-grpc-go")
    answered, before = every_kind(env, agent, server)
    expect_grpc(agent, server, answered, before)


def test_tls_go(env):
    lib.need_parts("go-tls")
    agent = env.shared_agent()
    certificates = tls.Certificates(env)
    server = go_service(env, "e2e-grpc-go-tls", certificates)
    names = ("crypto/tls.(*Conn).Read", "crypto/tls.(*Conn).Write")
    tls.probed(server.process.pid, env.dir / "e2e-grpc-go-tls", *names)
    answered, before = every_kind(env, agent, server, certificates)
    expect_grpc(agent, server, answered, before)


def test_tls_python(env):
    """grpcio gives OpenSSL's bytes to the socket itself: exact, or counted as not seen."""
    agent = env.shared_agent()
    certificates = tls.Certificates(env)
    server = python_service(env, "e2e-grpc-tls", certificates)
    opened = lib.passive_opens()
    answered, before = every_kind(env, agent, server, certificates)
    opened = lib.passive_opens() - opened
    try:
        expect_grpc(agent, server, answered, before, 5)
        return
    except AssertionError:
        pass

    def unseen(scrape):
        found = scrape.value("edgetap_app_http_responses_total", app=server.name)
        found += scrape.value("edgetap_app_grpc_responses_total", app=server.name)
        equal(found, 0, "responses seen")
        expect_losses(before, scrape, ("tls_unseen",), opened, opened)

    agent.expect(unseen)
    print(f"  {server.name}: not seen, and counted so: {opened} connections")


def test_times(env):
    """Unary calls last as long as the service took, streams until their end; the first byte comes early."""
    agent = env.shared_agent()
    server = python_service(env, "e2e-grpc-times")
    before = agent.scrape()
    said = call(
        server,
        [["unary", "/test.Echo/Slow", 50, 20], ["stream", "/test.Echo/Stream", 30, 5], ["unary", "/test.Echo/Late", 40, 5]],
    )
    settled(server, 30)
    answered, _, seconds = server.calls()
    equal(answered, said, "the service's record and what the client got")
    equal(answered[("/test.Echo/Late", "DEADLINE_EXCEEDED")], 5, "DEADLINE_EXCEEDED by the service")
    scrape = expect_grpc(agent, server, answered, before)
    family = "edgetap_app_grpc_response_time_seconds"
    for method, count in (("/test.Echo/Slow", 20), ("/test.Echo/Stream", 5), ("/test.Echo/Late", 5)):
        have = scrape.histogram(family, app=server.name, grpc_method=method)
        most = seconds[method] + count * 15 * MILLI + delayed(server.name)
        between(have.sum, seconds[method] - MILLI, most, f"time of {method}")
    first = scrape.histogram(
        "edgetap_app_grpc_time_to_first_byte_seconds", app=server.name, grpc_method="/test.Echo/Stream"
    )
    equal(first.count, 5, "first bytes of streams")
    between(first.sum, 0, 5 * 0.1 + delayed(server.name), "time to the first byte of streams that last 0.29 s")


def test_gone(env):
    """
    Clients that give up. A cancelled call is reset, so it is an aborted request; with a
    deadline both sides' clocks race, so each is either that or answered by the service.
    """
    agent = env.shared_agent()
    server = python_service(env, "e2e-grpc-gone")
    calls = [
        ["unary", "/test.Echo/Hang", 0, 10, {"cancel_ms": 40}],
        ["stream", "/test.Echo/Endless", 0, 10, {"cancel_ms": 60}],
        ["unary", "/test.Echo/Code", 0, 10],
    ]
    said = call(server, calls)
    equal(said[("/test.Echo/Hang", "CANCELLED")] + said[("/test.Echo/Endless", "CANCELLED")], 20, "cancelled")
    lib.eventually(lambda: server.calls()[1].total() == 20, 10, "record of the calls that are gone")

    def cancelled(scrape):
        got = scrape.by("edgetap_app_http_requests_aborted_total", "by", "phase", app=server.name)
        equal(got, {("client", "wait"): 10, ("client", "response"): 10}, "aborted")
        name = "edgetap_app_grpc_responses_total"
        equal(scrape.by(name, "grpc_status", app=server.name), {("OK",): 10}, name)
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(cancelled)
    said = call(server, [["unary", "/test.Echo/Hang", 0, 20, {"timeout": 0.1}]])
    equal(said, {("/test.Echo/Hang", "DEADLINE_EXCEEDED"): 20}, "what the client got")

    def expired(scrape):
        aborted = scrape.value("edgetap_app_http_requests_aborted_total", app=server.name) - 20
        got = scrape.by("edgetap_app_grpc_responses_total", "grpc_method", "grpc_status", app=server.name)
        answered = got.pop(("/test.Echo/Hang", "DEADLINE_EXCEEDED"), 0) + got.pop(("/test.Echo/Hang", "CANCELLED"), 0)
        equal(got, {("/test.Echo/Code", "OK"): 10}, "other calls")
        equal(aborted + answered, 20, f"aborted ({aborted}) and answered ({answered})")
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(expired)


def bounded(agent, server, want, before, named):
    """At most `named` methods have a series of their own, which is right; the rest is __other__, and counted."""

    def check(scrape):
        name = "edgetap_app_grpc_responses_total"
        got = scrape.by(name, "grpc_method", "grpc_status", app=server.name)
        methods = {method for method, _ in got}
        between(len(methods), named, named + 1, "methods with a series")
        other = Counter()
        for (method, code), n in want.items():
            if method in methods:
                between(got.get((method, code), 0), 0, n, f"{method} {code}")
            other[code] += n - (got.get((method, code), 0) if method in methods else 0)
        equal({c: n for (m, c), n in got.items() if m == "__other__"}, +other, "calls under __other__")
        equal(sum(got.values()), sum(want.values()), "all calls")
        expect_losses(before, scrape, ("rpcs_full",), sum(other.values()), sum(other.values()))
        series = len(scrape.select("edgetap_app_grpc_response_time_seconds_count", app=server.name))
        between(series, named, named + 1, "histograms")

    return agent.expect(check)


def test_many_methods(env):
    """Two hundred methods, each called ten times."""
    agent = env.agent()
    server = python_service(env, "e2e-grpc-many")
    before = agent.scrape()
    said = call(server, [["unary", f"/test.Many/Method{i:03}", 0, 1] for _ in range(10) for i in range(200)])
    equal(len(said), 200, "methods that were called")
    bounded(agent, server, said, before, NAMED_METHODS)
    expect_http(agent, server.name, settled(server, 2000))


def test_random_paths(env):
    """Paths that a client makes up, which the service does not know: bounded too, and the agent's memory as well."""
    agent = env.agent()
    server = python_service(env, "e2e-grpc-random")
    call(server, [["unary", "/test.Echo/Code", 0, 5]])
    rss = memory(agent)
    before = agent.scrape()
    chance = random.Random(3)
    name = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."
    paths = ["/" + "".join(chance.choices(name, k=chance.randrange(1, 60))) + "/M" for _ in range(5000)]
    said = call(server, [["unary", path, 0, 1] for path in paths])
    equal({code for _, code in said}, {"UNIMPLEMENTED"}, "statuses")
    said[("/test.Echo/Code", "OK")] = 5
    bounded(agent, server, said, before, NAMED_METHODS)
    between(memory(agent) - rss, -(1 << 30), 4 << 20, "growth of the agent's memory")


def memory(agent):
    with open(f"/proc/{agent.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


def test_by_hand(env):
    """Paths that are none, or too long; one path in two codings; what is no gRPC by its content type."""
    agent = env.shared_agent()
    server = python_service(env, "e2e-grpc-hand")
    message = b"\0" + struct.pack(">I", 1) + b"0"
    fields = [("te", "trailers"), ("content-type", "application/grpc")]

    def one(path, seed=None, huffman=None, content_type=None):
        """A call on a connection of its own; returns its grpc-status."""
        with Client(server.port, seed=seed) as c:
            if huffman is not None:  # all of it literal, in this coding
                c.encoder.field = lambda name, value: c.encoder.literal(name, value, f.WITHOUT, huffman, 0, huffman)
            more = [("te", "trailers"), ("content-type", content_type)] if content_type else fields
            answer = c.get(path, "POST", more, body=message)
            return answer.status, {**answer.fields, **answer.trailers}.get("grpc-status")

    want = Counter()
    for huffman in (True, False):
        for _ in range(10):
            equal(one("/test.Echo/Code", huffman=huffman), (200, "0"), "a call by hand")
            want[("/test.Echo/Code", "OK")] += 1
    for seed in range(20):
        equal(one("/test.Echo/Code", seed=seed), (200, "0"), "a call in any representation")
        want[("/test.Echo/Code", "OK")] += 1
    equal(one("/test.Echo/Code", content_type="application/grpc+proto"), (200, "0"), "another content type")
    want[("/test.Echo/Code", "OK")] += 1
    long_path = "/test." + "q" * 300 + "/Method"
    for path in (long_path, "/test.Many/" + "X" * 90):
        for huffman in (True, False):
            status, _ = one(path, huffman=huffman)
            equal(status, 200, "status")
    want[("__other__", "UNIMPLEMENTED")] += 2
    want[("__other__", "OK")] += 2

    def check(scrape):
        name = "edgetap_app_grpc_responses_total"
        equal(scrape.by(name, "grpc_method", "grpc_status", app=server.name), dict(want), name)

    agent.expect(check)


if __name__ == "__main__":
    lib.main(globals())
