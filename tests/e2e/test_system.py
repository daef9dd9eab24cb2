#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What the kernel's files say, as readings: the machine's against node-exporter, /proc
and df; a container's against its limits, its load and its own network.
"""
import contextlib
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import lib
from lib import between, equal
from places import Cgroup, Container, hierarchies
from scrape import Scrape

MIB = 1 << 20
NODE = {"app": "__node__"}


def node_exporter(env):
    port = lib.free_port()
    process = env.start(
        [lib.need("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults"]
        + [f"--collector.{c}" for c in ("meminfo", "cpu", "diskstats", "filefd", "filesystem", "pressure", "loadavg")],
        name="node-exporter",
    )

    def ask():
        assert process.alive(), process.output()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                return Scrape(answer.read().decode())
        except OSError:
            return None

    lib.eventually(ask, 15, "node-exporter")
    return ask


# ours, theirs, and the label of ours that says what theirs says by another name
COUNTERS = [
    ("edgetap_instance_cpu_seconds_total", "node_cpu_seconds_total", {"cpu": "cpu", "mode": "mode"}),
    ("edgetap_instance_disk_reads_completed_total", "node_disk_reads_completed_total", {"device": "device"}),
    ("edgetap_instance_disk_writes_completed_total", "node_disk_writes_completed_total", {"device": "device"}),
    ("edgetap_instance_disk_reads_merged_total", "node_disk_reads_merged_total", {"device": "device"}),
    ("edgetap_instance_disk_read_bytes_total", "node_disk_read_bytes_total", {"device": "device"}),
    ("edgetap_instance_disk_written_bytes_total", "node_disk_written_bytes_total", {"device": "device"}),
    ("edgetap_instance_disk_io_time_seconds_total", "node_disk_io_time_seconds_total", {"device": "device"}),
    ("edgetap_instance_disk_write_time_seconds_total", "node_disk_write_time_seconds_total", {"device": "device"}),
]
SAME = [
    ("edgetap_instance_memory_total_bytes", "node_memory_MemTotal_bytes", {}),
    ("edgetap_instance_memory_swap_total_bytes", "node_memory_SwapTotal_bytes", {}),
    ("edgetap_instance_memory_vmalloc_total_bytes", "node_memory_VmallocTotal_bytes", {}),
    ("edgetap_instance_file_descriptors_limit", "node_filefd_maximum", {}),
    ("edgetap_instance_filesystem_size_bytes", "node_filesystem_size_bytes", {"mount": "mountpoint"}),
]
NEAR = [  # within a part of the machine's memory
    ("edgetap_instance_memory_free_bytes", "node_memory_MemFree_bytes"),
    ("edgetap_instance_memory_available_bytes", "node_memory_MemAvailable_bytes"),
    ("edgetap_instance_memory_cached_bytes", "node_memory_Cached_bytes"),
    ("edgetap_instance_memory_buffers_bytes", "node_memory_Buffers_bytes"),
    ("edgetap_instance_memory_active_bytes", "node_memory_Active_bytes"),
    ("edgetap_instance_memory_inactive_bytes", "node_memory_Inactive_bytes"),
    ("edgetap_instance_memory_slab_bytes", "node_memory_Slab_bytes"),
    ("edgetap_instance_memory_shmem_bytes", "node_memory_Shmem_bytes"),
]


def values(scrape, name, keys, **where):
    found = {}
    for labels, value in scrape.select(name, **where):
        found[tuple(labels[k] for k in keys)] = value
    return found


def total(scrape, name, **where):
    return sum(value for _, value in scrape.select(name, **where))


def against_node_exporter(env, agent):
    """Whatever node-exporter says before and after brackets what the agent says between."""
    ask = node_exporter(env)
    before = ask()
    time.sleep(0.05)  # node-exporter's figures are whole ticks of 10 ms
    ours = agent.scrape()
    time.sleep(0.05)
    after = ask()
    for name, theirs, labels in COUNTERS:
        mine = values(ours, name, labels.keys(), **NODE)
        low = values(before, theirs, labels.values())
        high = values(after, theirs, labels.values())
        modes = {"guest", "guest_nice"}  # node-exporter has a family of their own for these
        both = {k for k in mine if not modes & set(k)}
        assert both, f"no {name}"
        if "mode" in labels:
            equal(both, set(low), f"what {name} is of")
        for key in both:
            assert key in low, f"{theirs} does not know {key}"
            between(mine[key], low[key] - 1e-6, high[key] + 1e-6, f"{name} {key}")
    for name, theirs, labels in SAME:
        mine = values(ours, name, labels.keys(), **NODE)
        want = values(before, theirs, labels.values())
        assert mine, f"no {name}"
        for key, value in mine.items():
            equal(value, want.get(key), f"{name} {key}")
    leeway = ours.value("edgetap_instance_memory_total_bytes", **NODE) * 0.02
    for name, theirs in NEAR:
        low, high = sorted((before.value(theirs), after.value(theirs)))
        between(ours.value(name, **NODE), low - leeway, high + leeway, name)
    load = [ours.value("edgetap_instance_load_average", minutes=m, **NODE) for m in ("1", "5", "15")]
    for got, name in zip(load, ("node_load1", "node_load5", "node_load15")):
        low, high = sorted((before.value(name), after.value(name)))
        between(got, low - 0.5, high + 0.5, name)
    if after.select("node_pressure_cpu_waiting_seconds_total"):
        for resource, theirs in (("cpu", "cpu_waiting"), ("memory", "memory_waiting"), ("io", "io_waiting")):
            got = ours.value("edgetap_instance_pressure_seconds_total", resource=resource, kind="some", **NODE)
            name = f"node_pressure_{theirs}_seconds_total"
            between(got, before.value(name) - 1e-6, after.value(name) + 1e-6, name)


def net_dev(pid):
    """{device: (received bytes, packets, ..., sent bytes, ...)} as /proc has it."""
    found = {}
    with open(f"/proc/{pid}/net/dev") as f:
        for line in f.readlines()[2:]:
            name, rest = line.split(":")
            found[name.strip()] = list(map(int, rest.split()))
    return found


def against_proc(agent):
    """The host's devices, though agent and test have a network of their own."""
    time.sleep(1)  # scrapes within a second share a reading
    before = net_dev(1)
    scrape = agent.scrape()
    after = net_dev(1)
    for at, family in ((0, "receive_bytes"), (1, "receive_packets"), (8, "transmit_bytes"), (9, "transmit_packets")):
        got = values(scrape, f"edgetap_instance_network_{family}_total", ["device"], **NODE)
        stayed = set(before) & set(after)
        assert stayed <= {d for d, in got} <= set(before) | set(after), f"devices of {family}: {got}"
        for device in stayed:
            between(got[(device,)], before[device][at], after[device][at], f"{family} of {device}")


def against_df(agent):
    """Size and free space as df has them."""
    scrape = agent.scrape()
    done = subprocess.run(["df", "-B1", "--output=size,avail", "/"], capture_output=True, text=True, check=True)
    size, avail = map(int, done.stdout.split("\n")[1].split())
    equal(scrape.value("edgetap_instance_filesystem_size_bytes", mount="/", **NODE), size, "size of /")
    got = scrape.value("edgetap_instance_filesystem_available_bytes", mount="/", **NODE)
    between(got, avail - 512 * MIB, avail + 512 * MIB, "available on /")
    devices = {labels["device"] for labels, _ in scrape.select("edgetap_instance_disk_reads_completed_total", **NODE)}
    assert not [d for d in devices if d.startswith(("loop", "ram", "zram"))], f"no disks: {devices}"


def in_network_of(one, other):
    with contextlib.suppress(OSError):
        return os.stat(f"/proc/{one}/net/dev").st_ino == os.stat(f"/proc/{other}/net/dev").st_ino
    return False


def test_machine(env):
    """Every fact of the machine as others see it."""
    agent = env.agent()
    against_node_exporter(env, agent)
    against_proc(agent)
    against_df(agent)


def v1_or_v2(controller):
    """The cgroup directory's root that has a controller, and whether it is v2."""
    for mount, options in hierarchies():
        if controller in options:
            return mount, False
    for mount, _ in hierarchies():
        controllers = mount / "cgroup.controllers"
        if controllers.exists() and controller in controllers.read_text().split():
            return mount, True
    raise lib.Skip(f"no cgroup hierarchy has the controller {controller}")


class Limited(Container):
    """64 MiB and a tenth of a CPU, and a network namespace of its own that is joined by veth."""

    def __init__(self, env, argv, volume, **more):
        def change(spec):
            spec["linux"]["resources"] = {
                "devices": [{"allow": True, "access": "rwm"}],
                "memory": {"limit": 64 * MIB},
                "cpu": {"quota": 10000, "period": 100000},
            }
            for namespace in spec["linux"]["namespaces"]:
                if namespace["type"] == "network":
                    namespace.pop("path")
            spec["mounts"].append({"destination": "/data", "type": "bind", "source": str(volume), "options": ["bind", "rw"]})

        super().__init__(env, argv, change=change, **more)

    def pid(self):
        return int((Path("/run/runc") / self.id / "state.json").exists() and subprocess.run(
            [self.runc, "ps", "-f", "json", self.id], capture_output=True, text=True, check=True
        ).stdout.strip("[]\n").split(",")[0])


def io_lines(box):
    """What the container's cgroup says of its disks (v1; v2's is read by the same parser as in the unit tests)."""
    for mount, options in hierarchies():
        if "blkio" in options:
            return (mount / "docker" / box.id / "blkio.throttle.io_service_bytes_recursive").read_text().splitlines()
    return []


def cpu_seconds(box):
    """User and system time of all CPUs, from the cgroup's own file."""
    for mount, options in hierarchies():
        if "cpuacct" in options:
            lines = (mount / "docker" / box.id / "cpuacct.usage_all").read_text().splitlines()[1:]
            return sum(int(n) for line in lines for n in line.split()[1:]) / 1e9
        if (mount / "docker" / box.id / "cpu.stat").exists():
            stat = dict(line.split() for line in (mount / "docker" / box.id / "cpu.stat").read_text().splitlines())
            if "user_usec" in stat:
                return (int(stat["user_usec"]) + int(stat["system_usec"])) / 1e6
    raise lib.Skip("no cgroup hierarchy counts CPU time")


def test_container(env):
    """Memory of known size under a limit, a quota that throttles, bytes of its own network."""
    lib.need("runc")
    memory, _ = v1_or_v2("memory")
    hog = lib.compiled("hog.c", libs=["-lpthread"])
    volumes = env.dir / "volumes" / "e2e-data" / "_data"
    volumes.mkdir(parents=True)
    box = Limited(env, ["/hog", "20", "/data/file", "8", "2"], volumes, mounts={"/hog": hog})
    lib.eventually(lambda: "ready" in box.process.output(), 15, "container")
    pid = box.pid()
    tag = f"v{os.getpid() % 100000}"
    subprocess.run(["ip", "link", "add", tag, "type", "veth", "peer", "name", "eth0", "netns", str(pid)], check=True)
    inside = ["nsenter", f"--net=/proc/{pid}/ns/net"]
    subprocess.run([*inside, "ip", "addr", "add", "10.99.0.2/24", "dev", "eth0"], check=True)
    subprocess.run([*inside, "ip", "link", "set", "eth0", "up"], check=True)
    subprocess.run(["ip", "addr", "add", "10.99.0.1/24", "dev", tag], check=True)
    subprocess.run(["ip", "link", "set", tag, "up"], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for _ in range(20):
            udp.sendto(b"x" * 1000, ("10.99.0.2", 9))
    me = {"instance": box.id[:12]}
    agent = env.agent()

    def there(scrape):
        assert scrape.select("edgetap_instance_memory_total_bytes", **me), "the container is not there"

    start = agent.expect(there, 25)
    equal(start.value("edgetap_instance_up", **me), 1, "up")
    equal(start.value("edgetap_instance_memory_total_bytes", **me), 64 * MIB, "memory")
    used = 64 * MIB - start.value("edgetap_instance_memory_free_bytes", **me)
    between(used, 20 * MIB, 48 * MIB, "used memory")
    anon = start.value("edgetap_instance_memory_active_bytes", **me) + start.value("edgetap_instance_memory_inactive_bytes", **me)
    between(anon, 20 * MIB, 48 * MIB, "active and inactive memory")
    available = start.value("edgetap_instance_memory_available_bytes", **me)
    between(available, 64 * MIB - used, 64 * MIB - 20 * MIB, "available memory")
    equal(start.value("edgetap_instance_processes", **me), 3, "processes")
    for family in ("edgetap_instance_memory_buffers_bytes", "edgetap_instance_load_average", "edgetap_instance_memory_vmalloc_total_bytes"):
        equal(start.select(family, **me), [], f"{family}, which a cgroup does not know")
    low = net_dev(pid)["eth0"]
    time.sleep(1.1)  # a scrape shows what was read within the last second
    start = agent.scrape()
    high = net_dev(pid)["eth0"]
    received = start.value("edgetap_instance_network_receive_bytes_total", device="eth0", **me)
    between(received, low[0], high[0], "bytes received")
    between(start.value("edgetap_instance_network_transmit_bytes_total", device="eth0", **me), low[8], high[8], "bytes sent")
    assert received > 20000, f"20 datagrams of 1000 bytes: {received}"
    devices = {labels["device"] for labels, _ in start.select("edgetap_instance_network_receive_bytes_total", **me)}
    assert tag not in devices, "the host's devices"
    # a kernel that throttles nothing may count nothing: then there is nothing to show
    wrote = sum(int(line.split()[2]) for line in io_lines(box) if " Write " in line)
    between(total(start, "edgetap_instance_disk_written_bytes_total", **me), wrote, wrote, "bytes written")
    root = os.statvfs(f"/proc/{pid}/root")
    equal(start.value("edgetap_instance_filesystem_size_bytes", mount="/", **me), root.f_blocks * root.f_frsize, "size of /")
    equal(start.value("edgetap_instance_filesystem_size_bytes", mount="/data", **me), root.f_blocks * root.f_frsize, "size of /data")
    # a directory of a larger file system has no size of its own
    equal(start.select("edgetap_volume_size_bytes", id="e2e-data"), [], "size of a volume without one")
    before = cpu_seconds(box)
    end = agent.scrape()
    after = cpu_seconds(box)
    # the counters are of the clock's ticks, and a scrape shows what was read within the last second
    between(total(end, "edgetap_instance_cpu_seconds_total", **me), before - 1.1, after + 0.02, "CPU time")

    def throttled(scrape):
        for family in ("cpu_throttled_seconds", "cpu_throttled_periods", "cpu_periods"):
            name = f"edgetap_instance_{family}_total"
            assert scrape.value(name, **me) > start.value(name, **me), f"{name} stands still"

    agent.expect(throttled, 15)
    box.remove()

    def gone(scrape):
        equal(scrape.select("edgetap_instance_memory_total_bytes", **me), [], "memory of the dead")
        equal(scrape.select("edgetap_instance_up", **me), [], "up of the dead")

    agent.expect(gone, 5)


def network_of_the_host(env):
    """A container that shares the host's network has none of its own to show, nor a limit."""
    # one that is in the host's namespace, for as far as it may be seen
    host = next((p for p in map(int, filter(str.isdigit, os.listdir("/proc")))
                 if in_network_of(1, p) and os.access(f"/proc/{p}/ns/net", os.R_OK)), None)
    if not host:
        raise lib.Skip("the host's network namespace cannot be entered")

    def of_host(spec):
        for namespace in spec["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace["path"] = f"/proc/{host}/ns/net"

    box = Container(env, ["/usr/bin/sleep", "100"], change=of_host)
    me = {"instance": box.id[:12]}

    def check(scrape):
        assert scrape.select("edgetap_instance_memory_total_bytes", **me), "the container is not there"
        machine = scrape.value("edgetap_instance_memory_total_bytes", **NODE)
        equal(scrape.value("edgetap_instance_memory_total_bytes", **me), machine, "memory without a limit")
        equal(scrape.select("edgetap_instance_network_receive_bytes_total", **me), [], "the host's network")

    return [box], check


def own_device(env):
    """A volume with a file system of its own: size and use are df's; once for the app."""
    lib.need("mkfs.ext4")
    image = env.dir / "disk.img"
    with open(image, "wb") as f:
        f.truncate(32 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    volume = f"disk{os.getpid()}"
    place = env.dir / "volumes" / volume / "_data"
    place.mkdir(parents=True)
    done = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True, check=False)
    if done.returncode:
        raise lib.Skip(f"no loop device: {done.stderr.strip()}")
    env.defer(subprocess.run, ["umount", "-l", place], check=False)
    (place / "fill").write_bytes(b"x" * (5 * MIB))
    subprocess.run(["sync", "-f", place], check=True)
    boxes = [
        Container(env, ["/usr/bin/sleep", "100"], mounts={"/data": place},
                  name=f"e2e-{n}-vol{os.getpid()}", cgroups_path=f"/runc-e2e-{n}-vol{os.getpid()}.scope")
        for n in range(2)
    ]
    fs = os.statvfs(place)

    def check(scrape):
        for box in boxes:
            size = values(scrape, "edgetap_instance_filesystem_size_bytes", ["mount"], app=box.id)
            equal(size.get(("/data",)), fs.f_blocks * fs.f_frsize, "size of /data")
            found = scrape.select("edgetap_volume_size_bytes", id=volume, app=box.id)
            equal([v for _, v in found], [fs.f_blocks * fs.f_frsize], "size of the volume")
            assert "instance" not in found[0][0], "a volume has no instance"
            used = (fs.f_blocks - fs.f_bfree) / fs.f_blocks
            between(scrape.value("edgetap_volume_used_ratio", id=volume, app=box.id), used - 0.001, used + 0.001, "use")

    return boxes, check


def unit_without_socket(env):
    """A systemd unit that owns no socket is there, too; it has the host's file systems."""
    cgroup = Cgroup(env, f"/e2e-quiet{os.getpid()}.slice/e2e-quiet{os.getpid()}.service")
    env.start(["/usr/bin/sleep", "100"], preexec=cgroup.enter)
    me = {"instance": f"e2e-quiet{os.getpid()}.service"}

    def check(scrape):
        equal(scrape.value("edgetap_instance_processes", **me), 1, "processes")
        equal(scrape.value("edgetap_instance_up", app=f"e2e-quiet{os.getpid()}", **me), 1, "up")
        equal(scrape.select("edgetap_instance_filesystem_size_bytes", **me), [], "the host's file systems")

    return [], check


def test_instances(env):
    """What is there when the agent starts, and what comes later."""
    boxes, checks = [], []
    skipped = []
    for kind in (network_of_the_host, own_device):
        try:
            made, check = kind(env)
        except lib.Skip as e:
            skipped.append(str(e))
            continue
        boxes += made
        checks.append(check)
    agent = env.agent()
    _, check = unit_without_socket(env)
    checks.append(check)
    for check in checks:
        agent.expect(check, 25)
    for box in boxes:
        box.remove()
    if skipped:
        raise lib.Skip("; ".join(skipped))


if __name__ == "__main__":
    lib.main(globals())
