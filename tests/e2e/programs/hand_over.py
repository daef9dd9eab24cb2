# SPDX-License-Identifier: Apache-2.0
"""
Gives a socket to a process elsewhere, over the unix socket in argv[2]:
  hand_over.py listener PATH PORT   makes a listening socket and sends it
  hand_over.py taker PATH           receives it, and answers every request with 200
  hand_over.py acceptor PATH PORT   listens, accepts, and sends each connection
  hand_over.py worker PATH          receives connections and answers on them
  hand_over.py activate - PORT PROGRAM ARGS   socket activation: listens, moves to
                                    the cgroups in SERVICE_PROCS and executes PROGRAM
"""
import os
import signal
import socket
import sys
import time

ROLE, PATH = sys.argv[1:3]


def listener():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", int(sys.argv[3])))
    s.listen(64)
    return s


def channel(server):
    s = socket.socket(socket.AF_UNIX)
    if server:
        s.bind(PATH)
        s.listen(1)
        return s.accept()[0]
    while True:
        try:
            s.connect(PATH)
            return s
        except OSError:
            time.sleep(0.01)


def answer(c):
    with c:
        data = b""
        while True:
            part = c.recv(65536)
            if not part:
                return
            data += part
            while b"\r\n\r\n" in data:
                data = data.split(b"\r\n\r\n", 1)[1]
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def receive(unix):
    _, fds, _, _ = socket.recv_fds(unix, 1, 1)
    return socket.socket(fileno=fds[0]) if fds else sys.exit(0)


if ROLE == "listener":
    made = listener()
    socket.send_fds(channel(True), [b"x"], [made.fileno()])
    signal.pause()
elif ROLE == "taker":
    taken = receive(channel(False))
    print("taken", flush=True)
    while True:
        answer(taken.accept()[0])
elif ROLE == "acceptor":
    made = listener()
    unix = channel(True)
    while True:
        connection = made.accept()[0]
        socket.send_fds(unix, [b"x"], [connection.fileno()])
        connection.close()
elif ROLE == "worker":
    unix = channel(False)
    print("taken", flush=True)
    while True:
        answer(receive(unix))
elif ROLE == "activate":
    # As systemd does: the socket is descriptor 3 of what is executed.
    made = listener()
    os.dup2(made.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FD="3")
    # The cgroup changes with the executable, between fork and exec.
    for procs in os.environ["SERVICE_PROCS"].split(":"):
        with open(procs, "w") as f:
            f.write(str(os.getpid()))
    os.execv(sys.argv[4], sys.argv[4:])
