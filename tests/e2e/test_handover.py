#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sockets that one cgroup made and another serves belong to the one that serves."""
import json
import os

import lib
from client import Connection
from lib import equal
from places import Cgroup, hierarchies

PROGRAM = lib.HERE / "programs" / "hand_over.py"
N = 10


def unit(env, name):
    """A cgroup that looks like a systemd service; its app is the name."""
    return Cgroup(env, f"/system.slice/{name}.service")


def start(env, cgroup, name, *args, environ=None):
    """In a cgroup of its own, and with an executable of its own for hosts where cgroups tell nothing."""
    program, python = env.python(name)
    return env.start(
        [program, PROGRAM, *args], name=name, env=dict(python, **(environ or {})), preexec=cgroup.enter
    )


def use(port, connections=2):
    for _ in range(connections):
        with Connection(port) as c:
            for _ in range(N // connections):
                equal(c.get()[0], 200, "status")
            c.finish()


def expect_owner(agent, server, other):
    """All requests and connections are the server's, none the other's."""

    def check(scrape):
        names = ("edgetap_app_http_responses_total", "edgetap_edge_http_responses_total")
        for name in names:
            equal(scrape.value(name, app=server), N, f"{name} of the server")
            equal(scrape.value(name, app=other), 0, f"{name} of who made the socket")
        for name in ("edge_tcp_connects", "app_tcp_connects", "edge_tcp_disconnects"):
            equal(scrape.value(f"edgetap_{name}_total", app=server), 2, f"{name} of the server")
            equal(scrape.value(f"edgetap_{name}_total", app=other), 0, f"{name} of who made the socket")
        found = {l["instance"] for l, _ in scrape.select(names[0], app=server)}
        equal(len(found), 1, f"instances {found}")

    agent.expect(check)


def test_listener_sent(env):
    """SCM_RIGHTS, while the maker keeps the socket open too."""
    agent = env.shared_agent()
    port, path = lib.free_port(), env.dir / "channel"
    start(env, unit(env, "e2e-maker"), "e2e-maker", "listener", path, port)
    taker = start(env, unit(env, "e2e-taker"), "e2e-taker", "taker", path)
    lib.eventually(lambda: "taken" in taker.output(), 10, "hand-over")
    use(port)
    expect_owner(agent, "e2e-taker", "e2e-maker")


def test_listener_sent_before(env):
    """The same, before the agent starts."""
    port, path = lib.free_port(), env.dir / "channel"
    start(env, unit(env, "e2e-maker2"), "e2e-maker2", "listener", path, port)
    taker = start(env, unit(env, "e2e-taker2"), "e2e-taker2", "taker", path)
    lib.eventually(lambda: "taken" in taker.output(), 10, "hand-over")
    agent = env.agent()
    use(port)
    expect_owner(agent, "e2e-taker2", "e2e-maker2")


def test_connections_sent(env):
    """One process accepts, another one answers."""
    agent = env.shared_agent()
    port, path = lib.free_port(), env.dir / "channel"
    start(env, unit(env, "e2e-acceptor"), "e2e-acceptor", "acceptor", path, port)
    worker = start(env, unit(env, "e2e-worker"), "e2e-worker", "worker", path)
    lib.eventually(lambda: "taken" in worker.output(), 10, "hand-over")
    use(port)
    expect_owner(agent, "e2e-worker", "e2e-acceptor")


def test_socket_activation(env):
    """LISTEN_FDS: made in the manager's cgroup, inherited by the service."""
    agent = env.shared_agent()
    port = lib.free_port()
    manager, service = unit(env, "e2e-manager"), unit(env, "e2e-service")
    procs = ":".join(str(mount / service.path / "cgroup.procs") for mount, _ in hierarchies())
    program, python = env.python("e2e-service-python")
    how = json.dumps({"read": "recv"})
    log = env.dir / "activated.log"
    start(
        env, manager, "e2e-manager-python", "activate", "-", port,
        program, lib.HERE / "programs" / "odd_server.py", how,
        environ=dict(python, SERVICE_PROCS=procs, ACCESS_LOG=str(log)),
    )
    lib.listening(port)
    lib.eventually(lambda: log.exists(), 10, "activated server")
    use(port)
    expect_owner(agent, "e2e-service", "e2e-manager")


def test_prefork_children(env):
    """Children that inherit the socket by fork are their parent's instance: test_apache has ten of them."""
    agent = env.shared_agent()
    port = lib.free_port()
    code = f"""
import os, socket
s = socket.socket(); s.bind(("127.0.0.1", {port})); s.listen(64)
for _ in range(9):
    if not os.fork(): break
while True:
    c = s.accept()[0]
    while c.recv(65536):
        c.sendall(b"HTTP/1.1 200 OK\\r\\nX-Pid: %d\\r\\nContent-Length: 0\\r\\n\\r\\n" % os.getpid())
    c.close()
"""
    program, environ = env.python("e2e-prefork")
    server = env.start([program, "-c", code], env=environ)
    lib.listening(port, owner=server)
    held = [Connection(port) for _ in range(10)]  # each child is busy with one
    pids = set()
    for c in held:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        pids.add(c.head()[1]["x-pid"])
    for c in held:
        c.finish()
    equal(len(pids), 10, "processes that answered")

    def check(scrape):
        got = scrape.select("edgetap_app_http_responses_total", app="e2e-prefork")
        equal([v for _, v in got if v], [10], "series of ten processes")
        equal(scrape.value("edgetap_edge_tcp_connects_total", app="e2e-prefork"), 10, "connects")

    agent.expect(check)


if __name__ == "__main__":
    os.umask(0o022)
    lib.main(globals())
