#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Makes the recording that the unit test `playback` plays: an agent that records (record.c)
observes real servers of many kinds, of which some end and others take their slots. Every
app of it is called shop-*. What the agent served is kept beside the pages that are played, to
be compared: build/recorded/.
"""
import json
import os
import re
import shutil
import signal
import ssl
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import cri  # noqa: E402  pylint: disable=wrong-import-position
import lib  # noqa: E402  pylint: disable=wrong-import-position
import test_grpc  # noqa: E402
import test_life  # noqa: E402
import test_pods  # noqa: E402
import test_postgres  # noqa: E402
import test_websocket  # noqa: E402
import tls  # noqa: E402
from client import Connection, request  # noqa: E402
from databases import binaries  # noqa: E402
from h2 import Client, H2Server, nghttpd  # noqa: E402
from https import watch  # noqa: E402
from places import Container  # noqa: E402
from servers import Logged, Nginx  # noqa: E402

SLOTS = 100
RECORDING = lib.REPO / "tests/unit/golden/playback/recording.jsonl"
SERVED = lib.BUILD.parent / "recorded"
OPENMETRICS = {"Accept": "application/openmetrics-text"}  # is not recorded

CONFIG = """
region: here-1
host: node-1
retention: 1s
max_instances: {slots}
buckets: [0.001, 0.1]
state_dir: {dir}/state
custom_interval: 1s
postgres_interval: 1s
metrics:
  - {{ match: {{ app: shop-stock }}, port: {stock} }}
  - {{ match: {{ app: shop-bills }}, port: {bills} }}
"""

STOCK = """# HELP stock_items What is there.
# TYPE stock_items gauge
stock_items{kind="a \\"b\\" \\\\ \\n é",app="another"} 12.50
stock_items{kind="none"} NaN
# TYPE stock_seconds histogram
stock_seconds_bucket{le="0.1"} 3
stock_seconds_bucket{le="+Inf"} 5
stock_seconds_sum 1.5e+00
stock_seconds_count 5
edgetap_forged 1
stock_untyped{region="mars"} 3 1700000000000
stock_untyped{region="venus"} 4 1700000000000
"""

LOCATIONS = """
location /moved { return 301 /; }
location /refused { return 403; }
location /broken { return 500; }
location /empty { return 204; }
location /put { dav_methods PUT DELETE; root PUT_ROOT; }
location /slow { limit_rate 2k; }
location /api { proxy_pass http://127.0.0.1:API_PORT; }
location /nowhere { proxy_pass http://127.0.0.1:1; }
"""


def exposer(env, name, *args):
    program, environ = env.python(name)
    process = env.start([program, lib.HERE / "exposers.py", *map(str, args)], name=name, env=environ)
    lib.listening(int(args[1]), owner=process)
    return process


class Stage:
    """The agent, and what it says."""

    def __init__(self, env):
        self.env = env
        self.stock, self.bills = lib.free_port(), lib.free_port()
        (env.dir / "stock.txt").write_text(STOCK)
        if SERVED.exists():
            shutil.rmtree(SERVED)
        SERVED.mkdir(parents=True)
        self.scrapes = 0
        environ = dict(os.environ, EDGETAP_RECORDING=str(RECORDING), EDGETAP_RECORDED="shop-")
        config = CONFIG.format(dir=env.dir, slots=SLOTS, stock=self.stock, bills=self.bills)
        self.agent = env.agent(config=config, environ=environ)

    def page(self):
        """What is on /metrics, without recording it."""
        return self.agent.get("/metrics", OPENMETRICS)[2].decode()

    def wait(self, *patterns, absent=(), seconds=40):
        """Until each of these is found in a line of the page, and none of those."""
        def check():
            text = self.page()
            for pattern in patterns:
                assert re.search(pattern, text, re.M), f"no line has {pattern}"
            for pattern in absent:
                assert not re.search(pattern, text, re.M), f"a line has {pattern}"
            return True

        lib.eventually(check, seconds)

    def record(self):
        """A scrape, and every page as it is served then."""
        self.scrapes += 1
        for name in ("native", "apps", "fly", "custom"):
            path = "/metrics" if name == "native" else f"/metrics/{name}"
            status, _, body = self.agent.get(path)
            lib.equal(status, 200, path)
            (SERVED / f"{self.scrapes}-{name}.txt").write_bytes(body)


def visit(port, rounds=1):
    """Requests of many kinds on one connection that is kept, and on others that are not."""
    with Connection(port) as c:
        for _ in range(rounds):
            for path, method in (
                ("/", "GET"), ("/", "HEAD"), ("/missing", "GET"), ("/moved", "GET"), ("/refused", "POST"),
                ("/empty", "OPTIONS"), ("/", "BREW"), ("/api", "GET"), ("/nowhere", "GET"),
            ):
                c.get(path, method)
            c.get("/put/a", "PUT", body=b"x" * 1000)
            c.get("/put/a", "DELETE")
        c.send(request("/") * 3)
        for _ in range(3):
            c.response()
        c.finish()
    with Connection(port) as c:  # which nginx ends behind it
        c.get("/broken")
    gone = Connection(port)  # in the middle of a response
    gone.send(request("/slow/large"))
    gone.head()
    gone.reset()
    gone = Connection(port)  # in the middle of a request
    gone.send(b"GET / HT")
    gone.close()
    nothing = Connection(port)
    nothing.finish()


def https(port):
    """Handshakes that are done, and some that are not; a request inside each of the former."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with tls.TlsConnection(port, tls=tls.context(version=version, alpn=("http/1.1",))) as c:
            c.get("/")
            c.get("/missing", "HEAD")
            c.finish()
    for flags in (("-tls1_2",), ("-tls1_3",), ("-tls1_2", "-cipher", "AES128-SHA")):
        tls.s_client(port, *flags, "-verify_return_error", name="pay.test")


def chat(env):
    """A server of a user's."""
    log = env.dir / "shop-chat.access.log"
    log.touch()
    log.chmod(0o666)
    program, environ = env.python("shop-chat")
    argv = [lib.need("setpriv"), "--reuid=4242", "--regid=4242", "--clear-groups"]
    argv += [program, lib.HERE / "programs/ws_server.py", "{}"]
    return Logged(env, "shop-chat", argv, environ)


def conversation(port):
    with test_websocket.Client(port) as c:
        for size in (1, 200, 70000):
            c.echo(os.urandom(size))
        c.goodbye()


def turn_over(env, stage, last):
    """
    Free slots wait in a queue. Others come and go, so that those who come then take the last
    that were given back.
    """
    used = re.search(r'^edgetap_map_entries{.*name="instance_by_slot".* (\d+)$', stage.page(), re.M)
    program = lib.compiled("tiny.c")
    for i in range(SLOTS - int(used[1]) - last):
        port = lib.free_port()
        server = env.start([env.renamed(program, f"other-{i}"), port])
        lib.listening(port, owner=server)
        with Connection(port) as c:
            c.get("/")
        server.stop()


def recorded():
    """The lines of the recording: (key, record)."""
    for line in RECORDING.read_text().splitlines():
        yield from json.loads(line).items()


def lives():
    """Lives of each slot: when they began."""
    found = defaultdict(set)
    for key, record in recorded():
        if key.startswith("slot ") and record:
            found[key].add(record.get("born_ns"))
    return found


# What cannot be had at will, or not here.
INVENTED_COUNTS = (
    "HTTP_STARTED", "HTTP_LOST", "HTTP_ELSEWHERE", "HTTP_ABORTED_BY_CLIENT_IN_WAIT", "HTTP_ABORTED_BY_SERVER_IN_REQUEST",
    "HTTP_ABORTED_BY_SERVER_IN_RESPONSE", "RESETS_OUT", "LISTEN_OVERFLOWS", "OUTBOUND_FAILED",
    "OUTBOUND_RETRANSMITS", "FIRST_BYTE_UNSEEN", "TLS_UNNAMED_ERRORS", "OOM_KILLS", "CONNECTIONS_UNOBSERVED",
    "ENTRIES_REFUSED",
)
STANDBY = ("standby", "10.0.0.2", "streaming")
INVENTED_READINGS = {
    "VOLUME_SIZE": ["vol-1"], "VOLUME_USED": ["vol-1"], "PG_DATABASE_STATS_RESET": ["shop"],
    "PG_REPLICATION_CURRENT_WAL_LSN": STANDBY, "PG_REPLICATION_WAL_LSN_DIFF": STANDBY,
    "PG_REPLICATION_REPLY_TIME": STANDBY, "CUSTOM_UNTYPED": [":80/"], "CUSTOM_FAILURES": [":80/", "timeout"],
}


def of_an_earlier_life(now):
    """Records of a slot's first owner, when it has another: they are nobody's."""
    slots = (key for key, record in now.items() if key.startswith("slot ") and record)
    slot = next(key for key in slots if int(now[key].get("generation", 0)) > 1)
    mine = {"slot": str(int(slot.removeprefix("slot ")))}
    for kind, record in {
        "destination": {"address": "2001:db8::1", "port": "443", "connects": "11", "refused": "12", "failed": "13"},
        "tls_error": {"server_name": "stale.test", "by": "client", "reason": "unknown_ca", "count": "14"},
        "tls_hello": {"alpn": "h2", "count": "15"},
        "exit": {"code": "16", "count": "17"},
    }.items():
        count = sum(1 for key, known in now.items() if key.startswith(f"{kind} ") and known)
        yield {f"{kind} {count:03}": {**mine, **record}}


def invent():
    """Adds another scrape, with an instance of which all of this is true, and what is left of another."""
    now = dict(recorded())
    numbers = (str(n) for n in range(1001, 2000))
    labels = {"app": "shop-invented", "instance": "shop-invented"}
    readings = sum(1 for key, record in now.items() if key.startswith("reading ") and record)
    lines = (
        {f"slot {SLOTS:03}": {"born_ns": "1", **labels, "counts": {name: next(numbers) for name in INVENTED_COUNTS}}},
        {f"reading {readings:03}": {
            **labels, "values": {kind: [[next(numbers), *more]] for kind, more in INVENTED_READINGS.items()},
        }},
        *of_an_earlier_life(now),
        {"scrape": str(int(now["scrape"]) + 1)},
    )
    with open(RECORDING, "a", encoding="utf-8") as out:
        out.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


CALLS = [
    *[["unary", "/test.Echo/Code", code, 2] for code in (0, 3, 5, 14)],
    ["unary", "/nowhere.Service/Method", 0, 1],
    ["stream", "/test.Echo/Stream", 5, 2],
]


class Shop:
    """The servers and what happens to them."""

    def __init__(self, env):
        self.env = env
        self.containerd = cri.Containerd(env)
        self.stage = Stage(env)
        self.certificates = tls.Certificates(env)
        self.back = Nginx(env, "shop-back", server="location /api { return 200 ok; }")
        put = env.dir / "put"
        put.mkdir()
        lines = LOCATIONS.replace("API_PORT", str(self.back.port)).replace("PUT_ROOT", str(put))
        self.front = Nginx(env, "shop-front", server=lines)
        put.joinpath("put").mkdir()
        os.chmod(put / "put", 0o777)
        (self.front.root / "slow").mkdir()
        (self.front.root / "slow/large").write_text("z" * 300000)
        self.secure = Nginx(env, "shop-secure", tls=self.certificates.nginx())
        self.api = H2Server(env, "shop-api")
        self.rpc = test_grpc.python_service(env, "shop-rpc")
        self.chat = chat(env)
        self.odd = nghttpd(env, 'shop-"odd\\')
        exposer(env, "shop-stock", "texts", self.stage.stock, env.dir / "stock.txt")
        exposer(env, "shop-bills", "client", self.stage.bills)
        self.lasting, self.job, self.killed = (self.boxed(name, what) for name, what in (
            ("shop-lasting", "-"), ("shop-job", "3"), ("shop-killed", "-"),
        ))
        self.database()
        watch(self.secure.process, "libssl")

    def container(self, name, argv, mounts=None):
        return Container(self.env, argv, name=name, cgroups_path=f"/runc-{name}.scope", mounts=mounts)

    def boxed(self, name, what):
        """A container that ends as it is told, at SIGUSR1."""
        script = self.env.dir / "boxed.py"
        script.write_text(test_life.SERVER)
        container = self.container(name, [lib.PYTHON, "/boxed.py", what, lib.free_port()], {"/boxed.py": script})
        lib.eventually(lambda: "ready" in container.process.output(), 20, f"start of {name}")
        container.pid = test_life.init_of(container)
        return container

    def database(self):
        script = test_postgres.SCRIPT.format(
            owner=test_postgres.OWNER, uid=test_postgres.UID, bin=binaries(), role=test_postgres.OWNER,
            auth="peer", port=lib.free_port(), addresses="127.0.0.1", pwfile="",
        )
        container = self.container("shop-db", ["/bin/sh", "-c", script])
        lib.eventually(lambda: "ready to accept" in container.process.output(), 30, "start of shop-db")

    def traffic(self):
        visit(self.front.port)
        https(self.secure.port)
        with Client(self.odd.port) as c:
            c.get("/")
            c.get("/missing")
            c.finish()

    def more_traffic(self):
        """To those that end later."""
        with Client(self.api.port) as c:
            for path in ("/?n=100", "/?status=404", "/?status=503&n=20000", "/?rst=1"):
                c.get(path)
            c.get("/?status=201", "POST", body=b"b" * 2000)
            c.finish()
        test_grpc.call(self.rpc, CALLS)
        conversation(self.chat.port)


def test_record(env):
    shop = Shop(env)
    stage = shop.stage
    shop.traffic()
    shop.more_traffic()
    stage.wait(
        r'^edgetap_custom_up{.*app="shop-stock".* 1$', r'^edgetap_custom_up{.*app="shop-bills".* 1$',
        r'^edgetap_pg_up{.*app="shop-db".* 1$', r'^edgetap_pg_database_size_bytes{.*app="shop-db"',
    )
    stage.record()

    # Some end, and one goes on in another executable of the same name.
    for server in (shop.api, shop.rpc, shop.chat):
        server.process.stop()
    os.kill(shop.job.pid, signal.SIGUSR1)
    os.kill(shop.killed.pid, signal.SIGKILL)
    shutil.copy(lib.PYTHON, env.dir / "fresh")  # another file: an inode of its own while there are both
    (env.dir / "fresh").replace(env.dir / "shop-chat")
    shop.chat = chat(env)
    conversation(shop.chat.port)
    shop.traffic()
    stage.wait(absent=[f'instance="{name}"' for name in ("shop-api", "shop-rpc", "shop-job", "shop-killed")])
    stage.record()

    # Others come, which take the slots.
    shop.job.remove()
    shutil.rmtree(shop.job.bundle)
    turn_over(env, stage, 6)
    late = Nginx(env, "shop-late")
    shop.api = H2Server(env, "shop-api")
    shop.rpc = test_grpc.python_service(env, "shop-rpc")
    shop.job = shop.boxed("shop-job", "4")
    shop.traffic()
    shop.more_traffic()
    visit(late.port)
    os.kill(shop.job.pid, signal.SIGUSR1)
    stage.wait(r'^edgetap_instance_exits_total{.*app="shop-job".*code="4".* 1$')
    stage.record()

    # The machine turns out to have pods, one of which ends.
    cart = test_pods.nginx(env, shop.containerd, "shop-cart-6d4cf56db6-x7k2p", {"tier": "backend"}, {})
    gone = test_pods.nginx(env, shop.containerd, "shop-gone-0", {"app": "shop-gone"})
    for pod in (cart, gone):
        visit(pod.port)
    stage.wait(r'^edgetap_custom_up{.*app="shop-cart".* 1$', r'^edgetap_app_http_responses_total{.*app="shop-gone"')
    shop.containerd.call("RemovePodSandbox", cri.field(1, gone.sandbox))
    stage.wait(absent=['pod="shop-gone-0"'])
    stage.record()
    assert max(map(len, lives().values())) > 1, "no slot was used again: the machine was busy"
    stage.agent.stop()
    invent()


if __name__ == "__main__":
    lib.main(globals())
