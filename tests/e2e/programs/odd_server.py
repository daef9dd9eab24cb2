# SPDX-License-Identifier: Apache-2.0
"""
An HTTP server that reads and writes in the way that it is told, as JSON in the
first argument:
  read    recv, read, readv, recvmsg, recvmmsg, peek, trunc, splice
  size    most bytes of one read
  first   bytes of a connection's first read, instead of size; "nth": n for the nth connection
  write   send, write, writev, sendmsg, sendmmsg, bytewise, split, together
  split   where "split" cuts each response; "nth": after n bytes on the nth connection
  before_read_ms, after_read_ms   how long it lets a request wait, before and after reading it
A path steers its response: /?status=, ?n= bytes of body, ?chunk= size of the
chunks that they are sent in. LISTEN_FD names an inherited listening socket,
else it listens on PORT. Writes `STATUS METHOD SECONDS` per response.
"""
import ctypes
import json
import os
import re
import socket
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

HOW = json.loads(sys.argv[1])
READ, SIZE = HOW.get("read", "recv"), HOW.get("size", 65536)
WRITE = HOW.get("write", "send")
LOG = open(os.environ["ACCESS_LOG"], "a", buffering=1)
BODY = b"GET /fake HTTP/1.1\r\n\r\nHTTP/1.1 500 Fake\r\nContent-Length: 3\r\n\r\n"
LIBC = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p), ("name_bytes", ctypes.c_uint32),
        ("iov", ctypes.POINTER(Iovec)), ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_bytes", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("header", Msghdr), ("len", ctypes.c_uint)]


def mmsg(buffer, size):
    vector = Iovec(ctypes.cast(buffer, ctypes.c_void_p), size)
    return Mmsghdr(header=Msghdr(iov=ctypes.pointer(vector), iov_count=1))


class Connection:
    def __init__(self, sock, nth):
        self.sock = sock
        self.fd = sock.fileno()
        self.data = b""
        self.first = nth if HOW.get("first") == "nth" else HOW.get("first")
        self.split = nth if HOW.get("split") == "nth" else HOW.get("split")
        self.started = None
        self.pipe = os.pipe() if READ == "splice" else None

    def read_once(self):
        size, self.first = self.first or SIZE, None
        if READ == "recv":
            return self.sock.recv(size)
        if READ == "read":
            return os.read(self.fd, size)
        if READ == "readv":
            parts = [bytearray(7), bytearray(1), bytearray(size)]
            n = os.readv(self.fd, parts)
            return b"".join(parts)[:n]
        if READ == "recvmsg":
            return self.sock.recvmsg(size)[0]
        if READ == "recvmmsg":
            buffer = ctypes.create_string_buffer(size)
            message = mmsg(buffer, size)
            if LIBC.recvmmsg(self.fd, ctypes.byref(message), 1, 0, None) != 1:
                return b""
            return buffer.raw[: message.len]
        if READ == "peek":
            for _ in range(3):
                if not self.sock.recv(size, socket.MSG_PEEK):
                    return b""
            return self.sock.recv(size)
        if READ == "splice":
            n = os.splice(self.fd, self.pipe[1], size)
            return os.read(self.pipe[0], n) if n else b""
        if READ == "trunc":
            return self.sock.recv(size)
        raise ValueError(READ)

    def more(self):
        if HOW.get("before_read_ms") and self.started is None:
            time.sleep(HOW["before_read_ms"] / 1000)
        data = self.read_once()
        if data and self.started is None:
            self.started = time.monotonic()
        self.data += data
        return bool(data)

    def until(self, mark):
        while mark not in self.data:
            if not self.more():
                return None
        head, _, self.data = self.data.partition(mark)
        return head

    def drop(self, n):
        """n bytes of content."""
        have = min(n, len(self.data))
        self.data = self.data[have:]
        n -= have
        while n and READ == "trunc":
            # Discards inside the kernel: nothing is copied to this address.
            got = LIBC.recv(self.fd, None, ctypes.c_size_t(min(n, SIZE)), socket.MSG_TRUNC)
            if got <= 0:
                return False
            n -= got
        while n:
            if not self.more():
                return False
            have = min(n, len(self.data))
            self.data = self.data[have:]
            n -= have
        return True

    def content(self, head):
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        if length:
            return self.drop(int(length[1]))
        if re.search(rb"(?im)^transfer-encoding: *chunked", head):
            while True:
                line = self.until(b"\r\n")
                if line is None:
                    return False
                size = int(line.split(b";")[0], 16)
                if not size:
                    while self.until(b"\r\n"):  # trailer fields
                        pass
                    return True
                if not self.drop(size + 2):
                    return False
        return True

    def write(self, data):
        if WRITE == "send":
            self.sock.sendall(data)
        elif WRITE == "write":
            while data:
                data = data[os.write(self.fd, data) :]
        elif WRITE == "writev":
            parts = [data[:3], data[3:20], b"", data[20:]]
            while data:
                n = os.writev(self.fd, parts)
                data = data[n:]
                parts = [data]
        elif WRITE == "sendmsg":
            while data:
                data = data[self.sock.sendmsg([data[:9], data[9:]]) :]
        elif WRITE == "sendmmsg":
            while data:
                message = mmsg(ctypes.create_string_buffer(data, len(data)), len(data))
                assert LIBC.sendmmsg(self.fd, ctypes.byref(message), 1, 0) == 1
                data = data[message.len :]
        elif WRITE == "bytewise":
            for i in range(len(data)):
                self.sock.send(data[i : i + 1])
        elif WRITE == "split":
            self.sock.sendall(data[: self.split])
            self.sock.sendall(data[self.split :])
        else:
            raise ValueError(WRITE)

    def serve(self):
        waiting = []  # of "together": responses that go out in one write
        while True:
            head = self.until(b"\r\n\r\n")
            if head is None:
                return
            method, target = head.split(b" ")[:2]
            if b"100-continue" in head:
                self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            if not self.content(head):
                return
            if HOW.get("after_read_ms"):
                time.sleep(HOW["after_read_ms"] / 1000)
            status, data = response(method, target.decode())
            waiting.append((status, method.decode()))
            if WRITE == "together":
                self.together = getattr(self, "together", b"") + data
                if self.data:
                    continue
                data, self.together = self.together, b""
                self.sock.sendall(data)
            else:
                self.write(data)
            spent = time.monotonic() - self.started
            for done in waiting:
                LOG.write(f"{done[0]} {done[1]} {spent:.6f}\n")
            waiting = []
            self.started = time.monotonic() if self.data else None


def response(method, target):
    query = {k: int(v[0]) for k, v in parse_qs(urlsplit(target).query).items()}
    status, n, chunk = query.get("status", 200), query.get("n", 5), query.get("chunk", 0)
    body = (BODY * (n // len(BODY) + 1))[:n]
    head = f"HTTP/1.1 {status} Some Words\r\nServer: odd\r\n"
    if status in (204, 304):
        return status, (head + "\r\n").encode()
    if not chunk:
        head += f"Content-Length: {n}\r\n\r\n"
        return status, head.encode() + (b"" if method == b"HEAD" else body)
    head += "Transfer-Encoding: chunked\r\n\r\n"
    parts = [body[i : i + chunk] for i in range(0, n, chunk)] if method != b"HEAD" else []
    coded = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in parts)
    end = b"" if method == b"HEAD" else b"0\r\nTrailer: x\r\n\r\n"
    return status, head.encode() + coded + end


def handle(sock, nth):
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            Connection(sock, nth).serve()
        except OSError:
            pass  # the client has left


def main():
    if "LISTEN_FD" in os.environ:
        listener = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
    else:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(os.environ["PORT"])))
        listener.listen(1024)
    nth = 0
    while True:
        nth += 1
        threading.Thread(target=handle, args=(listener.accept()[0], nth), daemon=True).start()


main()
