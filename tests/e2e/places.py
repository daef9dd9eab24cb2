# SPDX-License-Identifier: Apache-2.0
"""Places that a process can be in: cgroups of every hierarchy, containers, network namespaces."""
import contextlib
import json
import os
import subprocess
import uuid
from pathlib import Path

import lib


def hierarchies():
    """Mount points of all cgroup hierarchies that can hold a process."""
    found = []
    with open("/proc/self/mounts") as f:
        for line in f:
            _, where, kind, options = line.split()[:4]
            if kind == "cgroup2" or kind == "cgroup":
                found.append((Path(where), options.split(",")))
    if not found:
        raise lib.Skip("no cgroup hierarchy is mounted")
    return found


class Cgroup:
    """The same path in every hierarchy, as runtimes and systemd make them."""

    def __init__(self, env, path):
        self.path = path.strip("/")
        self.made = []
        env.defer(self.remove)
        for mount, options in hierarchies():
            lib.eventually(lambda at=mount, how=options: self._make(at, how), 5, f"cgroup {self.path} in {mount}")

    def _make(self, at, options):
        """False if somebody else, who had made a parent of it too, has just removed that."""
        for part in self.path.split("/"):
            at = at / part
            try:
                at.mkdir()
                self.made.append(at)
            except FileExistsError:
                continue
            except FileNotFoundError:
                return False
            except OSError as e:
                raise lib.Skip(f"cannot make cgroup {at}: {e.strerror}") from None
            if "cpuset" in options:  # empty ones take no process
                for name in ("cpuset.cpus", "cpuset.mems"):
                    (at / name).write_text((at.parent / name).read_text())
        return True

    def enter(self):
        """Moves the calling process here; to be called in a child, before exec."""
        for mount, _ in hierarchies():
            (mount / self.path / "cgroup.procs").write_text(str(os.getpid()))

    def give(self, user):
        """Delegates it, as systemd does: the directory, and the files by which processes are moved."""
        for mount, _ in hierarchies():
            at = mount / self.path
            for file in (at, *at.glob("cgroup.procs"), *at.glob("tasks"), *at.glob("cgroup.threads")):
                os.chown(file, user, user)

    def remove(self):
        for at in reversed(self.made):
            if not str(at).endswith(f"/{self.path}"):
                with contextlib.suppress(OSError):  # a parent, in which others may be by now
                    at.rmdir()
                continue

            def removed(path=at):
                with contextlib.suppress(FileNotFoundError):
                    try:
                        for below, _, _ in os.walk(path, topdown=False):  # what others have made in it
                            os.rmdir(below)
                    except OSError:
                        return False  # a process has not quite left
                return True

            lib.eventually(removed, 5, f"removal of {at}")
        self.made = []


class Container:
    """
    A container by runc, in our network namespace, with the host's /usr mounted
    read-only and `mounts` (inside: outside) besides; `change` may edit the spec.
    """

    def __init__(self, env, argv, name=None, cgroups_path=None, mounts=None, environ=(), change=None):
        runc = lib.need("runc")
        self.id = name or uuid.uuid4().hex + uuid.uuid4().hex
        self.bundle = env.dir / f"bundle-{self.id[:12]}"
        root = self.bundle / "rootfs"
        for part in ("proc", "dev", "sys", "tmp", "run", "etc", "var/lib/nginx", "var/log/nginx", "usr"):
            (root / part).mkdir(parents=True)
        for link in ("bin", "sbin", "lib", "lib64"):
            (root / link).symlink_to(f"usr/{link}")
        (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\n")
        subprocess.run([runc, "spec"], cwd=self.bundle, check=True)
        path = self.bundle / "config.json"
        spec = json.loads(path.read_text())
        spec["process"]["terminal"] = False
        spec["process"]["args"] = [str(a) for a in argv]
        spec["process"]["env"] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", *environ]
        caps = ["CAP_NET_BIND_SERVICE", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE", "CAP_CHOWN"]
        for kind in ("bounding", "effective", "permitted"):
            spec["process"]["capabilities"][kind] = caps
        spec["process"]["rlimits"] = []
        spec["root"] = {"path": "rootfs", "readonly": False}
        for namespace in spec["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace["path"] = f"/proc/{os.getpid()}/ns/net"
        spec["linux"]["namespaces"] = [
            n for n in spec["linux"]["namespaces"] if n["type"] != "cgroup"
        ]
        spec["linux"]["cgroupsPath"] = cgroups_path or f"/docker/{self.id}"
        spec["mounts"] = [m for m in spec["mounts"] if m["type"] in ("proc", "tmpfs")]
        for inside, outside in {"/usr": "/usr", **(mounts or {})}.items():
            spec["mounts"].append(
                {"destination": inside, "type": "bind", "source": str(outside), "options": ["rbind", "ro"]}
            )
        if change:
            change(spec)
        path.write_text(json.dumps(spec))
        self.runc = runc
        env.defer(self.remove)
        self.process = env.start([runc, "run", "--no-new-keyring", "-b", self.bundle, self.id], name="runc")

    def remove(self):
        """Kills what runs inside and forgets the container; its cgroups go with it."""
        subprocess.run([self.runc, "delete", "--force", self.id], capture_output=True, check=False)
        self.process.stop()


BOXED = """daemon off;
user root;
pid /tmp/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c;
    uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 hello; }} {more} }}
}}
"""


def boxed_nginx(env, more):
    """nginx for a container: a port, its configuration, to be mounted at /conf, and arguments."""
    lib.need("nginx")
    port = lib.free_port()
    conf = env.dir / f"{port}.conf"
    conf.write_text(BOXED.format(port=port, more=more))
    return port, conf, ["/usr/sbin/nginx", "-c", "/conf", "-e", "stderr"]


class Netns:
    """Another network namespace, held by a process that sleeps in it."""

    def __init__(self, env):
        self.holder = env.start(
            [lib.need("unshare"), "-n", "sh", "-c", "ip link set lo up && echo up && exec sleep 1000"],
            name="netns",
        )
        lib.eventually(lambda: "up" in self.holder.output(), 10, "network namespace")

    @contextlib.contextmanager
    def inside(self):
        """Sockets and children made meanwhile belong to that namespace."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
        try:
            setns(there)
            yield
        finally:
            setns(own)
            os.close(own)
            os.close(there)


def setns(fd):
    if lib.libc.setns(fd, 0x40000000):  # CLONE_NEWNET
        raise OSError("setns failed")
