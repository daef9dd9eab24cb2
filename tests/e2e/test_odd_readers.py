#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Servers whose bytes are moved by unusual calls. Read in the kernel's queues, what they move is counted; by the
registers of system calls it cannot be seen, or is not where it seems to be: right, or counted under the loss
reason that each test names. Nothing foreign is parsed.
"""
import functools
import json
import os
import platform
import subprocess
from pathlib import Path

import lib
from client import Connection, request
from lib import between, equal
from oracle import expect_http, settled
from servers import odd

N = 20
READ_CALL = {"x86_64": 0, "aarch64": 63}[platform.machine()]


def responses(scrape, app):
    return scrape.by("edgetap_app_http_responses_total", "status", "method", app=app)


@functools.cache
def reads_queues():
    """Whether bytes are read in queues here, unless that is switched off."""
    hooks = json.loads(subprocess.run([lib.EDGETAP, "doctor", "--json"], capture_output=True, text=True, check=False).stdout)["hooks"]
    return any(hook["chosen"] and hook["hook"] == "tp_btf/tcp_rcv_space_adjust" for hook in hooks)


def by_registers(env):
    """The agent that asks registers."""
    if not hasattr(lib.Env.common, "registers"):
        lib.Env.common.registers = lib.Env.common.agent(flags=["--no-read-queues"])
    return lib.Env.common.registers


def expect_lost(agent, before, app, want, reasons, least):
    """
    Each response is right or without a method, none is invented, and what is
    missing is counted under one of the reasons, at least `least` times.
    """

    def check(scrape):
        got = responses(scrape, app)
        for (status, method), n in got.items():
            assert method == "__other__" or n <= want.get((status, method), 0), f"invented: {got}"
            assert any(status == s for s, _ in want), f"a status that nobody sent: {got}"
        assert sum(got.values()) <= sum(want.values()), f"more than there were: {got}"
        missing = sum(want.values()) - sum(got.get(key, 0) for key in want)
        lost = scrape.loss(*reasons) - before.loss(*reasons)
        if missing:
            between(lost, least, 10**9, f"losses under {reasons}, {missing} responses missing from {got}")
        equal(scrape.value("edgetap_app_concurrency", app=app), 0, "in flight")
        times = scrape.histogram("edgetap_app_http_response_time_seconds", app=app)
        between(times.sum, 0, 30, "sum of times")

    return agent.expect(check)


def expect_accounted(env, app, want, most_lost):
    """In the queues each response is right, or its request counted as lost: at most so many."""
    if not reads_queues():
        return

    def check(scrape):
        got = responses(scrape, app)
        for key, n in got.items():
            assert n <= want.get(key, 0), f"invented: {got}"
        lost = scrape.value("edgetap_app_http_requests_lost_total", app=app)
        equal(sum(got.values()) + lost, sum(want.values()), f"responses {got} and lost of {app}")
        between(lost, 0, most_lost, f"requests of {app} lost")

    env.shared_agent().expect(check)


def exercise(server):
    """Requests of two methods on two connections; what there should be."""
    for _ in range(2):
        with Connection(server.port) as c:
            for i in range(N // 2):
                equal(c.get("/?status=202")[0], 202, "status")
                equal(c.get("/?status=201", "POST", body=b"b" * i * 100)[0], 201, "status")
            c.finish()
    return settled(server, 2 * N)


def test_peek(env):
    """Peeking takes nothing: exact."""
    agent = env.shared_agent()
    server = odd(env, "e2e-peek", read="peek")
    expect_http(agent, server.name, exercise(server))


def test_trunc(env):
    """Content discarded with MSG_TRUNC moves the stream as if it had been read: exact."""
    agent = env.shared_agent()
    server = odd(env, "e2e-trunc", read="trunc", size=500)
    with Connection(server.port) as c:
        for n in (10, 5000, 100000):
            equal(c.get("/?status=201", "POST", body=b"t" * n)[0], 201, "status")
            equal(c.get("/?status=203")[0], 203, "status")
    expect_http(agent, server.name, settled(server, 6))


def test_splice(env):
    """splice takes bytes that no tracepoint tells of: losses under gap."""
    agent = env.shared_agent()
    before = agent.scrape()
    server = odd(env, "e2e-splice", read="splice")
    want = exercise(server)
    expect_lost(agent, before, server.name, dict(want.responses), ("gap",), 2)


def test_many_messages(env):
    """recvmmsg and sendmmsg: losses under syscall; exact in the queues."""
    usual, agent = env.shared_agent(), by_registers(env)
    for how in ({"read": "recvmmsg"}, {"write": "sendmmsg"}, {"read": "recvmmsg", "write": "sendmmsg"}):
        before = agent.scrape()
        server = odd(env, "e2e-" + "-".join(how.values()), **how)
        want = exercise(server)
        expect_lost(agent, before, server.name, dict(want.responses), ("syscall",), 2)
        if reads_queues():
            expect_http(usual, server.name, want)


def uring(env, name, mode, port, requests):
    try:
        program = lib.compiled("uring.c", libs=["-luring", "-lpthread"])
    except AssertionError as e:
        raise lib.Skip(f"liburing is not there: {e}") from None
    process = env.start([env.renamed(program, name), mode, port, requests], name=name)
    if mode != "client":
        try:
            lib.listening(port, owner=process)
        except RuntimeError as e:
            if process.wait() == 77:
                raise lib.Skip(f"no io_uring: {process.output().strip()}") from None
            raise e
    return process


def test_uring_server(env):
    """
    Reads and writes by io_uring_enter: losses under io_uring, and bytes all the same. In the queues all but what the
    client acknowledges at once, as it does with a connection's first segments.
    """
    env.shared_agent()
    agent = by_registers(env)
    before = agent.scrape()
    port = lib.free_port()
    process = uring(env, "e2e-uring", "serve", port, N)
    with Connection(port) as c:
        for _ in range(N):
            c.send(request("/x", "PUT"))
            equal(c.response()[0], 200, "status")
        c.finish()
        sent, received = c.sent, c.received
    equal(process.wait(), 0, "exit of the server")
    scrape = expect_lost(agent, before, "e2e-uring", {("200", "PUT"): N}, ("io_uring",), 1)
    expect_accounted(env, "e2e-uring", {("200", "PUT"): N}, N // 2)
    equal(scrape.value("edgetap_edge_data_in_bytes_total", app="e2e-uring"), sent, "bytes in")
    equal(scrape.value("edgetap_edge_data_out_bytes_total", app="e2e-uring"), received, "bytes out")


def waits_in_read(process):
    """The process sleeps inside a read()."""
    call = Path(f"/proc/{process.pid}/syscall").read_text().split()[0]
    assert call == str(READ_CALL), f"the server is in {call}, not in read()"
    return True


def test_uring_inside_reads(env):
    """The completion of a read runs inside a read() whose buffer holds requests."""
    env.shared_agent()
    agent = by_registers(env)
    before = agent.scrape()
    port = lib.free_port()
    process = uring(env, "e2e-uring-read", "foreign", port, N)
    with Connection(port) as c:
        for _ in range(N):
            lib.eventually(lambda: waits_in_read(process), 10)
            c.send(request("/x", "PUT"))
            equal(c.response()[0], 200, "status")
        lib.eventually(lambda: waits_in_read(process), 10)
        c.finish()
    equal(process.wait(), 0, "exit of the server")
    equal(int(process.output().split()[1]), N + 1, "completions inside other calls, the end's with them")
    expect_lost(agent, before, "e2e-uring-read", {("200", "PUT"): N}, ("io_uring",), 1)
    expect_accounted(env, "e2e-uring-read", {("200", "PUT"): N}, N // 2)


def test_uring_inside_writes(env):
    """The completion of a write runs inside a write() whose buffer holds responses."""
    env.shared_agent()
    agent = by_registers(env)
    before = agent.scrape()
    port = lib.free_port()
    process = uring(env, "e2e-uring-write", "large", port, 5)
    with Connection(port, receive_buffer=16384) as c:
        for _ in range(5):
            c.send(request("/x", "PUT"))
            equal(c.response()[0], 200, "status")
    equal(process.wait(), 0, "exit of the server")
    between(int(process.output().split()[1]), 1, 10**6, "completions inside other calls")
    expect_lost(agent, before, "e2e-uring-write", {("200", "PUT"): 5}, ("io_uring",), 1)
    expect_accounted(env, "e2e-uring-write", {("200", "PUT"): 5}, 5)


def test_uring_client(env):
    """A client like that: its server's counts are exact, the client has none."""
    agent = env.shared_agent()
    server = odd(env, "e2e-uring-peer", after_read_ms=20)  # so that the client waits
    process = uring(env, "e2e-uring-client", "client", server.port, N)
    equal(process.wait(), 0, "exit of the client")
    between(int(process.output().split()[1]), N // 2, N, "completions inside other calls")
    scrape = expect_http(agent, server.name, settled(server, N))
    equal(responses(scrape, "e2e-uring-client"), {}, "responses of a client")


def test_compat(env):
    """A 32-bit server: losses under compat, bytes all the same; exact in the queues."""
    if platform.machine() != "x86_64":
        raise lib.Skip(f"no 32-bit programs on {platform.machine()}")
    flags = ["-m32", "-nostdlib", "-static", "-ffreestanding", "-fno-pie", "-no-pie", "-fno-stack-protector"]
    try:
        program = lib.compiled("compat.c", flags=flags)
    except AssertionError as e:
        raise lib.Skip(f"the compiler makes no 32-bit programs: {str(e).splitlines()[-1]}") from None
    try:
        subprocess.run([program, "0"], timeout=0.01, check=False)
    except subprocess.TimeoutExpired:
        pass  # it runs
    except OSError as e:
        raise lib.Skip(f"the kernel runs no 32-bit programs: {os.strerror(e.errno)}") from None
    env.shared_agent()
    agent = by_registers(env)
    before = agent.scrape()
    port = lib.free_port()
    process = env.start([env.renamed(program, "e2e-compat"), port])
    lib.listening(port, owner=process)
    with Connection(port) as c:
        for _ in range(N):
            equal(c.get()[0], 200, "status")
        c.finish()
        sent, received = c.sent, c.received
    scrape = expect_lost(agent, before, "e2e-compat", {("200", "GET"): N}, ("compat",), 1)
    expect_accounted(env, "e2e-compat", {("200", "GET"): N}, 0)
    equal(scrape.value("edgetap_edge_data_in_bytes_total", app="e2e-compat"), sent, "bytes in")
    equal(scrape.value("edgetap_edge_data_out_bytes_total", app="e2e-compat"), received, "bytes out")


if __name__ == "__main__":
    lib.main(globals())
