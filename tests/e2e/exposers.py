#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Endpoints that expose metrics, run as a program: `client PORT` with the client library, `good PORT`
(`good6` on ::1), `texts PORT FILE PORT FILE ...`, or `hostile FIRST`, which listens on a port for each name
in HOSTILE, from FIRST on.
"""
import gzip
import socket
import sys
import threading
import time

# Name of the misbehaviour, and the reason that edgetap gives for it.
HOSTILE = (
    ("hangs", "timeout"),
    ("endless", "wire_too_large"),
    ("slow", "timeout"),
    ("closes", "closed"),
    ("half", "closed"),
    ("invalid", "format"),
    ("cut", "format"),
    ("bomb", "too_large"),
    ("headers", "too_large"),
    ("redirects", "status"),
    ("fails", "status"),
    ("twice", "duplicate"),
    ("many", "too_many_samples"),
    ("no_http", "protocol"),
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"


def whole(body, more=b""):
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def misbehave(name, c, good_port):
    if name == "hangs":
        time.sleep(60)
    elif name == "endless":
        c.sendall(HEAD + b"\r\n")
        for i in range(1 << 24):
            c.sendall(b"".join(b'x{a="%d"} 1\n' % (1000 * i + k) for k in range(1000)))
    elif name == "slow":
        for byte in whole(b"x 1\n" * 100):
            c.sendall(bytes([byte]))
            time.sleep(0.2)
    elif name == "closes":
        pass
    elif name == "half":
        c.sendall(HEAD + b"Content-Length: 1000\r\n\r\nx 1\n")
    elif name == "invalid":
        c.sendall(whole(b"good 1\nx{a=b} 1\n"))
    elif name == "cut":
        c.sendall(HEAD + b"Connection: close\r\n\r\ngood 1\nx 1")
    elif name == "bomb":
        c.sendall(whole(gzip.compress(b"# a\n" * (100 << 18)), b"Content-Encoding: gzip\r\n"))
    elif name == "headers":
        c.sendall(HEAD)
        while True:
            c.sendall(b"X-More: %s\r\n" % (b"a" * 1000))
    elif name == "redirects":
        c.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/metrics\r\nContent-Length: 0\r\n\r\n" % good_port)
    elif name == "fails":
        c.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nx 1\n")
    elif name == "twice":
        c.sendall(whole(b'good 1\nx{a="1",b="2"} 1\nx{b="2",a="1"} 2\n'))
    elif name == "many":
        c.sendall(whole(b"".join(b'x{a="%d"} 1\n' % i for i in range(50001))))
    elif name == "no_http":
        c.sendall(b"hello\n" * 10)
    elif name.startswith("text:"):
        with open(name.removeprefix("text:"), "rb") as f:
            c.sendall(whole(f.read()))
    elif name.startswith("good"):
        c.sendall(whole(b'# TYPE good gauge\ngood{app="another",region="mars",a="b"} 1.50\n'))


def serve(name, port, good_port):
    v6 = name == "good6"
    listener = socket.create_server(("::1" if v6 else "127.0.0.1", port), family=socket.AF_INET6 if v6 else socket.AF_INET)
    listener.listen(16)

    def answer(c):
        try:
            while name.startswith(("good", "text:")):
                if not c.recv(65536):
                    return
                misbehave(name, c, good_port)
            c.recv(65536)
            misbehave(name, c, good_port)
        except OSError:
            pass
        finally:
            c.close()

    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def client(port):
    from prometheus_client import Counter, Enum, Gauge, Histogram, Info, Summary, start_http_server

    jobs = Counter("jobs", "Jobs \"done\" \\ here,\nall of them.", ["kind", "app"])
    jobs.labels('a"b\\\n{} é', "another").inc(3)
    jobs.labels("x", "another").inc(1e21)
    Gauge("level", "").set(float("-inf"))
    Gauge("nothing", "").set(float("nan"))
    times = Histogram("times_seconds", "Times.", ["instance"])
    times.labels("mine").observe(0.3)
    Summary("sizes_bytes", "Sizes.").observe(2)
    Info("release", "Of it.").info({"version": "1.2", "host": "there"})
    Enum("phase", "Of it.", states=["up", "down"]).state("down")
    start_http_server(port, addr="127.0.0.1")


def main():
    what, port = sys.argv[1], int(sys.argv[2])
    if what == "client":
        client(port)
    elif what == "texts":
        for at, path in zip(sys.argv[2::2], sys.argv[3::2]):
            threading.Thread(target=serve, args=(f"text:{path}", int(at), 0), daemon=True).start()
    elif what.startswith("good"):
        threading.Thread(target=serve, args=(what, port, port), daemon=True).start()
    else:
        good_port = int(sys.argv[3])
        for i, (name, _) in enumerate(HOSTILE):
            threading.Thread(target=serve, args=(name, port + i, good_port), daemon=True).start()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
