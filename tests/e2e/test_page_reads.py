#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: it counts the agent's reads, which what others start and end adds to
"""
What a page shows none of is not read for it: the agent's own reads (/proc/PID/io) for each
container more, by page and by the families that are switched off.
"""
import re
import time
import uuid
from pathlib import Path

import lib
from lib import equal
from places import Cgroup

OFF = [f"--no-family.{name}" for name in ("memory", "pressure", "disk", "network", "filesystem")]
FEW, MORE = 4, 24
TRIES = 4


def containers(env, count):
    """Cgroups as containers have them, in which something runs. Their ids."""
    ids = [uuid.uuid4().hex + uuid.uuid4().hex for _ in range(count)]
    for ident in ids:
        cgroup = Cgroup(env, f"docker/{ident}")
        env.start([lib.need("sleep"), "1000"], name="sleep", preexec=cgroup.enter)
    return {ident[:12] for ident in ids}


def reads(agent):
    """System calls that read which the agent has made so far."""
    text = Path(f"/proc/{agent.process.pid}/io").read_text()
    return int(re.search(r"^syscr: (\d+)$", text, re.M)[1])


def reads_of(pages):
    """By page; the least of some, as the agent has other things to read, too."""
    least = {}
    for _ in range(TRIES):
        time.sleep(1.1)  # within a second pages share what was read, unless the next one shows more
        for name, (agent, path) in pages.items():
            before = reads(agent)
            equal(agent.get(path)[0], 200, "status")
            found = reads(agent) - before
            least[name] = min(found, least.get(name, found))
    return least


def known(agent, ids):
    """Whether the agent reads them all by now."""
    def check():
        up = {labels["instance"] for labels, _ in agent.scrape().select("edgetap_instance_up")}
        return ids <= up

    lib.eventually(check, 60, "containers are known")


def test_what_is_not_shown_is_not_read(env):
    usual, less = env.agent(), env.agent(flags=OFF)
    pages = {"apps": (usual, "/metrics/apps"), "all": (usual, "/metrics"), "less": (less, "/metrics")}
    ids = containers(env, FEW)
    counts = []
    for more in (0, MORE - FEW):
        ids |= containers(env, more)
        known(usual, ids)
        known(less, ids)
        counts.append(reads_of(pages))
    each = {name: (counts[1][name] - counts[0][name]) / (MORE - FEW) for name in pages}
    print("reads for each container:", {name: round(value, 1) for name, value in each.items()})
    # whether somebody is in it, CPU time, throttling; the least and the most that a kernel has
    assert 1 <= each["less"] < 4, each
    assert each["all"] > each["less"] + 2, each
    assert each["apps"] < 0.5, each


if __name__ == "__main__":
    lib.main(globals())
