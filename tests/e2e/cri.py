# SPDX-License-Identifier: Apache-2.0
"""A containerd of the test's own, and pods in it, made as a kubelet makes them: by the CRI."""
import hashlib
import io
import json
import subprocess
import tarfile
import uuid
from pathlib import Path

import grpc

import lib
from lib import need
from places import Cgroup

IMAGE = "edgetap.test/base:1"
METHODS = "/runtime.v1.RuntimeService/"
NAMESPACE = "shop-ns"
CONTAINER, NODE = 1, 2  # NamespaceMode; the node's network is the test's
CONFIG = """
version = 2
root = "{root}"
disabled_plugins = ["io.containerd.internal.v1.tracing"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
"""


def field(number, value):
    """A field of a message of protocol buffers: a number, or text or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def entries(number, values):
    """A map of texts."""
    return b"".join(field(number, field(1, k) + field(2, v)) for k, v in values.items())


def image(path):
    """An archive as `docker save` makes it: places to mount at, and a program that sleeps."""
    with tarfile.open(path, "w") as archive:
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as files:
            files.add("/bin/busybox", "busybox")
            for name in ("usr", "tmp", "var", "var/lib", "var/lib/nginx", "var/log", "var/log/nginx", "etc"):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                files.addfile(entry)
            for name in ("bin", "sbin", "lib", "lib64"):
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
                files.addfile(entry)
            for name in ("passwd", "group"):
                text = b"root:x:0:0:root:/:/bin/sh\n" if name == "passwd" else b"root:x:0:\n"
                entry = tarfile.TarInfo(f"etc/{name}")
                entry.size = len(text)
                files.addfile(entry, io.BytesIO(text))
        digest = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
        parts = {
            "layer.tar": layer.getvalue(),
            "config.json": json.dumps({
                "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]},
                "config": {"Entrypoint": ["/busybox", "sleep", "1000000"]},
            }).encode(),
            "manifest.json": json.dumps(
                [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
            ).encode(),
        }
        for name, data in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


class Containerd:
    """In its usual place, which is hidden from others: the mount namespace is the test's."""

    def __init__(self, env):
        self.env = env
        state = Path("/run/containerd")
        state.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711", "edgetap-test", state], check=True)
        env.defer(subprocess.run, ["umount", "--lazy", state], check=True)
        socket = state / "containerd.sock"
        config = env.dir / "containerd.toml"
        config.write_text(CONFIG.format(root=env.dir / "containerd", image=IMAGE))
        self.process = env.start([need("containerd"), "--config", config], name="containerd")
        lib.eventually(socket.exists, 20, "containerd's socket")
        self.channel = grpc.insecure_channel(f"unix:{socket}")
        env.defer(self.channel.close)
        archive = env.dir / "image.tar"
        image(archive)
        take = [need("ctr"), "-n", "k8s.io", "images", "import", "--snapshotter", "native", archive]
        lib.eventually(lambda: subprocess.run(take, capture_output=True, check=False).returncode == 0, 20, "the image")

    def call(self, method, message):
        call = self.channel.unary_unary(METHODS + method, request_serializer=bytes, response_deserializer=bytes)
        return call(message, timeout=30)


class Pod:
    """
    A pod of one container in the test's network. `mounts` are (inside, outside, read-only)
    besides /usr; the rest is as Kubernetes has it in a pod's specification.
    """

    def __init__(self, containerd, name, argv, labels=None, annotations=None, mounts=(), environ=None, host_pid=False,
                 privileged=False, readonly=False, memory=0):
        self.uid, self.name = str(uuid.uuid4()), name
        known = {"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": NAMESPACE,
                 "io.kubernetes.pod.uid": self.uid}
        namespaces = field(1, NODE) + field(2, NODE if host_pid else CONTAINER)
        parent = Cgroup(containerd.env, f"/kubepods/burstable/pod{self.uid}")
        linux = field(1, f"/{parent.path}")
        linux += field(2, field(1, namespaces) + field(6, int(privileged)))
        config = field(1, field(1, name) + field(2, self.uid) + field(3, NAMESPACE))
        config += entries(6, {**(labels or {}), **known}) + entries(7, annotations or {}) + field(8, linux)
        self.sandbox = text(containerd.call("RunPodSandbox", field(1, config)))
        containerd.env.defer(containerd.call, "RemovePodSandbox", field(1, self.sandbox))

        container = field(1, field(1, "web")) + field(2, field(1, IMAGE))
        container += b"".join(field(3, str(a)) for a in argv)
        container += entries(6, environ or {})
        for inside, outside, ro in (("/usr", "/usr", True), *mounts):
            container += field(7, field(1, inside) + field(2, str(outside)) + field(3, int(ro)))
        container += entries(9, {"io.kubernetes.container.name": "web", **known})
        container += field(15, field(1, field(4, memory)) +
                           field(2, field(2, int(privileged)) + field(3, namespaces) + field(7, int(readonly))))
        self.id = text(containerd.call("CreateContainer", field(1, self.sandbox) + field(2, container) + field(3, config)))
        containerd.call("StartContainer", field(1, self.id))


def text(answer):
    """The one text of a message: an id."""
    assert answer[0] == 0x0A and answer[1] == len(answer) - 2, answer
    return answer[2:].decode()
