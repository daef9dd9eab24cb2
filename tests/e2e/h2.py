# SPDX-License-Identifier: Apache-2.0
"""HTTP/2: a client that sends the frames it is told to, the usual clients, and servers with their records."""
import json
import os
import re
import subprocess
import sys
import time

import lib
from client import Connection
from oracle import Requests
from servers import Logged
from tls import TlsConnection, context

sys.path.insert(0, str(lib.HERE / "programs"))
try:
    import frames as f
except ImportError as missing:
    print(f"SKIP: {missing}")
    sys.exit(77)


class Answer:
    """What came on one stream."""

    def __init__(self):
        self.status = None
        self.interim = []
        self.trailers = {}
        self.bytes = 0
        self.done = False
        self.reset = None
        self.of = None  # the stream that promised this one


class Client:
    """
    One connection by prior knowledge, or over TLS with ALPN h2. Frames go out when
    asked for; what comes is read when waited for. grant=False: windows stay as they are.
    """

    def __init__(self, port, tls=False, seed=None, settings=(), grant=True, bytewise=False, preface=True):
        self.raw = TlsConnection(port, tls=context(alpn=("h2",))) if tls else Connection(port)
        if tls:
            assert self.raw.socket.selected_alpn_protocol() == "h2", "no h2 by ALPN"
        self.encoder = f.Encoder(seed)
        self.reader = f.Reader()
        self.answers = {}
        self.next = 1
        self.grant = grant
        self.bytewise = bytewise
        self.goaway = None
        self.ended = False
        self.settled = False
        if preface:
            self.send(f.PREFACE + f.settings(settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        if self.bytewise:
            self.raw.send_bytewise(data)
        else:
            self.raw.send(data)

    def header(self, path="/", method="GET", fields=(), end=True, **how):
        """The frames of a new request, and its stream."""
        number, self.next = self.next, self.next + 2
        every = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), *fields]
        self.answers[number] = Answer()
        return number, f.header_frames(number, self.encoder.block(every), end, **how)

    def begin(self, *args, **how):
        """Sends the header of a request; returns its stream."""
        number, data = self.header(*args, **how)
        self.send(data)
        return number

    def data(self, number, data, end=False, pad=None):
        """As many frames as it takes: a peer need not take more than 16 KiB in one."""
        most = 16384 - (0 if pad is None else pad + 1)
        for at in range(0, len(data) or 1, most):
            part = data[at : at + most]
            self.send(f.data_frame(number, part, end and at + most >= len(data), pad))

    def reset(self, number, code=f.CANCEL):
        self.send(f.rst_stream(number, code))

    def more(self):
        """Takes what the next read gives; False at the end of the stream."""
        data = b""
        if not self.ended:
            try:
                data = self.raw.socket.recv(1 << 18)
            except ConnectionResetError:
                pass
        self.ended = not data
        reply = b""
        for kind, flags, number, payload in self.reader.feed(data):
            reply += self.take(kind, flags, number, payload)
        if reply:
            try:
                self.send(reply)
            except OSError:
                self.ended = True
        return not self.ended

    def take(self, kind, flags, number, payload):
        """Keeps what a frame says; returns what to answer."""
        answer = self.answers.setdefault(number, Answer()) if number else None
        if kind == f.HEADERS:
            fields = dict(payload)
            status = int(fields.get(":status", 0))
            if 100 <= status < 200:
                answer.interim.append(status)
            elif status:
                answer.status = status
                answer.fields = fields
            else:
                answer.trailers = fields
        elif kind == f.DATA:
            answer.bytes += len(payload)
        elif kind == f.RST_STREAM:
            answer.reset = int.from_bytes(payload, "big")
            answer.done = True
        elif kind == f.GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        if kind in (f.HEADERS, f.DATA) and flags & f.END_STREAM:
            answer.done = True
        if kind == f.SETTINGS and not flags & f.ACK:
            self.settled = True
            return f.frame(f.SETTINGS, f.ACK)
        if kind == f.PING and not flags & f.ACK:
            return f.frame(f.PING, f.ACK, 0, payload)
        if kind == f.DATA and payload and self.grant:
            more = f.window_update(0, len(payload))
            return more if flags & f.END_STREAM else more + f.window_update(number, len(payload))
        return b""

    def until(self, check, what):
        while not check():
            assert self.more(), f"the connection ended while waiting for {what}"

    def wait(self, *numbers):
        """Reads until these streams are done; returns the first one's answer."""
        for number in numbers:
            self.until(lambda n=number: self.answers[n].done, f"the end of stream {number}")
        return self.answers[numbers[0]]

    def get(self, path="/", method="GET", fields=(), body=None, **how):
        """One request and its answer."""
        number = self.begin(path, method, fields, end=body is None, **how)
        if body is not None:
            self.data(number, body, end=True)
        return self.wait(number)

    def ping(self):
        """Everything sent before has been read by the server when this returns."""
        mark = os.urandom(8)
        seen = []
        before = self.take

        def take(kind, flags, number, payload):
            if kind == f.PING and flags & f.ACK and payload == mark:
                seen.append(1)
            return before(kind, flags, number, payload)

        self.take = take
        self.send(f.frame(f.PING, 0, 0, mark))
        self.until(lambda: seen, "PING's answer")
        self.take = before

    def close(self):
        self.raw.close()

    def finish(self):
        self.raw.finish()


class H2Server(Logged):
    """programs/h2_server.py, told what to do as its first argument."""

    def __init__(self, env, name, **how):
        program, environ = env.python(name)
        argv = [program, lib.HERE / "programs" / "h2_server.py", json.dumps(how)]
        super().__init__(env, name, argv, environ)

    def oracle(self):
        return records(self.log.read_text())


def records(text):
    """Lines `STATUS METHOD [SECONDS]` and `ABORTED BY PHASE`."""
    out = Requests()
    for line in text.splitlines():
        first, *rest = line.split()
        if first == "ABORTED":
            out.aborted[tuple(rest)] += 1
        else:
            out.answered(first, rest[0], float(rest[1]) if len(rest) > 1 else 0)
    return out


def node_h2(env, name, certificates=None):
    """Node's http2; over TLS where there are certificates."""
    environ = certificates.environ() if certificates else None
    program = env.renamed(lib.need("node"), name)
    return Logged(env, name, [program, lib.HERE / "programs" / "server_h2.js"], environ)


def go_program(env, source, out):
    """Builds programs/SOURCE with the distribution's Go and its packages; Skip where these lack."""
    program = lib.BUILD / out
    source = lib.HERE / "programs" / source
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        lib.BUILD.mkdir(parents=True, exist_ok=True)
        environ = dict(
            os.environ, GO111MODULE="off", GOFLAGS="", CGO_ENABLED="0", GOPATH="/usr/share/gocode",
            GOCACHE=str(lib.BUILD / "go-cache"),
        )
        build = env.start([lib.need("go"), "build", "-o", program, source], env=environ)
        if build.wait(280):
            if "cannot find package" in build.output():
                raise lib.Skip(f"{source.name}: {build.output().splitlines()[0]}")
            raise AssertionError(f"go build: {build.output()}")
    return program


def go_h2(env, name, certificates=None):
    """Go's net/http: over TLS with certificates, else golang.org/x/net's h2c."""
    environ = certificates.environ() if certificates else None
    return Logged(env, name, [env.renamed(go_program(env, "server_h2.go", "go_h2"), name)], environ)


def nghttpd(env, name, certificates=None, flags=()):
    """nghttpd. It has no access log: its clients' totals are the oracle."""
    port = lib.free_port()
    root = env.dir / f"{name}.root"
    root.mkdir()
    for file, size in (("index.html", 150), ("style.css", 40), ("large", 300000)):
        (root / file).write_bytes(b"n" * size)
    program = env.renamed(lib.need("nghttpd"), name)
    argv = [program, "-a", "127.0.0.1", "-d", root, *flags]
    argv += [port, certificates.server.key, certificates.server.cert] if certificates else ["--no-tls", port]
    server = env.start(argv, name=name)
    lib.listening(port, owner=server)
    server.port, server.name, server.root = port, name, root
    return server


def h2load(port, requests, paths=("/",), clients=10, streams=100, tls=False, args=(), seconds=120):
    """h2load, which takes the paths in turn. Returns {class: responses}, after none has failed."""
    scheme = "https" if tls else "http"
    argv = [lib.need("h2load"), "-n", str(requests), "-c", str(clients), "-m", str(streams), *map(str, args)]
    argv += [f"{scheme}://127.0.0.1:{port}{path}" for path in paths]
    start = time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    match = re.search(r"^requests: (\d+) total, \d+ started, (\d+) done.* (\d+) errored, (\d+) timeout", done.stdout, re.M)
    assert match and match[2] == str(requests) and match[3] == match[4] == "0", f"h2load:\n{done.stdout}"
    found = re.search(r"^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout, re.M)
    print(f"  h2load: {requests} requests, {requests / (time.monotonic() - start):.0f}/s", flush=True)
    return {f"{n}xx": int(v) for n, v in zip("2345", found.groups())}


def nghttp(port, paths=("/",), tls=False, args=(), seconds=60):
    """nghttp: all paths on one connection. Returns what it printed."""
    scheme = "https" if tls else "http"
    argv = [lib.need("nghttp"), "-nv", *map(str, args)]
    argv += [f"{scheme}://127.0.0.1:{port}{path}" for path in paths]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return re.sub(r"\x1b\[[\d;]*m", "", done.stdout)


def curl(port, paths, *flags, tls=False, seconds=60):
    """
    curl: all paths on one connection, but each on its own with HTTP/2 in clear text
    (curl 7.88 cannot use such a connection again). It leaves when it has as much as
    content-length says: trailers may come too late. Returns [(status, HTTP version)].
    """
    if not tls and "--http1.1" not in flags and len(paths) > 1:
        return [curl(port, [path], *flags, tls=tls, seconds=seconds)[0] for path in paths]
    scheme = "https" if tls else "http"
    argv = [lib.need("curl"), "-sk", "--max-time", str(seconds), "-w", "\n%{http_code} %{http_version}\n", *flags]
    for path in paths:
        argv += ["-o", "/dev/null", f"{scheme}://127.0.0.1:{port}{path}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 10)
    assert done.returncode == 0, f"{' '.join(argv)}: status {done.returncode}: {done.stderr}"
    return [(int(s), v) for s, v in re.findall(r"^(\d{3}) (\S+)$", done.stdout, re.M)]
