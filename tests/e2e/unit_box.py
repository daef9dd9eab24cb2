#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Runs a program under what the systemd unit restricts, as far as that can be had without systemd:

    unit_box.py UNIT WITHOUT WRITABLE PROGRAM ARGUMENT...

the bounding set less the capabilities in WITHOUT (comma-separated, or none), no_new_privs,
its filters of system calls, address families, namespaces and executable memory, every
mount but /proc and the folder WRITABLE read-only, and a /dev of its own. Not the filter of
devices. What a group of system calls holds is systemd-analyze's to say; where
that is not installed, calls are not filtered.
"""
import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 22, 23, 24, 38
SECCOMP_MODE_FILTER = 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
NAMESPACES = {"cgroup": 0x02000000, "ipc": 0x08000000, "mnt": 0x00020000, "net": 0x40000000,
              "pid": 0x20000000, "user": 0x10000000, "uts": 0x04000000}
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
PROT_WRITE, PROT_EXEC = 2, 4


def defined(header, pattern):
    """{name: number} of a header's definitions."""
    for folder in ("/usr/include", f"/usr/include/{os.uname().machine}-linux-gnu"):
        path = Path(folder, header)
        if path.exists():
            return {m[1]: int(m[2]) for m in re.finditer(pattern, path.read_text(), re.M)}
    raise SystemExit(f"no {header}")


def settings(unit):
    """What the unit says, by name; of what it says twice the last."""
    lines = Path(unit).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def calls_of(names):
    """The system calls of a SystemCallFilter, groups resolved."""
    found = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        text = subprocess.run(
            ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
        ).stdout
        members = [line.strip() for line in text.splitlines()[1:]]
        found |= calls_of([m for m in members if m and not m.startswith("#")])
    return found


def statement(code, k):
    return struct.pack("HBBI", code, 0, 0, k)


def jump(code, k, yes, no):
    return struct.pack("HBBI", code, yes, no, k)


LOAD, EQUALS, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x45, 0x54, 0x06
NUMBER, ARGUMENT = 0, 16


def install(code):
    body = b"".join(code)
    memory = ctypes.create_string_buffer(body, len(body))
    program = struct.pack("HxxxxxxP", len(body) // 8, ctypes.addressof(memory))
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def allow_only(numbers):
    code = [statement(LOAD, NUMBER)]
    for number in sorted(numbers):
        code += [jump(EQUALS, number, 0, 1), statement(RETURN, ALLOW)]
    install(code + [statement(RETURN, ERRNO | EPERM)])


def refuse(number, argument, test, errno=EPERM):
    """Of one system call: if test, some instructions that end in a jump of 1 to refuse, says so."""
    head = [statement(LOAD, NUMBER), jump(EQUALS, number, 0, len(test) + 2)]
    tail = [statement(RETURN, ERRNO | errno), statement(RETURN, ALLOW)]
    install(head + [statement(LOAD, ARGUMENT + 8 * argument)] + test + tail)


def filters(unit, number):
    """Later ones see what earlier ones have let through."""
    kept = unit["RestrictNamespaces"].split()
    others = sum(flag for name, flag in NAMESPACES.items() if name not in kept)
    refuse(number["setns"], 1, [jump(EQUALS, 0, 1, 0), jump(ANY_BIT, others, 0, 1)])
    refuse(number["unshare"], 0, [jump(ANY_BIT, others, 0, 1)])
    refuse(number["clone"], 0, [jump(ANY_BIT, others, 0, 1)])
    install([statement(LOAD, NUMBER), jump(EQUALS, number["clone3"], 0, 1), statement(RETURN, ERRNO | ENOSYS),
             statement(RETURN, ALLOW)])
    if unit["MemoryDenyWriteExecute"] == "yes":
        both = PROT_WRITE | PROT_EXEC
        refuse(number["mmap"], 2, [statement(AND, both), jump(EQUALS, both, 0, 1)])
        refuse(number["mprotect"], 2, [jump(ANY_BIT, PROT_EXEC, 0, 1)])
    families = [FAMILIES[name] for name in unit["RestrictAddressFamilies"].split()]
    test = [jump(EQUALS, family, len(families) - i, 0) for i, family in enumerate(families)]
    refuse(number["socket"], 0, test, EAFNOSUPPORT)
    if shutil.which("systemd-analyze"):
        names = calls_of(unit["SystemCallFilter"].split())
        allow_only({number[name] for name in names if name in number})


def run(*argv):
    subprocess.run(argv, check=True)


def private_devices():
    run("mount", "-t", "tmpfs", "-o", "nosuid,mode=755", "tmpfs", "/mnt")
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        os.mknod(f"/mnt/{name}", 0o020666, os.makedev(1, minor))
    os.mknod("/mnt/tty", 0o020666, os.makedev(5, 0))
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"/mnt/{name}")
    run("mount", "--move", "/mnt", "/dev")


def mounts(writable):
    """As ProtectSystem=strict, ProtectKernelTunables and ProtectControlGroups leave them."""
    if libc.unshare(NAMESPACES["mnt"]):
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    private_devices()
    run("mount", "--bind", writable, writable)
    with open("/proc/self/mounts") as f:
        points = [line.split()[1].encode().decode("unicode_escape") for line in f]
    for point in dict.fromkeys(points):
        if point != writable and not point.startswith(("/proc", "/dev")):
            # one that another hides cannot be had
            subprocess.run(["mount", "-o", "remount,bind,ro", point], capture_output=True, check=False)
    run("mount", "--bind", "/proc/sys", "/proc/sys")
    run("mount", "-o", "remount,bind,ro", "/proc/sys")


def bound(names):
    number = defined("linux/capability.h", r"^#define (CAP_\w+)\s+(\d+)$")
    kept = {number[name] for name in names}
    other = 0
    while libc.prctl(PR_CAPBSET_READ, other, 0, 0, 0) >= 0:
        if other not in kept and libc.prctl(PR_CAPBSET_DROP, other, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "capability")
        other += 1


def main():
    path, without, writable, *argv = sys.argv[1:]
    unit = settings(path)
    number = defined("asm/unistd_64.h", r"^#define __NR_(\w+) (\d+)$")
    mounts(writable)
    bound([name for name in unit["CapabilityBoundingSet"].split() if name not in without.split(",")])
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    filters(unit, number)
    os.execv(argv[0], argv)


main()
