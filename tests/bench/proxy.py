# SPDX-License-Identifier: Apache-2.0
"""What a user would do instead: haproxy in front of the same nginx, with its own Prometheus exporter."""
import urllib.request

import lib
import machine
from figures import median
from servers import Haproxy

PAIRS = 8
EXPORTER = """    no log
    http-request use-service prometheus-exporter if { path /metrics }"""


def haproxy(env, figures, nginx):
    """Latency that the proxy adds, and its CPU time per request, a scrape included."""
    proxy = Haproxy(env, "bench-haproxy", [nginx.port], frontend=EXPORTER, backend="    http-reuse always")
    machine.run([lib.need("taskset"), "-a", "-c", "-p", machine.SERVER_CPU, proxy.process.pid])
    machine.closed_loop(proxy.port, 0.3)
    direct, through = [], []
    for pair in range(PAIRS):
        sides = [(direct, nginx.port), (through, proxy.port)]
        for values, port in sides if pair % 2 else sides[::-1]:
            values.append(machine.closed_loop(port, 0.4)[2] / 1000)
    figures.add(
        "haproxy_added_latency", median(through) - median(direct), "us",
        "latency that haproxy adds, one connection",
        note=f"to {median(direct):.1f} us",
    )
    cpu = machine.tree_seconds(proxy.process.pid)
    requests, _ = machine.wrk(proxy.port, 2)
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}/metrics") as answer:
        if b"haproxy_frontend_http_responses_total" not in answer.read():
            raise RuntimeError("haproxy's exporter has no responses")
    cpu = machine.tree_seconds(proxy.process.pid) - cpu
    figures.add(
        "haproxy_cpu_per_request", cpu / requests * 1e9, "ns",
        "CPU time per request of haproxy, a scrape of it included",
        note=f"over {requests:,} requests",
    )
