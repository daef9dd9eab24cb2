#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes the agent, as text and as protobuf with native histograms."""
import os
import re
import signal
import socket
import subprocess
import urllib.request

import yaml

import lib
from lib import between, equal
from places import hierarchies
from prometheus import NATIVE, Prometheus
from servers import Logged

# Milliseconds and how many of twenty: every percentile that wrk prints falls inside a group.
# wrk adds samples for what is longer than twice the mean ("coordinated omission"); none is.
DELAYS = ((30, 12), (40, 4), (50, 3), (60, 1))
SCRIPT = """
local delays = { %s }
local i = 0
function request()
	i = i + 1
	return wrk.format("GET", "/slow?ms=" .. delays[i %% #delays + 1])
end
"""


def measure(env, name):
    """wrk against a server of known delays: its percentiles and how many it completed."""
    program, environ = env.python(name)
    server = Logged(env, name, [program, lib.HERE / "programs" / "upstream.py"], environ)
    delays = [ms for ms, n in DELAYS for _ in range(n)]
    # Spread the long ones, so that they meet all connections.
    delays = [delays[i * 7 % len(delays)] for i in range(len(delays))]
    script = env.dir / "delays.lua"
    script.write_text(SCRIPT % ", ".join(map(str, delays)))
    argv = [lib.need("wrk"), "-t1", "-c4", "-d10s", "--latency", "-s", script]
    done = subprocess.run(
        [*argv, f"http://127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=60
    )
    equal(done.returncode, 0, f"wrk: {done.stderr}")
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
    found = re.findall(r"^\s+(50|75|90|99)%\s+([\d.]+)(us|ms|s)$", done.stdout, re.M)
    equal(len(found), 4, f"percentiles of wrk in {done.stdout}")
    total = int(re.search(r"(\d+) requests in", done.stdout)[1])
    between(total, 200, 10**6, "requests of wrk")
    percentiles = {int(p): float(v) * unit[u] for p, v, u in found}
    print(f"  wrk: {total} requests, {percentiles}")
    return server, percentiles, total


def scraped(prometheus, query, total):
    """Waits until Prometheus has seen the last requests. wrk leaves up to four unanswered."""
    def check():
        equal(prometheus.one('up{job="edgetap"}'), 1, "up")
        between(prometheus.one(query), total, total + 4, query)
        return True

    lib.eventually(check, 30)


def test_promtool(env):
    """promtool has nothing to say about what the agent serves, with and without traffic."""
    promtool = lib.need("promtool")
    agent = env.shared_agent()
    program, environ = env.python("e2e-promtool")
    server = Logged(env, "e2e-promtool", [program, lib.HERE / "programs" / "upstream.py"], environ)
    for busy in (False, True):
        if busy:
            for path in ("/length?n=3", "/chunked?n=2"):
                urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}").read()
        for path in ("/metrics", "/metrics/apps"):
            text = agent.get(path)[2]
            assert not busy or b"e2e-promtool" in text, f"{path} knows nothing of the server"
            done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
            equal((done.stdout + done.stderr).decode(), "", f"promtool on {path}")
            equal(done.returncode, 0, f"promtool on {path}")


def in_uts_namespace(name):
    """As in a container: the host name is another."""
    def enter():
        if lib.libc.unshare(0x04000000) or lib.libc.sethostname(name.encode(), len(name)):  # CLONE_NEWUTS
            raise OSError("no UTS namespace can be made")

    return enter


def without_pods():
    return {k: v for k, v in os.environ.items() if k not in ("KUBERNETES_SERVICE_HOST", "EDGETAP_HOST")}


def test_host(env):
    """The label host is the machine's name, whatever the agent's own surroundings are called, and until it is told."""
    for name in "0123456789ab", "ba9876543210":
        agent = env.agent(environ=without_pods(), preexec=in_uts_namespace(name))
        (labels, _), = agent.scrape().select("edgetap_build_info")
        equal(labels["host"], socket.gethostname(), "host")
        os.kill(agent.process.pid, signal.SIGHUP)
        lib.eventually(lambda it=agent: "configuration read again" in it.process.output(), 10, "the second look")
        (labels, _), = agent.scrape().select("edgetap_build_info")
        equal(labels["host"], socket.gethostname(), "host after a reload")
        agent.stop()


def test_without_pods(env):
    """Nothing is added where there are none."""
    if any(next(mount.rglob("kubepods*"), None) for mount, _ in hierarchies()):
        raise lib.Skip("this machine has pods")
    agent = env.agent(environ=without_pods())
    for path in ("/metrics", "/metrics/apps", "/metrics/fly", "/metrics/custom"):
        equal(re.findall(rb'[{,][a-z_]+=""', agent.get(path)[2]), [], f"labels without a value on {path}")


def test_shipped_jobs(env):
    """The jobs in deploy/: `up` can be joined with what the agents say, and has the labels of their pods alone."""
    text = (lib.REPO / "deploy/prometheus.yml").read_text()
    commented = re.search(r"^  # - job_name: edgetap-pods\n(  #   .*\n)+", text, re.M)[0]
    jobs = {job["job_name"]: job for job in yaml.safe_load(text + re.sub(r"^  # ", "  ", commented, flags=re.M))["scrape_configs"]}
    agent = env.agent(environ={**without_pods(), "EDGETAP_HOST": "node-1", "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    discovered = {
        "__meta_kubernetes_pod_label_app_kubernetes_io_name": "edgetap", "__meta_kubernetes_pod_container_port_name":
        "metrics", "__meta_kubernetes_pod_node_name": "node-1", "__meta_kubernetes_namespace": "agent-ns",
        "__meta_kubernetes_pod_name": "agent-pod",
    }
    del jobs["edgetap-pods"]["kubernetes_sd_configs"]
    jobs["edgetap-pods"]["static_configs"] = [{"targets": [], "labels": discovered}]
    for job in jobs.values():
        for group in job.get("static_configs", ()):
            group["targets"] = [f"127.0.0.1:{agent.port}"]
    jobs["edgetap-kubernetes"].update(static_configs=[{"targets": [f"127.0.0.1:{agent.port}"]}])
    del jobs["edgetap-kubernetes"]["dns_sd_configs"]
    prometheus = Prometheus(env, agent.port, jobs=list(jobs.values()))

    def check():
        for job in "edgetap", "edgetap-pods":
            found = prometheus.ask(f'up{{job="{job}"}} * on (job, host) group_left (version) edgetap_build_info')
            equal([(l["host"], v) for l, v in found], [("node-1", 1)], f"up by host of {job}")
        found = prometheus.ask('up{job="edgetap-custom"} * on (host) group_left (version) edgetap_build_info{job="edgetap"}')
        equal([v for _, v in found], [1], "up by host of edgetap-custom")
        for job in "edgetap", "edgetap-pods", "edgetap-kubernetes":
            found = prometheus.ask(f'up{{job="{job}"}} * on (job, instance) group_left (host) edgetap_build_info')
            equal([(l["host"], v) for l, v in found], [("node-1", 1)], f"up by instance of {job}")
        found = prometheus.ask('count by (__name__) ({pod="agent-pod",__name__!~"scrape_.*"})')
        equal([l["__name__"] for l, _ in found], ["up"], "series of the agent's pod")
        return True

    lib.eventually(check, 20)


def test_text(env):
    agent = env.shared_agent()
    prometheus = Prometheus(env, agent.port)
    server, percentiles, total = measure(env, "e2e-prom-text")
    metric = "edgetap_edge_http_response_time_seconds"
    match = f'{{app="{server.name}"}}'
    scraped(prometheus, f"sum({metric}_count{match})", total)
    bounds = sorted(float(l["le"]) for l, _ in prometheus.ask(f"sum by (le) ({metric}_bucket{match})"))
    for percent, seconds in percentiles.items():
        got = prometheus.one(f"histogram_quantile({percent / 100}, sum by (le) ({metric}_bucket{match}))")
        at = next(i for i, bound in enumerate(bounds) if got <= bound)
        low = bounds[at - 2] if at > 1 else 0
        high = bounds[at + 1]
        print(f"  p{percent}: Prometheus {got:.4f}, wrk {seconds:.4f}")
        between(seconds, low, high, f"wrk's {percent}th percentile, which Prometheus puts at {got}")
    responses = prometheus.one(f"sum(edgetap_edge_http_responses_total{match})")
    between(responses, total, total + 4, "responses")


def test_native_histograms(env):
    agent = env.shared_agent()
    prometheus = Prometheus(env, agent.port, [NATIVE])
    server, percentiles, total = measure(env, "e2e-prom-native")
    metric = "edgetap_edge_http_response_time_seconds"
    match = f'{{app="{server.name}"}}'
    scraped(prometheus, f"sum(histogram_count({metric}{match}))", total)
    equal(prometheus.ask(f"{metric}_bucket{match}"), [], "classic buckets beside the native histogram")
    step = 2 ** (1 / 8)  # of schema 3
    for percent, seconds in percentiles.items():
        got = prometheus.one(f"histogram_quantile({percent / 100}, sum({metric}{match}))")
        print(f"  p{percent}: Prometheus {got:.5f}, wrk {seconds:.5f}")
        # Within the bucket beside; wrk's own way, through two more wake-ups, comes on top.
        between(seconds, got / step**2, got * step**2 + 0.0015, f"wrk's {percent}th percentile against {got}")
    # The same sum and count as in the text form.
    text = agent.scrape().histogram(metric, app=server.name)
    equal(prometheus.one(f"sum(histogram_count({metric}{match}))"), text.count, "count against the text form")
    got = prometheus.one(f"sum(histogram_sum({metric}{match}))")
    between(got, text.sum * 0.999999, text.sum * 1.000001, "sum against the text form")


if __name__ == "__main__":
    lib.main(globals())
