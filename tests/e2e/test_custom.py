#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Metrics that instances expose themselves: found, asked, checked, and shown under their own names."""
import base64
import json
import os
import subprocess
import urllib.parse
import urllib.request

import lib
from exposers import HOSTILE
from lib import between, equal
from places import Container
from scrape import Scrape

PROGRAM = lib.HERE / "exposers.py"
STANDARD = {"app", "region", "host", "instance"}


def exposer(env, name, *args, port):
    argv, environ = env.python(name)
    process = env.start([argv, PROGRAM, *map(str, args)], name=name, env=environ)
    lib.listening(port, owner=process)
    return process


def rules(*items, seconds=1):
    """A configuration: (executable, port) each."""
    text = f"custom_interval: {seconds}s\nregion: mars-1\nmetrics:\n"
    return text + "".join(f"  - {{ match: {{ executable: {exe} }}, port: {port} }}\n" for exe, port in items)


def up(scrape, port, **match):
    found = scrape.select("edgetap_custom_up", endpoint=f":{port}/metrics", **match)
    assert found, f"no edgetap_custom_up of {port}"
    return [value for _, value in found]


def is_up(agent, port):
    return lib.eventually(lambda: up(agent.scrape(), port) == [1], 15, f"metrics of port {port}")


def promtool(text):
    """Refused only for what it does not parse; that names could be better is the exposer's business."""
    done = subprocess.run(
        [lib.need("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode != 1 and "error while" not in done.stderr, done.stderr


def test_client_library(env):
    """A real Prometheus reads the same from the client library as from the page."""
    port = lib.free_port()
    probe = subprocess.run([lib.PYTHON, "-c", "import prometheus_client"], capture_output=True, check=False)
    if probe.returncode:
        raise lib.Skip("python3-prometheus-client is not installed")
    exposer(env, "client-app", "client", port, port=port)
    agent = env.agent(config=rules(("client-app", port)))
    is_up(agent, port)
    page = agent.get("/metrics/custom")[2].decode()
    promtool(page)

    prometheus_port = lib.free_port()
    config = env.dir / "prometheus.yml"
    config.write_text(
        f"""global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
- {{ job_name: source, static_configs: [ {{ targets: ["127.0.0.1:{port}"] }} ] }}
- job_name: page
  honor_labels: true
  metrics_path: /metrics/custom
  static_configs: [ {{ targets: ["127.0.0.1:{agent.port}"] }} ]
"""
    )
    prometheus = env.start([
        lib.need("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={env.dir}/tsdb",
        f"--web.listen-address=127.0.0.1:{prometheus_port}",
    ])
    lib.listening(prometheus_port, seconds=30, owner=prometheus)

    def read(job):
        """What the client library says that does not change by itself, without the labels of targets."""
        query = urllib.parse.urlencode({"query": '{job="%s",__name__!~"(process|python|scrape|up).*"}' % job})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{prometheus_port}/api/v1/query?{query}", timeout=10) as answer:
                rows = json.load(answer)["data"]["result"]
        except OSError as e:  # it listens before it is ready
            raise AssertionError(f"Prometheus: {e}") from None
        found = {}
        for row in rows:
            labels = {k: v for k, v in row["metric"].items()
                      if k not in STANDARD | {"job"} and not k.startswith("exported_")}
            found[tuple(sorted(labels.items()))] = row["value"][1]
        return found

    def same():
        source, shown = read("source"), read("page")
        # at the source these labels are what it claims, which the page replaces
        between(len(source), 25, 60, "series at the source")
        equal(shown, source, "what Prometheus reads")
        return True

    lib.eventually(same, 25)
    scrape = agent.scrape("/metrics/custom")
    for (name, labels) in scrape.series:
        labels = dict(labels)
        equal(labels["app"], "client-app", f"app of {name}")
        equal(labels["instance"], "client-app", f"instance of {name}")
        equal(labels["region"], "mars-1", f"region of {name}")
        assert labels["host"] != "there", f"host of {name}"
    equal(scrape.types["jobs_total"], "counter", "type of jobs_total")
    equal(scrape.types["times_seconds"], "histogram", "type of times_seconds")


def test_container(env):
    """node_exporter in a network namespace of its own, on its loopback, named by labels."""
    program = lib.need("prometheus-node-exporter")

    def change(spec):
        for namespace in spec["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace.pop("path", None)
        spec["annotations"] = {"prometheus.io/scrape": "true", "prometheus.io/port": "9100", "app": "nodes"}

    argv = [program, "--web.listen-address=127.0.0.1:9100", "--collector.disable-defaults", "--collector.uname",
            "--collector.loadavg", "--collector.meminfo"]
    agent = env.agent(config="custom_interval: 1s\n")
    # a path that leaves the runtime open: it is runc that knows the labels
    name = f"e2e-nodes-{os.getpid()}"
    container = Container(env, argv, name=name, cgroups_path=f"/runc-{name}.scope", change=change)
    is_up(agent, 9100)
    scrape = agent.scrape("/metrics/custom")
    found = scrape.select("node_uname_info")
    equal([(l["app"], l["instance"]) for l, _ in found], [("nodes", container.id)], "owner of node_uname_info")
    promtool(agent.get("/metrics/custom")[2].decode())
    # of the other namespace, nothing listens on that port here
    assert scrape.value("node_memory_MemTotal_bytes") > 0
    # the same page with the labels of Fly.io's
    fly = agent.scrape("/metrics/fly")
    found = fly.select("node_uname_info")
    equal([(l["app"], len(l["host"])) for l, _ in found], [("nodes", 4)], "owner in the fly view")
    container.remove()

    def gone():
        equal(agent.get("/metrics/custom")[2], b"", "the page without it")
        return True

    lib.eventually(gone, 15)


def test_hostile(env):
    """Whatever an endpoint does, it is bounded, named, and harms no other."""
    ports = [lib.free_port() for _ in range(2)]
    first, good = 1100, ports[0]
    exposer(env, "good-app", "good", good, port=good)
    exposer(env, "bad-app", "hostile", first, good, port=first + len(HOSTILE) - 1)
    agent = env.agent(config=rules(("good-app", good), *(("bad-app", first + i) for i in range(len(HOSTILE))), seconds=3))
    is_up(agent, good)

    def all_down():
        scrape = agent.scrape()
        for i, (name, reason) in enumerate(HOSTILE):
            equal(up(scrape, first + i), [0], f"up of {name}")
            failed = scrape.by("edgetap_custom_scrapes_failed_total", "reason", endpoint=f":{first + i}/metrics")
            equal(set(failed), {(reason,)}, f"reasons of {name}")
            assert failed[(reason,)] >= 2, f"{name} was asked {failed}"
        equal(up(scrape, good), [1], "up of the good one")
        return True

    lib.eventually(all_down, 25)
    scrape = agent.scrape("/metrics/custom")
    equal(
        scrape.series,
        {("good", (("a", "b"), ("app", "good-app"), ("host", agent_host(agent)), ("instance", "good-app"),
                   ("region", "mars-1"))): 1.5},
        "what is shown",
    )
    assert "} 1.50\n" in scrape.text, "the number is not as it was written"
    assert agent.scrape().value("edgetap_custom_scrapes_failed_total", endpoint=f":{good}/metrics") == 0
    with open(f"/proc/{agent.process.pid}/status") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    between(rss, 1, 150 * 1024, "KiB of memory at most")


# Of one app. The other's declarations contradict each, and are older.
VICTIM = """# HELP orders_total Orders.
# TYPE orders_total counter
orders_total 42
# TYPE pay_seconds summary
pay_seconds{quantile="0.5"} 3
pay_seconds_sum 1
pay_seconds_count 2
# TYPE wait_seconds histogram
wait_seconds_bucket{le="1"} 1
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_sum 3
wait_seconds_count 2
# TYPE pg_stat_activity summary
pg_stat_activity_sum 5
pg_stat_activity_count 6
# HELP other Undisputed.
# TYPE other gauge
other 1
"""
SQUATTER = """# HELP orders_total Mine.
# TYPE orders_total gauge
orders_total 0
# TYPE pay_seconds_sum gauge
pay_seconds_sum 0
# TYPE wait_seconds summary
wait_seconds{quantile="0.5"} 0
"""
STRICT = """
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        print(family.type, sample.name, sample.labels["app"])
"""


def noise(port):
    """A text that does not get smaller."""
    lines = (base64.b64encode(os.urandom(3600)).decode() for _ in range(700))
    return "".join(f'noise{{i="{port}-{i}",v="{line}"}} 1\n' for i, line in enumerate(lines))


def test_apart(env):
    """No app takes another's metrics away: not by types, by size, by work nor by the number of its endpoints."""
    ports = [lib.free_port() for _ in range(12)]
    squat, victim, *greedy = ports
    texts = {
        squat: SQUATTER,
        victim: VICTIM,
        greedy[0]: "".join(f"m{i} 1\n" for i in range(49999)),
        greedy[1]: "".join(f'a{{i="{i}"}} 1\n' for i in range(49999)),
        **{port: noise(port) for port in greedy[2:]},
    }
    files = {port: env.dir / f"text-{port}" for port in ports}
    for port, text in texts.items():
        files[port].write_text(text)
    everything = [item for port in greedy for item in (port, files[port])]
    exposer(env, "greedy-app", "texts", *everything, port=greedy[-1])
    exposer(env, "squat-app", "texts", squat, files[squat], port=squat)
    items = [("greedy-app", port) for port in greedy] + [("squat-app", squat), ("victim-app", victim)]
    agent = env.agent(config=rules(*items, seconds=2) + "custom_endpoints: 11\n")
    is_up(agent, squat)
    exposer(env, "victim-app", "texts", victim, files[victim], port=victim)

    def shown():
        """Every page, whatever else is on it, is whole; at last it has the victim."""
        for path in ("/metrics/custom", "/metrics/fly"):
            scrape = agent.scrape(path)
            found = {name: value for (name, labels), value in scrape.series.items() if dict(labels).get("app") == "victim-app"
                     and not name.startswith("fly_")}
            equal(found, {"orders_total": 42, "pay_seconds": 3, "pay_seconds_sum": 1, "pay_seconds_count": 2,
                          "wait_seconds_bucket": found.get("wait_seconds_bucket"), "wait_seconds_sum": 3,
                          "wait_seconds_count": 2, "pg_stat_activity_sum": 5, "pg_stat_activity_count": 6, "other": 1},
                  f"what {path} shows of the victim")
            promtool(scrape.text)
        return True

    lib.eventually(shown, 25)
    scrape = agent.scrape("/metrics/custom")
    equal({name: scrape.types[name] for name in ("orders_total", "pay_seconds", "pay_seconds_sum", "wait_seconds_count", "other")},
          {"orders_total": "untyped", "pay_seconds": "untyped", "pay_seconds_sum": "untyped",
           "wait_seconds_count": "untyped", "other": "gauge"}, "types")
    done = subprocess.run([lib.PYTHON, "-c", "import prometheus_client"], capture_output=True, check=False)
    if done.returncode == 0:
        done = subprocess.run([lib.PYTHON, "-c", STRICT], input=scrape.text, capture_output=True, text=True, check=True)
        found = {line for line in done.stdout.splitlines() if line.endswith(" victim-app")}
        assert {"unknown orders_total victim-app", "unknown pay_seconds_sum victim-app", "gauge other victim-app",
                "unknown wait_seconds_bucket victim-app"} <= found, found

    def told():
        scrape = agent.scrape()
        for app, count in (("squat-app", 3), ("victim-app", 7)):
            equal(scrape.value("edgetap_custom_families_untyped", app=app), count, f"families without a type of {app}")
        equal(scrape.value("edgetap_custom_endpoints_left_out", app="greedy-app"), 1, "endpoints left out")
        reasons = set(scrape.by("edgetap_custom_scrapes_failed_total", "reason", app="greedy-app"))
        assert ("page",) in reasons and reasons <= {("page",), ("time",)}, f"why there is no more of the greedy app: {reasons}"
        between(scrape.value("edgetap_custom_up", app="greedy-app"), 1, len(greedy) - 2, "endpoints of it that are up")
        for port in (squat, victim):
            equal(scrape.value("edgetap_custom_scrapes_failed_total", endpoint=f":{port}/metrics"), 0, f"failures of {port}")
        return True

    lib.eventually(told, 15)


def agent_host(agent):
    return agent.scrape().samples["edgetap_build_info"][0][0]["host"]


def test_whose_port(env):
    """Two instances in one network namespace: only who listens is asked; a reader sees its own apps only."""
    port, other = lib.free_port(), lib.free_port()
    exposer(env, "owner-app", "good", port, port=port)
    exposer(env, "other-app", "good6", other, port=other)
    secret = env.dir / "token"
    secret.write_text("s3cret-that-owners-know\n")
    secret.chmod(0o600)
    everything = env.dir / "all"
    everything.write_text("s3cret-that-all-may-see\n")
    everything.chmod(0o600)
    config = rules(("'*-app'", port), ("other-app", other)) + (
        f"tokens:\n  - {{ token_file: {secret}, apps: [owner-app] }}\n  - {{ token_file: {everything} }}\n"
    )
    agent = env.agent(config=config)

    def read(path, token):
        status, _, body = agent.get(path, {"Authorization": f"Bearer {token}"})
        equal(status, 200, path)
        return Scrape(body.decode())

    def settled():
        scrape = read("/metrics", "s3cret-that-all-may-see")
        equal(up(scrape, port, app="owner-app"), [1], "up of the owner")
        equal(up(scrape, port, app="other-app"), [0], "up of the other at that port")
        equal(up(scrape, other, app="other-app"), [1], "up of the other at its own")
        failed = scrape.by("edgetap_custom_scrapes_failed_total", "reason", app="other-app")
        equal(set(failed), {("other_owner",)}, "reasons")
        return True

    lib.eventually(settled, 15)
    apps = {l["app"] for l, _ in read("/metrics/custom", "s3cret-that-all-may-see").select("good")}
    equal(apps, {"owner-app", "other-app"}, "apps on the page")
    for path in ("/metrics/custom", "/metrics/fly"):
        apps = {dict(labels).get("app") for _, labels in read(path, "s3cret-that-owners-know").series}
        equal(apps, {"owner-app"}, f"apps that a restricted reader sees at {path}")


def test_off(env):
    """custom_metrics: false asks nobody."""
    port = lib.free_port()
    exposer(env, "quiet-app", "good", port, port=port)
    agent = env.agent(config=rules(("quiet-app", port)) + "custom_metrics: false\n")
    before = lib.passive_opens()
    equal(agent.get("/metrics/custom")[2], b"", "the page")
    # long enough for two requests with the first look at the instances
    try:
        lib.eventually(lambda: agent.scrape().select("edgetap_custom_up"), 3)
    except AssertionError:
        pass
    else:
        raise AssertionError("an endpoint is known")
    assert before <= lib.passive_opens()


if __name__ == "__main__":
    lib.main(globals(), parts=("endpoints",))
