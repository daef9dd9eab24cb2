# SPDX-License-Identifier: Apache-2.0
"""
A server for proxies to stand before. ?n= and ?ms= steer it:
/length: n bytes; /chunked: n chunks of 1,000 bytes, ms apart; /slow: ms, then 200.
"""
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOG = open(os.environ["ACCESS_LOG"], "a", buffering=1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def log_request(self, code="-", size="-"):
        LOG.write(f"{int(code)} {self.command}\n")

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {k: int(v[0]) for k, v in parse_qs(parts.query).items()}
        n, pause = query.get("n", 1), query.get("ms", 0) / 1000
        length = int(self.headers.get("Content-Length", 0))
        while length:
            length -= len(self.rfile.read(min(length, 65536)))
        if parts.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(n):
                time.sleep(pause if i else 0)
                self.wfile.write(b"3e8\r\n" + b"c" * 1000 + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            return
        time.sleep(pause)
        self.send_response(200)
        self.send_header("Content-Length", str(n))
        self.end_headers()
        self.wfile.write(b"u" * n)

    do_POST = do_PUT = do_GET


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients leave early on purpose


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
