#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""/metrics/fly: names, types, labels and units as fly-metrics.tsv lists them, the page's own list."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import lib
from client import ab
from lib import between, equal
from places import Cgroup, Container
from servers import Nginx
from test_containers import nginx_in
from tls import Certificates, TlsConnection, s_client

HOST = "e2e-fly-node"
STANDARD = {"app", "region", "host"}

# Labels that a series may lack where nothing is known to stand there.
MAY_LACK = {"servername", "datname", "state", "application_name", "client_addr"}

def page():
    """{name: (type, labels beside the standard ones, unit)}"""
    out = {}
    for line in (lib.HERE / "fly-metrics.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, kind, labels, unit = (line.split("\t") + [""])[:4]
            out[name] = (kind, set(labels.split(",")), unit)
    return out


# Of the proxy's names all must be there once the servers below have served, but the time
# from handshake to accept, which takes a kernel in which accept can be traced.
PROXY = {n for n in page() if n.startswith(("fly_edge_", "fly_app_"))} - {"fly_app_connect_time_seconds"}
# Of the machine every name, of a disk if it has one that carries something.
NODE = {n for n in page() if n.startswith("fly_instance_")}

# Of a server of Postgres that has no standby.
PG = {n for n in page() if n.startswith("pg_") and not n.startswith("pg_stat_replication_")}


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
        return scrape

    def gone(self, seconds=30):
        deadline = time.monotonic() + seconds
        while len(self.look().select("fly_app_concurrency", app="e2e-shop")) > 1:
            assert time.monotonic() < deadline, f"the series stay for {seconds} s"
            time.sleep(0.05)
        lib.eventually(lambda: len(self.look().select("fly_instance_up", app="e2e-shop")) == 1, 5)
        scrape = self.check({"e2e-fly-shop-b": 2})
        equal(scrape.value("fly_instance_up", app="e2e-shop"), 1, "instances up")
        return scrape


def proc(text, start=0):
    """Lines of a file below /proc, split."""
    return [line.split() for line in Path("/proc", text).read_text().splitlines()[start:]]


def machine():
    """Counters of the page for the machine, in the files that it names: {(name, labels): raw number}"""
    names = list(page())
    disk = [n for n in names if n.startswith("fly_instance_disk_")]
    net = [n for n in names if n.startswith("fly_instance_net_")]
    modes = "user nice system idle iowait irq softirq steal guest guest_nice".split()
    out = {}
    for cpu, *ticks in proc("stat"):
        if cpu.startswith("cpu") and cpu != "cpu":
            for mode, value in zip(modes, ticks):
                out["fly_instance_cpu", cpu[3:], mode] = int(value)
    for _, _, device, *fields in proc("diskstats"):
        for name, value in zip(disk, fields):
            out[name, device] = int(value)
    for line in Path("/proc/1/net/dev").read_text().splitlines()[2:]:
        device, fields = line.split(":")
        for name, value in zip(net, fields.split()):
            out[name, device.strip()] = int(value)
    return out


def check_machine(agent):
    """The machine's own series are the numbers of the files that the page names, in their units."""
    node = {"app": "__node__"}
    time.sleep(1.1)  # scrapes within a second share one reading
    before = machine()
    scrape = agent.scrape("/metrics/fly")
    after = machine()
    conforms(scrape)
    have = {name for name in scrape.types if scrape.select(name, **node)}
    disks = {n for n in NODE if n.startswith("fly_instance_disk_")}
    equal(sorted(NODE - disks - have), [], "names that are not there")
    equal(len(disks & have), len(disks) if disks & have else 0, "names of disks")
    print(f"{len(have)} names, {len(scrape.select('fly_instance_disk_time_io', **node))} disks")
    compared = 0
    for name in NODE:
        if scrape.types.get(name) != "counter":
            continue
        for labels, value in scrape.select(name, **node):
            rest = [labels[k] for k in ("cpu_id", "mode", "device") if k in labels]
            key = (name, *rest)
            if name == "fly_instance_disk_io_in_progress":
                continue  # goes up and down, whatever the page calls it
            between(value, before[key], after[key], f"{name} {rest}")
            compared += 1
    assert compared > 10, compared
    memory = {line[0]: int(line[1]) * 1024 for line in proc("meminfo")}
    equal(scrape.value("fly_instance_memory_mem_total", **node), memory["MemTotal:"], "memory")
    equal(scrape.value("fly_instance_memory_vmalloc_total", **node), memory["VmallocTotal:"], "vmalloc")
    equal(scrape.value("fly_instance_filefd_maximum", **node), int(proc("sys/fs/file-nr")[0][2]), "open files")
    for index, minutes in enumerate(("1", "5", "15")):
        value = scrape.value("fly_instance_load_average", minutes=minutes, **node)
        between(value, 0, float(proc("loadavg")[0][index]) + 1, "load")
    root = os.statvfs("/")
    where = dict(node, mount="/")
    equal(scrape.value("fly_instance_filesystem_blocks", **where), root.f_blocks, "blocks of /")
    equal(scrape.value("fly_instance_filesystem_block_size", **where), root.f_frsize, "their size")
    equal(scrape.value("fly_instance_up", **node), 1, "machine up")


def postgres(env, name):
    """A server as a package would set it up: a unit, TCP on the loopback, peers on its socket."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        raise lib.Skip("PostgreSQL is not installed")
    program = programs[-1]
    cgroup = Cgroup(env, f"/{name}.slice/{name}.service")  # told apart from any other server here
    folder, port = env.dir / "pg", lib.free_port()
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")
    drop = [lib.need("setpriv"), "--reuid=postgres", "--regid=postgres", "--init-groups"]
    subprocess.run(
        [*drop, program.with_name("initdb"), "-D", folder / "data", "--auth-local=peer", "--auth-host=reject", "-N"],
        check=True, capture_output=True, cwd="/", timeout=60,
    )
    process = env.start(
        [*drop, program, "-D", folder / "data", "-k", folder, "-p", str(port), "-c", "fsync=off"], cwd="/",
        name="postgres", preexec=cgroup.enter,
    )
    lib.listening(port, owner=process)
    psql = [*drop, lib.need("psql"), "-X", "-h", str(folder), "-p", str(port), "-d", "postgres", "-c"]
    subprocess.run([*psql, "SELECT pg_stat_reset()"], check=True, capture_output=True, cwd="/", timeout=30)


def check_postgres(agent, name):
    """Every name of the page but those of a standby's, in the page's units."""

    def check():
        scrape = agent.scrape("/metrics/fly")
        missing = {n for n in PG if not scrape.select(n, app=name)}
        assert not missing, f"not there: {sorted(missing)}"
        return scrape

    scrape = lib.eventually(check, 40)
    size = scrape.value("pg_database_size_bytes", app=name, datname="postgres")
    between(size, 1 << 20, 100 << 20, "size of a database")
    for reset in ("pg_stat_bgwriter_stats_reset", "pg_stat_database_stats_reset"):
        for _, value in scrape.select(reset, app=name):
            between(value, time.time() - 300, time.time(), reset)
    between(scrape.value("pg_stat_activity_count", app=name, datname="postgres", state="active"), 1, 3, "active")


class Volume:
    """A file system of its own that a container has mounted."""

    def __init__(self, env):
        image, self.name = env.dir / "disk.img", f"e2e-fly-disk{os.getpid()}"
        self.place = env.dir / "volumes" / self.name / "_data"
        self.place.mkdir(parents=True)
        with open(image, "wb") as f:
            f.truncate(32 << 20)
        subprocess.run([lib.need("mkfs.ext4"), "-q", "-F", image], check=True)
        done = subprocess.run(["mount", "-o", "loop", image, self.place], capture_output=True, text=True, check=False)
        self.lacks = done.stderr.strip()
        if self.lacks:
            return
        env.defer(subprocess.run, ["umount", "-l", self.place], check=False)
        self.box = Container(env, ["/usr/bin/sleep", "100"], mounts={"/data": self.place})

    def check(self, agent):
        if self.lacks:
            raise lib.Skip(f"no loop device: {self.lacks}")
        disk = os.statvfs(self.place)

        def there():
            scrape = agent.scrape("/metrics/fly")
            (labels, value), = scrape.select("fly_volume_size_bytes", id=self.name) or [({}, 0)]
            equal(value, disk.f_blocks * disk.f_frsize, "size of the volume")
            equal(set(labels), STANDARD | {"id"}, "labels of the volume")
            used = 100 * (disk.f_blocks - disk.f_bfree) / disk.f_blocks
            between(scrape.value("fly_volume_used_pct", id=self.name), used - 5, used + 5, "percent used")
            return True

        lib.eventually(there, 30)


def test_page(env):
    """Servers that give every series, a container, a volume, Postgres, and an app whose instance dies."""
    certificates = Certificates(env)
    agent = fly_agent(env, ["--postgres-interval", "1s"], Shop.CONFIG)
    shop = Shop(env, agent)
    name = f"e2e-fly-pg{os.getpid()}"
    postgres(env, name)
    volume = Volume(env)
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
    check_machine(agent)
    check_postgres(agent, name)
    conforms(shop.gone())
    volume.check(agent)


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
