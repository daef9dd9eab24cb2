# SPDX-License-Identifier: Apache-2.0
"""
HTTPS by Python's ssl. MODE=blocking: a thread per connection, sockets that read
and write through the library; BEFORE_READ_MS: how long each request is left
unread. MODE=asyncio: streams, which keep TLS in memory BIOs. PORT, CERT and KEY
are in the environment. A path steers its response: /?status=, ?n= bytes, ?chunk=
size of chunks, ?ms= how long it takes. Logs `STATUS METHOD SECONDS` per response.
"""
import asyncio
import os
import re
import socket
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit

LOG = open(os.environ["ACCESS_LOG"], "a", buffering=1)
BEFORE = int(os.environ.get("BEFORE_READ_MS", "0")) / 1000
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
AT = ("127.0.0.1", int(os.environ["PORT"]))


class Message:
    """A request's head, understood as far as needed."""

    def __init__(self, head):
        self.method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        self.length = int(length[1]) if length else 0
        query = {k: int(v[0]) for k, v in parse_qs(urlsplit(target).query).items()}
        self.status = query.get("status", 200)
        self.seconds = query.get("ms", 0) / 1000
        n, chunk = query.get("n", 2), query.get("chunk", 0)
        if self.status in (204, 304):
            self.parts = [f"HTTP/1.1 {self.status} X\r\n\r\n".encode()]
            return
        framing = "Transfer-Encoding: chunked" if chunk else f"Content-Length: {n}"
        self.parts = [f"HTTP/1.1 {self.status} X\r\n{framing}\r\n\r\n".encode()]
        if self.method == "HEAD":
            return
        if not chunk:
            self.parts.append(b"b" * n)
            return
        for at in range(0, n, chunk):
            size = min(chunk, n - at)
            self.parts.append(b"%x\r\n%s\r\n" % (size, b"c" * size))
        self.parts.append(b"0\r\n\r\n")

    def answered(self, begun):
        LOG.write(f"{self.status} {self.method} {time.monotonic() - begun:.6f}\n")


def serve(raw):
    try:
        peer = CONTEXT.wrap_socket(raw, server_side=True)
        pending = b""
        while True:
            time.sleep(BEFORE)
            while b"\r\n\r\n" not in pending:
                data = peer.recv(65536)
                if not data:
                    peer.unwrap()
                    return
                pending += data
            begun = time.monotonic()
            head, _, pending = pending.partition(b"\r\n\r\n")
            message = Message(head)
            while len(pending) < message.length:
                data = peer.recv(65536)
                assert data
                pending += data
            pending = pending[message.length :]
            time.sleep(message.seconds)
            for part in message.parts:
                peer.sendall(part)
            message.answered(begun)
    except (OSError, AssertionError):
        pass
    finally:
        raw.close()


def blocking():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(AT)
    listener.listen(1024)
    while True:
        raw, _ = listener.accept()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(raw,), daemon=True).start()


async def answer(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            begun = time.monotonic()
            message = Message(head)
            await reader.readexactly(message.length)
            await asyncio.sleep(message.seconds)
            for part in message.parts:
                writer.write(part)
                await writer.drain()
            message.answered(begun)
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def streams():
    server = await asyncio.start_server(answer, *AT, ssl=CONTEXT, backlog=1024)
    await server.serve_forever()


if os.environ["MODE"] == "asyncio":
    asyncio.run(streams())
else:
    blocking()
