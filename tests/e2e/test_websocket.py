#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that become something else than HTTP: WebSocket, other protocols, tunnels by CONNECT."""
import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import lib
import tls
from client import Connection
from lib import between, delayed, equal, eventually
from oracle import Requests, expect_http, expect_losses, settled
from servers import Apache, Haproxy, Logged, Nginx

sys.path.insert(0, str(lib.HERE / "programs"))
import websocket as ws  # noqa: E402  pylint: disable=wrong-import-position

MILLI = 0.001
SIZES = (0, 1, 125, 126, 127, 1000, 65535, 65536, 200000)


class Upgraded:
    """What happened on connections that had switched, in the words of the metrics."""

    def __init__(self):
        self.count = self.messages_in = self.messages_out = self.bytes_in = self.bytes_out = 0
        self.seconds = 0.0


class Server(Logged):
    """A server with lines `STATUS METHOD [SECONDS]` and `ENDED IN OUT BYTES_IN BYTES_OUT SECONDS`."""

    def oracle(self):
        out = Requests()
        for line in self.log.read_text().splitlines():
            first, *rest = line.split()
            if first != "ENDED":
                out.answered(first, rest[0], float(rest[1]) if len(rest) > 1 else 0)
        return out

    def upgraded(self, ended):
        """Its record, once so many connections have ended."""

        def check():
            lines = [l.split()[1:] for l in self.log.read_text().splitlines() if l.startswith("ENDED")]
            equal(len(lines), ended, f"connections that ended in the record of {self.name}")
            out = Upgraded()
            out.count = len(lines)
            for line in lines:
                out.messages_in += int(line[0])
                out.messages_out += int(line[1])
                out.bytes_in += int(line[2])
                out.bytes_out += int(line[3])
                out.seconds += float(line[4])
            return out

        return eventually(check, 20)


def python_server(env, name, certificates=None, **how):
    program, environ = env.python(name)
    if certificates:
        environ = certificates.environ(PYTHONHOME="/usr", PYTHONUNBUFFERED="1")
    return Server(env, name, [program, lib.HERE / "programs" / "ws_server.py", json.dumps(how)], environ)


def node_server(env, name, certificates=None):
    program = env.renamed(lib.need("node"), name)
    environ = certificates.environ() if certificates else None
    return Server(env, name, [program, lib.HERE / "programs" / "server_ws.js"], environ)


class Client:
    """A WebSocket by hand."""

    def __init__(self, port, path="/", secure=False, bytewise=False):
        self.raw = tls.TlsConnection(port) if secure else Connection(port)
        self.bytewise = bytewise
        key = base64.b64encode(os.urandom(16))
        self.raw.send(
            b"GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % (path.encode(), key)
        )
        self.status, self.headers = self.raw.head()
        self.reader = ws.Reader()
        self.sent_messages = self.sent_bytes = 0
        self.came = []
        if self.status == 101:
            self.came = self.reader.feed(self.raw.pending)
            self.raw.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def write(self, data):
        if self.bytewise:
            self.raw.send_bytewise(data)
        else:
            self.raw.send(data)
        self.sent_bytes += len(data)

    def message(self, payload, pieces=1, opcode=ws.BINARY, between=b""):
        self.sent_messages += 1
        self.write(ws.message(payload, pieces, opcode, True, between))

    def control(self, opcode, payload=b""):
        self.write(ws.frame(opcode, payload, mask=os.urandom(4)))

    def receive(self, opcodes=(ws.TEXT, ws.BINARY)):
        """The next of these kinds; others are passed over."""
        while True:
            while self.came:
                opcode, payload = self.came.pop(0)
                if opcode in opcodes:
                    return payload
            data = self.raw.socket.recv(1 << 18)
            assert data, "the connection ended while waiting for a message"
            self.came += self.reader.feed(data)

    def echo(self, payload, **how):
        self.message(payload, **how)
        equal(self.receive(), payload, "what came back")

    def goodbye(self):
        """CLOSE, its answer, and the end of the stream."""
        self.control(ws.CLOSE, b"\x03\xe8")
        self.receive((ws.CLOSE,))
        try:
            while self.raw.socket.recv(4096):
                pass
        except OSError:
            pass
        self.raw.close()


def expect_upgraded(agent, app, want, within=0.0, messages=True, lengths=True):
    """Connections, bytes and messages since they had switched are exactly these, and none is open."""

    def check(scrape):
        equal(scrape.value("edgetap_app_upgraded_connections_total", app=app), want.count, f"{app} upgraded")
        equal(scrape.value("edgetap_app_open_upgraded_connections", app=app), 0, f"{app} still open")
        name = "edgetap_app_upgraded_connection_time_seconds"
        have = scrape.histogram(name, app=app)
        equal(have.count, want.count, f"{app} {name}")
        slack = within + delayed(app)
        between(have.sum, want.seconds - slack, want.seconds + slack, f"{app} {name}")
        if lengths:
            got = scrape.by("edgetap_app_upgraded_data_bytes_total", "direction", app=app)
            sides = {("in",): want.bytes_in, ("out",): want.bytes_out}
            equal(got, {k: v for k, v in sides.items() if v}, f"{app} upgraded bytes")
        if messages:
            got = scrape.by("edgetap_app_websocket_messages_total", "direction", app=app)
            sides = {("in",): want.messages_in, ("out",): want.messages_out}
            equal(got, {k: v for k, v in sides.items() if v}, f"{app} messages")
        equal(scrape.value("edgetap_app_http_requests_lost_total", app=app), 0, f"{app} requests lost")

    return agent.expect(check, 15)


def conversation(client, sizes=SIZES):
    """Messages of many lengths, whole and in fragments, with pings and pongs between."""
    for size in sizes:
        client.echo(os.urandom(size))
        client.echo(b"t" * size, opcode=ws.TEXT)
    for pieces in (2, 3, 50):
        ping = ws.frame(ws.PING, b"hello", mask=os.urandom(4))
        client.echo(os.urandom(1000), pieces=pieces, between=ping)
    for size in (0, 1, 125):
        client.control(ws.PING, b"p" * size)
        equal(len(client.receive((ws.PONG,))), size, "PONG")
    client.control(ws.PONG, b"nobody asked")


def sums(scrape, app):
    return {side: scrape.histogram(f"edgetap_{side}_http_response_time_seconds", app=app).sum for side in ("edge", "app")}


def test_messages(env):
    """The 101 is a response that took no time; what follows has its own families."""
    agent = env.shared_agent()
    server = python_server(env, "e2e-ws")
    for path in ("/", "/?pieces=3", "/?greet=3", "/?pieces=2&greet=1"):
        client = Client(server.port, path)
        equal(client.status, 101, "status")
        for _ in range({"/?greet=3": 3, "/?pieces=2&greet=1": 1}.get(path, 0)):
            assert client.receive().startswith(b"greeting"), "no greeting"

        def open_now(scrape):
            equal(scrape.value("edgetap_app_open_upgraded_connections", app=server.name), 1, "upgraded and open")
            equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

        agent.expect(open_now)
        conversation(client)
        client.goodbye()
    want = server.upgraded(4)
    assert want.seconds > 4 * 0.2, f"the connections lasted {want.seconds} s"
    expect_upgraded(agent, server.name, want, 4 * 20 * MILLI)
    log = settled(server, 4)
    equal(dict(log.responses), {("101", "GET"): 4}, "responses")
    scrape = expect_http(agent, server.name, log)
    for side, seconds in sums(scrape, server.name).items():
        most = log.seconds + 4 * 10 * MILLI + delayed(server.name)
        between(seconds, log.seconds - 4 * MILLI, most, f"sum of {side} response times")


def test_bytewise(env):
    """Frames that come and go byte by byte."""
    agent = env.shared_agent()
    for how in (dict(read=1), dict(write="bytewise"), dict(read=1, write="bytewise"), dict(read=3)):
        server = python_server(env, f"e2e-ws-bytes-{len(env.processes)}", **how)
        client = Client(server.port, "/?greet=2&pieces=2", bytewise=True)
        client.receive()
        client.receive()
        conversation(client, (0, 1, 125, 126, 300))
        client.goodbye()
        expect_upgraded(agent, server.name, server.upgraded(1), 20 * MILLI)


def test_long_lengths(env):
    """Lengths of two and eight bytes where one would do, and several frames in one write."""
    agent = env.shared_agent()
    server = python_server(env, "e2e-ws-long")
    with Client(server.port) as c:
        for longer in (0, 2, 8):
            for size in (0, 5, 100, 3000):
                c.write(ws.frame(ws.BINARY, b"l" * size, mask=b"abcd", longer=longer))
                equal(len(c.receive()), size, "length")
        c.write(b"".join(ws.message(b"m" * i, 2, masked=True) for i in range(200)))
        for i in range(200):
            equal(len(c.receive()), i, "length")
        c.write(ws.message(b"b" * 3000000, 3, masked=True))
        equal(len(c.receive()), 3000000, "length")
        c.goodbye()
    want = server.upgraded(1)
    equal((want.messages_in, want.messages_out), (213, 213), "messages in the record")
    expect_upgraded(agent, server.name, want, 20 * MILLI)


def test_many(env):
    """Two hundred at once, most of them quiet, that end in different ways."""
    agent = env.shared_agent()
    server = python_server(env, "e2e-ws-many")
    clients = [Client(server.port, f"/?push={i % 5}&ms=20") for i in range(200)]

    def open_now(scrape):
        equal(scrape.value("edgetap_app_open_upgraded_connections", app=server.name), 200, "upgraded and open")

    agent.expect(open_now)
    for i, client in enumerate(clients):
        for _ in range(i % 5):
            client.receive()
        if i % 4 == 0:
            client.raw.reset()
        elif i % 4 == 1:
            client.raw.finish()
        elif i % 4 == 2:
            client.goodbye()
        else:
            client.message(b"last words")
            client.receive()
            client.raw.close()
    want = server.upgraded(200)
    expect_upgraded(agent, server.name, want, 200 * 20 * MILLI)
    expect_http(agent, server.name, settled(server, 200))


def test_refused(env):
    """An Upgrade that is refused or ignored: the connection goes on with HTTP."""
    agent = env.shared_agent()
    server = python_server(env, "e2e-ws-refused")
    ask = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: abc\r\n"
    with Connection(server.port) as c:
        for path in ("/?status=400", "/?status=426", "/?ignore=1", "/plain"):
            for _ in range(5):
                c.send(b"GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n" % (path.encode(), b"" if path == "/plain" else ask))
                c.response()
    want = settled(server, 20)
    equal(dict(want.responses), {("400", "GET"): 5, ("426", "GET"): 5, ("200", "GET"): 10}, "the record")
    scrape = expect_http(agent, server.name, want)
    equal(scrape.value("edgetap_app_upgraded_connections_total", app=server.name), 0, "upgraded")


def test_other_protocol(env):
    """Another protocol has bytes, and no messages however much it looks like it."""
    agent = env.shared_agent()
    server = python_server(env, "e2e-ws-other")
    for _ in range(3):
        with Client(server.port, "/?protocol=telex") as c:
            data = ws.message(b"x" * 500, masked=True) + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
            for _ in range(10):
                c.write(data)
                equal(c.raw.exactly(len(data)), data, "what came back")
            c.raw.finish()
    want = server.upgraded(3)
    equal(want.bytes_in, 30 * (508 + 27), "bytes in the record")
    want.messages_in = want.messages_out = 0
    expect_upgraded(agent, server.name, want, 3 * 20 * MILLI)
    expect_http(agent, server.name, settled(server, 3))


PROXY = """
location / {{
    proxy_pass http://127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
}}
"""


def through(agent, front, back, port, secure=False, connections=5):
    """Conversations through a proxy; its record has no messages, so the server's behind it is the oracle."""
    for i in range(connections):
        client = Client(port, f"/?pieces={1 + i % 2}&push=3&ms=30", secure)
        equal(client.status, 101, "status")
        for _ in range(3):
            client.receive()
        conversation(client)
        client.goodbye()
    want = back.upgraded(connections)
    expect_upgraded(agent, back.name, want, connections * 20 * MILLI)
    scrape = expect_upgraded(agent, front.name, want, connections * 60 * MILLI)
    log = settled(front, connections)
    equal(dict(log.responses), {("101", "GET"): connections}, f"log of {front.name}")
    expect_http(agent, front.name, log)
    for side, seconds in sums(scrape, front.name).items():
        most = connections * 30 * MILLI + delayed(front.name) + delayed(back.name)
        between(seconds, 0, most, f"sum of {side} response times of {front.name}")


def test_nginx(env):
    agent = env.shared_agent()
    back = python_server(env, "e2e-ws-behind")
    front = Nginx(env, "e2e-ws-nginx", server=PROXY.format(port=back.port))
    through(agent, front, back, front.port)


def test_nginx_tls(env):
    agent = env.shared_agent()
    back = python_server(env, "e2e-ws-behind-t")
    certificates = tls.Certificates(env)
    front = Nginx(env, "e2e-ws-nginx-tls", server=PROXY.format(port=back.port), tls=certificates.nginx())
    tls.probed(front.process.pid, tls.mapped(front.process.pid, r"libssl\.so"), "SSL_read", "SSL_write")
    through(agent, front, back, front.port, secure=True)


def test_haproxy(env):
    agent = env.shared_agent()
    back = python_server(env, "e2e-ws-behind-h")
    front = Haproxy(env, "e2e-ws-haproxy", [back.port], defaults="    timeout tunnel 60s")
    through(agent, front, back, front.port)


def by_hand(agent, server, secure, within):
    for _ in range(5):
        client = Client(server.port, "/", secure)
        conversation(client)
        time.sleep(0.05)  # the connection's time is what is measured
        client.goodbye()
    want = server.upgraded(5)
    expect_upgraded(agent, server.name, want, within)
    expect_http(agent, server.name, settled(server, 5))


def test_python_tls(env):
    agent = env.shared_agent()
    server = python_server(env, "e2e-ws-tls", tls.Certificates(env))
    tls.probed(server.process.pid, tls.mapped(server.process.pid, r"libssl\.so"), "SSL_read", "SSL_write")
    by_hand(agent, server, True, 5 * 30 * MILLI)


def test_node(env):
    agent = env.shared_agent()
    server = node_server(env, "e2e-ws-node")
    by_hand(agent, server, False, 5 * 30 * MILLI)


def test_node_tls(env):
    """Node gives OpenSSL's bytes to the socket itself: exact, or counted as not seen."""
    agent = env.shared_agent()
    server = node_server(env, "e2e-ws-node-tls", tls.Certificates(env))
    tls.probed_itself(server.process.pid, "SSL_read", "SSL_write")
    before = agent.scrape()
    try:
        by_hand(agent, server, True, 5 * 30 * MILLI)
        return
    except AssertionError:
        server.upgraded(5)  # else it was not the agent that failed

    def unseen(scrape):
        found = scrape.value("edgetap_app_http_responses_total", app=server.name)
        found += scrape.value("edgetap_app_upgraded_connections_total", app=server.name)
        equal(found, 0, "seen")
        expect_losses(before, scrape, ("tls_unseen",), 5, 5)

    agent.expect(unseen)
    print(f"  {server.name}: not seen, and counted so")


def test_library(env):
    """Both sides by a library that nobody here wrote, compressed and not."""
    agent = env.shared_agent()
    program, environ = env.python("e2e-ws-library")
    source = lib.HERE / "programs" / "ws_library.py"
    probe = subprocess.run([lib.PYTHON, "-c", "import websockets"], capture_output=True)
    if probe.returncode:
        raise lib.Skip("python3-websockets is not installed")
    server = Server(env, "e2e-ws-library", [program, source, "serve"], environ)
    done = subprocess.run(
        [lib.PYTHON, str(source), "client", str(server.port), "160"], capture_output=True, text=True, timeout=60
    )
    equal((done.returncode, done.stdout.strip()), (0, "320"), f"the client: {done.stderr[-300:]}")
    want = server.upgraded(2)
    equal((want.messages_in, want.messages_out), (320, 320), "the record")
    expect_upgraded(agent, server.name, want, 60, lengths=False)
    expect_http(agent, server.name, settled(server, 2))


class Target(threading.Thread):
    """What a tunnel leads to: gives bytes back."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.echo, args=(self.listener.accept()[0],), daemon=True).start()

    @staticmethod
    def echo(sock):
        with sock:
            while True:
                data = sock.recv(65536)
                if not data:
                    return
                sock.sendall(data)


def test_connect(env):
    """CONNECT through Apache: the 200 is a response, the tunnel an upgraded connection."""
    agent = env.shared_agent()
    target = Target()
    server = Apache(
        env, "e2e-connect",
        conf=f"ProxyRequests On\nAllowCONNECT {target.port}\n", extra=["proxy", "proxy_connect"],
    )
    want = Upgraded()
    for i in range(6):
        c = Connection(server.port)
        c.send(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: test\r\n\r\n" % target.port)
        equal(c.head()[0], 200, "status")
        opened = time.monotonic()
        for size in (1, 1000, 70000):
            data = b"GET / HTTP/1.1\r\nHost: inner\r\n\r\n" * size
            sender = threading.Thread(target=c.send, args=(data,))
            sender.start()
            equal(len(c.exactly(len(data))), len(data), "bytes through the tunnel")
            sender.join()
            want.bytes_in += len(data)
            want.bytes_out += len(data)
        time.sleep(0.05)  # the tunnel's time is what is measured
        want.count += 1
        c.finish()
        want.seconds += time.monotonic() - opened
    with Connection(server.port) as c:  # one that is refused
        c.send(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: test\r\n\r\n")
        equal(c.response()[0], 403, "status")
        c.finish()
    log = eventually(lambda: settled_statuses(server, 7), 20)
    equal(log, {"200": 6, "403": 1}, "Apache's log")
    scrape = expect_upgraded(agent, server.name, want, 6 * 30 * MILLI)
    got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
    equal(got, {("200", "CONNECT"): 6, ("403", "CONNECT"): 1}, "responses")
    have = scrape.histogram("edgetap_app_http_response_time_seconds", app=server.name)
    between(have.sum, 0, 7 * 30 * MILLI + delayed(server.name), "response times: without the tunnels'")


def settled_statuses(server, count):
    """{status: n} of Apache's log; a tunnel whose client leaves is called aborted there."""
    lines = re.findall(r'^(\d+) "CONNECT"', server.log.read_text(), re.M)
    return {s: lines.count(s) for s in set(lines)} if len(lines) == count else None


if __name__ == "__main__":
    lib.main(globals())
