# SPDX-License-Identifier: Apache-2.0
"""
What HTTPS/1.1 and HTTP/2 cost beside HTTP/1.1 in the clear, from the same nginx:
BPF time, the server's CPU time, throughput. nginx and its clients have a copy each of
the TLS library, so that its uprobes are not theirs, as if they were on another machine.
"""
import os
import re
import shutil
import subprocess
import urllib.request
from collections import Counter
from typing import NamedTuple

import lib
import machine
import tls
from figures import median, progress, spread

SECTION = "Beside clear text: x is against the same of HTTP/1.1 in the clear, that of 1 x 1 against 1 connection"
ROUNDS = 6
BPF_RUNS = 5
WRK_SECONDS = 1
H2LOAD_SECONDS = 0.5  # about; it is told a number of requests
PROBED = ("SSL_read", "SSL_write")
# The hooks of the request path in the order of request_cost.c; the empty program on each.
HOOKS = {
    "sk_data_ready": "empty_data_ready",
    "sock_recv_length": "empty_recv_length",
    "sock_send_length": "empty_send_length",
    "tcp_sendmsg_locked": "empty_sendmsg_locked",
}


class Load(NamedTuple):
    name: str
    what: str
    scheme: str
    connections: int
    streams: int = 0  # 0: wrk, which speaks HTTP/1.1
    clear: str = "http1"  # the load that it is set against

    @property
    def secure(self):
        return self.scheme == "https"


LOADS = (
    Load("http1", "HTTP/1.1 clear", "http", 16),
    Load("http1_1", "HTTP/1.1 clear, 1 connection", "http", 1, clear="http1_1"),
    Load("https1", "HTTPS/1.1", "https", 16),
    Load("h2c_1x1", "HTTP/2 clear, 1 x 1 stream", "http", 1, 1, "http1_1"),
    Load("h2c_10x100", "HTTP/2 clear, 10 x 100 streams", "http", 10, 100),
    Load("h2_1x1", "HTTP/2 in TLS, 1 x 1 stream", "https", 1, 1, "http1_1"),
    Load("h2_10x100", "HTTP/2 in TLS, 10 x 100 streams", "https", 10, 100),
)


class Server:
    """nginx with a port for each: HTTP/1.1, HTTP/2, and, by ALPN, either inside TLS."""

    def __init__(self, env, name="bench-protocols"):
        self.clear2, self.secure = lib.free_port(), lib.free_port()
        self.library, environ = tls.library(env)
        folder = env.dir / "client-lib"
        folder.mkdir()
        shutil.copy(self.library, folder)
        self.environ = dict(os.environ, LD_LIBRARY_PATH=str(folder))
        self.nginx = machine.Nginx(
            env, name, environ=environ,
            server=f"""listen 127.0.0.1:{self.clear2} http2 backlog=4096;
        listen 127.0.0.1:{self.secure} ssl http2 backlog=4096;
        {tls.Certificates(env).nginx()}
        location = /count {{ access_log off; stub_status; }}""",
        )
        self.name = name
        self.requests = {}
        for load in LOADS:  # warm up, and learn how many requests take how long
            self.requests[load] = 2000
            rate = self.run(load)[1]
            self.requests[load] = max(2000, int(round(rate * H2LOAD_SECONDS, -3)))

    def url(self, load):
        port = self.secure if load.secure else self.clear2 if load.streams else self.nginx.port
        return f"{load.scheme}://127.0.0.1:{port}/fixed"

    def asked(self):
        """Requests that nginx has had so far by its own count, this one included."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.nginx.port}/count") as answer:
            return int(answer.read().split(b"\n")[2].split()[2])

    def run(self, load):
        """Requests that the client saw answered, and requests per second."""
        url, requests = self.url(load), self.requests[load]
        if not load.streams:
            return machine.wrk_url(url, WRK_SECONDS, load.connections, self.environ)
        rate = machine.h2load(url, requests, load.connections, load.streams, self.environ)
        return requests, rate

    def has_probes(self):
        worker = tls.children(self.nginx.process.pid)[0]
        return any(tls.breakpoint_in(worker, self.library, name) for name in PROBED)

    def await_probes(self):
        """Until the agent sees what nginx reads and writes inside TLS."""
        for worker in tls.children(self.nginx.process.pid):
            tls.probed(worker, self.library, *PROBED)

    def await_no_probes(self, env):
        try:
            lib.eventually(lambda: not self.has_probes(), 10, "nginx's TLS library without probes")
        except AssertionError:
            machine.disturbed.append(env.name)  # somebody else's


class Ledger:
    """What the agent counted against what nginx and its clients did."""

    def __init__(self, server):
        self.server = server
        self.requests = 0
        self.missing = 0
        self.where = Counter()  # of those
        self.losses = Counter()  # of an agent each, by reason
        self._agent = None

    def counted(self, agent):
        self._agent = agent.scrape()
        names = ("edgetap_app_http_responses_total", "edgetap_app_http_requests_aborted_total")
        return sum(self._agent.value(name, app=self.server.name) for name in names)

    def run(self, load, agent=None, measure=None):
        """
        One run of a load: (requests, requests per second, what measure() gave
        around it). With an agent that sees the load, its counts are checked.
        """
        asked = self.server.asked()
        counted = self._settled(agent) if agent else 0
        before = measure() if measure else None
        answered, rate = self.server.run(load)
        after = measure() if measure else None
        asked = self.server.asked() - asked  # the second of these questions is one of them
        if asked - 1 < answered or load.streams and asked - 1 != answered:
            raise RuntimeError(f"{load.what}: client saw {answered} answers, nginx {asked - 1} requests")
        if agent:
            self._check(load, agent, counted, asked)
        return answered, rate, (before, after)

    def _settled(self, agent):
        """The agent's count, once it stands still: a response is counted after its client has it."""
        last = [-1]

        def same():
            last.append(self.counted(agent))
            return last[-1] == last[-2]

        lib.eventually(same, 5, "the agent's counts stand still")
        return last[-1]

    def _check(self, load, agent, counted, asked):
        have = []

        def all_there():
            have.append(self.counted(agent) - counted)
            return have[-1] == asked

        try:
            lib.eventually(all_there, 3)
        except AssertionError:
            self.missing += abs(asked - have[-1])
            self.where[load.what] += asked - have[-1]
        self.requests += asked

    def close(self, agent):
        """To be called before an agent ends that saw the load."""
        self.counted(agent)
        for (reason,), value in self._agent.by("edgetap_losses_total", "reason").items():
            self.losses[reason] += int(value)

    def add(self, figures):
        note = f"of {self.requests:,.0f} by nginx's own count"
        if self.where:
            note += "; " + ", ".join(f"{what}: {n:,.0f}" for what, n in self.where.items())
        if self.losses:
            note += "; losses " + ", ".join(f"{reason} {n:,}" for reason, n in self.losses.items())
        figures.add(
            "protocols_requests_lost", int(self.missing), "", "requests not counted, all runs with the agent",
            section=SECTION, note=note,
        )


class Meter:
    """Runs and nanoseconds of each of the agent's programs, while the kernel's statistics are on."""

    def __init__(self, env, pid):
        argv = [machine.BENCH / "program_cost", pid]
        self.process = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        env.defer(self.close)

    def read(self):
        """{(kind, name): (runs, ns)}"""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        out = {}
        for line in iter(self.process.stdout.readline, "\n"):
            if not line:
                raise RuntimeError("program_cost ended")
            kind, name, runs, ns = line.split()
            have = out.get((kind, name), (0, 0))
            out[kind, name] = (have[0] + int(runs), have[1] + int(ns))
        return out

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def passing(agent):
    """Nanoseconds for one call of each hook on a socket that is no server's."""
    line = machine.bench("request_cost", agent.process.pid).splitlines()[0]
    both = re.search(r"both ends: (\S+) (\S+) (\S+) (\S+);", line).groups()
    return {hook[:15]: max(float(ns) / 2, 0) for hook, ns in zip(HOOKS, both)}


def per_request(before, after, requests, pass_ns):
    """
    BPF time per request by kind of program, and how often one of the kind runs. An
    empty program's time is taken off each run; of the hooks of the request path also
    the client's end, which is half of their runs and only passes their filters.
    """
    spent = {key: (after[key][0] - before[key][0], after[key][1] - before[key][1]) for key in after}
    empties = {name: value for (kind, name), value in spent.items() if kind == "empty"}
    all_runs = sum(runs for runs, _ in empties.values())
    usual = sum(ns for _, ns in empties.values()) / max(all_runs, 1)
    of_hook = {hook[:15]: empties.get(empty[:15], (0, 0)) for hook, empty in HOOKS.items()}
    out = Counter()
    for (kind, name), (runs, ns) in spent.items():
        if kind == "empty" or not runs:
            continue
        none_runs, none_ns = of_hook.get(name, (0, 0))
        none = none_ns / none_runs if none_runs else usual
        out[kind] += (ns - runs * none - runs / 2 * pass_ns.get(name, 0)) / requests
        out[kind, "runs"] += runs / requests
    return out


def bpf_time(env, figures, server, ledger):
    agent = env.agent()
    server.await_probes()
    pass_ns = passing(agent)
    meter = Meter(env, agent.process.pid)
    found = {load: [] for load in LOADS}
    for i in range(BPF_RUNS):
        machine.look(env)
        for load in LOADS:
            requests, _, (before, after) = ledger.run(load, agent, meter.read)
            found[load].append(per_request(before, after, requests, pass_ns))
        progress(f"    {i + 1} of {BPF_RUNS} runs")
    meter.close()
    ledger.close(agent)
    agent.stop()

    def middle(load, *keys):
        return median([sum(run[key] for key in keys) for run in found[load]])

    clear = {load.name: middle(load, "tracepoint", "uprobe") for load in LOADS}
    for load in LOADS:
        totals = [run["tracepoint"] + run["uprobe"] for run in found[load]]
        runs = f"{middle(load, ('tracepoint', 'runs')):.1f}"
        note = f"tracepoints {middle(load, 'tracepoint'):,.0f} in {runs} runs of both ends"
        if load.secure:
            note += f", uprobes {middle(load, 'uprobe'):,.0f} in {middle(load, ('uprobe', 'runs')):.1f}"
        figures.add(
            f"{load.name}_bpf_time", median(totals), "ns", f"BPF time per request, {load.what}",
            section=SECTION, clear=clear[load.clear], note=f"{note}; {min(totals):,.0f} .. {max(totals):,.0f}",
        )


BARE, WITHOUT_UPROBES, WITH = "without the agent", "--tls-uprobes=false", "with the agent"
STATES = (BARE, WITHOUT_UPROBES, WITH)


def phase(env, server, ledger, state, agent):
    """{load: (requests per second, the server's nanoseconds per request)} in one state."""
    machine.look(env)
    out = {}
    for load in LOADS:
        if state == WITHOUT_UPROBES and not load.secure:
            continue  # nothing differs
        requests, rate, (before, after) = ledger.run(
            load, agent if state == WITH else None, server.nginx.cpu_seconds
        )
        out[load] = (rate, (after - before) / requests * 1e9)
    return out


def rounds(env, server, ledger):
    """Each state once in a round, in the order of STATES and back: drift counts for all alike."""
    found, current, agent = [], BARE, None
    server.await_no_probes(env)
    for i in range(ROUNDS):
        this = {}
        for state in STATES if i % 2 == 0 else reversed(STATES):
            if state != current:
                if current == WITH:
                    ledger.close(agent)
                if agent:
                    agent.stop()
                flags = ["--tls-uprobes=false"] if state == WITHOUT_UPROBES else []
                agent = env.agent(flags=flags) if state != BARE else None
                current = state
                if state == WITH:
                    server.await_probes()
                else:
                    server.await_no_probes(env)
            this[state] = phase(env, server, ledger, state, agent)
        found.append(this)
        progress(f"    {i + 1} of {ROUNDS} rounds")
    if current == WITH:
        ledger.close(agent)
    if agent:
        agent.stop()
    return found


def add_cpu(figures, found):
    """CPU time of nginx per request without the agent, what the agent adds, and its uprobes of that."""
    clear = {}

    def more(load, state, than):
        return [this[state][load][1] - this[than][load][1] for this in found]

    for load in LOADS:
        shown = [
            ("cpu", f"nginx CPU per request without the agent, {load.what}",
             [this[BARE][load][1] for this in found]),
            ("cpu_added", "... added by the agent", more(load, WITH, BARE)),
        ]
        if load.secure:
            shown += [
                ("cpu_added_no_uprobes", "... added without uprobes", more(load, WITHOUT_UPROBES, BARE)),
                ("cpu_uprobes", "... the difference: uprobes, traps included", more(load, WITH, WITHOUT_UPROBES)),
            ]
        for name, what, values in shown:
            clear.setdefault((load.name, name), median(values))
            against = clear.get((load.clear, "cpu" if name == "cpu" else "cpu_added"))
            figures.add(
                f"{load.name}_{name}", median(values), "ns", what,
                section=SECTION, clear=against, note=f"middle half {spread(values, 0)}",
            )


def add_throughput(figures, found):
    clear = {}
    for load in LOADS:
        bare = median([this[BARE][load][0] for this in found])
        for state, name, what in (
            (WITH, "throughput_ratio", f"nginx throughput, {load.what}, with the agent / without"),
            (WITHOUT_UPROBES, "throughput_ratio_no_uprobes", "... without uprobes"),
        ):
            ratios = [this[state][load][0] / this[BARE][load][0] for this in found if load in this[state]]
            if not ratios:
                continue
            clear.setdefault(load.name, median(ratios))
            figures.add(
                f"{load.name}_{name}", median(ratios), "ratio", what,
                section=SECTION, clear=clear[load.clear], note=f"of {bare:,.0f} req/s; middle half {spread(ratios)}",
            )


def beside_clear_text(env, figures):
    server = Server(env)
    ledger = Ledger(server)
    bpf_time(env, figures, server, ledger)
    found = rounds(env, server, ledger)
    add_cpu(figures, found)
    add_throughput(figures, found)
    ledger.add(figures)
