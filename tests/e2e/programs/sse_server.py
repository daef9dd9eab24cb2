# SPDX-License-Identifier: Apache-2.0
"""
Server-sent events over HTTP/1.1: /?events= &ms= between them &close=1: the stream ends with
the connection, else it is chunked. Writes `STATUS METHOD SECONDS FIRST_BYTE_SECONDS` per
response into ACCESS_LOG, or `ABORTED BY PHASE`.
"""
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOG = open(os.environ["ACCESS_LOG"], "a", buffering=1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code="-", size="-"):
        pass

    def parse_request(self):
        self.started = time.monotonic()
        return super().parse_request()

    def do_GET(self):
        query = {k: int(v[0]) for k, v in parse_qs(urlsplit(self.path).query).items()}
        closes = query.get("close", 0)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header(*(("Connection", "close") if closes else ("Transfer-Encoding", "chunked")))
        try:
            self.end_headers()
            first = time.monotonic() - self.started
            for i in range(query.get("events", 5)):
                time.sleep(query.get("ms", 0) / 1000 if i else 0)
                event = b"id: %d\ndata: HTTP/1.1 500 no\ndata: \n\n" % i
                self.wfile.write(event if closes else b"%x\r\n%s\r\n" % (len(event), event))
            if not closes:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            LOG.write("ABORTED client response\n")
            self.close_connection = True
            return
        LOG.write(f"200 GET {time.monotonic() - self.started:.6f} {first:.6f}\n")


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
