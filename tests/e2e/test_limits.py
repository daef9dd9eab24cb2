#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: it takes the slots of whatever agent runs
"""Many instances: all are there within the memory budget; beyond a limit they are __other__, and counted."""
import shutil
import subprocess

import lib
from client import Connection
from lib import between, equal

MIB = 1 << 20
RSS_BUDGET = 40 * MIB  # of the agent, without map memory, at 1,000 instances


class Tiny:
    """Servers that differ only by name: copies of one small program, each an instance."""

    def __init__(self, env, count, prefix, **popen):
        program = lib.compiled("tiny.c")
        self.names = [f"{prefix}-{i}" for i in range(count)]
        self.ports = [lib.free_port() for _ in range(count)]
        self.children = []
        env.defer(self.stop)
        for name, port in zip(self.names, self.ports):
            path = env.dir / name
            shutil.copy(program, path)
            self.children.append(subprocess.Popen([path, str(port)], stdin=subprocess.DEVNULL, **popen))
        wanted = set(self.ports)

        def all_listening():
            with open("/proc/net/tcp") as f:
                lines = [line.split() for line in f.readlines()[1:]]
            return wanted <= {int(l[1].split(":")[1], 16) for l in lines if l[3] == "0A"}

        lib.eventually(all_listening, 60, f"{count} servers")

    def ask(self, path="/", only=None):
        for port in self.ports[:only]:
            with Connection(port) as c:
                c.get(path)

    def stop(self):
        for child in self.children:
            child.kill()
        for child in self.children:
            child.wait()
        self.children = []


def memory(pid):
    """Resident bytes of a process, BPF maps that it has mapped left out and separately."""
    own = maps = 0
    is_map = False
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            fields = line.split()
            if "-" in fields[0] and not fields[0].endswith(":"):
                is_map = "bpf-map" in line or "bpf_map" in line
            elif fields[0] == "Rss:":
                if is_map:
                    maps += int(fields[1]) * 1024
                else:
                    own += int(fields[1]) * 1024
    return own, maps


def test_thousand(env):
    """1,000 instances, in a quick check 300, with two statuses each."""
    agent = env.agent()
    empty, _ = memory(agent.process.pid)
    servers = Tiny(env, lib.sized(300, 1000), "e2e-tiny")
    for _ in range(2):
        servers.ask("/")
        servers.ask("/n")

    def check(scrape):
        for status in ("200", "404"):
            got = scrape.by("edgetap_app_http_responses_total", "app", status=status)
            for name in servers.names:
                equal(got.get((name,), 0), 2, f"responses {status} of {name}")
        got = scrape.by("edgetap_edge_tcp_connects_total", "app")
        for name in servers.names:
            equal(got.get((name,), 0), 4, f"connections of {name}")

    scrape = agent.expect(check, 30)
    for _ in range(5):
        agent.get("/metrics")
    own, maps = memory(agent.process.pid)
    lines = scrape.text.count("\n")
    print(f"  {lines} lines, RSS {own / MIB:.1f} MiB without maps (empty {empty / MIB:.1f},"
          f" maps {maps / MIB:.1f}), budget {RSS_BUDGET / MIB:.0f}")
    between(own, 0, RSS_BUDGET, "RSS of the agent without map memory")


def taken(env):
    """Instances that this machine has anyhow: they take slots too."""
    agent = env.agent()
    found = agent.scrape().value("edgetap_instances")
    agent.stop()
    return int(found)


# Instances of others that may come or go during a test; what it fills is large beside this.
OTHERS = 30


def test_beyond(env):
    """The first instance beyond the limit goes to __other__ and is counted; nothing is missing."""
    room = 2 * OTHERS
    agent = env.agent(config=f"max_instances: {taken(env) + room}\n")
    before = agent.scrape()
    servers = Tiny(env, 2 * room, "e2e-beyond")
    for _ in range(3):
        servers.ask()

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "app", status="200")
        own = {name: got.get((name,), 0) for name in servers.names}
        named = [name for name, n in own.items() if n]
        between(len(named), 1, room + OTHERS, "instances with a name")
        for name in named:
            equal(own[name], 3, f"responses of {name}")
        other = got.get(("__other__",), 0) - before.value(
            "edgetap_app_http_responses_total", app="__other__", status="200"
        )
        # Other processes of this machine may be in it too, but nothing of ours is missing.
        assert other >= 3 * (2 * room - len(named)), f"{other} under __other__, {named} have names"
        lost = scrape.loss("instances_full") - before.loss("instances_full")
        assert lost >= 2 * room - len(named), f"{lost} under instances_full, {named} have names"
        connects = scrape.value("edgetap_edge_tcp_connects_total", app="__other__")
        assert connects >= 3 * (2 * room - len(named)), f"{connects} connections under __other__"

    agent.expect(check)


def test_share_of_a_user(env):
    """One user's executables take half of what there is; whoever comes then has series of its own."""
    room = 4 * OTHERS
    agent = env.agent(config=f"max_instances: {taken(env) + room}\nretention: 1h\n")
    before = agent.scrape()
    hog = Tiny(env, 2 * room, "e2e-hog", user=lib.USER, group=lib.USER)
    for _ in range(2):
        hog.ask()
    other_user = Tiny(env, 2, "e2e-other-user", user=lib.USER + 1, group=lib.USER + 1)
    root = Tiny(env, 4, "e2e-roots")
    for victim in (other_user, root):
        for _ in range(3):
            victim.ask()

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "app", status="200")
        for name in other_user.names + root.names:
            equal(got.get((name,), 0), 3, f"responses of {name}")
            equal(scrape.value("edgetap_edge_tcp_connects_total", app=name), 3, f"connects of {name}")
        named = [name for name in hog.names if got.get((name,), 0)]
        between(len(named), 1, room // 2 + OTHERS, "instances of the user with a name")
        lost = scrape.loss("instances_full") - before.loss("instances_full")
        assert lost >= 2 * room - len(named), f"{lost} under instances_full, {len(named)} have names"

    agent.expect(check)

    # Those that run no more give their places back, long before their retention where places are wanting.
    hog.stop()
    again = Tiny(env, 6, "e2e-again", user=lib.USER, group=lib.USER)
    done = {name: 0 for name in again.names}

    def have_names():
        again.ask()
        for name in done:
            done[name] += 1
        got = agent.scrape().by("edgetap_app_http_responses_total", "app", status="200")
        return all(got.get((name,), 0) for name in done)

    lib.eventually(have_names, 20, "names of the user's new servers")


def test_share_of_statuses(env):
    """What an instance answers beyond its share is its own __other__, and others' statuses are told apart."""
    from servers import odd

    agent = env.agent(config="max_statuses: 64\n")
    hog, victim = odd(env, "e2e-many-statuses"), odd(env, "e2e-few-statuses")
    for server, statuses in ((hog, range(400, 500)), (victim, (200, 418, 503))):
        with Connection(server.port) as c:
            for status in statuses:
                equal(c.get(f"/?status={status}")[0], status, "status")

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", app=victim.name)
        equal(got, {("200",): 1, ("418",): 1, ("503",): 1}, "responses of the second")
        got = scrape.by("edgetap_app_http_responses_total", "status", app=hog.name)
        equal(sum(got.values()), 100, "responses of the first")
        between(got[("__other__",)], 100 - 32, 99, "of these, under its own __other__")
        refused = scrape.value("edgetap_entries_refused_total", app=hog.name)
        assert refused >= got[("__other__",)], f"{refused} refused, {got} counted"

    agent.expect(check)


def test_statuses_beyond(env):
    """Statuses beyond their limit are __other__ too."""
    from servers import odd

    agent = env.agent(config="max_statuses: 8\n")
    before = agent.scrape()
    server = odd(env, "e2e-statuses")
    with Connection(server.port) as c:
        for status in range(400, 440):
            equal(c.get(f"/?status={status}")[0], status, "status")

    def check(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", app=server.name)
        named = {s: n for (s,), n in got.items() if s != "__other__"}
        between(len(named), 1, 7, "statuses with a name")
        equal(set(named.values()), {1}, "responses of each")
        # The entry of what is beyond is shared by all instances.
        other = scrape.value("edgetap_app_http_responses_total", status="__other__")
        assert other >= 40 - len(named), f"{other} under __other__ for {40 - len(named)} responses"
        assert scrape.loss("statuses_full") - before.loss("statuses_full") >= 40 - len(named), "not counted"

    agent.expect(check)


def test_restart_of_many(env):
    """A limit is of those that live, not of all that ever did: two generations, and room for one and others."""
    count = 2 * OTHERS
    agent = env.agent(config=f"max_instances: {taken(env) + count + OTHERS}\nretention: 1s\n")
    for generation in range(2):
        servers = Tiny(env, count, f"e2e-gen{generation}")
        servers.ask()

        def check(scrape, servers=servers):
            got = scrape.by("edgetap_app_http_responses_total", "app")
            for name in servers.names:
                equal(got.get((name,), 0), 1, f"responses of {name}")

        agent.expect(check)
        servers.stop()

        def gone(servers=servers):
            have = {labels["app"] for labels, _ in agent.scrape().select("edgetap_app_http_responses_total")}
            return not have & set(servers.names)

        lib.eventually(gone, 90, f"end of generation {generation}")
    apps = agent.scrape("/metrics/apps").by("edgetap_app_http_responses_total", "app")
    for generation in range(2):
        equal(sum(n for (a,), n in apps.items() if a.startswith(f"e2e-gen{generation}")), count, "totals of the dead")


if __name__ == "__main__":
    lib.main(globals())
