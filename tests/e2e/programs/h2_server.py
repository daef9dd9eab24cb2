# SPDX-License-Identifier: Apache-2.0
"""
An HTTP/2 server (clear text, prior knowledge) that answers as a path tells it:
  /?status= &n= bytes of body &chunk= bytes of a DATA frame &ms= before the response
  &pause= ms before each DATA frame after the first &trailers=1 &early= interim
  responses 103 before &pieces= of the header block &pad= &priority=1 &promise= pushed &later= ms before those
  &rst= 1: RST_STREAM instead of an answer, 2: within it, 3: NO_ERROR behind it, at once
  &now=1: does not wait for the request's content &goaway=1: GOAWAY first &unknown=1: a
  frame of an unknown type before &close=1: closes the connection instead of an answer
Its first argument, as JSON: seed (of the representations of header fields, per
connection), write ("whole", "bytewise", or a number: at most so many bytes at
once), read (most bytes of a read), table (SETTINGS_HEADER_TABLE_SIZE),
window (SETTINGS_INITIAL_WINDOW_SIZE), late (its SETTINGS come behind the first read,
not before). Writes into ACCESS_LOG `STATUS METHOD SECONDS`
per response and `ABORTED BY PHASE` per request that got none; what it pushes is a
response to the request that it promised.
"""
import json
import os
import select
import socket
import struct
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

import frames as f

HOW = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
LOG = open(os.environ["ACCESS_LOG"], "a", buffering=1)
BODY = bytes(range(256)) * 256


class Stream:
    def __init__(self, number, fields, started):
        self.number = number
        self.fields = dict(fields)
        self.method = self.fields.get(":method", "?")
        parts = urlsplit(self.fields.get(":path", "/"))
        self.query = {k: int(v[0]) for k, v in parse_qs(parts.query).items()}
        self.started = started
        self.window = 0
        self.begun = False
        self.left = None  # bytes of the body still to be sent; None: the header is
        self.not_before = 0
        self.request_ended = False

    def ask(self, name, otherwise=0):
        return self.query.get(name, otherwise)


class Connection:
    def __init__(self, sock, nth):
        self.sock = sock
        self.reader = f.Reader()
        seed = HOW.get("seed")
        self.encoder = f.Encoder(None if seed is None else seed * 1000 + nth)
        self.encoder.sizes = seed is not None
        self.reader.decoder.max_allowed_table_size = HOW.get("table", 4096)
        self.streams = {}
        self.window = f.DEFAULT_WINDOW
        self.initial = f.DEFAULT_WINDOW
        self.next_push = 2
        self.preface = len(f.PREFACE)

    def write(self, data):
        how = HOW.get("write", "whole")
        size = 1 if how == "bytewise" else len(data) if how == "whole" else how
        for i in range(0, len(data), size):
            self.sock.sendall(data[i : i + size])

    def log(self, stream, status):
        LOG.write(f"{status} {stream.method} {time.monotonic() - stream.started:.6f}\n")

    def aborted(self, stream, by):
        LOG.write(f"ABORTED {by} {'response' if stream.begun else 'wait'}\n")

    def serve(self):
        pairs = [(f.SETTING_STREAMS, 100000), (f.SETTING_WINDOW, HOW.get("window", 65535))]
        pairs += [(f.SETTING_TABLE, HOW["table"])] if "table" in HOW else []
        if not HOW.get("late"):
            self.write(f.settings(pairs))
        by = "server"
        try:
            while True:
                wait = self.send_what_can_be()
                ready, _, _ = select.select([self.sock], [], [], wait)
                if not ready:
                    continue
                data = self.sock.recv(HOW.get("read", 65536))
                if not data:
                    by = "client"
                    return
                now = time.monotonic()
                if self.preface == len(f.PREFACE) and HOW.get("late"):
                    self.write(f.settings(pairs))
                skip = min(self.preface, len(data))
                self.preface -= skip
                for frame in self.reader.feed(data[skip:]):
                    if not self.take(now, *frame):
                        return
        except OSError:
            by = "client"
        finally:
            if self.reader.block:
                LOG.write(f"ABORTED {by} request\n")
            for stream in self.streams.values():
                self.aborted(stream, by)

    def take(self, now, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == f.HEADERS and not stream:
            stream = self.streams[number] = Stream(number, payload, now)
            stream.window = self.initial
            stream.not_before = now + stream.ask("ms") / 1000
            if stream.ask("goaway"):
                self.write(f.goaway(number))
            if stream.ask("close"):
                return False
        if kind in (f.HEADERS, f.DATA) and stream and flags & f.END_STREAM:
            stream.request_ended = True
        if kind == f.DATA and payload and HOW.get("grant", 1):
            size = struct.pack(">I", len(payload))
            self.write(f.frame(f.WINDOW_UPDATE, 0, 0, size))
            if not flags & f.END_STREAM:
                self.write(f.frame(f.WINDOW_UPDATE, 0, number, size))
        elif kind == f.RST_STREAM and stream:
            self.aborted(self.streams.pop(number), "client")
        elif kind == f.WINDOW_UPDATE:
            size = struct.unpack(">I", payload)[0]
            if number == 0:
                self.window += size
            elif stream:
                stream.window += size
        elif kind == f.SETTINGS and not flags & f.ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at : at + 6])
                if name == f.SETTING_WINDOW:
                    for one in self.streams.values():
                        one.window += value - self.initial
                    self.initial = value
                elif name == f.SETTING_TABLE and value < self.encoder.limit:
                    self.encoder.want = value
            self.write(f.frame(f.SETTINGS, f.ACK))
        elif kind == f.PING and not flags & f.ACK:
            self.write(f.frame(f.PING, f.ACK, 0, payload))
        return True

    def send_what_can_be(self):
        """Writes one frame of each stream that may; returns how long nothing will be to do."""
        wait = 60
        progress = True
        while progress:
            progress = False
            wait = 60
            for stream in list(self.streams.values()):
                now = time.monotonic()
                if not (stream.request_ended or stream.ask("now")):
                    continue
                if stream.not_before > now:
                    wait = min(wait, stream.not_before - now)
                    continue
                progress |= self.advance(stream)
        return max(wait, 0)

    def advance(self, stream):
        """The next frame of a response, if the windows let it. True if something was written."""
        number, status = stream.number, stream.ask("status", 200)
        pad = stream.query.get("pad")
        if stream.left is None:
            if stream.ask("rst") == 1:
                self.streams.pop(number)
                self.write(f.rst_stream(number, f.INTERNAL_ERROR))
                self.aborted(stream, "server")
                return True
            self.promise(stream)
            for _ in range(stream.ask("early")):
                fields = [(":status", 103), ("link", "</style.css>; rel=preload")]
                self.write(f.header_frames(number, self.encoder.block(fields)))
            if stream.ask("unknown"):
                self.write(f.frame(0xBE, 0xFF, number, b"HTTP/1.1 200 OK\r\n\r\n"))
            size = 0 if stream.method == "HEAD" or status in (204, 304) else stream.ask("n", 5)
            fields = [(":status", status), ("server", "h2"), ("content-length", size), ("x-nth", number)]
            end = not size and not stream.ask("trailers")
            block = self.encoder.block(fields)
            stream.begun, stream.left = True, size
            data = f.header_frames(
                number, block, end, max(1, stream.ask("pieces", 1)), pad, bool(stream.ask("priority"))
            )
            stream.not_before = time.monotonic() + stream.ask("pause") / 1000
            if end:
                self.finish(stream, data, status)
            else:
                self.write(data)
            return True
        if stream.ask("rst") == 2:
            self.streams.pop(number)
            self.write(f.rst_stream(number, f.INTERNAL_ERROR))
            self.aborted(stream, "server")
            return True
        if stream.left:
            overhead = 0 if pad is None else pad + 1
            room = min(self.window, stream.window) - overhead
            size = min(stream.left, stream.ask("chunk", 16384), 16384 - overhead, room)
            if size <= 0:
                return False
            self.window -= size + overhead
            stream.window -= size + overhead
            stream.left -= size
            stream.not_before = time.monotonic() + stream.ask("pause") / 1000
            end = not stream.left and not stream.ask("trailers")
            data = f.data_frame(number, BODY[:size], end, pad)
            if end:
                self.finish(stream, data, status)
            else:
                self.write(data)
            return True
        fields = [("x-checksum", "abc"), ("x-status", "500")]
        self.finish(stream, f.header_frames(number, self.encoder.block(fields), True), status)
        return True

    def finish(self, stream, data, status):
        if stream.ask("rst") == 3 and not stream.request_ended:
            data += f.rst_stream(stream.number, f.NO_ERROR)
        self.write(data)
        self.streams.pop(stream.number)
        self.log(stream, status)

    def promise(self, stream):
        for _ in range(stream.ask("promise")):
            promised, self.next_push = self.next_push, self.next_push + 2
            fields = [(":method", "GET"), (":scheme", "http"), (":authority", "test"),
                      (":path", f"/?n=9&ms={stream.ask('later')}")]
            block = self.encoder.block(fields)
            before = struct.pack(">I", promised)
            self.write(f.header_frames(stream.number, block, kind=f.PUSH_PROMISE, before=before))
            pushed = self.streams[promised] = Stream(promised, fields, time.monotonic())
            pushed.window, pushed.request_ended = self.initial, True
            pushed.not_before = pushed.started + stream.ask("later") / 1000


def handle(sock, nth):
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            Connection(sock, nth).serve()
        except OSError:
            pass  # the client has left


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(os.environ["PORT"])))
    listener.listen(1024)
    nth = 0
    while True:
        nth += 1
        threading.Thread(target=handle, args=(listener.accept()[0], nth), daemon=True).start()


main()
