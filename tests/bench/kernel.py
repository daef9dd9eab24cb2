# SPDX-License-Identifier: Apache-2.0
"""What the agent does in the kernel: time per request, events, memory, requests that it loses."""
import json
import time

import lib
import machine
from figures import median, progress

RUNS = 5
IDLE_SECONDS = 20
LOSS_SECONDS = 8
WAYS = {
    "write": ("write()", 500),
    "writev": ("writev()", 650),
    "write-post": ("POST with a body, write()", None),
    "write-browser": ("request of 700 bytes, write()", None),
}


def cost(env, figures, agent):
    """BPF time per request, the median of some runs. Returns it for write(), for others to add to."""
    runs = {way: [] for way in WAYS}
    empty = []
    for i in range(RUNS):
        machine.look(env)
        more = [] if i % 2 else ["--more"]
        for line in machine.bench("request_cost", agent.process.pid, *more).splitlines():
            fields = line.split()
            runs[fields[0]].append([float(f) for f in fields[1:6]])
            empty.append(float(line.rsplit(":", 1)[1].strip(" )")))
        progress(f"    {i + 1} of {RUNS} runs")
    for way, (what, budget) in WAYS.items():
        hooks = [median([run[i] for run in runs[way]]) for i in range(4)]
        totals = [run[4] for run in runs[way]]
        figures.add(
            f"bpf_time_{way.replace('-', '_')}", median(totals), "ns", f"BPF time per request, {what}",
            budget=budget,
            note="arrival {:.0f}, receive {:.0f}, send {:.0f}, sendmsg {:.0f}".format(*hooks)
            + f"; runs {min(totals):.0f} .. {max(totals):.0f}",
        )
    figures.add("bpf_time_empty", median(empty), "ns", "an empty program in the same runs, already taken off")
    return median([run[4] for run in runs["write"]])


def events(figures, agent, nginx, bpf_ns):
    """Events to user space during a load, and the agent's CPU time for it with one scrape."""
    machine.wrk(nginx.port, 1)  # the server is known by now: its first request is an event
    start = machine.bench("agent_bpf", "ring", agent.process.pid).strip()
    cpu = machine.cpu_seconds(agent.process.pid)
    requests = 0
    while requests < 200_000:
        requests += machine.wrk(nginx.port, 2, path="/fixed")[0]
    found = int(machine.bench("agent_bpf", "ring", agent.process.pid, start).split()[1])
    if found < 0:
        raise RuntimeError("the event ring was written over meanwhile: more events than can be counted")
    # Programs that other people start are events too, but never one per request.
    figures.add(
        "events_per_request", round(found / requests, 4), "", "events to user space per request", budget=0,
        note=f"{found} events in {requests:,} requests",
    )
    agent.get("/metrics")
    cpu = machine.cpu_seconds(agent.process.pid) - cpu
    figures.add(
        "edgetap_cpu_per_request", bpf_ns + cpu / requests * 1e9, "ns",
        "CPU time per request of edgetap, BPF and agent, a scrape included",
        note=f"agent {cpu * 1000:.1f} ms over {requests:,} requests",
    )


def idle(figures, agent):
    """The agent's own CPU time between scrapes."""
    pid = agent.process.pid
    agent.get("/metrics")
    time.sleep(1)
    start, cpu = time.monotonic(), machine.cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    used = (machine.cpu_seconds(pid) - cpu) / (time.monotonic() - start)
    figures.add("agent_idle_cpu", used * 100, "%", "agent CPU between scrapes, of one core", budget=0.1)


def maps(figures):
    doctor = json.loads(machine.run([lib.EDGETAP, "doctor", "--json"]))
    figures.add(
        "map_memory", doctor["map_bytes"] / 1e6, "MB", "kernel memory of all maps, default sizes", budget=64
    )


def loss(env, figures, agent):
    """Requests in the access log that the agent has not counted, at the highest rate that goes."""
    # From memory: with files, nginx holds pipelined answers back until a timer.
    nginx = machine.Nginx(env, "bench-loss", server='location = / { return 200 "hello world\\n"; }')
    requests, rate, _ = machine.closed_loop(nginx.port, LOSS_SECONDS, connections=32, depth=16)

    def logged():
        with open(nginx.log, "rb") as log:
            lines = sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))
        return lines if lines >= requests else 0

    lines = lib.eventually(logged, 20, "nginx's log")

    def counted():
        scrape = agent.scrape()
        have = scrape.value("edgetap_app_http_responses_total", app=nginx.name)
        have += scrape.value("edgetap_app_http_requests_aborted_total", app=nginx.name)
        last.append(int(have))
        return have == lines

    last = []
    try:
        lib.eventually(counted, 5)
    except AssertionError:
        pass  # then that is the figure
    figures.add(
        "requests_lost", abs(lines - last[-1]), "", "requests lost, against the access log", budget=0,
        note=f"{last[-1]:,} counted, {lines:,} logged, {requests:,} answers read",
    )
    figures.add(
        "requests_lost_rate", rate, "1/s", "the rate of that, 16 requests at a time on 32 connections",
        note="the budget names 100,000/s",
    )
