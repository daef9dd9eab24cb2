# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.x clients that do exactly what they are told, and the load generators."""
import re
import socket
import struct
import subprocess

from lib import need


class Connection:
    """One client connection. Nothing is sent that the caller did not ask for."""

    def __init__(self, port, host="127.0.0.1", receive_buffer=None, timeout=30):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect((host, port))
        self.port = self.socket.getsockname()[1]
        self.pending = b""
        self.received = 0
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)
        self.sent += len(data)

    def send_bytewise(self, data):
        """One segment per byte."""
        for i in range(len(data)):
            self.send(data[i : i + 1])

    def more(self, size=262144):
        """Reads once into the pending bytes; False at the end of the stream."""
        data = self.socket.recv(size)
        self.pending += data
        self.received += len(data)
        return bool(data)

    def until(self, mark):
        """Takes everything up to and including mark."""
        while mark not in self.pending:
            assert self.more(), f"connection ended while waiting for {mark!r}: {self.pending[:80]!r}"
        head, _, self.pending = self.pending.partition(mark)
        return head + mark

    def exactly(self, size):
        parts = [self.pending[:size]]
        self.pending = self.pending[size:]
        left = size - len(parts[0])
        while left:
            data = self.socket.recv(min(left, 1 << 20))
            assert data, f"connection ended {left} bytes early"
            self.received += len(data)
            parts.append(data)
            left -= len(data)
        return b"".join(parts)

    def rest(self):
        """Everything up to the end of the stream."""
        parts = [self.pending]
        self.pending = b""
        while True:
            data = self.socket.recv(1 << 20)
            if not data:
                return b"".join(parts)
            self.received += len(data)
            parts.append(data)

    def head(self):
        """Status and headers (lower case) of the next response, interim ones included."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        match = re.match(r"HTTP/1\.[01] (\d{3})", lines[0])
        assert match, f"no status line: {lines[0]!r}"
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(match[1]), headers

    def response(self, method="GET"):
        """Status and body of the next final response, by its framing."""
        status, headers = self.head()
        while 100 <= status < 200:
            status, headers = self.head()
        if method == "HEAD" or status in (204, 304):
            return status, b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = []
            while True:
                size = int(self.until(b"\r\n").split(b";")[0], 16)
                if not size:
                    while self.until(b"\r\n") != b"\r\n":
                        pass  # a trailer field
                    return status, b"".join(body)
                body.append(self.exactly(size))
                self.until(b"\r\n")
        if "content-length" in headers:
            return status, self.exactly(int(headers["content-length"]))
        return status, self.rest()

    def get(self, path="/", method="GET", headers="", body=b""):
        """One request with a Host header, and its response."""
        self.send(request(path, method, headers, body))
        return self.response(method)

    def close(self):
        self.socket.close()

    def finish(self):
        """Half-closes and reads to the end, so that the server has seen the end before we go on."""
        self.socket.shutdown(socket.SHUT_WR)
        self.rest()
        self.socket.close()

    def reset(self):
        """Ends the connection with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def request(path="/", method="GET", headers="", body=b""):
    """The bytes of one request. headers: complete lines, each with its CRLF."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: test\r\n{length}{headers}\r\n".encode() + body


def ab(port, requests, concurrency=8, keep_alive=False, path="/", args=(), seconds=280, scheme="http"):
    """ApacheBench: exactly this many requests, none failed. Returns its report."""
    argv = [need("ab"), "-q", "-l", "-n", str(requests), "-c", str(concurrency), "-s", "120"]
    argv += ["-k"] if keep_alive else []
    argv += [*args, f"{scheme}://127.0.0.1:{port}{path}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    complete = int(re.search(r"Complete requests:\s+(\d+)", done.stdout)[1])
    assert complete == requests, f"ab completed {complete} of {requests}:\n{done.stdout}"
    return done.stdout


def wrk(port, seconds, connections=8, threads=1, path="/", scheme="http"):
    """wrk with latency percentiles: ({percent: seconds}, requests)."""
    argv = [need("wrk"), f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"]
    argv += [f"{scheme}://127.0.0.1:{port}{path}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
    found = re.findall(r"^\s+(50|75|90|99)%\s+([\d.]+)(us|ms|s|m)$", done.stdout, re.M)
    assert len(found) == 4, f"no percentiles:\n{done.stdout}"
    percentiles = {int(p): float(v) * unit[u] for p, v, u in found}
    return percentiles, int(re.search(r"(\d+) requests in", done.stdout)[1])
