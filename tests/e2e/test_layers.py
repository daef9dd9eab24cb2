#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The check of the layers finds every include that goes up, however it is written."""
import shutil
import subprocess
import sys
from pathlib import Path

import lib
from lib import equal

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "tests"))
import layers as checker  # noqa: E402


def check(userspace):
    found = list(checker.faults(userspace))
    return 1 if found else 0, "\n".join(found)


def copied(env):
    target = env.dir / "userspace"
    shutil.copytree(ROOT / "userspace", target)
    for text in checker.TEXTS:
        shutil.copy(ROOT / text, env.dir)
    return target


def layers(userspace):
    return list(checker.listed(userspace))


def planted(userspace, folder, include):
    """What the check says of a file of the folder with one more include, and the file."""
    source = sorted((userspace / folder).glob("*.[ch]"))[0]
    text = source.read_text()
    source.write_text(f"#include {include}\n{text}")
    try:
        found = list(checker.faults_of(userspace, layers(userspace), source))
        return source, (1 if found else 0, "\n".join(found))
    finally:
        source.write_text(text)


def test_tree_is_right(env):
    done = subprocess.run([ROOT / "tests" / "layers.py"], capture_output=True, text=True)
    output = done.stdout + done.stderr
    equal(done.returncode, 0, output)
    for name in layers(ROOT / "userspace"):
        assert f" {name} " in output, f"{name} is not in:\n{output}"


def test_upward_includes(env):
    """Between each pair of neighbours, by the path from userspace/ and by a relative one."""
    userspace = copied(env)
    order = layers(userspace)
    equal(check(userspace)[0], 0, "the copy")
    for below, above in zip(order[1:], order):
        header = sorted((userspace / above).glob("*.h"))
        name = header[0].name if header else "any.h"
        up = "../" * len(Path(below).parts)
        for include in (f'"{above}/{name}"', f'"{up}{above}/{name}"', f"<{above}/{name}>"):
            source, (status, output) = planted(userspace, below, include)
            equal(status, 1, f"{include} in {below}")
            assert f"{source.relative_to(userspace)}:1:" in output, output
            equal(planted(userspace, above, f'"{below}/any.h"')[1][0], 0, f"{below} from {above}")


def test_other_faults(env):
    """A folder that is not listed, one that is not there, and an include that leaves userspace/."""
    userspace = copied(env)
    source, (status, output) = planted(userspace, "cli", '"../../bpf/maps.h"')
    equal(status, 1, "an include of bpf/")
    assert "leaves userspace/" in output, output
    (userspace / "attic").mkdir()
    (userspace / "attic" / "old.c").write_text("int old;\n")
    status, output = check(userspace)
    equal((status, "userspace/attic: not in" in output), (1, True), output)
    (env.dir / "CONTRIBUTING.md").write_text("| `userspace/base` | all |\n")
    assert "CONTRIBUTING.md: its table" in check(userspace)[1], "a text that draws another list"
    with (userspace / "layers").open("a") as out:
        out.write("attic\told things\ncellar\tnothing\n")
    status, output = check(userspace)
    equal((status, "no folder cellar" in output, "attic: not" in output), (1, True, False), output)


if __name__ == "__main__":
    lib.main(globals())
