#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: which files of the machine agents attach to is counted
"""
The agent under what the systemd unit allows (unit_box.py), by what it then observes for real; and
with each single capability less: doctor names it and says what does not work without it, and
the agent says the same and does all the rest, or does not start.
"""
import json
import os
import shutil
import subprocess

import lib
from https import linked
from lib import equal
from places import Netns
from servers import Logged, Nginx
from test_postgres import Server, reachable
from tls import Certificates, TlsConnection, library

UNIT = lib.REPO / "deploy" / "edgetap.service.in"
REQUESTS = 7

# What a capability's lack takes away; the rest stays.
LOST = {
    "CAP_BPF": (),  # CAP_SYS_ADMIN stands for it
    "CAP_PERFMON": (),
    "CAP_SYS_PTRACE": ("replaced library", "closed program", "endpoint", "Postgres"),
    "CAP_DAC_READ_SEARCH": ("closed program",),
    "CAP_CHECKPOINT_RESTORE": ("replaced library",),
    "CAP_SYS_ADMIN": ("endpoint", "Postgres"),
    "CAP_SYS_CHROOT": ("Postgres",),
    "CAP_SETUID": ("Postgres",),
    "CAP_SETGID": ("Postgres",),
    "CAP_KILL": (),
}


def boxed(env, without, *argv):
    """The command line, and a folder that the unit gives it to write to."""
    folder = env.dir / ("run-" + (without or "all").replace(",", "-"))
    folder.mkdir(exist_ok=True)
    box = [lib.PYTHON, lib.HERE / "unit_box.py", UNIT, without, folder, lib.EDGETAP]
    return [str(word) for word in [*box, *argv, "--state-dir", folder]]


class Agent(lib.Metrics):
    """The agent in its box, without some capabilities; it starts beside others."""

    def __init__(self, env, without, config):
        self.without = without
        self.port = lib.free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        argv = boxed(env, without, "serve", "--listen", f"127.0.0.1:{self.port}", "--config", config)
        self.process = env.start(argv, name="edgetap")

    def ready(self):
        if not self.process.alive():
            raise RuntimeError(f"without {self.without}: ended at start:\n" + self.process.output())
        return self.answers("/-/ready")

    def capabilities(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1], 16) for line in f if line.startswith("CapPrm"))


class Doctor:
    """What it says in the same box."""

    def __init__(self, env, without, config):
        argv = ["doctor", "--json", "--listen", f"127.0.0.1:{lib.free_port()}", "--config", config]
        # which loads in half the time; what is off is not missed
        if without not in ("", "CAP_CHECKPOINT_RESTORE"):
            argv.append("--tls-uprobes=false")
        argv = boxed(env, without, *argv)
        self.popen = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        env.defer(self.popen.kill)

    def says(self):
        out, err = self.popen.communicate(timeout=60)
        try:
            return json.loads(out)
        except ValueError:
            raise AssertionError(f"doctor: {out}{err}") from None


class Machine:
    """Servers that take each capability for something to be seen of them."""

    def __init__(self, env):
        reachable(env)
        self.certificates = certificates = Certificates(env)
        self.postgres = Server(env, "unit-pg")
        self.plain = Nginx(env, "e2e-unit-plain")
        # a server that was started before its library was upgraded
        path, environ = library(env)
        self.replaced = Nginx(env, "e2e-unit-tls", tls=certificates.nginx(), environ=environ)
        fresh = path.with_suffix(".new")
        shutil.copy(path, fresh)
        os.rename(fresh, path)
        # one whose program nobody may read, but run
        closed = env.renamed(linked(True), "e2e-unit-closed")
        closed.chmod(0o111)
        self.closed = Logged(env, "e2e-unit-closed", [closed], certificates.environ())
        # metrics on another namespace's loopback
        self.metrics_port = lib.free_port()
        program, environ = env.python("e2e-unit-exposer")
        with Netns(env).inside():
            argv = [program, lib.HERE / "exposers.py", "good", self.metrics_port]
            self.exposer = env.start(argv, name="exposer", env=environ)
            lib.listening(self.metrics_port, owner=self.exposer)
        self.postgres.ready()
        self.config = env.dir / "edgetap.yaml"
        self.config.write_text(
            "custom_interval: 1s\npostgres_interval: 1s\n"
            f"metrics:\n  - {{ match: {{ executable: e2e-unit-exposer }}, port: {self.metrics_port} }}\n"
        )

    def traffic(self):
        for _ in range(REQUESTS):
            subprocess.run(["curl", "-so", "/dev/null", f"http://127.0.0.1:{self.plain.port}/"], check=True)
            for server in (self.replaced, self.closed):
                with TlsConnection(server.port) as c:
                    equal(c.get()[0], 200, "status")
                    c.finish()

    def seen(self, agent):
        """{what: whether this agent has seen it}; what is seen is seen exactly."""
        scrape = agent.scrape()

        def responses(server):
            found = [v for l, v in scrape.select("edgetap_app_http_responses_total", app=server.name)]
            assert sum(found) in (0, REQUESTS), f"{server.name}: {found} of {REQUESTS}"
            return sum(found) == REQUESTS

        return {
            "plain": scrape.value("edgetap_app_http_responses_total", status="200", method="GET") >= REQUESTS,
            "replaced library": responses(self.replaced),
            "closed program": responses(self.closed),
            "endpoint": scrape.value("edgetap_custom_up", endpoint=f":{self.metrics_port}/metrics") == 1,
            "Postgres": scrape.value("edgetap_pg_up", app=self.postgres.app) == 1,
        }


def check_doctor(name, said):
    """What doctor says without a capability: CAP_SYS_ADMIN stands for some that the agent keeps."""
    by_name = {c["name"]: c for c in said["capabilities"]}
    row = by_name[name]
    for other in by_name.values():
        want = "held" if other is not row else "missing"
        by_event = said["tls"]["by_event"] and name == "CAP_CHECKPOINT_RESTORE"
        if other is row and (name in ("CAP_BPF", "CAP_PERFMON") or by_event):
            want = "CAP_SYS_ADMIN"
        equal(other["state"], want, f"doctor without {name}: state of {other['name']}")
    findings = [f["text"] for f in said["findings"] if f["topic"] == "privileges"]
    equal(len(findings), 1, f"doctor without {name}: findings {findings}")
    assert findings[0].startswith(f"no {name}: "), findings
    assert row["state"] != "missing" or row["without"] in findings[0], findings
    equal(said["ok"], True, f"doctor without {name}: ok")


def check_agent(machine, agent, by_event):
    """It sees what it can, and has said what it cannot. by_event: CAP_SYS_ADMIN stays, for uprobes."""
    name = agent.without
    lost = LOST.get(name, ())
    if by_event and name == "CAP_CHECKPOINT_RESTORE":
        lost = ()
    if by_event and name == "CAP_SYS_ADMIN":
        lost += ("replaced library", "closed program")
    want = {what: what not in lost for what in machine.seen(agent)}

    def check():
        equal(machine.seen(agent), want, f"seen without {name or 'nothing'}")
        return True

    lib.eventually(check, 15)
    lines = [line for line in agent.process.output().splitlines() if "without CAP_" in line]
    equal([line.split("without ")[1].split()[0] for line in lines], [name] if name else [], "said at the start")
    stays = name in ("CAP_BPF", "CAP_PERFMON") or by_event and name != "CAP_SYS_ADMIN"
    equal(bool(agent.capabilities() >> 21 & 1), stays, f"CAP_SYS_ADMIN is kept without {name or 'nothing'}")


def test_unit(env):
    """All of it, then each capability less: side by side, so that one load is all of theirs."""
    machine = Machine(env)
    said = Doctor(env, "", machine.config).says()
    equal({c["state"] for c in said["capabilities"]}, {"held"}, "states")
    equal(
        [c["name"] for c in said["capabilities"]],
        next(l for l in UNIT.read_text().splitlines() if l.startswith("CapabilityBoundingSet=")).split("=")[1].split(),
        "capabilities of doctor and unit",
    )
    equal(set(LOST), {c["name"] for c in said["capabilities"]}, "capabilities of doctor and of this test")
    assert "file was replaced" in json.dumps(said), said
    files = {f["path"]: f["attach"] for f in said["tls"]["files"] if "libssl" in f["path"]}
    assert list(files.values()).count(True) >= 1, f"doctor sees the replaced library: {files}"

    agents = [Agent(env, without, machine.config) for without in ("", *LOST)]
    for agent in agents:
        lib.eventually(agent.ready, 60, f"agent without {agent.without}")
    lib.eventually(lambda: attached(agents[0]), 20, "uprobes")
    for agent in agents[1:]:
        if not {"replaced library", "closed program"} & set(LOST[agent.without]) and agent.without != "CAP_SYS_ADMIN":
            lib.eventually(lambda a=agent: attached(a), 20, f"uprobes without {agent.without}")
    machine.traffic()
    for agent in agents:
        check_agent(machine, agent, said["tls"]["by_event"])
    for agent in agents:
        agent.process.popen.terminate()
    for name, doctor in [(name, Doctor(env, name, machine.config)) for name in LOST]:
        check_doctor(name, doctor.says())


def attached(agent):
    """Both libraries have their probes."""
    return agent.scrape().value("edgetap_tls_files_attached") >= 2


def test_refused(env):
    """Without a required one, and without what stands for it: one sentence, and doctor says the same."""
    config = env.dir / "edgetap.yaml"
    config.write_text("")
    for name in ("CAP_BPF", "CAP_PERFMON"):
        without = f"{name},CAP_SYS_ADMIN"
        done = subprocess.run(boxed(env, without, "serve"), capture_output=True, text=True, timeout=30, check=False)
        equal(done.returncode, 1, f"status without {name}: {done.stderr}")
        lines = done.stderr.splitlines()
        equal(len(lines), 1, f"sentences without {name}: {lines}")
        assert name in lines[0], lines
        said = Doctor(env, without, config).says()
        equal(said["ok"], False, f"doctor without {name}: ok")
        bad = [f["text"] for f in said["findings"] if f["grade"] == "bad"]
        equal([text.split(":")[0] for text in bad], [f"no {name}"], f"doctor without {name}")


def test_filter(env):
    """The filter of system calls was part of it."""
    lib.need("systemd-analyze")


if __name__ == "__main__":
    lib.main(globals())
