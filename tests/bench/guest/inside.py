#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Runs the loads inside a guest whose clock counts instructions (boot.sh --count), without
an agent and with each of those that are compared, one at a time.

Usage: inside.py JOB
JOB is JSON: loads (names), agents ({name: path}), rounds, programs (folder of the clients).
The last line but the guest's own is "result: " and JSON, a list with a row for each
state and load of each round: what an exchange took, and what BPF programs ran in it.
"""
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "e2e")]

import lib  # noqa: E402
import machine  # noqa: E402
import tls  # noqa: E402
from loads import LOADS  # noqa: E402

STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
SERVER = "guest-nginx"
NONE = "none"  # the state without an agent
FAR = "10.99.0.2"  # behind the TUN device


# While a file is read, the guest's clock goes on as this machine's does, which may be busy.
_eventually = lib.eventually
lib.eventually = lambda check, seconds=10, what="": _eventually(check, seconds * 5, what)


def say(text):
    print(text, flush=True)


def programs():
    """{name: (runs, nanoseconds)} of all BPF programs of this kernel: they are the agent's."""
    out = {}
    for program in json.loads(machine.run([lib.need("bpftool"), "-j", "prog", "show"])):
        runs, ns = out.get(program["name"], (0, 0))
        out[program["name"]] = (runs + program.get("run_cnt", 0), ns + program.get("run_time_ns", 0))
    return out


def quiet():
    """Waits until the machine has nothing to do: an agent that has just started looks around."""
    def idle():
        user, nice, system, unused, *rest = [
            int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        ]
        return unused, user + nice + system + unused + sum(rest)

    def check():
        before = idle()
        time.sleep(0.5)
        unused, all_time = [now - then for now, then in zip(idle(), before)]
        return unused >= 0.96 * all_time

    lib.eventually(check, 30, "an idle machine")


def lines(log):
    return log.read_bytes().count(b"\n")


class Server:
    """nginx that answers from memory and logs each request at once."""

    def __init__(self, env, loads):
        self.env = env
        self.log = env.dir / "requests.log"
        self.ports = {"http": lib.free_port(), "h2c": lib.free_port(), "https": lib.free_port()}
        self.library, self.environ = tls.library(env)
        listen = f"listen 127.0.0.1:{self.ports['h2c']} http2;"
        if any(load.kind == "https" for load in loads):
            listen += self._https()
        self.nginx = machine.Nginx(
            env, SERVER, environ=self.environ,
            server=f"""listen 127.0.0.1:{self.ports['http']} backlog=4096;
        {listen}
        access_log {self.log} status;
        location = /same {{ return 200 "hello world\\n"; }}
        location = /varying {{ add_header X-Date $http_x_date; return 200 "hello world\\n"; }}""",
        )

    def _https(self):
        cert, key = self.env.dir / "server.crt", self.env.dir / "server.key"
        tls.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=good.test", "-days", "3650", "-keyout", key, "-out", cert,
        )
        return (
            f"listen 127.0.0.1:{self.ports['https']} ssl; ssl_certificate {cert};"
            f" ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"
        )

    def logged(self):
        return lines(self.log)

    def await_probes(self):
        for worker in tls.children(self.nginx.process.pid):
            tls.probed(worker, self.library, "SSL_read", "SSL_write", seconds=30)


class FarServer:
    """far.c: a server elsewhere, so that the guest has a client's sockets only."""

    def __init__(self, env, program):
        self.log = env.dir / "far.log"
        process = env.start([program, "far", self.log])
        lib.eventually(lambda: process.output() == "ready\n", 10, "the far server")
        machine.run([lib.need("ip"), "address", "add", "10.99.0.1/24", "dev", "far"])
        machine.run([lib.need("ip"), "link", "set", "far", "up"])

    def logged(self):
        return lines(self.log)


class Client:
    """client.c: run() is one fixed number of requests, and returns the nanoseconds that they took."""

    def __init__(self, program, address, port, load):
        argv = [program, address, port, load.mode, load.requests, load.connections]
        self.process = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the client ended, see above")
        return line

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self._line())

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class H2load:
    """
    The same by h2load, whose connections are part of what is measured. It has the server's TLS
    library, so that what is read and written inside TLS is seen at both ends, as in clear text.
    """

    UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9}

    def __init__(self, port, load, environ):
        self.environ = environ
        scheme = "https" if load.kind == "https" else "http"
        self.requests = load.requests
        self.argv = [lib.need("h2load"), "-t1", "-n", load.requests, "-c", load.connections, "-m", load.streams]
        self.argv += ["--h1"] if load.kind == "https" else []
        self.argv.append(f"{scheme}://127.0.0.1:{port}/same")

    def run(self):
        out = machine.run(self.argv, environ=self.environ)
        took = re.search(r"^finished in ([\d.]+)(us|ms|s),", out, re.M)
        if not took or f" {self.requests} succeeded, 0 failed" not in out:
            raise RuntimeError(f"h2load: not all requests were answered well:\n{out}")
        return float(took[1]) * self.UNITS[took[2]]

    def close(self):
        pass


class Guest:
    """What runs in the guest but the agent."""

    def __init__(self, env, job, loads):
        self.clients = Path(job["programs"])
        self.nginx = Server(env, loads)
        self.far = None
        if any(load.kind == "far" for load in loads):
            self.far = FarServer(env, self.clients / "far")

    def server(self, load):
        return self.far if load.kind == "far" else self.nginx

    def client(self, load):
        if load.kind == "far":
            return Client(self.clients / "client", FAR, 80, load)
        port = self.nginx.ports[load.kind]
        if load.streams:
            return H2load(port, load, self.nginx.environ if load.same_library else None)
        return Client(self.clients / "client", "127.0.0.1", port, load)


def measure(guest, load, observed):
    """One load in one state: what an exchange takes without statistics, then the programs with them."""
    client, server = guest.client(load), guest.server(load)
    row = dict(load=load.name, exchange=[], requests=0, programs={})
    for _ in range(load.windows):
        before = server.logged()
        row["exchange"].append(client.run() / load.requests)
        logged = server.logged() - before
        if logged != load.requests:
            raise RuntimeError(f"{load.what}: the server has logged {logged} of {load.requests} requests")
    if observed:
        STATS.write_text("1")
        logged, before = server.logged(), programs()
        client.run()
        after = programs()
        STATS.write_text("0")
        row["requests"] = server.logged() - logged
        for name, (runs, ns) in after.items():
            then = before.get(name, (0, 0))
            if runs != then[0]:
                row["programs"][name] = [runs - then[0], ns - then[1]]
    client.close()
    return row


class State:
    """Which agent observes the guest; none at first."""

    def __init__(self, env, job, guest, loads):
        self.env, self.job, self.guest = env, job, guest
        self.tls = any(load.kind == "https" for load in loads)
        self.name, self.agent = NONE, None

    def enter(self, name):
        if name == self.name:
            return
        if self.agent:
            status = self.agent.stop()
            if status:
                raise RuntimeError(f"{self.name}: edgetap ended with status {status}")
            lib.eventually(lambda: not programs(), 20, "a kernel without the agent's programs")
            self.agent = None
        self.name = name
        if name != NONE:
            lib.EDGETAP = Path(self.job["agents"][name])
            self.agent = self.env.agent()
            if self.tls:
                self.guest.nginx.await_probes()
        quiet()

    def counted(self):
        scrape = self.agent.scrape()
        return scrape.value("edgetap_app_http_responses_total", app=SERVER)


def visit(state, guest, loads):
    """All loads in the state that is entered; what nginx logged must have been counted."""
    rows, counted, logged = [], state.counted() if state.agent else 0, guest.nginx.logged()
    for load in loads:
        rows.append(dict(measure(guest, load, bool(state.agent)), state=state.name))
        say(f"  {state.name}: {load.what}: {rows[-1]['exchange'][0]:,.0f} instructions an exchange")
    if not state.agent:
        return rows
    want = guest.nginx.logged() - logged
    have = []

    def all_there():
        have.append(state.counted() - counted)
        return have[-1] == want

    try:
        lib.eventually(all_there, 20)
    except AssertionError:
        say(f"  {state.name}: edgetap counted {have[-1]:,.0f} of {want:,} requests")
    rows.append(dict(state=state.name, logged=want, missed=abs(want - have[-1])))
    return rows


def main():
    job = json.loads(sys.argv[1])
    os.environ["TMPDIR"] = "/run"  # in memory, where agents look into files
    loads = [load for load in LOADS if load.name in job["loads"]]
    Path("/proc/sys/net/ipv4/tcp_max_tw_buckets").write_text("262144")
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("%d %d" % lib.CLIENT_PORTS)
    env = lib.Env("guest")
    failed, rows = True, []
    try:
        guest = Guest(env, job, loads)
        state = State(env, job, guest, loads)
        for i in range(job["rounds"]):
            order = [NONE, *job["agents"]]
            for name in order if i % 2 == 0 else reversed(order):
                state.enter(name)
                say(f"round {i + 1} of {job['rounds']}, {name}")
                rows += visit(state, guest, loads)
        state.enter(NONE)
        failed = False
    finally:
        env.close(failed)
    say("result: " + json.dumps(rows))


if __name__ == "__main__":
    main()
