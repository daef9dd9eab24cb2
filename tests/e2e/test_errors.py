#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts that cannot succeed: one clear sentence, exit status 1, nothing left in the kernel."""
import json
import os
import shutil
import socket
import subprocess
import urllib.request

import lib
from lib import equal
from places import Cgroup


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
    """{id: (name, pids)} of the kernel's BPF programs or links; those of cgroups are runtimes' and nobody holds them."""
    done = subprocess.run([lib.need("bpftool"), "-j", kind, "show"], capture_output=True, text=True)
    equal(done.returncode, 0, f"bpftool {kind}: {done.stderr}")
    held = holders(kind)
    return {
        o["id"]: (o.get("name") or o.get("type"), held.get(o["id"], set()))
        for o in json.loads(done.stdout) if not str(o["type"]).startswith("cgroup")
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


# What a terminal or a reader of lines would act on: ESC, BEL, CSI of C1, CR, LF, a direction, no UTF-8.
EVIL = b"\x1b]0;owned\x07\x1b[2J\xc2\x9b31m\r\nedgetap: all is well \xe2\x80\xae\xff"

SERVER = """
import ctypes, socket, sys
library = ctypes.CDLL(sys.argv[1])
with socket.create_server(("127.0.0.1", int(sys.argv[2]))) as listener:
    while True:
        s, _ = listener.accept()
        with s:
            s.recv(1000)
            s.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
"""


def harmless(text, what, begins=b""):
    """Lines of ours, in which nothing of EVIL is itself."""
    assert text, f"{what}: nothing"
    bad = [b for b in text if b < 0x20 and b != 0x0A or b == 0x7F]
    equal(bad, [], f"{what}: control characters in {text!r}")
    shown = text.decode()  # what is no UTF-8 fails here
    equal([c for c in shown if c in "\x9b\u202e"], [], f"{what}: {text!r}")
    for line in text.splitlines():
        assert line.startswith(begins) and not line.startswith(b"edgetap: all is well"), f"{what}: {line!r}"


def test_names_of_others(env):
    """A file, an executable, a process, a unit and a configuration named to deceive whoever reads about them."""
    source = env.dir / "half.c"
    source.write_text("int SSL_read(void *ssl, void *buffer, int size) { return !!ssl + !!buffer + size; }\n")
    half = lib.compiled(source, out=env.dir / "half.so", flags=["-shared", "-fPIC"])
    name = f"evil{os.getpid()}".encode() + EVIL[:80].replace(b"/", b"")
    program, variables = env.python(os.fsdecode(name))
    cgroup = Cgroup(env, os.fsdecode(b"/evil%d\x1b[2J\r.slice/evil%d\x1b[2J\redgetap: x.service" % ((os.getpid(),) * 2)))
    agent = env.agent(flags=["--postgres=false"])
    for where, enter in (b"free", None), (b"unit", cgroup.enter):
        library = os.fsencode(env.dir) + b"/libssl-" + where + EVIL + b".so"
        shutil.copy(half, library)
        port = lib.free_port()
        server = env.start([program, "-c", SERVER, os.fsdecode(library), port], name="evil", env=variables, preexec=enter)
        lib.listening(port, owner=server)
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read()
    log = agent.process.log
    ours = os.fsencode(env.dir)
    lib.eventually(lambda: log.read_bytes().count(ours) == 2, 20, "both are told of")
    for line in log.read_bytes().splitlines():
        if ours in line:
            print(f"  {line}")
    harmless(log.read_bytes(), "the log", b"edgetap: ")
    # Labels are for Prometheus, to which a direction is a letter.
    page = agent.get("/metrics")[2].replace(b"\xe2\x80\xae", b"")
    harmless(b"\n".join(line for line in page.splitlines() if b"evil" in line), "/metrics")
    doctor = subprocess.run([lib.EDGETAP, "doctor", "--postgres=false", "--listen", f"127.0.0.1:{lib.free_port()}"], capture_output=True)
    assert b"evil" in doctor.stdout, f"doctor: {doctor.stdout!r}"
    harmless(doctor.stdout, "doctor")
    config = os.fsencode(env.dir) + b"/" + EVIL + b".yaml"
    with open(config, "wb") as f:
        f.write(b'"' + b"\\e[2J\\r\\nedgetap: all is well\\u202e\\u009b" + b'": 1\n')
    for argv in (
        [b"check-config", config], [b"check-config", b"/" + EVIL], [b"serve", b"--listen", EVIL],
        [b"serve", b"--region=" + EVIL], [b"serve", b"--" + EVIL], [EVIL], [b"token", EVIL], [b"token", b"inspect", EVIL],
        [b"token", b"create", b"--key-file", EVIL], [b"token", b"create", b"--expires", EVIL],
    ):
        done = subprocess.run([os.fsencode(lib.EDGETAP), *argv], capture_output=True)
        assert done.returncode in (1, 2), f"{argv}: {done.returncode}"
        harmless(done.stderr, f"{argv}", b"edgetap: ")
        equal(len(done.stderr.splitlines()), 1, f"lines: {done.stderr!r}")
    done = subprocess.run(
        [lib.EDGETAP, "check-config"], capture_output=True, env={b"EDGETAP_REGION": EVIL, b"EDGETAP_LISTEN": EVIL}
    )
    harmless(done.stderr, "the environment", b"edgetap: ")


if __name__ == "__main__":
    lib.main(globals())
