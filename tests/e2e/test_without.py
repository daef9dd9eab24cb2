#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Builds that leave out one part, and all of them: they need none of its libraries, start, count
and pass the tests that apply. `make check-all` does it; a part takes minutes.
"""
# alone: it runs other scripts
import json
import os
import subprocess
import sys

import lib
from client import Connection
from lib import equal
from oracle import expect_http, settled
from servers import odd

# What only the part needs, and scripts that have tests of it and others. libcurl is of three.
PARTS = {
    "postgres": (["libpq"], ["postgres", "postgres_secrets", "unit"]),
    "endpoints": ([], ["custom", "fly"]),
    "gateway": ([], ["gateway", "query", "options"]),
    "runtimes": ([], ["pods", "containers"]),
    "go-tls": ([], ["https_libraries", "grpc"]),
    "server-tls": (["libgnutls"], ["access"]),
    "endpoints gateway runtimes": (["libcurl"], ["errors"]),
    "postgres endpoints gateway runtimes go-tls server-tls": (["libpq", "libcurl", "libgnutls"], ["nginx", "errors"]),
}


def built(without):
    """The path of such a build; they share the objects."""
    build = lib.BUILD / "without"
    argv = ["make", "-C", lib.REPO, f"BUILD={build}", f"WITHOUT={without}", f"-j{os.cpu_count()}", "all"]
    environ = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(argv, capture_output=True, text=True, env=environ)
    equal(done.returncode, 0, f"make WITHOUT='{without}':\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return build / "edgetap"


def needed(program):
    """The libraries that it is linked with; those have others in their turn."""
    out = subprocess.check_output([lib.need("readelf"), "-d", program], text=True)
    return {line.split("[")[1].split(".so")[0] for line in out.splitlines() if "(NEEDED)" in line}


def run_script(name, program):
    """A script's tests with this build: fine, or skipped where they are about what it lacks."""
    environ = dict(os.environ, EDGETAP=str(program))
    environ.pop(lib.INSIDE, None)
    script = lib.HERE / f"test_{name}.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environ)
    assert done.returncode in (0, 77), f"{script.name} with {program}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
    return done.stdout.splitlines()[-1] if done.returncode == 77 else ""


def check_part(env, without, libraries, scripts):
    program = built(without)
    version = json.loads(subprocess.check_output([program, "version", "--json"]))
    equal(sorted(version["left_out"]), sorted(without.split()), "what it says that it lacks")
    equal(needed(program) & set(libraries), set(), f"libraries of {without}")
    lib.EDGETAP = program
    agent = env.agent()
    server = odd(env, "e2e-without")
    with Connection(server.port) as c:
        for _ in range(20):
            equal(c.get("/")[0], 200, "status")
        c.finish()
    expect_http(agent, server.name, settled(server, 20))
    agent.stop()
    for script in scripts:
        skipped = run_script(script, program)
        print(f"     {without}: {script} {skipped or 'passed'}", flush=True)


def test_each_part(env):
    """One after the other, as the objects are shared."""
    if not os.environ.get("CHECK_ALL"):
        raise lib.Skip("make check-all does it")
    usual = lib.EDGETAP
    try:
        for without, (libraries, scripts) in PARTS.items():
            check_part(env, without, libraries, scripts)
    finally:
        lib.EDGETAP = usual


def test_wrong_part(env):
    """A part that there is none of is an error that names those that there are."""
    done = subprocess.run(
        ["make", "-n", "-C", lib.REPO, "WITHOUT=nonsense", "all"], capture_output=True, text=True
    )
    equal(done.returncode, 2, "status of make")
    assert "no such part" in done.stderr and "server-tls" in done.stderr, done.stderr


if __name__ == "__main__":
    lib.main(globals())
