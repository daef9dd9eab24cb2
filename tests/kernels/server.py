#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/1.1 server on a port of its own: usage: server.py PORT FILE."""
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = sys.argv[2]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def head(self, status, size):
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def do_GET(self):
        if self.path == "/file":
            with open(FILE, "rb") as f:
                size = os.fstat(f.fileno()).st_size
                self.head(200, size)
                self.wfile.flush()
                sent = 0
                while sent < size:
                    sent += os.sendfile(self.connection.fileno(), f.fileno(), sent, size - sent)
            return
        self.head(200 if self.path in ("/", "/pause") else 404, 3)
        self.wfile.write(b"ok\n")
        if self.path == "/pause":
            time.sleep(0.5)  # the next request waits

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 4096)))
        self.head(201, 0)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
