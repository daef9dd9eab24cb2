#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The Grafana dashboards of deploy/: what they ask for is there. A real Prometheus
scrapes an agent that has seen traffic of every kind, and each panel's queries, with
the variables set as Grafana would, are put to it; VictoriaMetrics is asked as well.
"""
import json
import math
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import lib
import test_grpc
import test_websocket
import tls
from client import Connection, ab, request
from lib import between, equal, eventually
from places import Cgroup, Container
from servers import Logged, Nginx

FOLDER = lib.REPO / "deploy" / "grafana"
JOBS = lib.REPO / "deploy" / "prometheus.yml"
NAMES = ("edgetap.json", "edgetap-fly.json")
VIEWS = lib.REPO / "userspace" / "views"
PAGE = lib.HERE / "fly-metrics.tsv"
# Of Grafana: what its documentation of standard units calls them.
UNITS = {
    "short", "s", "bytes", "percent", "percentunit", "reqps", "cps", "ops", "iops", "pps", "Bps",
}
SCRAPE = 1  # s
RATE_INTERVAL = f"{4 * SCRAPE}s"  # the least that Grafana takes
METRIC = re.compile(r"\b((?:edgetap|fly|pg)_[a-z0-9_]+)")


# What a machine may not have: a metric, whether this one can have it as doctor says, and why
# not. That it has none is tested, too.
ABSENT = (
    (r"_app_connect_time_seconds", r"^\* accept ", "the kernel does not let accept be traced"),
)

def dashboard(name):
    return json.loads((FOLDER / name).read_text())


def panels(board):
    """All but the rows' headings, in order."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", ())


def metrics(expr):
    """Names of the metrics in a query."""
    return set(METRIC.findall(re.sub(r'"[^"]*"|\[[^]]*\]', "", expr)))


def family(name):
    return re.sub(r"_(bucket|sum|count)$", "", name)


def known():
    """What the views' tables can show."""
    text = "".join(path.read_text() for path in VIEWS.rglob("*.c"))
    return set(re.findall(r'"((?:edgetap|fly|pg)_[a-z0-9_]+)"', text))


def test_generated(env):
    """The files are what the script beside them writes, byte by byte."""
    argv = [lib.PYTHON, "-B", FOLDER / "generate.py", "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    equal((done.returncode, done.stderr), (0, ""), "generate.py --check")


def check_form(name, board):
    equal([i["name"] for i in board["__inputs"]], ["DS_PROMETHEUS"], f"inputs of {name}")
    assert board["schemaVersion"] >= 37, board["schemaVersion"]
    every = list(panels(board))
    numbers = [p["id"] for row in board["panels"] for p in [row, *row.get("panels", ())]]
    equal(numbers, list(range(1, len(numbers) + 1)), f"ids in {name}")
    titles = [p["title"] for p in every]
    equal(len(set(titles)), len(titles), f"different titles in {name}")
    for panel in every:
        where = f"{name}: {panel['title']}"
        assert panel["description"].endswith("."), f"{where}: no description"
        units = [panel["fieldConfig"]["defaults"].get("unit")]
        for override in panel["fieldConfig"]["overrides"]:
            units += [p["value"] for p in override["properties"] if p["id"] == "unit"]
        assert set(units) <= UNITS, f"{where}: units {units}"
        equal({t["datasource"]["uid"] for t in panel["targets"]}, {"${DS_PROMETHEUS}"}, f"{where}: source")
        place = panel["gridPos"]
        assert 0 <= place["x"] and place["x"] + place["w"] <= 24, f"{where}: {place}"
        for target in panel["targets"]:
            assert not re.search(r"<[A-Z]>", target["expr"]), f"{where}: {target['expr']}"
    shown = [p["gridPos"] for p in board["panels"]]
    for i, a in enumerate(shown):
        for b in shown[:i]:
            apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or b["y"] + b["h"] <= a["y"]
            assert apart, f"{name}: {a} lies on {b}"


def check_grouping(labels, where):
    """Names are grouped by what they are unique in: two apps of one name in two namespaces stay two."""
    for name, within in (("app", "namespace"), ("instance", "host"), ("datname", "instance")):
        assert name not in labels or within in labels, f"{where}: by {labels}, without {within}"


def test_form(env):
    """What Grafana needs, and no metric that no view has; all of the page's are shown."""
    names = known()
    shown = set()
    for name in NAMES:
        board = dashboard(name)
        check_form(name, board)
        for panel in panels(board):
            for target in panel["targets"]:
                for by in re.findall(r"\bby \(([^)]*)\)", target["expr"]):
                    check_grouping(by.split(", "), f"{name}: {panel['title']}")
                for metric in metrics(target["expr"]):
                    assert {metric, family(metric)} & names, f"{name}: {panel['title']}: no view has {metric}"
                    shown |= {metric, family(metric)}
    lines = [l.split("\t")[0] for l in PAGE.read_text().splitlines() if not l.startswith("#")]
    equal(sorted(set(lines) - shown), [], "names of the page that no panel shows")


class Database:
    """What speaks the API of Prometheus."""

    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}/api/v1/"

    def ask(self, what, **parameters):
        data = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(self.base + what, data=data, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{e.code} {e.read().decode()[:300]}: {parameters}") from None
        except OSError as e:
            raise AssertionError(f"{e}: {parameters}") from None

    def series(self, target, values, start):
        """How many series a target shows that have a number, and not NaN alone."""
        now = time.time()
        expr = substituted(target["expr"], {**values, "__range": f"{math.ceil(now - start)}s"})
        if target["instant"]:
            found = self.ask("query", query=expr, time=now)["result"]
            numbers = [[row["value"][1]] for row in found]
        else:
            found = self.ask("query_range", query=expr, start=start, end=now, step=SCRAPE)["result"]
            numbers = [[v for _, v in row["values"]] for row in found]
        return sum(1 for row in numbers if any(math.isfinite(float(v)) for v in row))

    def values(self, variable, values):
        """What Grafana would offer for a variable."""
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
        match_ = substituted(match[1], values)
        found = self.ask("series", **{"match[]": match_})
        return sorted({labels[match[2]] for labels in found if match[2] in labels})


def substituted(expr, values):
    out = re.sub(r"\$(__rate_interval|__range|\w+)", lambda m: values[m[1]], expr)
    assert "$" not in out, out
    return out


def all_of(board, **chosen):
    """Grafana's values when nothing else is chosen."""
    every = {v["name"]: v["allValue"] for v in board["templating"]["list"]}
    return {"__rate_interval": RATE_INTERVAL, **every, **chosen}


def prometheus(env, agent):
    """With the jobs of deploy/, what is commented out for Fly.io's names as well, but more often."""
    port = lib.free_port()
    config = env.dir / "prometheus.yml"
    text = JOBS.read_text()
    for indent, first in (("  ", "- job_name: edgetap-fly"), ("    ", "metric_relabel_configs:")):
        text, count = re.subn(rf"^{indent}# {first}\n(?:{indent}#  .*\n)+",
                              lambda m, at=indent: re.sub(rf"^{at}# ", at, m[0], flags=re.M), text, flags=re.M)
        equal(count, 1, f"{first} in {JOBS.name}")
    text = text.replace("127.0.0.1:9777", f"127.0.0.1:{agent.port}")
    config.write_text(text.replace("scrape_interval: 15s", f"scrape_interval: {SCRAPE}s\n  scrape_timeout: {SCRAPE}s"))
    process = env.start(
        [lib.need("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={env.dir}/tsdb",
         f"--web.listen-address=127.0.0.1:{port}"], name="prometheus",
    )
    lib.listening(port, seconds=30, owner=process)
    victoria = victoria_metrics(env, config)
    return Database(port), victoria


def victoria_metrics(env, config):
    try:
        program = lib.need("victoria-metrics")
    except lib.Skip:
        return None
    port = lib.free_port()
    process = env.start(
        [program, f"-promscrape.config={config}", f"-storageDataPath={env.dir}/victoria", "-search.latencyOffset=0s",
         f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=1d"], name="victoria-metrics",
    )
    lib.listening(port, seconds=30, owner=process)
    return Database(port)


class Postgres:
    """A primary and a standby of it, with a database that is worked on."""

    def __init__(self, env):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            raise lib.Skip("postgresql is not installed")
        self.env, self.bin, self.dir = env, found[-1], env.dir / "postgres"
        self.servers = []
        self.dir.mkdir()
        subprocess.run(["chown", "postgres", self.dir], check=True)
        self.run("initdb", "-D", self.dir / "primary", "-A", "trust", "-N", "--wal-segsize=1")
        self.port = self.server("primary")
        self.run("createdb", *self.at(), "work")
        self.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
        self.sql("SELECT pg_stat_reset()")  # else there is no time of it
        self.run("pg_basebackup", *self.at(), "-D", self.dir / "standby", "-R", "-N", "-c", "fast")
        self.server("standby")

        env.defer(self.stop)

    def stop(self):
        """At once: who is connected is not waited for."""
        for server in reversed(self.servers):
            server.stop(signal.SIGINT)

    def at(self):
        return "-h", self.dir, "-p", self.port

    def run(self, program, *argv):
        argv = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", self.bin / program, *argv]
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout

    def server(self, name):
        port = lib.free_port()
        flags = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.dir,
                 "shared_buffers": "16MB", "max_connections": 20, "fsync": "off"}
        options = [f"--{k}={v}" for k, v in flags.items()]
        argv = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", self.bin / "postgres",
                "-D", self.dir / name, *options]
        # Two servers of one executable are told apart as units.
        unit = Cgroup(self.env, f"/system.slice/e2e-dash-{name}.service")
        process = self.env.start(argv, name=name, preexec=unit.enter)
        self.servers.append(process)
        lib.listening(port, seconds=30, owner=process)
        eventually(lambda: "ready to accept" in process.output(), 30, f"{name} ready")
        return port

    def sql(self, text):
        return self.run("psql", *self.at(), "-d", "work", "-qAtc", text)

    def work(self, n):
        self.sql(f"INSERT INTO t SELECT {n} * 100 + i, 'x' FROM generate_series(1, 100) i; UPDATE t SET v = 'y';")
        self.sql(f"DELETE FROM t WHERE k < {n} * 100; CHECKPOINT; SELECT count(*) FROM t")


def mounted(env):
    """A file system of its own, for a container to mount."""
    image, point = env.dir / "volume.img", env.dir / "volume"
    point.mkdir()
    with open(image, "wb") as f:
        f.truncate(16 << 20)
    subprocess.run([lib.need("mkfs.ext4"), "-q", image], check=True)
    done = subprocess.run(["mount", "-o", "loop", image, point], capture_output=True, text=True, check=False)
    if done.returncode:
        raise lib.Skip(f"no loop device: {done.stderr.strip()}")
    env.defer(subprocess.run, ["umount", "-l", point], check=False)
    return point


BURN = """
import http.server, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_GET(self):
        if self.path == "/grow":
            hold = [b"x" * (1 << 20) for _ in range(1000)]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
def burn():
    while True:
        sum(range(10000))
for _ in range(2):
    threading.Thread(target=burn, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Exposing:
    """A server with metrics of its own, one of which has a name that is not its; and where there are none."""

    METRICS = "# TYPE e2e_dash gauge\\ne2e_dash 42\\n# TYPE pg_e2e gauge\\npg_e2e 1\\n# TYPE fly_e2e gauge\\nfly_e2e 1\\n"

    def __init__(self, env):
        lines = f"location /metrics {{ default_type 'text/plain; version=0.0.4'; return 200 '{self.METRICS}'; }}"
        self.nginx = Nginx(env, "e2e-dash-custom", server=lines)
        self.config = f"""custom_interval: 1s
metrics:
  - {{ match: {{ app: e2e-dash-custom }}, port: {self.nginx.port} }}
  - {{ match: {{ app: e2e-dash-custom }}, port: {lib.free_port()} }}
"""


class Limited:
    """A container with a quota of a tenth of a CPU, which it wants more of, a memory limit and a volume."""

    def __init__(self, env):
        self.port = lib.free_port()
        script = env.dir / "burn.py"
        script.write_text(BURN)
        argv = [lib.PYTHON, "/burn.py", self.port]
        self.container = Container(env, argv, mounts={"/burn.py": script, "/data": mounted(env)})
        lib.listening(self.port, owner=self.container.process)
        self.update("--cpu-period", "20000", "--cpu-quota", "4000", "--memory", str(64 << 20))
        env.defer(self.update, "--cpu-quota", "-1")  # so that it can die at once

    def update(self, *limits):
        argv = [self.container.runc, "update", *limits, self.container.id]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not self.container.process.alive(), f"runc update: {done.stderr}"

    def die(self):
        """For want of memory."""
        with Connection(self.port) as c:
            c.send(request("/grow"))
            try:
                c.rest()
            except OSError:
                pass
        self.container.process.wait()


class Traffic:
    """Some of each kind, again and again, so that every rate is seen to grow."""

    def __init__(self, env, certificates, database):
        self.certificates, self.database = certificates, database
        self.nginx = Nginx(
            env, "e2e-dash-nginx", tls=certificates.nginx(),
            server="location /no { return 404; } location /bad { return 500; } location /up { return 302 /; }",
        )
        program, environ = env.python("e2e-dash-slow")
        self.slow = Logged(env, "e2e-dash-slow", [program, lib.HERE / "programs" / "upstream.py"], environ)
        self.grpc = test_grpc.python_service(env, "e2e-dash-grpc")
        self.websocket = test_websocket.python_server(env, "e2e-dash-ws")
        self.open = test_websocket.Client(self.websocket.port)
        self.rounds = 0

    def https(self):
        ab(self.nginx.port, 20, scheme="https")
        for path in ("/no", "/bad", "/up"):
            with tls.TlsConnection(self.nginx.port) as c:
                c.get(path)
                c.finish()
        refused = [lib.need("openssl"), "s_client", "-connect", f"127.0.0.1:{self.nginx.port}", "-servername",
                   "bad.test", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
        subprocess.run(refused, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)

    def aborted(self):
        for _ in range(3):
            c = Connection(self.slow.port)
            c.send(request("/slow?ms=100"))
            time.sleep(0.02)
            c.reset()
        with Connection(self.slow.port) as c:
            equal(c.get("/slow?ms=5")[0], 200, "status")
            # A length that is none: where the message ends is lost, and counted.
            c.send(request(headers="Content-Length: 1x\r\n"))
            c.rest()

    def outbound(self):
        """Connections that are made, and refused, by a program of its own name."""
        try:
            Connection(lib.free_port())
        except OSError:
            pass

    def upgraded(self):
        self.open.echo(b"hello")
        with test_websocket.Client(self.websocket.port) as client:
            client.echo(b"x" * 100)
            client.goodbye()

    def round(self):
        self.rounds += 1
        self.https()
        self.aborted()
        self.outbound()
        self.upgraded()
        calls = [["unary", "/test.Echo/Code", 0, 10], ["unary", "/test.Echo/Code", 5, 3],
                 ["stream", "/test.Echo/Stream", 3, 2]]
        test_grpc.call(self.grpc, calls)
        self.database.work(self.rounds)


def targets(apps):
    """{(dashboard, panel, expression): (target, the variables' values)} of all that Grafana would ask."""
    out = {}
    for name in NAMES:
        board = dashboard(name)
        for panel in panels(board):
            for target in panel["targets"]:
                out[(name, panel["title"], target["expr"])] = target, all_of(board, app=apps)
    return out


def missing(base, start, asked):
    """Those of the targets that show nothing."""
    return {key: how for key, how in asked.items() if not base.series(*how, start)}


def split(asked, doctor):
    """Targets that must have data here, and those that cannot, with the reason."""
    cannot = [(re.compile(p), why) for p, can, why in ABSENT if not re.search(can, doctor, re.M)]
    must, reasons = {}, {}
    for key, how in asked.items():
        why = [w for p, w in cannot if p.search(key[2])]
        if why:
            reasons[key] = why[0]
        else:
            must[key] = how
    return must, reasons


def shares(base, start):
    """What is shown as a share is one: from 0 to 1."""
    for name in NAMES:
        board = dashboard(name)
        for panel in panels(board):
            if panel["fieldConfig"]["defaults"]["unit"] != "percentunit":
                continue
            for target in panel["targets"]:
                expr = substituted(target["expr"], all_of(board))
                found = base.ask("query_range", query=expr, start=start, end=time.time(), step=SCRAPE)["result"]
                values = [float(v) for row in found for _, v in row["values"]]
                # of a time in a second: the clocks of reading and scraping are two
                top = 1 if "/" in expr else 1.1
                wrong = [v for v in values if not -1e-9 <= v <= top + 1e-9]
                assert not wrong, f"{name}: {panel['title']}: {wrong[:5]}"


def living(board):
    """Instances that live, by the filters of the dashboard's panels."""
    name = "edgetap_instance_up" if board["uid"] == "edgetap" else "fly_instance_up"
    return next(t["expr"] for p in panels(board) for t in p["targets"] if f"{name}{{" in t["expr"])


def variables(base, apps):
    """Each variable offers what is there, and narrows the next one."""
    for name in NAMES:
        board = dashboard(name)
        values = all_of(board)
        offered = {v["name"]: base.values(v, values) for v in board["templating"]["list"]}
        equal(offered["region"], ["here"], f"{name}: regions")
        equal(sorted(apps - set(offered["app"])), [], f"{name}: apps not offered")
        values["app"] = "e2e-dash-nginx"
        by_name = {v["name"]: v for v in board["templating"]["list"]}
        narrowed = base.values(by_name["instance"], values)
        assert 0 < len(narrowed) < len(offered["instance"]), f"{name}: instances {narrowed}"
        equal(len(base.values(by_name["host"], values)), 1, f"{name}: hosts")
        for label in offered:
            # a value that nothing has leaves nothing of the instances
            chosen = all_of(board, __range="1m", **{label: "nothing"})
            found = base.ask("query", query=substituted(living(board), chosen))["result"]
            equal(found, [], f"{name}: {label} does not narrow")


def first_table(base, start):
    """The answer that a person looks for first is the right one: who fails, how often, and who is slow."""
    for name in NAMES:
        board = dashboard(name)
        table = next(panels(board))
        organize = next(t for t in table["transformations"] if t["id"] == "organize")
        headings = {text: field[-1] for field, text in organize["options"]["renameByName"].items()}

        def column(heading):
            expr = next(t["expr"] for t in table["targets"] if t["refId"] == headings[heading])
            values = all_of(board, app="e2e-dash-.*", __range=f"{math.ceil(time.time() - start)}s")
            found = base.ask("query", query=substituted(expr, values))["result"]
            return {row["metric"]["app"]: float(row["value"][1]) for row in found}

        # In each round 23 requests were answered, one of them with 500.
        failing, p95 = column("Errors (5xx)"), column("p95")
        between(failing["e2e-dash-nginx"], 0.02, 0.09, f"{name}: share of errors")
        equal(failing["e2e-dash-slow"], 0, f"{name}: share of errors of who has none")
        assert p95["e2e-dash-nginx"] < p95["e2e-dash-slow"], f"{name}: {p95}"


def test_data(env):
    """Every panel of both dashboards shows something, but for what is named above; with its reason."""
    exposing = Exposing(env)
    agent = env.agent(exposing.config, flags=("--region", "here"))
    start = time.time()
    doctor = env.start([lib.EDGETAP, "doctor"], name="doctor")
    database = Postgres(env)
    limited = Limited(env)
    traffic = Traffic(env, tls.Certificates(env), database)
    base, victoria = prometheus(env, agent)
    # What else runs on the machine must not answer for what is missing.
    asked = targets(f"(e2e-dash-.*|python3.*|__node__|{limited.container.id[:12]}.*)")
    doctor.wait()
    must, absent = split(asked, doctor.output())

    stop = threading.Event()
    trouble = []

    def work():
        throttled = {"instance": limited.container.id[:12]}
        lives, until = True, None
        try:
            while not stop.wait(0.3):
                traffic.round()
                # it dies when it has been seen to be throttled for as long as a rate takes
                if until is None and agent.scrape().select("edgetap_instance_cpu_throttled_periods_total", **throttled):
                    until = time.monotonic() + 5
                if lives and until is not None and time.monotonic() > until:
                    limited.die()
                    lives = False
        except BaseException as e:  # pylint: disable=broad-except
            trouble.append(e)

    def show(database, seconds):
        """Until all that must has shown something; each is asked until it does."""
        left = must

        def complete():
            nonlocal left
            assert not trouble, trouble
            left = missing(database, start, left)
            lines = sorted(f"{panel}: {expr} ({name})" for name, panel, expr in left)
            assert not left, "\n    ".join([f"{len(left)} queries show nothing:", *lines])
            return True

        eventually(complete, seconds)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        show(base, 45)
        if victoria:
            show(victoria, 10)
    finally:
        stop.set()
        worker.join()
    for job in ("edgetap", "edgetap-fly", "edgetap-custom"):
        up = base.ask("query", query=f'min_over_time(up{{job="{job}"}}[1m])')["result"]
        equal([row["value"][1] for row in up], ["1"], f"scrapes of the job {job}")
    named = 'label_replace({app=~".+"}, "name", "$1", "__name__", "(.+)")'
    twice = base.ask("query", query=f"count without (job) ({named}) > 1")["result"]
    equal([row["metric"] for row in twice[:5]], [], "series that two jobs of the shipped ones have")
    own = base.ask("query", query="e2e_dash")["result"]
    equal([(row["metric"]["app"], row["value"][1]) for row in own], [("e2e-dash-custom", "42")], "e2e_dash")
    for key, why in absent.items():
        assert key in missing(base, start, {key: asked[key]}), f"{key} has data, although {why}"
    print(f"  {len(asked)} queries, {len(absent)} of them without data: {', '.join(sorted(set(absent.values())))}")
    first_table(base, start)
    shares(base, start)
    variables(base, {"e2e-dash-nginx", "e2e-dash-slow", "e2e-dash-grpc", "e2e-dash-ws"})


if __name__ == "__main__":
    lib.main(globals())
