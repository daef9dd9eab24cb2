#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts that cannot succeed: one clear sentence, exit status 1, nothing left in the kernel."""
import json
import os
import shutil
import socket
import subprocess

import lib
from lib import equal


def holders(kind):
    """{id: pids} of the programs or links that processes hold open; bpftool is often built without this."""
    out = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                    for line in f:
                        if line.startswith(f"{kind}_id:"):
                            out.setdefault(int(line.split()[1]), set()).add(int(pid))
        except OSError:
            pass  # it has ended, or closed that one
    return out


def objects(kind):
    """{id: (name, pids)} of the kernel's BPF programs or links."""
    done = subprocess.run([lib.need("bpftool"), "-j", kind, "show"], capture_output=True, text=True)
    equal(done.returncode, 0, f"bpftool {kind}: {done.stderr}")
    held = holders(kind)
    return {
        o["id"]: (o.get("name") or o.get("type"), held.get(o["id"], set()))
        for o in json.loads(done.stdout)
    }


class Left:
    """Programs and links that came and that no process holds: others may run agents meanwhile."""

    def __init__(self):
        self.before = {kind: objects(kind) for kind in ("prog", "link")}

    def nothing(self):
        def check():
            for kind, before in self.before.items():
                left = {
                    i: name for i, (name, pids) in objects(kind).items() if i not in before and not pids
                }
                equal(left, {}, f"{kind}s left behind")
            return True

        lib.eventually(check, 10)


def fails(argv, *words, status=1):
    """Runs it to its end; the one sentence on stderr says what the words say."""
    left = Left()
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60)
    said = done.stderr.strip().splitlines()
    equal(done.returncode, status, f"exit status, after {done.stderr!r}")
    equal(len(said), 1, f"lines on stderr: {done.stderr!r}")
    assert said[0].startswith("edgetap: ") and len(said[0]) < 400, f"no sentence: {said[0]!r}"
    for word in words:
        assert word.lower() in said[0].lower(), f"nothing about {word!r}: {said[0]!r}"
    print(f"  {said[0]}")
    left.nothing()


def test_attached_and_gone(env):
    """The control of this file: while an agent runs bpftool shows what is its own, afterwards nothing."""
    left = Left()
    agent = env.agent()
    pid = agent.process.pid

    def own(kind):
        return [i for i, (_, pids) in objects(kind).items() if pid in pids]

    assert len(own("prog")) > 3, f"programs of the agent: {own('prog')}"
    assert len(own("link")) > 3, f"links of the agent: {own('link')}"
    equal(agent.stop(), 0, "exit status after SIGTERM")
    lib.eventually(lambda: not own("prog") and not own("link"), 10, "everything detached")
    left.nothing()


def test_killed(env):
    """Even kill -9 leaves nothing."""
    left = Left()
    agent = env.agent()
    agent.process.popen.kill()
    agent.process.wait()
    left.nothing()


def test_without_root(env):
    setpriv = lib.need("setpriv")
    program = env.dir / "edgetap"
    shutil.copy(lib.EDGETAP, program)
    program.chmod(0o755)
    argv = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", program, "serve"]
    fails([*argv, "--listen", f"127.0.0.1:{lib.free_port()}"], "root")


def test_without_btf(env):
    del env
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        raise lib.Skip("this kernel has no BTF to hide")
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    argv = [lib.need("unshare"), "-m", "sh", "-c", hide, "sh", lib.EDGETAP, "serve"]
    fails([*argv, "--listen", f"127.0.0.1:{lib.free_port()}"], "BTF")


def test_port_in_use(env):
    del env
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        port = s.getsockname()[1]
        fails([lib.EDGETAP, "serve", "--listen", f"127.0.0.1:{port}"], str(port), "in use")


def test_broken_config(env):
    path = env.dir / "broken.yaml"
    for text, words in (
        ("listen: [unclosed\n", ("broken.yaml",)),
        ("region: here\nno_such_key: 1\n", ("broken.yaml:2", "no_such_key")),
        ("\n\nmax_instances: many\n", ("broken.yaml:3", "max_instances")),
        ("max_instances: -1\n", ("broken.yaml:1", "max_instances")),
        ("retention: 5 apples\n", ("broken.yaml:1", "retention")),
        ("buckets: [1, 0.5]\n", ("broken.yaml:1", "bucket")),
        ("listen: nowhere\n", ("broken.yaml:1", "listen")),
    ):
        path.write_text(text)
        fails([lib.EDGETAP, "serve", "--config", path], *words)
    fails([lib.EDGETAP, "serve", "--config", env.dir / "absent.yaml"], "absent.yaml")


def test_bad_address(env):
    """An address that is not this machine's, and one that is none."""
    del env
    fails([lib.EDGETAP, "serve", "--listen", "192.0.2.1:9777"], "192.0.2.1")
    done = subprocess.run([lib.EDGETAP, "serve", "--listen", "nonsense"], capture_output=True, text=True)
    assert done.returncode in (1, 2), f"exit status {done.returncode}"
    equal(len(done.stderr.strip().splitlines()), 1, f"lines on stderr: {done.stderr!r}")


if __name__ == "__main__":
    lib.main(globals())
