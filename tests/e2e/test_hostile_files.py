#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: whoever looks at files of processes meets what hangs here
"""
Processes whose files are traps: links to devices, pipes, file systems that stop answering, a
memory map that nobody may read. Nothing of it is opened, and nobody else waits.
"""
import ctypes
import os
import select
import shutil
import signal
import stat
import struct
import time
from pathlib import Path

import lib
from client import Connection
from fuse import Mount
from https import linked, watch_itself
from lib import equal
from places import Cgroup
from tls import Certificates, TlsConnection, children

FAN_REPORT_FID, FAN_NONBLOCK, FAN_MARK_ADD, FAN_OPEN = 0x200, 2, 1, 0x20
MS_BIND = 4096
libc = ctypes.CDLL(None, use_errno=True)
ID = "e2e0" * 16
MAPPED_BYTES = 1 << 20  # what hostile.c maps


class Opens:
    """What was opened by whom, by fanotify: O_PATH opens nothing. Others may observe this machine, too."""

    def __init__(self, env):
        self.env = env
        self.groups = []

    def watch(self, path):
        group = libc.fanotify_init(FAN_REPORT_FID | FAN_NONBLOCK, 0)
        assert group >= 0, f"no fanotify: {os.strerror(ctypes.get_errno())}"
        self.env.defer(os.close, group)
        marked = libc.fanotify_mark(group, FAN_MARK_ADD, ctypes.c_uint64(FAN_OPEN), -100, bytes(path))
        equal(marked, 0, f"a mark of fanotify at {path}")
        self.groups.append((group, path.name))

    def by(self, pids):
        """The names that these processes have opened since the last call."""
        found = set()
        for group, name in self.groups:
            while select.select([group], [], [], 0)[0]:
                data = os.read(group, 1 << 16)
                at = 0
                while at < len(data):
                    length, *_, pid = struct.unpack_from("=IBBHQii", data, at)
                    at += length
                    if pid in pids:
                        found.add(name)
        return found


def hostile(env, name, *how, program=None, gate=None, **popen):
    """A copy of the program under a name of its own, that serves and has served; behind a gate, that runs."""
    program = program or env.renamed(lib.compiled("hostile.c", libs=("-lpthread",)), name)
    port = lib.free_port()
    if gate:
        popen["env"] = dict(os.environ, GATE=str(gate))
    process = env.start([program, port, *how], name=name, **popen)
    process.port = port
    if not gate:
        answers(process)
    return process


def answers(process):
    lib.listening(process.port, owner=process)
    with Connection(process.port) as c:
        equal(c.get()[0], 200, "status of who has hostile files")


class Victim:
    """An HTTPS server of which every request is counted."""

    def __init__(self, env, name):
        certificates = Certificates(env)
        self.name = name
        self.port = lib.free_port()
        environ = dict(certificates.environ(), PORT=str(self.port), ACCESS_LOG=str(env.dir / f"{name}.log"))
        self.process = env.start([env.renamed(linked(True), name), "plain"], name=name, env=environ)
        lib.listening(self.port, owner=self.process)

    def counted(self, agents, requests=5):
        """Whoever came before it has been looked at, too: processes are looked at in the order of their births."""
        watch_itself(self.process)
        with TlsConnection(self.port) as c:
            for _ in range(requests):
                equal(c.get()[0], 200, "status")
        for agent in agents:
            agent.expect(
                lambda s: equal(s.value("edgetap_app_http_responses_total", app=self.name), requests, "responses")
            )


def trap(env, name):
    """A file to map, and who is at its path in a root of its own, where a function puts something else."""
    file = env.dir / f"{name}.so"
    file.write_bytes(bytes(MAPPED_BYTES))
    file.chmod(0o755)
    root = env.dir / f"{name}.root"
    inside = root / str(file).lstrip("/")
    inside.parent.mkdir(parents=True)
    return file, root, inside


def test_paths_that_lead_elsewhere(env):
    """Whatever is at the path of a mapped file, with and without the right to open the mapping itself."""
    closed = env.dir / "closed"
    closed.mkdir(mode=0o700)
    opens = Opens(env)
    devices = []
    for name in ("linked", "below", "magic", "parents", "mounted", "state"):
        os.mknod(closed / name, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        devices.append(closed / name)
        opens.watch(devices[-1])
    linked_, below, magic, parents, mounted, state = devices
    agents = [env.agent()]
    few = env.start(
        [lib.need("setpriv"), "--bounding-set=-checkpoint_restore,-sys_admin", lib.EDGETAP, "serve", "--listen",
         f"127.0.0.1:{lib.free_port()}"], name="edgetap")
    agents.append(lib.Metrics(f"http://{few.argv[-1]}"))
    lib.eventually(lambda: agents[1].answers("/-/ready"), 30, "an agent without privileges")

    def put(name, place):
        file, root, inside = trap(env, name)
        place(inside)
        hostile(env, name, "root", root, file)

    put("e2e-path-link", lambda at: at.symlink_to(linked_))
    put("e2e-path-magic", lambda at: at.symlink_to(f"/proc/self/root{magic}"))
    put("e2e-path-parents", lambda at: at.symlink_to("../" * 20 + str(parents).lstrip("/")))

    def directory(at):
        (at.parent / "way").symlink_to(closed)
        at.symlink_to("way/below")

    put("e2e-path-below", directory)

    def pipe(at):
        os.mkfifo(at)
        opens.watch(at)

    put("e2e-path-pipe", pipe)

    # without another root: what was mapped is replaced, or hidden by a mount, before it is looked at
    for name in ("e2e-path-replaced", "e2e-path-mounted"):
        file, _, _ = trap(env, name)
        gate = env.dir / f"{name}.gate"
        process = hostile(env, name, "map", file, gate=gate)
        lib.eventually(lambda p=process, f=file: str(f) in Path(f"/proc/{p.pid}/maps").read_text(), 10, "a mapped file")
        if name == "e2e-path-mounted":
            equal(libc.mount(bytes(mounted), bytes(file), None, MS_BIND, None), 0, "bind mount")
            env.defer(libc.umount2, bytes(file), 2)
        else:
            file.unlink()
            os.mkfifo(file)
            opens.watch(file)
        gate.touch()
        answers(process)

    # who says that it is conmon, and where the container's state is
    bundle = env.dir / "bundle"
    bundle.mkdir()
    (bundle / "config.json").symlink_to(state)
    box = Cgroup(env, f"machine.slice/libpod-{ID}.scope")
    hostile(env, "conmon", "fork", "-c", ID, "-n", "e2e-path-told", "-b", bundle, preexec=box.enter)

    Victim(env, "e2e-path-victim").counted(agents)
    pids = {p.pid for p in env.processes if p.log.name.startswith("edgetap.")}
    equal(opens.by(pids | {c for p in pids for c in children(p)}), set(), "opened by an agent")
    apps = {labels["app"] for labels, _ in agents[0].scrape().select("edgetap_app_http_responses_total")}
    assert "e2e-path-told" not in apps, "a container's own word was taken for its runtime's"


def ends_in_time(agent):
    """What hangs here does so until the test is over; a busy machine is slow."""
    agent.process.popen.send_signal(signal.SIGTERM)
    equal(agent.process.wait(5), 0, "exit status of the agent")


def test_file_systems_that_hang(env):
    """Before the agent's start and after it; with what is mapped, what runs, and what holds its memory map."""
    program = lib.compiled("hostile.c", libs=("-lpthread",))
    mapped = env.dir / "mapped.so"
    mapped.write_bytes(bytes(MAPPED_BYTES))
    names = ("e2e-hang-old", "e2e-hang-layer", "e2e-hang-new")
    old, layer, new = (shutil.copy(program, env.dir / name) for name in names)
    first = Mount(env, env.dir / "first", [old, layer, mapped])
    second = Mount(env, env.dir / "second", [new, mapped])
    if not (first.is_ready and second.is_ready):
        raise lib.Skip("no FUSE here")
    layers = env.dir / "layers"
    (env.dir / "empty").mkdir()
    layers.mkdir()
    options = f"lowerdir={first.point}:{env.dir / 'empty'}"
    if libc.mount(b"overlay", bytes(layers), b"overlay", 0, options.encode()):
        raise lib.Skip("no overlayfs here")
    env.defer(libc.umount2, bytes(layers), 2)
    try:
        hang(env, names, first, second, layers)
    except AssertionError:
        for process in env.processes:
            if process.log.name.startswith("edgetap."):
                print_threads(process.pid)
        raise
    finally:  # nobody who waits for them can be ended before
        first.end()
        second.end()


def print_threads(pid):
    """Where each thread of a process is, when it is not where it should be."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        top = (task / "stack").read_text().splitlines()[:6]
        print(f"thread {task.name}:", *[line.split()[-1] for line in top])


def hang(env, names, first, second, layers):
    servers = [
        hostile(env, names[0], "map", first.point / "mapped.so", program=first.point / names[0]),
        hostile(env, names[1], "map", layers / "mapped.so", program=layers / names[1]),
    ]
    first.hang()
    agent = env.agent()
    counted = agent.scrape().value("edgetap_tls_processes_unread_total", reason="file_system") or 0
    servers.append(hostile(env, names[2], "map", second.point / "mapped.so", program=second.point / names[2]))
    gate = env.dir / "gate"
    holders = [hostile(env, f"e2e-hang-hold-{i}", "hold", second.point / "mapped.so", gate=gate) for i in range(3)]
    Victim(env, "e2e-hang-before").counted([agent])
    second.hang()
    gate.touch()
    for server in holders + servers:
        answers(server)
    begun = time.monotonic()
    Victim(env, "e2e-hang-after").counted([agent])
    while time.monotonic() - begun < 6:  # what is attached has been swept (every 5 s)
        before = time.monotonic()
        scrape = agent.scrape()
        assert time.monotonic() - before < 5, "a scrape had to wait"
        time.sleep(0.2)
    for name, count in zip(names, (1, 1, 2)):
        equal(scrape.value("edgetap_app_http_responses_total", app=name), count, f"responses of {name}")
    Victim(env, "e2e-hang-last").counted([agent])
    unread = agent.scrape().by("edgetap_tls_processes_unread_total", "reason")
    assert unread[("file_system",)] >= counted + 1, f"not counted: {unread}"
    assert unread[("memory_map",)] >= 3, f"not counted: {unread}"
    ends_in_time(agent)


if __name__ == "__main__":
    lib.main(globals())
