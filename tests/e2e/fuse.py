#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A file system that stops answering: `fuse.py POINT FILE...` mounts a directory of copies of the files with
nothing but /dev/fuse and says "ready"; nothing that is asked is remembered by the kernel, but pages. From the
first byte on its standard input on, it answers nobody. Its end ends all waits.
"""
import ctypes
import errno
import os
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path

IN = struct.Struct("<IIQQIIII")  # length, operation, unique, node, uid, gid, pid, extensions
OUT = struct.Struct("<IiQ")  # length, error, unique
ATTRIBUTES = struct.Struct("<6Q10I")
LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 14, 15, 17, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, BATCH_FORGET = 25, 26, 27, 28, 29, 34, 36, 42
ROOT = 1


class Files:
    """Node numbers are places in the list, behind the root's."""

    def __init__(self, paths):
        self.content = [(Path(p).name.encode(), Path(p).read_bytes()) for p in paths]
        self.opened = 0

    def attributes(self, node):
        size = 0 if node == ROOT else len(self.content[node - 2][1])
        mode = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o755
        return ATTRIBUTES.pack(node, size, size // 512, 1, 1, 1, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def answer(self, operation, node, body):
        """Error and bytes, or None where none is wanted."""
        if operation == INIT:
            major, minor, readahead, _ = struct.unpack_from("<IIII", body)
            return 0, struct.pack("<IIIIHHIIHHI28x", major, min(minor, 31), readahead, 0, 12, 9, 65536, 1, 0, 0, 0)
        if operation == LOOKUP:
            name = body.rstrip(b"\0")
            for i, (known, _) in enumerate(self.content):
                if known == name:
                    return 0, struct.pack("<QQQQII", i + 2, 0, 0, 0, 0, 0) + self.attributes(i + 2)
            return -errno.ENOENT, b""
        if operation == GETATTR:
            return 0, struct.pack("<QII", 0, 0, 0) + self.attributes(node)
        if operation in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 0, 2 if operation == OPEN else 0, 0)  # 2: FOPEN_KEEP_CACHE
        if operation == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return 0, self.content[node - 2][1][offset:offset + size]
        if operation == READDIR:
            return 0, b""
        if operation == STATFS:
            return 0, struct.pack("<5QIII28x", 1000, 500, 500, 10, 10, 4096, 255, 4096)
        if operation in (RELEASE, RELEASEDIR, FLUSH, ACCESS):
            return 0, b""
        if operation in (FORGET, BATCH_FORGET, INTERRUPT):
            return None
        return -errno.ENOSYS, b""


def serve(device, files, hangs):
    while True:
        try:
            request = os.read(device, 1 << 20)
        except OSError as e:
            if e.errno in (errno.EINTR, errno.ENOENT):
                continue
            return
        _, operation, unique, node, *_ = IN.unpack_from(request)
        if hangs.is_set():
            continue
        answer = files.answer(operation, node, request[IN.size:])
        if answer:
            error, body = answer
            os.write(device, OUT.pack(OUT.size + len(body), error, unique) + body)


def mount(point, paths):
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if os.getuid() == 0:
        options += ",allow_other"
    if libc.mount(b"e2e", str(point).encode(), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mounting FUSE")
    hangs = threading.Event()
    threading.Thread(target=serve, args=(device, Files(paths), hangs), daemon=True).start()
    return hangs


class Mount:
    """The same in a process of its own, from a test."""

    def __init__(self, env, point, paths, prefix=()):
        point.mkdir(exist_ok=True)
        self.point = point
        self.popen = subprocess.Popen([*prefix, sys.executable, __file__, point, *paths], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, bufsize=1)
        env.defer(self.end)
        self.is_ready = self.popen.stdout.readline() == "ready\n"

    def hang(self):
        self.popen.stdin.write("hang\n")
        assert self.popen.stdout.readline() == "hangs\n", "the file system did not stop"

    def end(self):
        self.popen.kill()
        self.popen.wait()
        ctypes.CDLL(None).umount2(str(self.point).encode(), 2)


if __name__ == "__main__":
    stopped = mount(sys.argv[1], sys.argv[2:])
    print("ready", flush=True)
    while sys.stdin.readline():
        stopped.set()
        print("hangs", flush=True)
