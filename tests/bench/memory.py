# SPDX-License-Identifier: Apache-2.0
"""What many instances cost: the agent's memory, and the time of a scrape."""
import signal
import time
import uuid

import lib
import machine
from client import Connection
from figures import median, progress
from places import Cgroup

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
FORMS = (
    {"Accept": "text/plain;version=0.0.4"},
    {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip"},
    {"Accept": "application/openmetrics-text;version=1.0.0"},
    {"Accept": PROTOBUF},
)
FLAT = 1.05
FILES = ("memory", "pressure", "disk", "network", "filesystem")


class Servers:
    """Small servers, each in a container: in cgroups as a runtime makes them."""

    def __init__(self, env):
        self.env = env
        self.program = lib.compiled("tiny.c", out="tiny_static", flags=("-static",))
        self.ids = []
        self.children = []

    def grow(self, count):
        """As many servers as that; each new one answers a 200 and a 404."""
        ports = []
        while len(self.children) < count:
            ident = uuid.uuid4().hex + uuid.uuid4().hex
            port = lib.free_port()
            cgroup = Cgroup(self.env, f"docker/{ident}")
            self.children.append(
                self.env.start([self.program, port], name=f"tiny-{len(self.ids)}", preexec=cgroup.enter)
            )
            self.ids.append(ident[:12])
            ports.append(port)
        for port in ports:
            lib.eventually(lambda port=port: self.asked(port), 20, f"server on port {port}")

    @staticmethod
    def asked(port):
        try:
            with Connection(port) as c:
                return (c.get("/")[0], c.get("/n")[0]) == (200, 404)
        except ConnectionRefusedError:
            return False


def resident(pid):
    """Bytes of a process in memory, without the kernel's maps that it has mapped."""
    total, counts = 0, True
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as smaps:
        for line in smaps:
            first, *rest = line.split()
            if not first.endswith(":"):
                counts = "bpf-map" not in line
            elif first == "Rss:" and counts:
                total += int(rest[0]) * 1024
    return total


def counted(agent, servers):
    """Waits until the agent serves two statuses of each, and what user space reads of it."""
    ids = set(servers.ids)

    def check():
        scrape = agent.scrape()
        have = {
            (labels["instance"], labels["status"])
            for labels, _ in scrape.select("edgetap_app_http_responses_total")
            if labels["instance"] in ids
        }
        up = {labels["instance"] for labels, _ in scrape.select("edgetap_instance_up")} & ids
        return len(have) == 2 * len(ids) and up == ids

    lib.eventually(check, 120, f"{len(ids)} instances with two statuses")


def scrape_forms(agent, times):
    for _ in range(times):
        for form in FORMS:
            status, _, body = agent.get("/metrics", form)
            if status != 200 or len(body) < 1000:
                raise RuntimeError(f"scrape as {form}: status {status}, {len(body)} bytes")


def instances(env, figures):
    """Memory at 100 and 1,000 instances, and whether it stays; the time of a scrape then."""
    agent = env.agent(config="")
    servers = Servers(env)
    pid = agent.process.pid
    for count, budget in ((100, 20), (1000, 40)):
        servers.grow(count)
        progress(f"    {count} containers")
        counted(agent, servers)
        scrape_forms(agent, 3)
        third = resident(pid)
        observed = agent.scrape().value("edgetap_instances")
        figures.add(
            f"agent_rss_{count}", third / 1e6, "MB", f"agent RSS without maps, {count:,} containers",
            budget=budget,
            note=f"{observed:.0f} observed; scraped as text, gzip, OpenMetrics, protobuf",
        )
    scrape_forms(agent, 17)
    figures.add(
        "agent_rss_growth", resident(pid) / third, "ratio",
        "agent RSS after 20 rounds of scrapes / after 3", budget=FLAT,
    )
    scrape_time(figures, agent)


def own_time(page):
    """Milliseconds that the page before this one took the agent, by its own clock."""
    name = b"\nedgetap_last_scrape_duration_seconds{"
    line = page[page.index(name) + 1 :].split(b"\n", 1)[0]
    return float(line.split()[-1]) * 1000


def timed_scrapes(agent):
    """Of pages as text: milliseconds for a client, of the agent's CPU time, and by its own clock."""
    url = agent.base + "/metrics"
    walls, computed, own = [], [], []
    for _ in range(9):
        time.sleep(1.1)  # within a second scrapes share what was read of the containers
        before = machine.cpu_seconds(agent.process.pid)
        wall = machine.run([lib.need("curl"), "-sf", "-o", "/dev/null", "-w", "%{time_total}", url])
        computed.append((machine.cpu_seconds(agent.process.pid) - before) * 1000)
        walls.append(float(wall) * 1000)
        own.append(own_time(agent.get("/metrics")[2]))
    return walls, computed, own


def without_files(agent):
    """Switches off the families whose files are read of each container."""
    config = agent.env.dir / f"edgetap-{agent.port}.yaml"
    config.write_text("".join(f"family.{name}: false\n" for name in FILES))
    agent.process.popen.send_signal(signal.SIGHUP)
    lib.eventually(lambda: not agent.scrape().select("edgetap_instance_memory_total_bytes"), 10, "reload")


def scrape_time(figures, agent):
    """The text form of 1,000 instances, as a client waits for it and as the agent times it."""
    walls, computed, own = timed_scrapes(agent)
    lines = agent.get("/metrics")[2].count(b"\n")
    figures.add(
        "scrape_wall_time", median(walls), "ms",
        "/metrics, 1,000 containers, two statuses each, text", budget=150,
        note=f"{lines:,} lines; {min(walls):.0f} .. {max(walls):.0f} ms",
    )
    figures.add(
        "scrape_own_time", median(own), "ms", "the same by the agent's own clock",
        note="rendering, without sending",
    )
    figures.add("scrape_cpu_time", median(computed), "ms", "the same as CPU time of the agent")
    without_files(agent)
    walls, computed, _ = timed_scrapes(agent)
    figures.add(
        "scrape_wall_time_without_files", median(walls), "ms",
        "/metrics without families of files, 1,000 containers", note=f"--no-family.{{{','.join(FILES)}}}",
    )
    figures.add(
        "scrape_cpu_time_without_files", median(computed), "ms", "the same as CPU time of the agent",
    )
    for form, *more in (("text",), ("openmetrics",), ("protobuf",), ("text", "readings")):
        out = machine.bench("bench_encode", 1000, 11, form, *more)
        have = dict(field.split("=") for field in out.split()[1:])
        figures.add(
            "_".join(["encode", form, *more]), float(have["median_ms"]), "ms",
            f"encoding 1,000 instances as {form}{', with 54 readings of each' if more else ''}, CPU time",
            note=f"{int(have['bytes']):,} bytes",
        )
