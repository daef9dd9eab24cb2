#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: it keeps every CPU busy
"""On a busy machine, too, who begins to serve TLS is watched before the first requests come."""
import contextlib
import os
import shutil
import time
from pathlib import Path

import lib
from https import linked, python
from lib import equal
from servers import Logged, Nginx, go, node
from tls import Certificates, TlsConnection, library

SOON_S = 0.2
MARGIN_S = 0.2  # machines on which tests run share their CPUs
LOOPS = 4 * os.cpu_count()


def busy_agent(env):
    """An agent and busy loops in one session, of the same priority: the kernel treats no session better."""
    gate = env.dir / "gate"
    loop = f"(until [ -e {gate} ]; do sleep 0.1; done; while :; do :; done) &\n"
    port = lib.free_port()
    process = env.start(
        ["sh", "-c", loop * LOOPS + f"exec {lib.EDGETAP} serve --listen 127.0.0.1:{port}"], name="edgetap",
        preexec=lambda: os.setpriority(os.PRIO_PROCESS, 0, 0),
    )
    agent = lib.Metrics(f"http://127.0.0.1:{port}")
    agent.process = process
    lib.eventually(lambda: agent.answers("/-/ready"), 30, "an agent")
    return agent, gate


def waited(pid):
    """Seconds that those of its threads have waited for a CPU that are in a hurry."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # ended since
            nice = int(task.joinpath("stat").read_text().rsplit(")", 1)[1].split()[16])
            total += int(task.joinpath("schedstat").read_text().split()[1]) if nice <= 0 else 0
    return total / 1e9


def gnutls(env, name, certificates):
    _, environ = library(env, "libgnutls.so.30")
    port = lib.free_port()
    argv = [env.renamed(lib.need("gnutls-serv"), name), "--http", "-q", "-p", str(port), "--disable-client-cert",
            "--x509certfile", certificates.server.cert, "--x509keyfile", certificates.server.key]
    server = env.start(argv, name=name, env=environ)
    server.name, server.port, server.process = name, port, server
    lib.listening(port, owner=server)
    return server


def own_library(env):
    """What makes a server use a library that no other one does."""
    folder = env.dir / "own"
    folder.mkdir()
    shutil.copy(library(env)[0], folder)
    return {"LD_LIBRARY_PATH": str(folder)}


def at_rest(env, agent, certificates):
    """Waits until the agent has looked at all that was there before, by a server that came last."""
    name = "e2e-soon-first"
    server = Logged(env, name, [env.renamed(linked(True), name)], certificates.environ())

    def is_seen():
        with TlsConnection(server.port) as c:
            equal(c.get()[0], 200, "status")
        return agent.scrape().value("edgetap_app_http_responses_total", app=name)

    lib.eventually(is_seen, 20)


def servers(env, certificates):
    """Starts one after the other: each with a file that was never seen before."""
    yield Nginx(env, "e2e-soon-nginx", tls=certificates.nginx(), environ=library(env)[1])
    yield Logged(env, "e2e-soon-static", [env.renamed(linked(True), "e2e-soon-static")], certificates.environ())
    yield python(env, "e2e-soon-python", certificates, "threads", **own_library(env))
    yield gnutls(env, "e2e-soon-gnutls", certificates)
    if "go-tls" not in lib.left_out():
        yield go(env, "e2e-soon-go", certificates.environ())
    yield node(env, "e2e-soon-node", certificates.environ())


def test_first_requests(env):
    """The first request comes soon behind the listener, and is counted."""
    certificates = Certificates(env)
    agent, gate = busy_agent(env)
    at_rest(env, agent, certificates)
    gate.touch()
    wanted, stalled = [], {}
    for server in servers(env, certificates):
        before = waited(agent.process.pid)
        time.sleep(SOON_S + MARGIN_S)
        stalled[server.name] = waited(agent.process.pid) - before
        with TlsConnection(server.port) as c:
            equal(c.get()[0], 200, "status")
        wanted.append(server.name)

    def check(scrape):
        seen = [n for n in wanted if scrape.value("edgetap_app_http_responses_total", app=n) == 1]
        late = [n for n in wanted if n not in seen and stalled[n] < SOON_S]
        # the kernel, too, takes its time here: a grace period of RCU, behind which a probe is there
        assert len(late) <= 1, f"servers whose first request came before the probes: {late}"
        return seen

    scrape = agent.expect(check, 20)
    seen = check(scrape)
    found = scrape.by("edgetap_tls_servers_found_total", "within")
    print(f"{len(seen)} of {len(wanted)} first requests, {found}, waited for a CPU {max(stalled.values()):.2f} s")
    if len(seen) < len(wanted) - 1:
        raise lib.Skip(f"the machine kept the agent from running for {max(stalled.values()):.1f} s")


if __name__ == "__main__":
    lib.main(globals())
