#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes the agent, as text and as protobuf with native histograms."""
import json
import re
import subprocess
import urllib.parse
import urllib.request

import lib
from lib import between, equal
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


class Prometheus:
    def __init__(self, env, agent, *flags):
        self.port = lib.free_port()
        config = env.dir / f"prometheus-{self.port}.yml"
        config.write_text(
            f"""global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
- job_name: edgetap
  honor_labels: true
  static_configs: [ {{ targets: ["127.0.0.1:{agent.port}"] }} ]
"""
        )
        argv = [
            lib.need("prometheus"), f"--config.file={config}",
            f"--storage.tsdb.path={env.dir}/tsdb-{self.port}",
            f"--web.listen-address=127.0.0.1:{self.port}", *flags,
        ]
        self.process = env.start(argv, name="prometheus")
        lib.listening(self.port, seconds=30, owner=self.process)

    def ask(self, query):
        """[(labels, number)] of an instant query."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found = json.load(answer)
        except OSError as e:
            raise AssertionError(f"{query}: {e}") from None
        equal(found["status"], "success", query)
        return [(row["metric"], float(row["value"][1])) for row in found["data"]["result"]]

    def one(self, query):
        found = self.ask(query)
        assert len(found) == 1, f"{query}: {found}"
        return found[0][1]


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
    agent = env.agent()
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


def test_text(env):
    agent = env.agent()
    prometheus = Prometheus(env, agent)
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
    agent = env.agent()
    prometheus = Prometheus(env, agent, "--enable-feature=native-histograms")
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
