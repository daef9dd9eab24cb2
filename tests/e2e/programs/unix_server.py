# SPDX-License-Identifier: Apache-2.0
"""
unix_server.py PREFIX WORKERS: listens on the abstract UNIX stream sockets PREFIX-1 and PREFIX-2, has
other UNIX sockets that are no such thing, and forks workers, which have all of them. Answers
an HTTP request on each connection. SIGUSR1 closes the first one, of each process that gets it.
"""
import os
import signal
import socket
import sys

prefix, workers = sys.argv[1], int(sys.argv[2])


def bound(kind, name):
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(f"\0{prefix}-{name}")
    return made


listeners = [bound(socket.SOCK_STREAM, n) for n in (1, 2)]
others = [bound(socket.SOCK_DGRAM, "datagram"), bound(socket.SOCK_STREAM, "not-listening"), *socket.socketpair()]
packets = bound(socket.SOCK_SEQPACKET, "packets")
for made in (*listeners, packets):
    made.listen(8)
signal.signal(signal.SIGUSR1, lambda *_: listeners[0].close())
for _ in range(workers):
    if os.fork() == 0:
        break
print("ready", flush=True)
while True:
    try:
        c, _ = listeners[1].accept()
    except InterruptedError:
        continue
    with c:
        c.recv(65536)
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
