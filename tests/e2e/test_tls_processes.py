#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: links and memory of the agent are those of its own servers
"""Hundreds of TLS servers that live for a request or two: nothing of them stays behind in the agent."""
import contextlib
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import lib
from https import GO, READ_WRITE, linked
from lib import between, equal
from oracle import Requests, expect_losses
from servers import go
from tls import Certificates, TlsConnection, agents_elsewhere, breakpoint_in, context, links, probed, uprobes

TOGETHER = 10
MANY = lib.sized(150, 500)


class Server:
    """A server that leaves after so many requests."""

    def __init__(self, env, program, log, certificates, requests, how="plain"):
        self.port = lib.free_port()
        environ = dict(certificates.environ(), PORT=str(self.port), ACCESS_LOG=str(log))
        self.process = lib.Process([program, how, str(requests)], env.dir / "servers.log", env=environ)
        env.defer(self.process.stop)
        self.requests = requests


def held(env, pid):
    """
    (links and events of uprobes, descriptors of files, resident bytes of its own) of the agent: of the first two
    those of files of this test only, as others may serve TLS on this machine, too.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            resident = int(line.split()[1]) * 1024
    files = 0
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            files += os.readlink(fd).startswith(str(env.dir))
    return len(uprobes(pid, env.dir)), files, resident


def answered(log):
    out = Requests()
    for line in log.read_text().splitlines():
        status, method, _ = line.split()
        out.answered(status, method)
    return out


def lines(log):
    return log.read_text().count("\n")


def wave(env, programs, log, certificates, count, tls):
    """count servers, some at a time; every third is killed with its connection open. Returns the connections."""
    connections, done = 0, lines(log)
    for at in range(0, count, TOGETHER):
        servers = []
        for i in range(at, min(at + TOGETHER, count)):
            program = programs[i % len(programs)]
            servers.append(Server(env, program, log, certificates, 1 + i % 2, ("plain", "ex")[i % 4 > 1]))
        for i, server in enumerate(servers):
            lib.listening(server.port, owner=server.process)
            killed = i % 3 == 2
            c = TlsConnection(server.port, tls=tls)
            connections += 1
            for n in range(server.requests - killed):
                equal(c.get("/404/5" if n else "/", "GET")[0], 404 if n else 200, "status")
            if killed:
                done += server.requests - 1
                lib.eventually(lambda n=done: lines(log) >= n, 5, "the log of a server to be killed")
                server.process.popen.kill()
                server.process.wait()
                c.close()
            else:
                done += server.requests
                c.rest()
                equal(server.process.wait(10), 0, "exit status of a server")
                c.close()
    return connections


def test_come_and_go(env):
    """Processes of three executables: links, descriptors and memory return, requests are accounted for."""
    certificates = Certificates(env)
    programs = [
        env.renamed(linked(True), "e2e-proc-static"), env.renamed(linked(False), "e2e-proc-shared"),
        env.renamed(linked(True), "e2e-proc-other"),
    ]
    log = env.dir / "access.log"
    log.touch()
    agent = env.agent()
    pid = agent.process.pid
    first = agent.scrape()
    tls = context()
    connections = wave(env, programs, log, certificates, 60, tls)
    quiet = lib.eventually(lambda: settles(env, pid), 60, "an agent that holds no more uprobes than it needs")
    total_links = sum(links().values())
    begun = time.monotonic()
    connections += wave(env, programs, log, certificates, MANY, tls)
    print(f"{MANY} servers in {time.monotonic() - begun:.1f} s; at rest {quiet[0]} links", end="")

    def returned():
        now = held(env, pid)
        equal(now[0], quiet[0], "links and events of uprobes")
        equal(now[1], quiet[1], "descriptors of files")
        return now

    now = lib.eventually(returned, 60)
    between(now[2] - quiet[2], -(64 << 20), 4 << 20, "memory that stayed")
    if not agents_elsewhere():
        lib.eventually(lambda: sum(links().values()) <= total_links, 30, "as many BPF links in the kernel as before")
    print(f"; afterwards memory {(now[2] - quiet[2]) / 1024:+.0f} KiB")
    want = answered(log)
    accounted(agent, first, "e2e-proc-(static|shared|other)", want, connections)


def settles(env, pid):
    """
    What the agent holds once it has not changed for two seconds, and no link in this test's files, which
    nobody uses then, if the kernel tells of which file a link is.
    """
    one = held(env, pid)
    time.sleep(2)
    two = held(env, pid)
    is_told = not uprobes(pid, "/nowhere")
    return two if one[:2] == two[:2] and not (is_told and two[0]) else None


def accounted(agent, first, pattern, want, connections):
    """Every request is in a counter, or among those that came before the probes, or its connection is."""

    def check(scrape):
        seen = Counter()
        for labels, n in scrape.select("edgetap_app_http_responses_total"):
            if re.fullmatch(pattern, labels["app"]):
                seen[(labels["status"], labels["method"])] += int(n)
        for key, n in seen.items():
            between(n, 0, want.responses.get(key, 0), f"responses {key}")
        missing = want.total() - sum(seen.values())
        unseen, older = (scrape.loss(r) - first.loss(r) for r in ("tls_unseen", "started_before"))
        between(
            missing, 0, 2 * unseen + older,
            f"requests missing, of {want.total()}, with {unseen} connections not seen and {older} seen from their midst",
        )
        expect_losses(first, scrape, ("started_before",), 0, missing)
        expect_losses(first, scrape, ("tls_unseen",), 0, connections)
        return missing, unseen

    scrape = agent.expect(check)
    missing, unseen = check(scrape)
    print(f"{missing} of {want.total()} requests missing, {unseen} of {connections} connections not seen")


def test_files_that_vanish(env):
    """Every server is a file of its own, which is gone before it ends."""
    certificates = Certificates(env)
    source = env.renamed(linked(True), "e2e-vanish")
    subprocess.run([lib.need("strip"), "--strip-debug", source], check=True)
    log = env.dir / "access.log"
    log.touch()
    agent = env.agent()
    pid = agent.process.pid
    first = agent.scrape()
    quiet = lib.eventually(lambda: settles(env, pid), 60, "an agent at rest")
    tls = context()
    connections = 0
    for i in range(40):
        program = env.dir / f"e2e-vanish-{i}"
        shutil.copy(source, program)
        server = Server(env, program, log, certificates, 2)
        lib.listening(server.port, owner=server.process)
        c = TlsConnection(server.port, tls=tls)
        connections += 1
        program.unlink()
        equal(c.get("/")[0], 200, "status")
        equal(c.get("/404/1")[0], 404, "status")
        c.rest()
        c.close()
        server.process.wait(10)

    def returned():
        equal(held(env, pid)[0], quiet[0], "links and events of uprobes")
        equal(held(env, pid)[1], quiet[1], "descriptors of files")
        return True

    lib.eventually(returned, 60)
    between(held(env, pid)[2] - quiet[2], -(64 << 20), 6 << 20, "memory that stayed")
    accounted(agent, first, r"e2e-vanish.*", answered(log), connections)


def test_last_one_out(env):
    """A file is let go when its last process ends, not before; and found again when one comes back."""
    certificates = Certificates(env)
    program = env.renamed(linked(True), "e2e-last")
    log = env.dir / "access.log"
    log.touch()
    agent = env.agent()
    pid = agent.process.pid
    before = lib.eventually(lambda: settles(env, pid), 60, "an agent at rest")[0]
    servers = [Server(env, program, log, certificates, 1000000) for _ in range(5)]
    for server in servers:
        lib.listening(server.port, owner=server.process)
        probed(server.process.pid, program, *READ_WRITE)
    count = 0
    for _ in range(4):
        servers.pop(0).process.stop()
        time.sleep(1.5)  # long enough to be noticed
        for server in servers:
            assert breakpoint_in(server.process.pid, program, "SSL_read"), "let go while a process was left"
            with TlsConnection(server.port) as c:
                equal(c.get()[0], 200, "status")
                count += 1
    agent.expect(lambda s: equal(responses(s, "e2e-last"), count, "responses"))
    assert held(env, pid)[0] > before, "nothing was attached"
    servers.pop().process.stop()
    lib.eventually(lambda: held(env, pid)[0] == before, 60, "the last uprobes let go")
    again = Server(env, program, log, certificates, 1000000)
    lib.listening(again.port, owner=again.process)
    probed(again.process.pid, program, *READ_WRITE)
    with TlsConnection(again.port) as c:
        equal(c.get()[0], 200, "status")
    # the instance of the first five may have been retired meanwhile
    agent.expect(lambda s: equal(responses(s, "e2e-last") in (1, count + 1), True, "one response more"))
    gopher = go(env, "e2e-last-go", certificates.environ())
    probed(gopher.process.pid, Path(os.readlink(f"/proc/{gopher.process.pid}/exe")), *GO)
    gopher.process.stop()
    again.process.stop()
    lib.eventually(lambda: held(env, pid)[0] == before, 60, "the last uprobes let go")


def responses(scrape, app):
    return scrape.value("edgetap_app_http_responses_total", app=app)


if __name__ == "__main__":
    lib.main(globals())
