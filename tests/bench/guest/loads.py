# SPDX-License-Identifier: Apache-2.0
"""What is sent to the server inside the guest, and what it may cost there."""
from typing import NamedTuple


class Load(NamedTuple):
    """
    bpf, added: budgets in instructions a request, of all programs and of the whole
    exchange; ratio: of the programs, to those of the base commit.
    """

    name: str
    what: str
    kind: str  # of the server's ports; far: the server on the other side of a TUN device
    mode: str = ""  # of client.c
    connections: int = 1
    streams: int = 0  # sent by h2load, this many at a time on each connection
    requests: int = 1000
    windows: int = 5
    same_library: bool = True  # h2load's for TLS is the server's, and is probed with it
    bpf: float = None
    added: float = None
    ratio: float = None


LOADS = (
    Load("keepalive", "keep-alive, 1 connection", "http", "keepalive", bpf=2600, added=3300),
    Load("keepalive16", "keep-alive, 16 connections", "http", "keepalive", connections=16, requests=1600),
    Load("close", "connection per request", "http", "close", requests=300, bpf=9500, added=12500),
    Load("https", "HTTPS keep-alive, 1 connection", "https", streams=1,
         requests=2000, windows=3, added=20000),
    Load("https_server", "HTTPS keep-alive, the client's end not probed", "https", streams=1,
         requests=2000, windows=3, same_library=False),
    Load("h2c", "HTTP/2 in the clear, 10 x 100 streams", "h2c", connections=10, streams=100,
         requests=5000, windows=3, ratio=0.65),
    Load("varying", "varying headers, 1 connection", "http", "varying", ratio=0.85),
    Load("client", "client's end alone, keep-alive", "far", "keepalive"),
    Load("client_close", "client's end alone, connection per request", "far", "close", requests=300),
)
