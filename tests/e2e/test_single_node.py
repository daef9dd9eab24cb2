#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""deploy/single-node as shipped, but for how often it scrapes: both databases, asked through the gateway."""
import json
import os
import pwd
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

import lib
from lib import equal

AGENT, GATEWAY = "http://127.0.0.1:9777", "http://127.0.0.1:9778"


def fetch(path, token, **parameters):
    target = (GATEWAY if path.startswith("/prometheus/") else AGENT) + path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
    request = urllib.request.Request(target, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()
    except OSError as e:
        raise AssertionError(f"{path}: {e}") from None


def gateways(home):
    """/proc entries of the gateways that this home's configuration is given to."""
    want = f"gateway\0--config\0{home}/gateway.yaml".encode()
    for process in lib.Path("/proc").glob("[0-9]*"):
        try:
            if want in (process / "cmdline").read_bytes():
                yield process
        except OSError:
            pass  # it has ended


def single_node(env, kind):
    lib.need(kind)
    here = env.dir / "single-node"
    shutil.copytree(lib.REPO / "deploy" / "single-node", here)
    scrape = here / "scrape.yml"
    text = scrape.read_text()
    equal(text.count("scrape_interval: 15s"), 1, "the interval of Fly.io's page")
    scrape.write_text(text.replace("scrape_interval: 15s", "scrape_interval: 1s"))
    home = env.dir / "node"
    # where the gateway's user reaches it
    program = env.renamed(lib.EDGETAP, "edgetap")
    script = env.start([here / "start.sh", kind, home], env=dict(os.environ, EDGETAP=str(program)))

    def ask(query):
        assert script.alive(), script.output()
        token = (home / "reader.token").read_text()
        status, body = fetch("/prometheus/personal/api/v1/query", token, query=query)
        equal(status, 200, f"{query}: {body!r}")
        return json.loads(body)["data"]["result"]

    lib.eventually(lambda: fetch("/-/ready", None)[0] == 200, 30, "edgetap")
    program, environ = env.python("e2e-node")
    port = lib.free_port()
    env.start([program, "-m", "http.server", "--bind", "127.0.0.1", str(port)], env=environ)
    lib.listening(port)

    token = (home / "scrape.token").read_text()
    pages = [page for page in ("/metrics", "/metrics/fly", "/metrics/custom") if fetch(page, token)[0] == 200]
    assert "/metrics" in pages and "/metrics/fly" in pages, pages

    asked = Counter()

    def visit(path="/"):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}").read()
            asked["200"] += 1
        except urllib.error.HTTPError as e:
            asked[str(e.code)] += 1

    def seen():
        visit()
        equal(sum(int(row["value"][1]) for row in ask('up{job=~"edgetap.*"}')), len(pages), "jobs that are up")
        for name in ("edgetap_edge_http_responses_total", "fly_edge_http_responses_count"):
            rows = ask(f'sum by (app) (increase({name}{{app="e2e-node"}}[30s])) > 0')
            equal([row["metric"] for row in rows], [{"app": "e2e-node"}], name)
        rows = ask("up * on (host) group_left (version) edgetap_build_info")
        equal(sorted((row["metric"]["job"], row["value"][1]) for row in rows),
              [(job, "1") for job in ("edgetap", "edgetap-custom", "edgetap-fly")[:len(pages)]], "up of the machine")
        return True

    lib.eventually(seen, 25)
    if kind == "victoria-metrics":  # whose language the page's own example is in
        for _ in range(5):
            visit("/missing")

        def counted():
            rows = ask("sum(increase(fly_edge_http_responses_count)) by (app, status)")
            mine = {row["metric"]["status"]: row["value"][1] for row in rows if row["metric"]["app"] == "e2e-node"}
            equal(mine, {status: str(n) for status, n in asked.items()}, "the page's example")
            return True

        lib.eventually(counted, 15)
    equal(fetch("/prometheus/personal/api/v1/query", None, query="up")[0], 401, "without a token")
    for name in ("scrape.token", "reader.token", "edgetap.yaml"):
        equal((home / name).stat().st_mode & 0o077, 0, f"others may read {name}")
    assert (home / "reader.token").read_text() not in (home / "gateway.yaml").read_text(), "a token others may read"
    users = [p.stat().st_uid for p in gateways(home)]
    equal(users, [pwd.getpwnam("nobody").pw_uid], "users of the gateway")
    script.stop()


def test_prometheus(env):
    single_node(env, "prometheus")


def test_victoria_metrics(env):
    single_node(env, "victoria-metrics")


if __name__ == "__main__":
    lib.main(globals(), parts=("gateway",))
