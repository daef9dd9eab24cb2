# SPDX-License-Identifier: Apache-2.0
"""
HTTP servers in cgroups that nobody but a user has made. Arguments: the user, the
status of every answer, and PORT=CGROUP for each server; the cgroup, below every
hierarchy, is made as that user and entered. Without a CGROUP: where it is.
"""
import os
import socket
import sys
from pathlib import Path


def hierarchies():
    with open("/proc/self/mounts") as f:
        return [Path(line.split()[1]) for line in f if line.split()[2] in ("cgroup", "cgroup2")]


def make(path):
    for mount in hierarchies():
        at = mount
        for part in path.split("/"):
            at = at / part
            if at.exists():
                continue
            at.mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):  # empty ones take no process
                if (at / name).exists():
                    (at / name).write_text((at.parent / name).read_text())


def enter(path):
    for mount in hierarchies():
        (mount / path / "cgroup.procs").write_text("0")


def serve(port, status):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.send(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)


user, status, servers = int(sys.argv[1]), int(sys.argv[2]), [s.split("=", 1) for s in sys.argv[3:]]
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
for _, cgroup in servers:  # before there are several: their cgroups have parents in common
    if cgroup:
        make(cgroup.strip("/"))
for port, cgroup in servers:
    if os.fork() == 0:
        if cgroup:
            enter(cgroup.strip("/"))
        serve(int(port), status)
for _ in servers:
    os.wait()
