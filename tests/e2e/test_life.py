#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How containers end (exit codes, signals, out of memory), and how long they wait for a CPU."""
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import lib
from lib import between, equal, eventually, free_port, listening, run_delay
from places import Cgroup, Container, hierarchies

EXITS = "edgetap_instance_exits_total"
KILLS = "edgetap_instance_oom_kills_total"
DELAY = "edgetap_instance_run_queue_seconds_total"
MIB = 1 << 20

# A socket makes the container an instance. What it is to do then, it does at SIGUSR1: exit
# with a code, or eat memory, itself or in a child.
SERVER = """
import os, signal, socket, sys
what, port = sys.argv[1], int(sys.argv[2])
if port:
    s = socket.socket()
    s.bind(("127.0.0.1", port))
    s.listen()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)

def eat():
    hold = []
    while True:
        hold.append(os.urandom(1 << 20))

while True:
    signal.sigwait([signal.SIGUSR1])
    if what.isdigit():
        os._exit(int(what))
    if what == "eat":
        eat()
    if what == "eat-in-child":
        child = os.fork()
        if not child:
            eat()
        print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def init_of(container):
    """The container's first process, as the host numbers it."""
    done = subprocess.run([container.runc, "state", container.id], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["pid"]


def server(env, what, socket=True):
    script = env.dir / "server.py"
    script.write_text(SERVER)
    port = free_port() if socket else 0
    argv = [lib.PYTHON, "/server.py", what, port]
    container = Container(env, argv, mounts={"/server.py": script})
    eventually(lambda: "ready" in container.process.output(), 20, "server ready")
    container.pid = init_of(container)
    container.labels = dict(instance=container.id[:12])
    return container


def memory_cgroup(pid):
    """Directory of the process's memory cgroup, and whether it is v2's."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for mount, options in hierarchies():
            at = mount / path.lstrip("/")
            if "memory" in controllers.split(",") and "memory" in options:
                return at, False
            if not controllers and (at / "memory.max").exists():
                return at, True
    raise lib.Skip("no memory controller")


def limit(container, bytes_):
    at, unified = memory_cgroup(container.pid)
    (at / ("memory.max" if unified else "memory.limit_in_bytes")).write_text(str(bytes_))


def kills_by_kernel(container):
    """The kernel's own count of OOM kills in the container, as long as it lives."""
    at, unified = memory_cgroup(container.pid)
    text = (at / ("memory.events" if unified else "memory.oom_control")).read_text()
    return int(re.search(r"^oom_kill (\d+)$", text, re.M)[1])


def ended(scrape, container, codes, kills):
    equal(scrape.by(EXITS, "code", **container.labels), codes, f"exits of {container.id[:12]}")
    found = scrape.select(KILLS, **container.labels)
    equal([value for _, value in found], [kills], f"OOM kills of {container.id[:12]}")


def test_codes(env):
    """
    Ends by exit codes and signals. What is executed in a container later is not its
    end, and one that never had a socket is known by its end.
    """
    agent = env.shared_agent()
    three, killed, fine, stays = (server(env, what) for what in ("3", "-", "0", "-"))
    five = server(env, "5", socket=False)
    equal(agent.scrape().select(EXITS, **five.labels), [], "exits of who has no socket, while it lives")
    status = subprocess.run([stays.runc, "exec", stays.id, "/usr/bin/false"], check=False).returncode
    equal(status, 1, "runc exec")
    for container in (three, fine, five):
        os.kill(container.pid, signal.SIGUSR1)
    os.kill(killed.pid, signal.SIGKILL)
    equal(three.process.wait(), 3, "runc's exit status")
    equal(killed.process.wait(), 137, "runc's exit status")

    def check(scrape):
        for container, code in ((three, "3"), (killed, "137"), (fine, "0"), (five, "5")):
            ended(scrape, container, {(code,): 1}, 0)
        ended(scrape, stays, {}, 0)

    agent.expect(check)
    stays.remove()


def test_out_of_memory(env):
    """Kills in a container that goes on, against the kernel's count, and of its main process."""
    agent = env.agent(config="retention: 2s\n")
    lives, dies = server(env, "eat-in-child"), server(env, "eat")
    for container in (lives, dies):
        limit(container, 48 * MIB)
    os.kill(dies.pid, signal.SIGUSR1)
    for n in (1, 2, 3):
        os.kill(lives.pid, signal.SIGUSR1)
        eventually(lambda n=n: lives.process.output().count("child -9") == n, 20, f"kill {n}")
    equal(kills_by_kernel(lives), 3, "the kernel's count")
    agent.expect(lambda scrape: ended(scrape, lives, {}, 3))
    lives.remove()
    equal(dies.process.wait(), 137, "runc's exit status")
    scrape = agent.scrape()
    ended(scrape, lives, {("137",): 1}, 3)
    ended(scrape, dies, {("137",): 1}, 1)

    # Its series go, and the app keeps what they counted.
    app = scrape.select(EXITS, **dies.labels)[0][0]["app"]

    def gone():
        apps = agent.scrape("/metrics/apps")
        equal(apps.value(KILLS, app=app), 1, "kills of the app")
        equal(apps.by(EXITS, "code", app=app), {("137",): 1}, "exits of the app")
        return not agent.scrape().select(KILLS, **dies.labels)

    eventually(gone, 30, "retirement")
    gone()


def test_run_queue(env):
    """Two threads and many short children on one CPU with a competitor, living and dead."""
    burn = lib.compiled("burn.c", flags=("-pthread",))
    cpu = max(os.sched_getaffinity(0))
    agent = env.shared_agent()
    port = free_port()
    rival = f"import os\nos.sched_setaffinity(0, [{cpu}])\nwhile True: pass"
    container = Container(env, ["/burn", port, cpu, 1500, 100], mounts={"/burn": burn})
    listening(port, owner=container.process)
    pid = init_of(container)
    labels = dict(instance=container.id[:12])
    rival = env.start([lib.PYTHON, "-c", rival], name="rival")
    os.kill(pid, signal.SIGUSR1)

    # It never falls while threads begin and end, scraped faster than it is counted.
    last = 0
    while "burnt" not in container.process.output():
        now = agent.scrape().value(DELAY, **labels)
        assert now >= last, f"{DELAY} fell from {last} to {now}"
        last = now
        time.sleep(0.02)
    rival.stop()
    children = int(re.search(r"burnt (\d+)", container.process.output())[1]) / 1e9
    want = run_delay(pid) + children
    between(children, 0.05, 100, "what the children waited")
    between(want - children, 1, 100, "what the threads waited")

    def settled(scrape, more=0):
        got = scrape.value(DELAY, **labels)
        between(got, want * 0.99, want * 1.01 + more, "run-queue delay")

    agent.expect(settled)
    print(f"threads {want - children:.6f} s, children {children:.6f} s, "
          f"counted {agent.scrape().value(DELAY, **labels):.6f} s")
    begun = time.monotonic()
    os.kill(pid, signal.SIGUSR1)
    eventually(lambda: "ended" in container.process.output(), 10, "end of the threads")
    # On a busy machine all three wait for a CPU once more, each as long as that takes.
    more = 3 * (time.monotonic() - begun)
    agent.expect(lambda scrape: settled(scrape, more))
    begun = time.monotonic()
    container.remove()
    more += time.monotonic() - begun
    agent.expect(lambda scrape: settled(scrape, more))


if __name__ == "__main__":
    lib.main(globals())
