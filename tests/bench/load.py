# SPDX-License-Identifier: Apache-2.0
"""What the agent costs a loaded nginx, against the same minutes without it."""
import os

import machine
from figures import median, progress, spread
from lib import REPO, eventually, need

PAIRS = 8
BPFTRACE_PAIRS = 4
TRIES = 2
WRK_SECONDS = 1
LATENCY_SECONDS = 0.5


def phase(env, nginx):
    """One set of measurements of the machine as it is now."""
    machine.look(env)
    out = {}
    for name, path in (("file", "/"), ("fixed", "/fixed")):
        rates, busy = [], []
        for _ in range(TRIES):
            cpu = nginx.cpu_seconds()
            requests, rate = machine.wrk(nginx.port, WRK_SECONDS, path=path)
            busy.append((nginx.cpu_seconds() - cpu) / requests * 1e6)
            rates.append(rate)
        # What else runs on this machine can only make it slower.
        out[f"{name}_rate"], out[f"{name}_cpu_us"] = max(rates), min(busy)
    out["latency_us"] = machine.closed_loop(nginx.port, LATENCY_SECONDS)[2] / 1000
    out["getppid_ns"] = machine.getppid_ns()
    return out


def without_and_with(env, count, nginx, start, stop):
    """
    `count` pairs, in the order - + + - - + + ...: what drifts slowly counts
    for both sides alike. start() begins what is measured, stop() ends it.
    """
    pairs = []
    while len(pairs) < count:
        bare = phase(env, nginx)
        start()
        loaded = phase(env, nginx)
        pairs.append((bare, loaded))
        if len(pairs) < count:
            loaded = phase(env, nginx)
            stop()
            pairs.append((phase(env, nginx), loaded))
        else:
            stop()
        progress(f"    {len(pairs)} of {count} pairs")
    return pairs


def add_ratio(figures, pairs, key, name, what, unit, digits=0, **budget):
    """The median of the pairs' ratios; beside it what 1 stands for, and how far the pairs lie apart."""
    values = [loaded[key] / bare[key] for bare, loaded in pairs]
    base = median([bare[key] for bare, _ in pairs])
    note = f"of {base:,.{digits}f} {unit}; middle half {spread(values)}"
    figures.add(name, median(values), "ratio", what, note=note, **budget)


def add_latency(figures, pairs, name, what):
    """By how much the median grows from the bare phases to the loaded ones."""
    bare = median([bare["latency_us"] for bare, _ in pairs])
    loaded = median([loaded["latency_us"] for _, loaded in pairs])
    figures.add(name, loaded - bare, "us", what, note=f"to {bare:.1f} us")


def agent(env, figures, nginx):
    """The agent's price in throughput, latency and in a system call that is not its business."""
    running = []
    phase(env, nginx)  # warm up
    pairs = without_and_with(
        env, PAIRS, nginx, lambda: running.append(env.agent()), lambda: running.pop().stop()
    )
    add_ratio(
        figures, pairs, "file_rate", "nginx_throughput_ratio",
        "nginx throughput, small file, with the agent / without", "req/s", budget=0.97, at_least=True,
    )
    add_ratio(
        figures, pairs, "getppid_ns", "getppid_ratio", "getppid(), with the agent / without", "ns",
        budget=1.01,
    )
    add_ratio(
        figures, pairs, "fixed_rate", "nginx_fixed_throughput_ratio",
        "nginx throughput, from memory, no log, with the agent / without", "req/s",
    )
    add_ratio(
        figures, pairs, "file_cpu_us", "nginx_cpu_ratio",
        "nginx CPU time per request, small file, with the agent / without", "us", digits=2,
    )
    add_ratio(
        figures, pairs, "fixed_cpu_us", "nginx_fixed_cpu_ratio",
        "nginx CPU time per request, from memory, with the agent / without", "us", digits=2,
    )
    add_latency(
        figures, pairs, "edgetap_added_latency", "latency that the agent adds, one connection"
    )


def bpftrace(env, figures, nginx):
    """The same by a bpftrace script on the tracepoints of the system calls."""
    for where, kind in (("/sys/kernel/tracing", "tracefs"), ("/sys/kernel/debug", "debugfs")):
        if not os.path.ismount(where):
            machine.run([need("mount"), "-t", kind, kind, where])
    script = REPO / "tests" / "bench" / "http_status.bt"
    running, seen = [], []

    def start():
        tracer = env.start([need("bpftrace"), script], name="bpftrace")
        running.append(tracer)

        def attached():
            if not tracer.alive():
                raise RuntimeError(f"bpftrace ended at start:\n{tracer.output()}")
            return "\nattached\n" in tracer.output()

        eventually(attached, 60, "bpftrace attached")

    def stop():
        tracer = running.pop()
        tracer.stop(sig=2)
        seen.append("@us[bench-nginx, 200" in tracer.output())

    pairs = without_and_with(env, BPFTRACE_PAIRS, nginx, start, stop)
    if not all(seen):
        raise RuntimeError("the bpftrace script saw no responses of nginx")
    add_ratio(
        figures, pairs, "file_rate", "bpftrace_throughput_ratio",
        "nginx throughput, small file, with a bpftrace script / without", "req/s",
    )
    add_ratio(
        figures, pairs, "fixed_rate", "bpftrace_fixed_throughput_ratio",
        "nginx throughput, from memory, no log, with a bpftrace script / without", "req/s",
    )
    add_ratio(
        figures, pairs, "getppid_ns", "bpftrace_getppid_ratio",
        "getppid(), with a bpftrace script / without", "ns",
    )
    add_latency(
        figures, pairs, "bpftrace_added_latency",
        "latency that a bpftrace script adds, one connection",
    )
