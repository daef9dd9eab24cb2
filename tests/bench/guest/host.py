#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Counts what edgetap costs a request, in instructions, inside an emulated machine
(tests/kernels/boot.sh --count) whose kernel is Debian's 6.12: what is counted there
repeats to a percent, whatever else this machine does. It knows no caches, no
mispredicted branches and no cost of traps. A base commit is built and measured beside
in the same guest. Prints each figure beside its budget and each BPF program's share,
and writes the figures to bench-guest.json in the build folder.

From the environment: EDGETAP (what is measured), BASE (a commit; none: no base), LOADS
(names, all unless given), ROUNDS, KERNEL (an unpacked kernel package to boot instead).
Missing a budget is no failure; the exit status is 1 only when something could not be
measured. Needs root.
"""
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent.parent
KERNELS = REPO / "tests" / "kernels"
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent))

from figures import Figures, median, progress  # noqa: E402 pylint: disable=wrong-import-position
from loads import LOADS  # noqa: E402 pylint: disable=wrong-import-position

BUILD = Path(os.environ.get("BUILD") or REPO / "build").resolve()
OUT = BUILD / "bench-guest.json"
SUITE = "bookworm-backports"
NEEDED = ("qemu-system-x86_64", "busybox", "bpftool", "xz", "nginx", "h2load", "openssl", "ip")
FILE_DAEMON = (Path("/usr/lib/qemu/virtiofsd"), Path("/usr/libexec/virtiofsd"))
BASE = "The base commit"  # as a section
SECONDS = 5400  # at most, for what takes some minutes on a quiet machine
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def fail(text):
    sys.exit(f"bench-guest: {text}")


def wanted_loads():
    names = (os.environ.get("LOADS") or " ".join(load.name for load in LOADS)).split()
    unknown = set(names) - {load.name for load in LOADS}
    if unknown:
        fail(f"no load is called {', '.join(sorted(unknown))}; there are {', '.join(load.name for load in LOADS)}")
    return [load for load in LOADS if load.name in names]


def kernel():
    """The folder of an unpacked kernel package, downloaded once."""
    given = os.environ.get("KERNEL")
    if given:
        if not list(Path(given).glob("boot/vmlinuz-*")):
            fail(f"KERNEL={given} has no boot/vmlinuz-*: it is no unpacked kernel package")
        return given
    done = subprocess.run([KERNELS / "fetch.sh", SUITE, BUILD / "kernels"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        fail(f"no kernel of {SUITE} could be had, see above; KERNEL=DIR names an unpacked kernel package")
    return done.stdout.strip()


def git(*argv, **how):
    return subprocess.run(["git", "-C", REPO, *argv], stdout=subprocess.PIPE, **how)


def build(commit, target):
    """Builds a commit in a folder of its own, of which only the program is kept."""
    environ = {k: v for k, v in os.environ.items() if k not in ("BUILD", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    with tempfile.TemporaryDirectory(prefix="edgetap-base-") as tree:
        packed = git("archive", commit, check=True).stdout
        subprocess.run(["tar", "-x", "-C", tree], input=packed, check=True)
        argv = ["make", "-C", tree, f"-j{os.cpu_count()}", "all"]
        if subprocess.run(argv, env=environ, stdout=subprocess.DEVNULL).returncode:
            fail(f"the base {commit[:12]} does not build, see above")
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(f".{os.getpid()}")
        shutil.copy(Path(tree) / "build" / "edgetap", fresh)
        fresh.rename(target)


def base():
    """edgetap as it was at the base commit, built once for each commit; None: no base."""
    name = os.environ.get("BASE") or "none"
    if name == "none":
        return None
    if not shutil.which("git"):
        fail("git is not installed, which the base is had by; BASE=none does without")
    found = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", text=True)
    if found.returncode:
        fail(f"BASE={name}: no such commit here; BASE=none does without")
    commit = found.stdout.strip()
    program = BUILD / "bench-guest" / "base" / commit / "edgetap"
    if not program.exists():
        progress(f"building the base, {commit[:12]}")
        build(commit, program)
    return program


def in_guest(image, job):
    """Boots the guest, shows what it says, and returns its result."""
    command = shlex.join(["exec", "/usr/bin/python3", str(HERE / "inside.py"), json.dumps(job)])
    argv = ["timeout", "-k", "5", SECONDS, KERNELS / "boot.sh", "--count", image, command]
    guest = subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, text=True, errors="replace")
    result = None
    try:
        for line in guest.stdout:
            if line.startswith("result: "):
                result = json.loads(line[len("result: "):])
            elif line.strip():
                progress(line.rstrip())
        status = guest.wait()
    finally:
        guest.terminate()  # and timeout all that boot.sh has started
        guest.wait()
    if status or result is None:
        fail(f"the guest ended with status {status} and could not measure, see above")
    return result


class Measured:
    """The rows of the guest, by state and load."""

    def __init__(self, rows):
        self.rows = rows

    def of(self, state, load):
        return [row for row in self.rows if row["state"] == state and row.get("load") == load.name]

    def exchange(self, state, load):
        """Instructions of a whole exchange: the median of all windows, free of what happens now and then."""
        return median([value for row in self.of(state, load) for value in row["exchange"]])

    def programs(self, state, load):
        """[(name, runs a request, instructions a request)], the dearest first: the sums of all rounds."""
        rows = self.of(state, load)
        requests = sum(row["requests"] for row in rows)
        out = {}
        for row in rows:
            for name, (runs, ns) in row["programs"].items():
                have = out.get(name, (0, 0))
                out[name] = (have[0] + runs, have[1] + ns)
        shares = [(name, runs / requests, ns / requests) for name, (runs, ns) in out.items()]
        return sorted(shares, key=lambda share: -share[2])

    def bpf(self, state, load):
        """Runs and instructions of all programs, a request: the medians of the rounds."""
        rounds = [
            [sum(counts) / row["requests"] for counts in zip(*row["programs"].values())] for row in self.of(state, load)
        ]
        return [median(values) for values in zip(*rounds)]

    def missed(self, state):
        rows = [row for row in self.rows if row["state"] == state and "logged" in row]
        return int(sum(row["missed"] for row in rows)), sum(row["logged"] for row in rows)


def add(figures, measured, load, with_base):
    runs, cost = measured.bpf("new", load)
    none = measured.exchange("none", load)
    added = measured.exchange("new", load) - none
    beside = f"of {none:,.0f} without an agent"
    figures.add(f"{load.name}_bpf", cost, "instr", f"BPF a request, {load.what}", budget=load.bpf)
    figures.add(f"{load.name}_runs", runs, "", "... in runs of programs")
    whole = "... added to the whole exchange"
    figures.add(f"{load.name}_added", added, "instr", whole, budget=load.added, note=beside)
    if not with_base:
        return
    base_runs, base_cost = measured.bpf("base", load)
    base_added = measured.exchange("base", load) - none
    figures.add(
        f"{load.name}_bpf_ratio", cost / base_cost, "ratio", "... BPF, to that of the base",
        budget=load.ratio, note=f"of {base_cost:,.0f}, in {base_runs:.1f} runs",
    )
    figures.add(
        f"{load.name}_added_ratio", added / base_added, "ratio", "... added, to that of the base",
        note=f"of {base_added:,.0f}",
    )
    figures.add(f"{load.name}_bpf_base", base_cost, "instr", f"BPF a request, {load.what}", section=BASE)
    figures.add(f"{load.name}_runs_base", base_runs, "", "... in runs of programs", section=BASE)
    figures.add(f"{load.name}_added_base", base_added, "instr", whole, section=BASE, note=beside)


def print_programs(measured, loads, with_base):
    """What one tunes by."""
    title = f"{'program':24} {'runs a request':>15} {'instr a run':>12} {'instr a request':>16}"
    print(title + (f" {'base':>10}" if with_base else ""))
    for load in loads:
        print(load.what)
        before = {name: cost for name, _, cost in measured.programs("base", load)} if with_base else {}
        shares = measured.programs("new", load)
        names = {name for name, _, _ in shares}
        shares += [(name, 0, 0) for name in before if name not in names]
        for name, runs, cost in shares:
            if max(cost, before.get(name, 0)) < 1:
                continue
            row = f"  {name:22} {runs:15.3f} {cost / runs if runs else 0:12,.0f} {cost:16,.0f}"
            print(row + (f" {before.get(name, 0):10,.0f}" if with_base else ""))
    print()


def main():
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(1))
    if os.uname().machine != "x86_64":
        fail("the kernel is one of x86_64")
    if os.geteuid() != 0:
        fail("needs root, so that the guest may read this machine's files")
    lacking = [name for name in NEEDED if not shutil.which(name, path=PATH)]
    if not any(path.exists() for path in FILE_DAEMON):
        lacking.append("virtiofsd")
    if lacking:
        fail(f"{', '.join(lacking)} not installed; `make install-test-deps` as root installs what it needs")
    agent = Path(os.environ.get("EDGETAP") or BUILD / "edgetap").resolve()
    if not agent.exists():
        fail(f"{agent} is missing: run make first")
    loads = wanted_loads()
    agents = {"base": base(), "new": agent}
    agents = {name: str(path) for name, path in agents.items() if path}
    with_base = "base" in agents
    rounds = os.environ.get("ROUNDS") or ("3" if with_base else "1")
    if not rounds.isdecimal() or int(rounds) < 1:
        fail(f"ROUNDS={rounds} is no number of rounds")
    job = dict(
        loads=[load.name for load in loads], agents=agents, rounds=int(rounds), programs=str(BUILD / "bench" / "guest")
    )
    figures = Figures()
    measured = Measured(in_guest(kernel(), job))
    print()
    print_programs(measured, loads, with_base)
    for load in loads:
        add(figures, measured, load, with_base)
    for state in agents:
        missed, logged = measured.missed(state)
        figures.add(
            f"requests_missed_{state}", missed, "", "requests not counted", budget=0 if state == "new" else None,
            note=f"of {logged:,} in the server's log", section=BASE if state == "base" else "",
        )
    figures.print()
    figures.write(OUT)
    print(f"\nwritten to {OUT}")


if __name__ == "__main__":
    main()
