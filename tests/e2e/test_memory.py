#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: every agent of the machine pays for its connections
"""
What is remembered of others' connections is paid for by the agent's memory cgroup. Idle
connections of several apps, in the clear, in TLS and HTTP/2, fill what there is for them: the agent
lives, says of whom it follows no more, and whoever comes then is measured exactly.
"""
import os
import signal
import subprocess
import time
from pathlib import Path

import lib
from client import Connection
from lib import between, equal
from servers import Nginx
from tls import Certificates

MIB = 1 << 20
LIMIT = 128 * MIB
CLIENTS = 2  # processes that make the connections of each kind, each an instance of its own

# Connections of each kind: for each more than its instance's share, whatever the others have.
KINDS = lib.sized(
    {"http": 36000, "h2c": 3600, "tls": 3000, "h2": 1500},
    {"http": 36000, "h2c": 20000, "tls": 20000, "h2": 20000},
)


class Cgroup:
    """A cgroup of ours with a limit on memory, in whichever version the machine has that controller."""

    def __init__(self, env, limit):
        v1, v2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
        self.v2 = not (v1 / "memory.limit_in_bytes").exists()
        if self.v2 and "memory" not in self._text(v2 / "cgroup.subtree_control").split():
            raise lib.Skip("no memory controller")
        self.path = (v2 if self.v2 else v1) / f"edgetap-e2e-{os.getpid()}"
        self.path.mkdir()
        env.defer(self.path.rmdir)
        (self.path / ("memory.max" if self.v2 else "memory.limit_in_bytes")).write_text(str(limit))

    @staticmethod
    def _text(path):
        return path.read_text() if path.exists() else ""

    def enter(self):
        """In a child, before it executes its program."""
        (self.path / "cgroup.procs").write_text("0")

    def usage(self):
        return int(self._text(self.path / ("memory.current" if self.v2 else "memory.usage_in_bytes")))

    def kernel_bytes(self):
        """Of it, what the kernel allocated for the cgroup; None where that is not told apart."""
        if not self.v2:
            return int(self._text(self.path / "memory.kmem.usage_in_bytes") or 0) or None
        stat = dict(line.split() for line in self._text(self.path / "memory.stat").splitlines())
        return int(stat["slab"]) if "slab" in stat else None

    def killed(self):
        name = "memory.events" if self.v2 else "memory.oom_control"
        told = dict(line.split() for line in self._text(self.path / name).splitlines())
        return int(told.get("oom_kill", 0))


def server_of(env, kind, certificates):
    """One nginx an app, with as many workers as its connections need."""
    listen = "http2" if kind == "h2c" else "ssl http2" if kind == "h2" else "ssl" if kind == "tls" else ""
    port = lib.free_port()
    server = Nginx(
        env, f"e2e-idle-{kind}", workers=3, log_level="crit", connections=19000,
        listen=f"listen 127.0.0.1:{port} backlog=4096 {listen};"
        + (certificates.nginx() if "ssl" in listen else "") + "keepalive_timeout 3600;",
    )
    server.port = port
    return server


def idle(env, server, kind, count):
    program = lib.compiled("idle.c", libs=("-lssl", "-lcrypto"))
    return [
        env.start(
            [env.renamed(program, f"e2e-{kind}-client{i}"), str(server.port), str(count // CLIENTS), kind],
            name=f"idle-{kind}-{i}", stdin=subprocess.PIPE,
        )
        for i in range(CLIENTS)
    ]


def answered(clients):
    def all_open():
        assert all(c.alive() for c in clients), [c.output() for c in clients]
        return all(c.output().strip() for c in clients)

    lib.eventually(all_open, 240, "connections are open")
    return sum(int(c.output()) for c in clients)


def unobserved(scrape, app):
    return scrape.value("edgetap_connections_unobserved_total", app=app)


def victim(env, agent, name):
    """A server that nobody has seen yet, and its connections: all is counted."""
    before = agent.scrape()
    server = Nginx(env, name)
    for _ in range(20):
        with Connection(server.port) as c:
            for _ in range(5):
                equal(c.get("/")[0], 200, "status")

    def exact(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=name)
        equal(got, {("200", "GET"): 100}, f"responses of {name}")
        equal(scrape.value("edgetap_edge_tcp_connects_total", app=name), 20, "connects")
        equal(scrape.value("edgetap_edge_http_response_time_seconds_count", app=name), 100, "times")
        equal(unobserved(scrape, name), 0, "connections of it not observed")

    agent.expect(exact)
    return before


class Bill:
    """What the agent accounts for connections, and what the kernel takes from its cgroup for them."""

    def __init__(self, agent, cgroup):
        self.agent, self.cgroup = agent, cgroup
        self.accounted = self.taken = 0

    def _read(self):
        return self.agent.scrape().value("edgetap_connection_memory_bytes"), self.cgroup.kernel_bytes() or 0

    def _rests(self):
        before = self.cgroup.kernel_bytes()
        time.sleep(1)  # what was needed to load programs is given back late
        return before is None or abs(self.cgroup.kernel_bytes() - before) < MIB / 16

    def start(self):
        """Other things come and go with time: only what comes until the next take() counts."""
        lib.eventually(self._rests, 30, "a cgroup at rest")
        self.before = self._read()

    def take(self):
        accounted, taken = self._read()
        self.accounted += accounted - self.before[0]
        self.taken += taken - self.before[1]


def test_idle(env):
    cgroup = Cgroup(env, LIMIT)
    agent = env.agent(preexec=cgroup.enter)
    begin = agent.scrape()
    limit = begin.value("edgetap_connection_memory_limit_bytes")
    equal(limit, LIMIT / 4, "the connections' part of the cgroup's memory")
    certificates = Certificates(env)
    bill = Bill(agent, cgroup)
    everybody = []
    for kind, count in KINDS.items():
        server = server_of(env, kind, certificates)
        bill.start()
        clients = idle(env, server, kind, count)
        everybody += clients
        equal(answered(clients), count, f"connections of {kind}")
        bill.take()
        scrape = agent.scrape()
        lost = unobserved(scrape, server.name)
        seen = scrape.value("edgetap_app_http_responses_total", app=server.name, status="200")
        used = scrape.value("edgetap_connection_memory_bytes")
        print(
            f"  {kind}: {count} open, {seen:.0f} responses seen, {lost:.0f} unobserved, {used / MIB:.1f} MiB"
            f" accounted, cgroup {cgroup.usage() / MIB:.1f} MiB"
        )
        # What could not be followed is counted, once, and nothing is counted that was not there.
        between(seen, count - lost, count, f"responses of {server.name}, {lost} not observed")
        assert lost > 0, f"{kind}: {count} connections did not fill an instance's share"
        between(used, 0, limit, "memory of connections")
        between(cgroup.usage(), 0, LIMIT, "memory of the cgroup")
        victim(env, agent, f"e2e-victim-{kind}")
    scrape = agent.scrape()
    if cgroup.kernel_bytes():
        print(f"  accounted {bill.accounted / MIB:.1f} MiB, taken by the kernel {bill.taken / MIB:.1f} MiB")
        between(bill.taken, bill.accounted * 0.8, bill.accounted * 1.25, "kernel memory, by what is accounted for")
    assert scrape.loss("sockets_full") > begin.loss("sockets_full"), "no loss of sockets"
    assert scrape.loss("connections_full") > begin.loss("connections_full"), "no loss of what is inside"

    # They go: so does what was remembered of them.
    for client in everybody:
        client.popen.stdin.close()
    for client in everybody:
        equal(client.wait(60), 0, "status of a client")
    agent.expect(
        lambda s: between(
            s.value("edgetap_connection_memory_bytes"), 0, begin.value("edgetap_connection_memory_bytes") + MIB, "left"
        ),
        60,
    )
    victim(env, agent, "e2e-victim-last")
    equal(cgroup.killed(), 0, "processes killed in the agent's cgroup")
    equal(agent.process.stop(signal.SIGTERM), 0, "exit status of the agent")


if __name__ == "__main__":
    lib.main(globals())
