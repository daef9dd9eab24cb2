# SPDX-License-Identifier: Apache-2.0
"""
A WebSocket server, over TLS where CERT and KEY name files. It gives each message
back as the path says: /?pieces= frames of each, &greet= messages at once behind
the 101, &push= messages of 100 bytes, every &ms=; &protocol=NAME switches to that
instead, and gives bytes back; &status= refuses with that status; &ignore=1 answers
200, as if there had been no Upgrade. Its first argument, as JSON: read (most bytes
of a read), write ("whole" or "bytewise"). Writes into ACCESS_LOG `STATUS METHOD
SECONDS` per response, and `ENDED MESSAGES_IN MESSAGES_OUT BYTES_IN BYTES_OUT SECONDS`
per connection that had switched.
"""
import json
import os
import re
import select
import socket
import ssl
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

import websocket as ws

HOW = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
LOG = open(os.environ["ACCESS_LOG"], "a", buffering=1)


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.sent = 0
        self.messages = 0

    def write(self, data):
        size = 1 if HOW.get("write") == "bytewise" else len(data) or 1
        for i in range(0, len(data), size):
            self.sock.sendall(data[i : i + size])
        self.sent += len(data)

    def send(self, payload, pieces=1, opcode=ws.BINARY):
        self.messages += 1
        self.write(ws.message(payload, pieces, opcode, between=ws.frame(ws.PING, b"between")))

    def serve(self):
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = self.sock.recv(HOW.get("read", 65536))
                if not more:
                    return
                started = time.monotonic() if not data else started
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            method, target = head.split(b" ")[:2]
            query = {k: v[0] for k, v in parse_qs(urlsplit(target.decode()).query).items()}
            key = re.search(rb"(?im)^sec-websocket-key: *(\S+)", head)
            status = int(query.get("status", 200 if query.get("ignore") or not key else 101))
            if status != 101:
                self.write(b"HTTP/1.1 %d No\r\nContent-Length: 3\r\n\r\nno\n" % status)
                LOG.write(f"{status} {method.decode()} {time.monotonic() - started:.6f}\n")
                continue
            protocol = query.get("protocol", "websocket").encode()
            answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\nConnection: Upgrade\r\n" % protocol
            answer += b"Sec-WebSocket-Accept: " + ws.accept(key[1]) + b"\r\n\r\n"
            for i in range(int(query.get("greet", 0))):
                self.messages += 1
                answer += ws.frame(ws.TEXT, b"greeting %d" % i)
            self.write(answer)
            self.sent = len(answer) - answer.index(b"\r\n\r\n") - 4
            switched = time.monotonic()
            LOG.write(f"101 {method.decode()} {switched - started:.6f}\n")
            reader = ws.Reader()
            try:
                if protocol == b"websocket":
                    self.websocket(reader, data, query)
                else:
                    self.bytes(reader, data)
            except OSError:
                pass  # the client has left
            spent = time.monotonic() - switched
            LOG.write(f"ENDED {reader.messages} {self.messages} {reader.bytes} {self.sent} {spent:.6f}\n")
            return

    def bytes(self, reader, data):
        """Not WebSocket: nothing of it is a message."""
        while True:
            reader.bytes += len(data)
            self.write(data)
            data = self.sock.recv(HOW.get("read", 65536))
            if not data:
                return

    def websocket(self, reader, data, query):
        left, pause = int(query.get("push", 0)), int(query.get("ms", 10)) / 1000
        while True:
            for opcode, payload in reader.feed(data):
                if opcode == ws.CLOSE:
                    self.write(ws.frame(ws.CLOSE, payload[:2]))
                    return
                if opcode == ws.PING:
                    self.write(ws.frame(ws.PONG, payload))
                elif opcode != ws.PONG:
                    self.send(payload, int(query.get("pieces", 1)), opcode)
            if left and not select.select([self.sock], [], [], pause)[0]:
                self.send(b"p" * 100)
                left -= 1
                data = b""
                continue
            data = self.sock.recv(HOW.get("read", 65536))
            if not data:
                return


def handle(sock, tls):
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if tls:
                sock = tls.wrap_socket(sock, server_side=True)
            Connection(sock).serve()
        except OSError:
            pass  # the client has left
        finally:
            sock.close()


def main():
    tls = None
    if "CERT" in os.environ:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(os.environ["PORT"])))
    listener.listen(1024)
    while True:
        threading.Thread(target=handle, args=(listener.accept()[0], tls), daemon=True).start()


main()
