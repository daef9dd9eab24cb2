# SPDX-License-Identifier: Apache-2.0
"""What every figure uses: CPUs to pin to, the benchmark's programs, CPU clocks of processes, an nginx."""
import os
import re
import subprocess
import time
from pathlib import Path

import lib

BENCH = Path(os.environ.get("BUILD", lib.REPO / "build")) / "bench"
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, CLIENT_CPU = CPUS[0], CPUS[-1]


def on(cpu):
    """For Popen: keeps the child and its children on one CPU."""
    return lambda: os.sched_setaffinity(0, {cpu})


def run(argv, cpu=None, seconds=120, environ=None):
    """Output of a program that must succeed."""
    done = subprocess.run(
        [str(a) for a in argv], capture_output=True, text=True, timeout=seconds, env=environ,
        preexec_fn=on(cpu) if cpu is not None else None,
    )
    if done.returncode:
        text = (done.stderr or done.stdout).strip()
        raise RuntimeError(f"{argv[0]}: exit status {done.returncode}: {text}")
    return done.stdout


def bench(program, *argv, cpu=None):
    """Output of one of the C programs beside this file."""
    return run([BENCH / program, *argv], cpu=cpu)


def attached():
    """How many agents observe this machine, this run's own included."""
    return int(bench("agent_bpf", "attached"))


def busy(seconds=1):
    """Share of all CPUs' time that something used, or the hypervisor took, during these seconds."""
    def times():
        with open("/proc/stat") as f:
            user, nice, system, idle, iowait, *rest = [int(n) for n in f.readline().split()[1:9]]
        return user + nice + system + sum(rest), idle + iowait

    used, unused = times()
    time.sleep(seconds)
    used, unused = [now - then for now, then in zip(times(), (used, unused))]
    return used / max(used + unused, 1)


disturbed = []


def look(env):
    """Remembers whether somebody else's agent has come, whose cost would be measured too."""
    def alone():
        own = [p for p in env.processes if p.alive() and p.argv[0] == str(lib.EDGETAP)]
        return attached() == len(own)

    # The kernel frees a program a moment after its agent has gone.
    try:
        lib.eventually(alone, 0.5)
    except AssertionError:
        disturbed.append(env.name)


def cpu_seconds(pid):
    """CPU time of a process, all threads, in nanosecond resolution (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def tree_seconds(pid):
    """The same with its children: nginx's worker does the work."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(cpu_seconds(int(child)) for child in children)


def wrk(port, seconds, connections=16, path="/"):
    """Requests answered, and requests per second."""
    return wrk_url(f"http://127.0.0.1:{port}{path}", seconds, connections)


def wrk_url(url, seconds, connections, environ=None):
    argv = [lib.need("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", url]
    out = run(argv, cpu=CLIENT_CPU, environ=environ)
    bad = re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", out)
    if bad:
        raise RuntimeError(f"wrk: {bad[0]}")
    done, elapsed = re.search(r"(\d+) requests in ([\d.]+)s", out).groups()
    return int(done), int(done) / float(elapsed)


def h2load(url, requests, connections, streams, environ=None):
    """HTTP/2, in the clear by prior knowledge. Requests per second, all answered with a 2xx."""
    argv = [lib.need("h2load"), "-t1", "-n", requests, "-c", connections, "-m", streams, url]
    out = run(argv, cpu=CLIENT_CPU, environ=environ)
    done = re.search(r"^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out, re.M)
    codes = re.search(r"^status codes: (\d+) 2xx", out, re.M)
    rate = re.search(r"^finished in .*, ([\d.]+) req/s", out, re.M)
    wanted = (str(requests), "0", "0", "0")
    if not rate or not done or done.groups() != wanted or not codes or codes[1] != wanted[0]:
        raise RuntimeError(f"h2load: not all of {requests} requests were answered well:\n{out}")
    return float(rate[1])


def closed_loop(port, seconds, connections=1, depth=1):
    """Requests answered, requests per second, median nanoseconds of a turn."""
    out = bench("closed_loop", port, seconds, connections, depth, cpu=CLIENT_CPU)
    have = dict(field.split("=") for field in out.split())
    requests = int(have["requests"])
    return requests, requests / float(have["seconds"]), float(have["median_ns"])


def getppid_ns():
    return float(bench("syscall_loop", cpu=CLIENT_CPU))


class Nginx:
    """
    One worker on the server's CPU: / is a small static file as Debian's own
    configuration serves it, except that log lines are buffered; /fixed answers
    from memory and writes no log, which is the least that nginx can do.
    """

    def __init__(self, env, name="bench-nginx", server="", environ=None):
        self.port = lib.free_port()
        self.name = name
        self.log = env.dir / f"{name}.access.log"
        root = env.dir / f"{name}.root"
        root.mkdir()
        (root / "index.html").write_text("x" * 600 + "\n")
        temp = "\n".join(
            f"{kind}_temp_path {env.dir}/{name}.{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        conf = env.dir / f"{name}.conf"
        conf.write_text(
            f"""daemon off;
user root;
worker_processes 1;
pid {env.dir}/{name}.pid;
events {{ worker_connections 4096; }}
http {{
    log_format status '$status';
    access_log {self.log} status buffer=64k flush=1s;
    {temp}
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        root {root};
        {server}
        location /fixed {{ access_log off; return 200 "hello world\\n"; }}
    }}
}}
"""
        )
        argv = [env.renamed(lib.need("nginx"), name), "-c", conf, "-p", env.dir]
        argv += ["-e", env.dir / f"{name}.error.log"]
        self.process = env.start(argv, name=name, preexec=on(SERVER_CPU), env=environ)
        lib.listening(self.port, owner=self.process)

    def cpu_seconds(self):
        return tree_seconds(self.process.pid)
