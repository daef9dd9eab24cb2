#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How many instructions the verifier looks at for each program: its patience ends at a million, and older ones' sooner."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import lib

LIST = Path(__file__).with_name("verified.tsv")  # of one kernel: what its verifier looked at
PATIENCE = 1_000_000
MOST = 1.10  # of what the list says


def bpftool():
    for path in ("bpftool", "/usr/sbin/bpftool"):
        found = shutil.which(path)
        if found:
            return found
    raise lib.Skip("no bpftool")


def looked_at(agent):
    """Instructions by program, of those that the agent holds."""
    found = {}
    folder = Path("/proc/%d/fdinfo" % agent.process.pid)
    for entry in os.listdir(folder):
        try:
            text = (folder / entry).read_text()
        except OSError:
            continue
        fields = dict(re.findall(r"^(prog_id|verified_insns):\s*(\d+)$", text, re.M))
        if len(fields) == 2:
            found[fields["prog_id"]] = int(fields["verified_insns"])
    names = {}
    for identity, instructions in found.items():
        told = json.loads(subprocess.check_output([bpftool(), "-j", "prog", "show", "id", identity]))
        names[told["name"]] = instructions
    return names


def test_patience(env):
    known = dict(line.split("\t") for line in LIST.read_text().splitlines() if line and not line.startswith("#"))
    kernel = known.pop("kernel")
    found = looked_at(env.agent())
    assert len(found) > 20, f"few programs are loaded: {sorted(found)}"
    if os.environ.get("EDGETAP_WRITE_GOLDEN"):
        rows = "".join(f"{name}\t{n}\n" for name, n in sorted(found.items()))
        LIST.write_text("# Kernel, and instructions that its verifier looked at by program; EDGETAP_WRITE_GOLDEN=1 writes it.\n"
                        f"kernel\t{'.'.join(os.uname().release.split('.')[:2])}\n" + rows)
        return
    for name, n in sorted(found.items()):
        assert n < PATIENCE / 2, f"{name}: {n} instructions, of {PATIENCE} that a kernel looks at"
    if not os.uname().release.startswith(kernel + "."):
        print(f"SKIP the list: it is of kernel {kernel}")
        return
    grown = {name: (n, int(known.get(name, 0))) for name, n in found.items() if n > int(known.get(name, 0)) * MOST + 100}
    assert not grown, f"more than the list says (found, listed): {grown}"


if __name__ == "__main__":
    lib.main(globals())
