#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What CONTRIBUTING.md says is needed to add a counter by name, a view, a collector and an option:
the patches under tests/patches are applied to a copy, which is built, run and scraped.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

import lib
from client import Connection
from lib import between, equal
from servers import odd

PATCHES = lib.REPO / "tests" / "patches"
MOST_FILES = 3  # besides texts


def copy(env):
    """The tree, with what was built of it so that only what changes is built."""
    tree = env.dir / "tree"
    unwanted = shutil.ignore_patterns(".git", "build", "__pycache__")
    shutil.copytree(lib.REPO, tree, symlinks=True, ignore=unwanted)
    for part in ("obj", "gen", "bpf"):
        built = lib.BUILD.parent / part
        if built.exists():
            shutil.copytree(built, tree / "build" / part, ignore=shutil.ignore_patterns("tests"))
    return tree


def run(*argv, cwd):
    environ = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "BUILD")}
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, env=environ)
    equal(done.returncode, 0, f"{' '.join(map(str, argv))}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")


def sources(patch):
    """Files of the patch that are no texts."""
    names = re.findall(r"^\+\+\+ b/(.*)$", patch.read_text(), re.MULTILINE)
    return [n for n in names if Path(n).suffix in (".c", ".h") or Path(n).name == "Makefile"]


def test_patches_are_small(env):
    """Each touches few files, which the text for contributors names by their folder."""
    text = (lib.REPO / "CONTRIBUTING.md").read_text()
    equal(sorted(p.stem for p in PATCHES.glob("*.patch")), ["collector", "counter", "option", "view"], "patches")
    for patch in PATCHES.glob("*.patch"):
        between(len(sources(patch)), 1, MOST_FILES, f"sources in {patch.name}: {sources(patch)}")
        assert f"tests/patches/{patch.name}" in text, f"CONTRIBUTING.md does not name {patch.name}"


def test_patched(env):
    git = lib.need("git")
    tree = copy(env)
    for patch in sorted(PATCHES.glob("*.patch")):
        run(git, "apply", "--whitespace=nowarn", patch, cwd=tree)
    run("make", f"-j{os.cpu_count()}", "all", cwd=tree)
    usual, lib.EDGETAP = lib.EDGETAP, tree / "build" / "edgetap"
    try:
        agent = env.agent(flags=["--greeting=good morning"])
    finally:
        lib.EDGETAP = usual
    server = odd(env, "e2e-patches")
    client, environ = env.python("e2e-patches-client")
    fetch = f"import urllib.request as u; [u.urlopen('http://127.0.0.1:{server.port}/').read() for _ in range(3)]"
    with Connection(server.port) as c:
        for _ in range(5):
            equal(c.get("/")[0], 200, "status")
        c.finish()
    subprocess.run([client, "-c", fetch], check=True, env=environ)

    def check(scrape):
        name = "edgetap_outbound_port_connects_total"
        equal(scrape.by(name, "port", app="e2e-patches-client"), {(str(server.port),): 3}, name)
        between(scrape.value("edgetap_instance_entropy_bits", app="__node__"), 1, 1 << 20, "bits of entropy")

    agent.expect(check)
    page = agent.scrape("/metrics/acme")
    equal(page.value("acme_requests_total", service="e2e-patches"), 8, "requests in the new view")
    assert "greeting: good morning" in agent.process.output(), agent.process.output()


if __name__ == "__main__":
    lib.main(globals())
