#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Writes the dashboards beside this file. With --check it writes nothing, and says
which of them is not what would be written: exit status 1.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing but the dashboards is left behind

# pylint: disable=wrong-import-position
import board
import fly
import native

HERE = Path(__file__).resolve().parent
DASHBOARDS = {"edgetap.json": native.dashboard, "edgetap-fly.json": fly.dashboard}


def main(argv):
    if argv not in ([], ["--check"]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    stale = 0
    for name, make in DASHBOARDS.items():
        path, want = HERE / name, board.text(make())
        if not argv:
            path.write_text(want)
        elif not path.exists() or path.read_text() != want:
            print(f"{path.name} is not the output of generate.py", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
