#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: an agent asks every server of the machine, one after the other
"""
Statistics of Postgres servers in containers, which nothing was set up for, against
psql and against Prometheus' exporter; servers that refuse, hang, stop and die.
"""
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import lib
from databases import await_up, binaries, is_up, reachable
from lib import equal, eventually
from places import Cgroup, Container
from scrape import Scrape

UID = lib.USER
OWNER = "shopkeeper"  # the container's name of that user, which the host does not know

# What the container runs: a server of its own user, with its socket in its own /tmp.
SCRIPT = """set -e
echo '{owner}:x:{uid}:{uid}::/:/bin/sh' >>/etc/passwd
chmod 1777 /tmp
mkdir /data
chown {uid}:{uid} /data
cd /data
as="setpriv --reuid={uid} --regid={uid} --clear-groups"
$as {bin}/initdb -D /data -U {role} --auth-local={auth} --auth-host=reject --no-sync --no-instructions \
	{pwfile} >/dev/null
exec $as {bin}/postgres -D /data -c unix_socket_directories=/tmp -c listen_addresses={addresses} \
	-c port={port} -c fsync=off -c autovacuum=off -c checkpoint_timeout=1h -c track_io_timing=on \
	-c log_connections=on -c max_connections=20 -c shared_buffers=4MB
"""


class Server:
    """A server in a container of its own, called name."""

    def __init__(self, env, name, auth="peer", role=OWNER, password=None, addresses="127.0.0.1"):
        self.app = f"e2e-{name}-{os.getpid()}"
        self.port = lib.free_port()
        self.role = role
        mounts = {}
        if password:
            path = env.dir / f"{name}.password"
            path.write_text(password + "\n")
            path.chmod(0o644)
            mounts["/password"] = path
        script = SCRIPT.format(
            owner=OWNER, uid=UID, bin=binaries(), role=role, auth=auth, port=self.port,
            addresses=addresses, pwfile="--pwfile=/password" if password else "",
        )
        self.container = Container(
            env, ["/bin/sh", "-c", script], name=self.app, cgroups_path=f"/runc-{self.app}.scope", mounts=mounts,
        )
        self.socket = self.container.bundle / "rootfs/tmp"

    def ready(self):
        def is_ready():
            if not self.container.process.alive():
                raise RuntimeError(f"{self.app} ended at start:\n{self.output()}")
            return "ready to accept connections" in self.output()

        eventually(is_ready, 25, f"start of {self.app}")
        return self

    def output(self):
        return self.container.process.output()

    def pid(self):
        """The server's process, as the host has it."""
        path = self.container.bundle / "rootfs/data/postmaster.pid"
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "comm").read_text() == "postgres\n":
                    if os.stat(entry / "cwd/postmaster.pid").st_ino == path.stat().st_ino:
                        stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                        if (Path("/proc") / stat[1] / "comm").read_text() != "postgres\n":
                            return int(entry.name)
            except OSError:
                pass
        raise AssertionError(f"no process of {self.app}")

    def command(self, *argv):
        return [
            "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *argv,
            "-h", str(self.socket), "-p", str(self.port), "-U", self.role,
        ]

    def run(self, *argv):
        done = subprocess.run(self.command(*argv), capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def sql(self, text):
        return [line.split("|") for line in self.run("psql", "-XAtd", "postgres", "-c", text).splitlines()]


def pg_series(scrape, app):
    """{(name, labels without those of the instance): value}"""
    found = {}
    for (name, labels), value in scrape.series.items():
        labels = dict(labels)
        if name.startswith("pg_") and labels.get("app") == app:
            for label in ("app", "region", "host", "instance"):
                labels.pop(label, None)
            # an empty label is none: the machine may have pods
            found[(name, tuple(sorted((k, v) for k, v in labels.items() if v)))] = value
    return found


def exporter_series(env, server):
    """The same from Prometheus' exporter; its names have _total and its rows a datid."""
    program = lib.need("prometheus-postgres-exporter")
    port = lib.free_port()
    source = f"host={server.socket} port={server.port} user={server.role} dbname=postgres sslmode=disable"
    env.start(
        ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", program,
         f"--web.listen-address=127.0.0.1:{port}"],
        name="exporter", env=dict(os.environ, DATA_SOURCE_NAME=source),
    )

    def scrape():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                # NaN is what it cannot turn into a number
                lines = answer.read().decode().splitlines(keepends=True)
                return "".join(line for line in lines if not line.endswith(" NaN\n"))
        except OSError:
            return None

    found = {}
    for (name, labels), value in Scrape(eventually(scrape, 10, "exporter")).series.items():
        labels = {k: v for k, v in labels if k not in ("server", "datid") and v}
        if name.startswith("pg_stat_bgwriter_"):
            name = name.removesuffix("_total")
        found[(name, tuple(sorted(labels.items())))] = value
    return found


# Moves while it is looked at: whoever asks is connected, and takes a time to do so.
MOVES = ("pg_stat_activity", "pg_stat_database_numbackends")


def compare_with_psql(agent, server):
    """Of a database that nobody uses any more, in the units of the fly view."""
    columns = [
        "xact_commit", "xact_rollback", "blks_read", "blks_hit", "tup_returned", "tup_fetched", "tup_inserted",
        "tup_updated", "tup_deleted", "conflicts", "deadlocks", "blk_read_time", "blk_write_time", "numbackends",
    ]
    row = server.sql(f"SELECT {', '.join(columns)} FROM pg_stat_database WHERE datname = 'bench'")[0]
    size = server.sql("SELECT pg_database_size('bench')")[0][0]
    want = {f"pg_stat_database_{column}": float(value) for column, value in zip(columns, row)}
    want["pg_database_size_bytes"] = float(size)
    assert want["pg_stat_database_xact_commit"] > 100 and want["pg_stat_database_tup_updated"] > 100, want

    def check():
        series = pg_series(agent.scrape("/metrics/fly"), server.app)
        got = {name: series.get((name, (("datname", "bench"),))) for name in want}
        for name, value in want.items():
            assert got[name] is not None and abs(got[name] - value) < 1e-3, f"{name}: got {got[name]}, want {value}"
        return True

    eventually(check, 8)


def compare_with_exporter(env, agent, server):
    theirs = exporter_series(env, server)
    ours = pg_series(agent.scrape("/metrics/fly"), server.app)
    names = {name for name, _ in ours} & {name for name, _ in theirs}
    assert len(names) > 30, f"only {sorted(names)}"
    theirs = {k: v for k, v in theirs.items() if k[0] in names}
    equal({k for k in ours if k[0] in names}, set(theirs), "series beside the exporter's")
    for key, value in theirs.items():
        if dict(key[1]).get("datname") in ("bench", "template0") or key[0].startswith("pg_stat_archiver"):
            if not key[0].startswith(MOVES):
                # moments in whole seconds there
                assert abs(ours[key] - value) < 1, f"{key}: got {ours[key]}, exporter {value}"


def one_connection(server):
    """Other agents on the machine may ask too, so that one look is not enough to say that there were two."""
    seen = []
    for _ in range(4):
        before = server.output().count("application_name=edgetap")
        until = time.monotonic() + 2.5
        most = 0
        while time.monotonic() < until:
            n = server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'edgetap'")[0][0]
            most = max(most, int(n))
        seen.append((most, server.output().count("application_name=edgetap") - before))
        if most <= 1 and seen[-1][1] >= 2:
            return
    raise AssertionError(f"connections at once, and in all: {seen}")


def databases_have_names(agent, server):
    """None is called as what stands for those beyond the hundredth, and each has its own."""
    def check():
        found = [dict(l).get("datname") for n, l in pg_series(agent.scrape("/metrics/fly"), server.app)
                 if n == "pg_database_size_bytes"]
        equal(sorted(found), sorted(["postgres", "template0", "template1", "-__other__", "--__other__"]), "databases")
        return True

    eventually(check, 8)


def test_values(env):
    """Found by themselves, under the container's labels; equal to psql's and the exporter's."""
    reachable(env)
    older = Server(env, "older", addresses="").ready()  # no TCP socket, so nothing tells of it
    agent = env.agent(config="postgres_interval: 1s\n")
    newer = Server(env, "newer", role="postgres", auth="trust").ready()
    older.run("createdb", "bench")
    older.run("pgbench", "-i", "-q", "bench")
    older.run("pgbench", "-n", "-t", "60", "-c", "2", "bench")
    newer.sql('CREATE DATABASE "__other__"')
    newer.sql('CREATE DATABASE "-__other__"')
    await_up(agent, 1, older, newer, seconds=20)
    databases_have_names(agent, newer)
    compare_with_psql(agent, older)
    compare_with_exporter(env, agent, older)
    # of these two: another server of the machine may be down
    said = [l for l in agent.process.output().splitlines() if f"app {older.app}," in l or f"app {newer.app}," in l]
    assert "shopkeeper" not in agent.process.output() and not said, said

    one_connection(older)

    # stopped, and going on
    os.kill(older.pid(), signal.SIGSTOP)
    try:
        await_up(agent, 0, older, seconds=15)  # it may just be being asked
        is_up(1, newer)(agent.scrape())
    finally:
        os.kill(older.pid(), signal.SIGCONT)
    await_up(agent, 1, older, seconds=15)
    assert "stopped" in agent.process.output(), agent.process.output()

    # dead: nothing of it is left
    older.container.remove()
    def is_gone():  # scrapes within a second share what was read
        return not pg_series(agent.scrape("/metrics/fly"), older.app)

    eventually(is_gone, 3, "end of a dead server's series")
    assert pg_series(agent.scrape("/metrics/fly"), newer.app), "series of the living one"


def broker_of(agent):
    """The pid of an agent's helper process."""
    pid = agent.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text() == "edgetap-broker\n":
            return int(child)
    raise AssertionError("no broker")


def work_of_children(pid):
    """Page faults of the children that a process has had and waited for: grows with each one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[8])


def test_password(env):
    """One that wants a password is down, and said to be, until it is told."""
    reachable(env)
    secret = "xyzzy-not-to-be-seen"
    closed = Server(env, "closed", auth="scram-sha-256", password=secret)
    told = Server(env, "told", auth="scram-sha-256", password=secret)
    path = env.dir / "secret"
    path.write_text(secret + "\n")
    path.chmod(0o600)
    agent = env.agent(config=f"""postgres_interval: 1s
postgres:
  - match: {{ app: "{told.app}", container: "{told.app}" }}
    conninfo: "user={OWNER}"
    password_file: {path}
""")
    for server in (closed, told):
        server.ready()
    await_up(agent, 1, told, seconds=20)
    await_up(agent, 0, closed, seconds=20)
    eventually(  # it may have been down for another reason before: it had just started
        lambda: agent.scrape().by("edgetap_postgres_failures_total", "reason").get(("password",)),
        10, "the failure that is named",
    )
    assert agent.scrape().by("edgetap_postgres_servers")[()] >= 2
    eventually(
        lambda: re.search(rf"{closed.app}.*\(password\)", agent.process.output()), 5, "the warning"
    )
    output = agent.process.output()
    assert secret not in output
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert secret.encode() not in entry.read_bytes(), entry
        except OSError:
            pass

    # switched off as a whole: nobody is asked
    silent = env.agent(config="postgres: false\npostgres_interval: 1s\n")
    time.sleep(2)
    assert work_of_children(broker_of(silent)) == 0
    assert not silent.scrape().select("edgetap_pg_up")
    broker = broker_of(agent)
    before = work_of_children(broker)
    eventually(lambda: work_of_children(broker) > before, 5, "a child of the broker of the other agent")


def test_hang(env):
    """Something called postgres takes the connection and is silent: that holds up nobody."""
    real = Server(env, "real", auth="trust")
    argv, environ = env.python("postgres")
    data = env.dir / "fake"
    data.mkdir()
    os.chown(data, UID, UID)
    program = (
        "import os, socket, time; t = socket.socket(); t.bind(('127.0.0.1', 0)); t.listen();"
        "u = socket.socket(socket.AF_UNIX); u.bind('.s.PGSQL.5432'); u.listen();"
        "open('postmaster.pid', 'w').write(f'{os.getpid()}\\n{os.getcwd()}\\n1\\n5432\\n{os.getcwd()}\\n*\\n1 1\\nready\\n');"
        "print('up', flush=True); time.sleep(1000)"
    )
    # of a unit of its own: others on the machine may be called postgres
    unit = Cgroup(env, f"system.slice/e2e-silent-{os.getpid()}.service")
    fake = env.start(
        ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", argv, "-c", program],
        name="fake", env=environ, cwd=data, preexec=unit.enter,
    )
    eventually(lambda: "up" in fake.output(), 10, "the silent server")
    agent = env.agent(config="postgres_interval: 1s\n")
    real.ready()
    await_up(agent, 1, real, seconds=20)

    def given_up():
        start = time.monotonic()
        agent.scrape()
        lib.between(time.monotonic() - start, 0, 2, "seconds of a scrape")
        return re.search(rf"process {fake.pid}\) cannot be asked \((timeout|connect)\)", agent.process.output())

    eventually(given_up, 20, "giving up the silent server")
    is_up(1, real)(agent.scrape())


if __name__ == "__main__":
    lib.main(globals(), parts=("postgres",))
