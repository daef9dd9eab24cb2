# SPDX-License-Identifier: Apache-2.0
"""What tests of Postgres have in common."""
from pathlib import Path

import lib


def binaries():
    """The folder of the newest server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        raise lib.Skip("no PostgreSQL server is installed")
    return found[-1]


def reachable(env):
    """The path to the sockets is the test's folder, which other users may not look into."""
    for path in (env.dir, env.dir.parent):
        if not path.stat().st_mode & 1:
            raise lib.Skip(f"{path} is closed to other users")


def is_up(value, *servers):
    """A check of a scrape: edgetap_pg_up of servers, which have an app."""
    def check(scrape):
        for server in servers:
            got = [v for _, v in scrape.select("edgetap_pg_up", app=server.app)]
            lib.equal(got, [value], f"edgetap_pg_up of {server.app}")

    return check


def await_up(agent, value, *servers, seconds=15):
    """Waits until all are so at once."""
    def check():
        is_up(value, *servers)(agent.scrape())
        return True

    lib.eventually(check, seconds)
