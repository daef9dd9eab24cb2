#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: the memory of the agent is what a flood has cost
"""Server names are chosen by clients: many thousands of them leave memory and series as they were."""
import subprocess
import time
from pathlib import Path

import lib
from lib import between, equal
from scrape import delta
from servers import Nginx
from test_tls_handshakes import REJECT, hello_for
from tls import Certificates, Handshake, TlsConnection


NAMES = lib.sized(20000, 100000)


def memory(pid):
    """Resident bytes of a process that are its own: not the maps that it shares with the kernel."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


def flood(env, port, count, how):
    """(alerts, other answers, silence) that the clients met."""
    path = env.dir / "flood.hello"
    name = "abcdefgh.ijklmnop.test"
    path.write_bytes(hello_for(name))
    program = lib.compiled("flood.c")
    argv = [program, str(port), str(count), "200", how, path, name]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"flood: {done.stderr}"
    return tuple(int(n) for n in done.stdout.split())


def test_flood(env):
    """Names that nobody serves: all are counted, few are remembered, and the good one is kept."""
    agent = env.agent()
    certificates = Certificates(env)
    served_port = lib.free_port()
    server = Nginx(
        env, "e2e-tls-flood", log_level="crit", tls=REJECT,
        http=f"server {{ listen 127.0.0.1:{served_port} ssl backlog=4096; {certificates.nginx()} }}",
    )
    with TlsConnection(served_port) as c:
        c.get()
        c.finish()

    def errors(scrape):
        return scrape.by("edgetap_edge_tls_handshake_errors_total", "servername", "by", "reason", app=server.name)

    equal(flood(env, server.port, 2000, "refused"), (2000, 0, 0), "answers to the flood")
    agent.expect(lambda s: equal(sum(errors(s).values()), 2000, "failed handshakes"))
    first = agent.scrape()
    before = memory(agent.process.pid)
    begun = time.monotonic()
    more = NAMES - 2000
    equal(flood(env, server.port, more, "refused"), (more, 0, 0), "answers to the flood")
    print(f"{more} refused in {time.monotonic() - begun:.1f} s", end="; ")
    agent.expect(lambda s: equal(sum(errors(s).values()), NAMES, "failed handshakes"), 30)
    scrape = agent.scrape()
    got = errors(scrape)
    equal({key[1:] for key in got}, {("server", "unrecognized_name")}, "kinds of errors")
    between(len(got), 1, 20, f"series of errors: {sorted(got)[:40]}")
    assert got.get(("__other__", "server", "unrecognized_name"), 0) > NAMES - 1000, f"not under __other__: {got}"
    grown = [key for key in delta(first, scrape) if key not in first.series and ("app", server.name) in key[1]]
    between(len(grown), 0, 60, f"series that came with {more} names: {grown[:100]}")
    ownerless = [key for key in scrape.series if key not in first.series and "app" not in dict(key[1])]
    between(len(ownerless), 0, 200, f"series of nobody's that came meanwhile: {ownerless[:100]}")
    between(memory(agent.process.pid) - before, -(64 << 20), 4 << 20, f"memory that came with {more} names")

    # They leave when the server has answered: other reasons, the same bound.
    begun = time.monotonic()
    equal(flood(env, served_port, 10000, "reset"), (0, 10000, 0), "answers to the second flood")
    print(f"10,000 reset in {time.monotonic() - begun:.1f} s", end="; ")
    agent.expect(lambda s: equal(sum(errors(s).values()), NAMES + 10000, "failed handshakes"), 30)
    scrape = agent.scrape()
    resets = sum(n for (_, *how), n in errors(scrape).items() if how == ["client", "reset"])
    equal(resets, 10000, "ended by the client's RST")
    between(len(errors(scrape)), 2, 40, "series of errors")
    between(memory(agent.process.pid) - before, -(64 << 20), 4 << 20, "memory that came with both floods")
    print(f"memory {(memory(agent.process.pid) - before) / 1024:+.0f} KiB, {len(errors(scrape))} series", end="; ")

    # A name that was served once has a series of its own when it fails, flood or not.
    c = Handshake(served_port, name="good.test")
    c.send(c.flight())
    c.feed_once()
    c.finish()
    agent.expect(lambda s: equal(errors(s).get(("good.test", "client", "closed")), 1, "the name that is served"))


if __name__ == "__main__":
    lib.main(globals())
