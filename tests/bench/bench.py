#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Measures everything that has a budget, the protocols beside clear text, and what one
would use instead. Prints each figure beside its budget, or beside that for clear text,
and writes them to bench.json in the build folder.

Usage: bench.py [--anyway] [PART...]
Parts: kernel load protocols bpftrace proxy loss memory idle; all unless named.

Missing a budget is no failure; the exit status is 1 only when something could
not be measured. Needs root, two CPUs, and no other edgetap on this machine:
with --anyway it measures nevertheless, and names the parts that were disturbed.
"""
import os
import signal
import sys
import traceback
from pathlib import Path

sys.dont_write_bytecode = True  # what is made lands in the build folder only
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import lib  # noqa: E402 pylint: disable=wrong-import-position

import kernel  # noqa: E402
import load  # noqa: E402
import machine  # noqa: E402
import memory  # noqa: E402
import protocols  # noqa: E402
import proxy  # noqa: E402
from figures import Figures, progress  # noqa: E402

OUT = Path(os.environ.get("BUILD", lib.REPO / "build")) / "bench.json"


def kernel_part(env, figures):
    nginx = machine.Nginx(env)
    agent = env.agent()
    bpf_ns = kernel.cost(env, figures, agent)
    kernel.events(figures, agent, nginx, bpf_ns)
    kernel.maps(figures)


# What runs, in this order: name, what it does, how many agents there are meanwhile.
PARTS = {
    "kernel": ("BPF time, events, map memory", kernel_part),
    "load": ("a loaded nginx with and without the agent", lambda e, f: load.agent(e, f, machine.Nginx(e))),
    "protocols": ("HTTPS/1.1 and HTTP/2", protocols.beside_clear_text),
    "bpftrace": ("the same with a bpftrace script", lambda e, f: load.bpftrace(e, f, machine.Nginx(e))),
    "proxy": ("haproxy in front of nginx", lambda e, f: proxy.haproxy(e, f, machine.Nginx(e))),
    "loss": ("requests lost at a high rate", lambda e, f: kernel.loss(e, f, e.agent())),
    "memory": ("1,000 instances", memory.instances),
    "idle": ("the agent with nothing to do", lambda e, f: kernel.idle(f, e.agent())),
}


def measure(name, figures):
    """One part in an environment of its own, so that what it starts ends with it."""
    what, part = PARTS[name]
    progress(f"{name}: {what}")
    env = lib.Env(f"bench-{name}")
    failed = True
    try:
        part(env, figures)
        failed = False
    except lib.Skip as e:
        figures.missing.append(f"{name}: {e}")
    except Exception as e:  # pylint: disable=broad-except
        figures.missing.append(f"{name}: {e}")
        traceback.print_exc()
    finally:
        env.close(failed)
    machine.look(env)
    if machine.disturbed:
        figures.disturbed.append(f"{name}: another edgetap was seen")
        machine.disturbed.clear()


def main():
    anyway = "--anyway" in sys.argv[1:]
    wanted = [name for name in sys.argv[1:] if name != "--anyway"] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"bench: no part is called {unknown[0]}; there are {', '.join(PARTS)}")
    lib._reenter()  # own network and mount namespaces, as every end-to-end test has
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if machine.attached() and not anyway:
        sys.exit(
            "bench: another edgetap is observing this machine and would be measured too:"
            " stop it first, or see bench.py --anyway"
        )
    if len(machine.CPUS) < 2:
        sys.exit("bench: needs two CPUs, one for the server and one for its client")
    figures = Figures()
    busy = machine.busy()
    for name in PARTS:
        if name in wanted:
            measure(name, figures)
    print(f"{len(machine.CPUS)} CPUs, Linux {os.uname().release}, {busy:.0%} busy with other work before\n")
    figures.print()
    figures.write(OUT)
    print(f"\nwritten to {OUT}")
    sys.exit(1 if figures.missing else 0)


if __name__ == "__main__":
    main()
