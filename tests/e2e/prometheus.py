# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus, or VictoriaMetrics, that scrapes an agent once a second."""
import json
import urllib.parse
import urllib.request

import lib
from lib import equal

NATIVE = "--enable-feature=native-histograms"  # it asks for protobuf then


def job_of(name, port, path="/metrics", labels=None):
    """`labels`: of the target, as service discovery gives them."""
    return {"job_name": name, "honor_labels": True, "metrics_path": path,
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels or {}}]}


class Prometheus:
    def __init__(self, env, agent_port, flags=(), jobs=None):
        self.port = lib.free_port()
        config = env.dir / f"prometheus-{self.port}.yml"
        config.write_text(json.dumps({  # which is YAML
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": jobs or [job_of("edgetap", agent_port)],
        }))
        self.start(env, config, flags)

    def start(self, env, config, flags=()):
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


class VictoriaMetrics(Prometheus):
    def start(self, env, config, flags=()):
        argv = [
            lib.need("victoria-metrics"), f"-promscrape.config={config}", f"-storageDataPath={env.dir}/vm-{self.port}",
            f"-httpListenAddr=127.0.0.1:{self.port}", "-search.latencyOffset=0s", *flags,
        ]
        self.process = env.start(argv, name="victoria-metrics")
        lib.listening(self.port, seconds=30, owner=self.process)
