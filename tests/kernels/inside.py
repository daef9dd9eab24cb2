#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What a kernel is expected to do with the agent; runs inside a guest that booted
it (boot.sh), where everything is some ten times slower than outside.
"""
import os
import platform
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import lib  # noqa: E402
import tls  # noqa: E402
from client import Connection  # noqa: E402
from h2 import h2load  # noqa: E402
from lib import EDGETAP, between, equal, free_port, listening  # noqa: E402
from oracle import Requests, expect_http, settled  # noqa: E402
from servers import Nginx  # noqa: E402

CLEAR, INSIDE, HTTP1 = 200, 100, 25  # requests
FILE_BYTES = 5 << 20
RELEASE = tuple(int(n) for n in os.uname().release.split(".")[:2])

_eventually = lib.eventually
lib.eventually = lambda check, seconds=10, what="": _eventually(check, seconds * 5, what)


def hooks_expected():
    """Of the hooks that differ between kernels, those that this one must be observed through."""
    if RELEASE >= (6, 3):
        reads = "tcp_rcv_space_adjust" if platform.machine() == "x86_64" else "sock_recv_length"
        hooks = {f"tp_btf/{reads}", "tp_btf/sock_send_length", "tp_btf/sk_data_ready"}
    else:
        reads = "fexit/tcp_recvmsg of 5" if RELEASE >= (5, 19) else "fexit/tcp_recvmsg of 6"
        hooks = {reads, "fexit/tcp_sendmsg of 3", "fexit/tcp_sendpage of 5", "tp_btf/tcp_probe"}
    if RELEASE >= (6, 16):
        hooks.add("tp_btf/tcp_sendmsg_locked")
    hooks.add(f"fexit/inet_csk_accept of {2 if RELEASE >= (6, 10) else 4}")
    return hooks


def facts_expected():
    """What needs programs that a kernel may refuse without the agent ending."""
    return {"frames read", "frames written", "plain text of TLS", "frames of plain text", "listeners of UNIX sockets"}


def attached():
    """Programs and links that the kernel holds, as lines of text."""
    bpftool = lib.need("bpftool")
    out = []
    for what in ("prog", "link"):
        done = subprocess.run([bpftool, what, "show"], capture_output=True, text=True, check=True)
        out += [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    return out


def test_doctor(env):
    del env
    done = subprocess.run([EDGETAP, "doctor"], capture_output=True, text=True)
    print(done.stdout)
    equal(done.returncode, 0, "doctor's exit status")
    chosen = {" ".join(line.split()) for line in done.stdout.splitlines() if line.startswith("* ")}
    for hook in hooks_expected():
        assert any(f" {hook} " in line for line in chosen), f"{hook} is not used"
    for fact in facts_expected():
        assert any(line.startswith(f"* {fact} ") for line in chosen), f"{fact}: not observed"


def test_requests(env):
    content = env.dir / "file"
    content.write_bytes(os.urandom(FILE_BYTES))
    before = attached()
    agent = env.agent()
    # Whoever asked the agent whether it was ready did so before it observed itself.
    lost = agent.scrape().losses()
    port = free_port()
    python, environ = env.python("kernel-server")
    env.start([python, HERE / "server.py", port, content], env=environ)
    listening(port)

    want = Requests()
    sent = received = connections = 0

    def ask(connection, path, method="GET", **more):
        status, *_ = connection.get(path, method, **more)
        want.answered(status, method)
        return status

    for steps in (
        [("/", "GET", 200)] * 50,
        [("/nothing", "GET", 404)],
        [("/", "POST", 201)],
        [("/file", "GET", 200), ("/", "GET", 200)],
        [("/pause", "GET", 200), ("/", "GET", 200)],
    ):
        with Connection(port) as c:
            for path, method, status in steps:
                body = {"body": b"x" * 100_000} if method == "POST" else {}
                equal(ask(c, path, method, **body), status, f"status of {path}")
        sent += c.sent
        received += c.received
        connections += 1

    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("\0kernel-unix")
        unix.listen()
        name = os.path.basename(os.readlink("/proc/self/exe"))
        here = agent.scrape().select("edgetap_unix_stream_listeners", app=name)
        equal([value for _, value in here], [1], "UNIX sockets that this process listens on")
    app = dict(app="kernel-server")
    scrape = expect_http(agent, "kernel-server", want)
    equal(scrape.losses(), lost, "losses")
    equal(scrape.value("edgetap_edge_data_in_bytes_total", **app), sent, "bytes in")
    equal(scrape.value("edgetap_edge_data_out_bytes_total", **app), received, "bytes out")
    for side in ("edge", "app"):
        for end in ("connects", "disconnects"):
            name = f"edgetap_{side}_tcp_{end}_total"
            if (side, end) != ("app", "disconnects"):  # the client closed
                equal(scrape.value(name, **app), connections, name)
    accepted = scrape.histogram("edgetap_app_connect_time_seconds", **app)
    equal(accepted.count, connections, "connections whose accept was seen")
    between(accepted.sum, 1e-6, 5, "time to accept")
    fly = agent.scrape("/metrics/fly").histogram("fly_app_connect_time_seconds", **app)
    equal((fly.count, fly.sum), (accepted.count, accepted.sum), "the same on Fly.io's page")
    queue = scrape.histogram("edgetap_app_http_queue_time_seconds", **app)
    equal(queue.count, want.total(), "requests whose queue time is known")
    between(queue.above(0.25), 1, 1, "requests that waited while the server paused")
    between(queue.sum, 0.3, 5, "queue time")

    equal(agent.stop(), 0, "exit status")
    equal(attached(), before, "what the agent leaves behind")


def take_into_memory(env, program):
    """
    The guest's files are the host's, shared by virtiofs or 9p, which may hang, so that programs from
    there are not looked into. What this one maps is put into memory instead, in its place.
    """
    done = subprocess.run(["ldd", lib.need(program)], capture_output=True, text=True, check=True)
    folder = Path("/run/libraries")
    folder.mkdir(exist_ok=True)
    for path in (Path(word).resolve() for word in done.stdout.split() if word.startswith("/")):
        copy = folder / path.name
        if not copy.exists():
            shutil.copy(path, copy)
            subprocess.run(["mount", "--bind", copy, path], check=True)
            env.defer(subprocess.run, ["umount", "-l", path], check=True)


def test_protocols(env):
    """HTTP/2 in the clear, HTTP/1.1 and HTTP/2 inside TLS, and handshakes by version."""
    take_into_memory(env, "nginx")
    agent = env.agent()
    lost = agent.scrape().losses()
    cert, key = env.dir / "server.crt", env.dir / "server.key"
    tls.openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=good.test", "-days", "3650", "-keyout", key, "-out", cert,
    )
    clear, secure = free_port(), free_port()
    server = Nginx(
        env, "kernel-nginx", http="keepalive_requests 1000;", log_level="error",
        tls=f"ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;",
        listen=f"listen 127.0.0.1:{clear} http2; listen 127.0.0.1:{secure} ssl http2;",
    )
    for port in (clear, secure):
        listening(port, owner=server.process)
    tls.probed(server.process.pid, tls.mapped(server.process.pid, r"libssl\.so"), "SSL_read", "SSL_write")

    equal(h2load(clear, CLEAR, ("/", "/missing"), clients=2, streams=10)["4xx"], CLEAR // 2, "404")
    h2load(secure, INSIDE, clients=1, streams=10, tls=True)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with tls.TlsConnection(server.port, tls=tls.context(version=version)) as c:
            for _ in range(HTTP1):
                equal(c.get("/")[0], 200, f"status inside {version.name}")

    want = settled(server, CLEAR + INSIDE + 2 * HTTP1)
    equal(
        dict(want.responses), {("200", "GET"): CLEAR // 2 + INSIDE + 2 * HTTP1, ("404", "GET"): CLEAR // 2},
        "nginx's log",
    )
    scrape = expect_http(agent, server.name, want)
    equal(scrape.losses(), lost, "losses")
    shaken = scrape.by("edgetap_edge_tls_handshake_time_seconds_count", "version", app=server.name)
    equal(shaken, {("1.2",): 1, ("1.3",): 2}, "handshakes")


def test_refusal(env):
    """Kernels whose BPF cannot do it: one sentence, exit status 1, nothing left."""
    del env
    before = attached()
    for argv in ([EDGETAP, "serve"], [EDGETAP, "doctor"]):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        print(done.stdout + done.stderr)
        equal(done.returncode, 1, f"exit status of {argv[1]}")
        if argv[1] == "serve":
            lines = done.stderr.splitlines()
            equal(len(lines), 1, "lines of explanation")
            assert "this kernel" in lines[0] and "5.15" in lines[0], lines[0]
    equal(attached(), before, "what a refused start leaves behind")


if __name__ == "__main__":
    os.environ["TMPDIR"] = "/run"  # in memory; see take_into_memory()
    if len(sys.argv) == 1:
        able = RELEASE >= (5, 15)
        sys.argv += ["test_doctor", "test_requests", "test_protocols"] if able else ["test_refusal"]
    lib.main(globals())
