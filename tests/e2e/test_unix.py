#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""UNIX sockets are not observed, and on how many of them each app listens is told: as `ss` has it."""
import os
import re
import signal
import socket
import subprocess

import lib
from lib import equal
from places import Cgroup, Container, Netns

PROGRAM = lib.HERE / "programs" / "unix_server.py"
NAME = "edgetap_unix_stream_listeners"
WORKERS = 4


class Server:
    """unix_server.py under a name of its own, where `how` (of Env.start) puts it."""

    def __init__(self, env, name, **how):
        self.name = name
        program, environ = env.python(name)
        argv = [program, PROGRAM, name, WORKERS]
        self.process = env.start(argv, name=name, env=environ, **how)
        ready(self.process, name)

    def close_first(self):
        os.killpg(self.process.pid, signal.SIGUSR1)


def ready(process, name):
    lib.eventually(lambda: process.output().count("ready") == WORKERS + 1, 15, f"start of {name}")


def listeners(prefix, pid):
    """Those of a name in the network namespace of a process, as ss has them."""
    argv = [lib.need("nsenter"), f"--net=/proc/{pid}/ns/net", lib.need("ss"), "-xlH"]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return sum(f[0] == "u_str" and f[1] == "LISTEN" and f[4].startswith(f"@{prefix}-") for f in fields)


def told(scrape, **match):
    """{instance: number} of an app."""
    return {labels["instance"]: value for labels, value in scrape.select(NAME, **match)}


def as_ss_has_it(agent, app, instance, prefix, pid, want):
    def check():
        equal(listeners(prefix, pid), want, f"listeners of {prefix}, as ss has them")  # its workers may be about to end
        equal(told(agent.scrape(), app=app), {instance: want} if want else {}, f"listeners of {app}")
        return True

    lib.eventually(check, 10)


def can_tell(agent):
    """Where the kernel cannot, there is no number, and doctor says why."""
    done = subprocess.run([lib.EDGETAP, "doctor"], capture_output=True, text=True, check=False)
    if re.search(r"^  listeners of UNIX sockets .* unavailable", done.stdout, re.M):
        equal(told(agent.scrape()), {}, "listeners where the kernel cannot tell")
        raise lib.Skip("this kernel does not tell who listens")


def test_places(env):
    """Forked workers count once; other kinds of sockets do not; in any namespace, container and unit."""
    agent = env.shared_agent()
    can_tell(agent)
    outside = Server(env, "e2e-unix-out")
    unit = Server(env, "e2e-unix-unit", preexec=Cgroup(env, "/system.slice/e2e-unix.service").enter)
    with Netns(env).inside():
        elsewhere = Server(env, "e2e-unix-netns")

    def change(spec):
        for namespace in spec["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace.pop("path", None)

    app = f"e2e-unix-{os.getpid()}"
    argv = [lib.PYTHON, "/program.py", app, WORKERS]
    container = Container(env, argv, name=app, cgroups_path=f"/runc-{app}.scope", mounts={"/program.py": PROGRAM},
                          change=change)
    ready(container.process, app)
    state = subprocess.run([container.runc, "state", app], capture_output=True, text=True, check=True).stdout
    inside = int(next(line for line in state.splitlines() if '"pid"' in line).split()[-1].rstrip(","))

    for server, name, instance in ((outside, outside.name, outside.name), (elsewhere, elsewhere.name, elsewhere.name),
                                   (unit, "e2e-unix", "e2e-unix.service")):
        as_ss_has_it(agent, name, instance, server.name, server.process.pid, 2)
    as_ss_has_it(agent, app, app, app, inside, 2)

    # nothing of them is observed, and nothing is invented for it
    with socket.socket(socket.AF_UNIX) as c:
        c.connect(f"\0{outside.name}-2")
        c.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert c.recv(100).startswith(b"HTTP/1.1 200"), "an answer"
    scrape = agent.scrape()
    equal([n for n, found in scrape.samples.items() for l, _ in found if l.get("app") == outside.name], [NAME],
          "series of an app that has nothing else")
    assert outside.name not in agent.scrape("/metrics/fly").text, "the view of Fly.io knows nothing of it"

    for server, name, instance in ((outside, outside.name, outside.name), (elsewhere, elsewhere.name, elsewhere.name)):
        server.close_first()
        as_ss_has_it(agent, name, instance, server.name, server.process.pid, 1)
    outside.process.stop()
    as_ss_has_it(agent, outside.name, outside.name, outside.name, os.getpid(), 0)
    container.remove()
    as_ss_has_it(agent, app, app, app, os.getpid(), 0)


def test_shared(env):
    """A socket that two apps hold is one of either's."""
    agent = env.shared_agent()
    can_tell(agent)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0e2e-unix-shared-1")
    listener.listen()
    names = ("e2e-unix-first", "e2e-unix-second")
    for name in names:
        env.start([env.renamed("/bin/sleep", name), "60"], name=name, pass_fds=(listener.fileno(),))

    def check():
        scrape = agent.scrape()
        equal({name: told(scrape, app=name) for name in names}, {name: {name: 1} for name in names}, "listeners")
        return True

    lib.eventually(check, 10)
    listener.close()


if __name__ == "__main__":
    lib.main(globals())
