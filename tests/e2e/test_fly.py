#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""/metrics/fly: names, types, labels and units as fly-metrics.tsv lists them, the page's own list."""
import hashlib
import json
import os
import re
import signal
import subprocess
import time

import lib
from client import ab
from lib import between, equal
from servers import Nginx
from test_containers import nginx_in
from tls import Certificates, TlsConnection, s_client

HOST = "e2e-fly-node"
STANDARD = {"app", "region", "host"}

# Labels that a series may lack where nothing is known to stand there.
MAY_LACK = {"servername", "datname", "state", "application_name", "client_addr"}

# Names that must be there once the servers below have served: all of the proxy's, but the
# time from handshake to accept, which takes a kernel in which accept can be traced.
PROXY = {
    "fly_edge_http_responses_count", "fly_edge_http_response_time_seconds", "fly_edge_tcp_connects_count",
    "fly_edge_tcp_disconnects_count", "fly_edge_data_out", "fly_edge_data_in", "fly_edge_tls_handshake_errors",
    "fly_edge_tls_handshake_time_seconds", "fly_app_concurrency", "fly_app_http_responses_count",
    "fly_app_http_response_time_seconds", "fly_app_tcp_connects_count", "fly_app_tcp_disconnects_count",
    "fly_instance_up",
}


def page():
    """{name: (type, labels beside the standard ones, unit)}"""
    out = {}
    for line in (lib.HERE / "fly-metrics.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, kind, labels, unit = (line.split("\t") + [""])[:4]
            out[name] = (kind, set(labels.split(",")), unit)
    return out


def conforms(scrape, region="ams"):
    """Every series is one of the page; the parser has already seen to it that none comes twice."""
    known = page()
    host = hashlib.sha256(HOST.encode()).hexdigest()[:4]
    assert scrape.types, "nothing at all"
    for family, kind in scrape.types.items():
        assert family in known, f"{family} is not on the page"
        equal(kind, known[family][0], f"type of {family}")
        wanted = STANDARD | known[family][1]
        names = [family + s for s in ("_bucket", "_sum", "_count")] if kind == "histogram" else [family]
        for name in names:
            assert scrape.samples[name], f"{name} has no series"
            for labels, _ in scrape.samples[name]:
                have = set(labels)
                if name.endswith("_bucket"):
                    have.remove("le")
                assert have <= wanted and wanted - have <= MAY_LACK, f"{name} has the labels {sorted(labels)}"
                equal((labels["region"], labels["host"]), (region, host), f"place of {name}")
                assert labels.get("proxy_id", "blue") in ("blue", "green"), labels
                assert "status" not in labels or re.fullmatch(
                    r"\d\d\d|__other__" if kind == "counter" else r"[1-9]xx|__other__", labels["status"]
                ), f"{name}: status {labels['status']}"
    return known


def fly_agent(env, flags=(), config=None):
    state = env.dir / "state"
    return env.agent(config, ["--host", HOST, "--region", "ams", "--state-dir", str(state), *flags])


class Shop:
    """An app of two instances, one of which dies: what it has counted stays at the edge, its own series go."""

    CONFIG = 'retention: 1s\napps:\n  rules:\n    - match: {app: "e2e-fly-shop-*"}\n      set: {app: e2e-shop}\n'

    def __init__(self, env, agent):
        self.agent = agent
        one, two = (Nginx(env, f"e2e-fly-shop-{n}") for n in "ab")
        ab(one.port, 40)
        ab(two.port, 2, concurrency=1)
        lib.eventually(lambda: self.check({"e2e-fly-shop-a": 40, "e2e-fly-shop-b": 2}), 10)
        one.quit()

    def look(self):
        """The edge must not fall at any time, as a query over it would show."""
        scrape = self.agent.scrape("/metrics/fly")
        series = scrape.select("fly_edge_http_responses_count", app="e2e-shop")
        equal([value for _, value in series], [42], "at the edge")
        return scrape

    def check(self, instances):
        scrape = self.look()
        got = scrape.by("fly_app_http_responses_count", "instance", app="e2e-shop")
        equal({os.path.basename(k[0]): v for k, v in got.items()}, instances, "of instances")
        equal(scrape.value("fly_instance_up", app="e2e-shop"), len(instances), "instances up")
        return scrape

    def gone(self, seconds=30):
        deadline = time.monotonic() + seconds
        while len(self.look().select("fly_app_concurrency", app="e2e-shop")) > 1:
            assert time.monotonic() < deadline, f"the series stay for {seconds} s"
            time.sleep(0.05)
        return self.check({"e2e-fly-shop-b": 2})


def test_names(env):
    """Servers that give every series of the proxy, a container, and an app whose instance dies."""
    certificates = Certificates(env)
    agent = fly_agent(env, config=Shop.CONFIG)
    shop = Shop(env, agent)
    plain = Nginx(env, "e2e-fly-plain", server="location /204 { return 204; }")
    secret = Nginx(env, "e2e-fly-tls", tls=certificates.nginx())
    box = nginx_in(env)
    ab(plain.port, 50)
    ab(plain.port, 7, concurrency=1, path="/missing")
    ab(box.port, 30, keep_alive=True)
    for _ in range(3):
        with TlsConnection(secret.port) as c:
            equal(c.get()[0], 200, "over TLS")
            c.finish()
    s_client(secret.port, "-tls1_2", "-verify_return_error", name="good.test")

    def check():
        scrape = shop.look()
        missing = PROXY - set(scrape.types)
        assert not missing, f"not there: {sorted(missing)}"
        got = scrape.by("fly_edge_http_responses_count", "status", app=plain.name)
        equal(got, {("200",): 50, ("404",): 7}, "responses at the edge")
        equal(
            scrape.by("fly_app_http_responses_count", "instance", "status", instance=box.id[:12]),
            {(box.id[:12], "200"): 30}, "responses of the container",
        )
        equal(scrape.value("fly_instance_up", instance=box.id[:12]), 1, "container up")
        equal(scrape.value("fly_edge_tls_handshake_errors", app=secret.name, servername="good.test"), 1, "failed")
        equal(
            scrape.by("fly_edge_tls_handshake_time_seconds_count", "version", app=secret.name), {("1.3",): 3}, "done"
        )
        return scrape

    scrape = lib.eventually(check, 15)
    conforms(scrape)
    times = scrape.histogram("fly_edge_http_response_time_seconds", app=plain.name, status="2xx")
    equal(times.count, 50, "responses timed")
    native = agent.scrape()
    same = native.histogram("edgetap_edge_http_response_time_seconds", app=plain.name, status="2xx")
    equal((times.sum, dict(times.buckets)), (same.sum, dict(same.buckets)), "times in both views")
    equal(
        scrape.value("fly_edge_data_out", app=plain.name),
        native.value("edgetap_edge_data_out_bytes_total", app=plain.name), "bytes in both views",
    )
    conforms(shop.gone())


def colours(agent):
    scrape = agent.scrape("/metrics/fly")
    return {labels["proxy_id"] for labels, _ in scrape.samples["fly_edge_tcp_connects_count"]}


def test_proxy_id(env):
    """The colour flips with every start, stays at a reload, and needs no place to be kept."""
    seen = []
    server = Nginx(env, "e2e-fly-colour")
    for _ in range(2):
        agent = fly_agent(env)
        ab(server.port, 1, concurrency=1)
        (colour,) = lib.eventually(lambda a=agent: colours(a), 10)
        agent.process.popen.send_signal(signal.SIGHUP)
        lib.eventually(lambda a=agent: "configuration read again" in a.process.output(), 5)
        equal(colours(agent), {colour}, "colour after a reload")
        seen.append(colour)
        agent.stop()
    assert seen[0] != seen[1], f"colours {seen}"
    # Without a place, and without a region.
    agent = env.agent(flags=["--state-dir", "/proc/no/such", "--region", ""])
    assert "/proc/no/such/proxy_id cannot be kept" in agent.process.output(), agent.process.output()
    ab(server.port, 1, concurrency=1)
    equal(len(lib.eventually(lambda: colours(agent), 10)), 1, "colours without a place")
    assert "region=" not in agent.scrape("/metrics/fly").text
    assert "region=" not in agent.scrape().text
    text_only(agent)


def text_only(agent):
    """The names would be wrong in OpenMetrics, so nobody gets them in that form."""
    for accept in (
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    ):
        status, headers, body = agent.get("/metrics/fly", {"Accept": accept})
        equal((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"), accept)
        assert b"# EOF" not in body
        _, headers, _ = agent.get("/metrics", {"Accept": accept})
        assert "0.0.4" not in headers["Content-Type"], headers["Content-Type"]


def test_region(_env):
    """From the surroundings unless configured, also as none."""
    def region(*flags, **variables):
        keep = {k: v for k, v in os.environ.items() if not k.endswith("_REGION")}
        done = subprocess.run(
            [lib.EDGETAP, "check-config", "--json", *flags, "/dev/null"], env=dict(keep, **variables),
            capture_output=True, text=True, timeout=10,
        )
        equal(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["config"]["region"]

    equal(region(AWS_REGION="eu-west-1"), "eu-west-1", "AWS_REGION")
    equal(region(AWS_REGION="eu-west-1", FLY_REGION="ams"), "ams", "FLY_REGION")
    equal(region("--region", "", AWS_REGION="eu-west-1"), "", "configured as none")
    equal(region("--region", "x", AWS_REGION="eu-west-1"), "x", "configured")
    equal(region(AWS_REGION="eu-west-1", EDGETAP_REGION="y"), "y", "the option's own variable")


if __name__ == "__main__":
    lib.main(globals())
