#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: an agent asks every server of the machine, one after the other
"""
Who gets the password of a rule: real servers that are named by what they cannot choose,
and programs that call themselves postgres, take an app's name and ask for it.
"""
import os
import pwd
import re
import shutil
import signal
import subprocess

import lib
from databases import await_up, binaries, reachable
from lib import equal, eventually
from places import Cgroup

UID, OTHER_UID = lib.USER, lib.USER + 1
SECRET = "xyzzy-to-whom-it-is-due"

# Says that it is a server, lets clients ask to be let in, and keeps what they say to that.
FAKE = r"""
import ctypes, os, socket, struct, sys, threading
mode, port, got, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
asks = {
    "clear": [struct.pack("!cII", b"R", 8, 3)],
    "md5": [struct.pack("!cII", b"R", 12, 5) + b"salt"],
    "scram": [struct.pack("!cII", b"R", 23, 10) + b"SCRAM-SHA-256\0\0"],
}
asks["scram-clear"] = asks["scram"] + asks["clear"]
if mode != "listens":
    ctypes.CDLL(None).prctl(15, b"postgres", 0, 0, 0)
    with open("postmaster.pid", "w") as f:
        f.write(f"{os.getpid()}\n{os.getcwd()}\n1\n{port}\n{directory}\n*\n1 1\nready\n")

def serve(s):
    try:
        while True:
            n = struct.unpack("!I", s.recv(4, socket.MSG_WAITALL))[0]
            if struct.unpack("!I", s.recv(n - 4, socket.MSG_WAITALL)[:4])[0] < 80877000:
                break
            s.send(b"N")
        for ask in asks["clear" if mode == "listens" else mode]:
            s.send(ask)
            with open(got, "ab", 0) as f:
                f.write(s.recv(4096))
        s.shutdown(socket.SHUT_WR)  # who has answered need not wait
        s.recv(4096)
    except (OSError, struct.error):
        pass
    finally:
        s.close()

def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

tcp, unix = socket.socket(), socket.socket(socket.AF_UNIX)
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind(("127.0.0.1", port if mode != "listens" else 0))
tcp.listen()
if mode == "listens" or directory == os.getcwd():
    path = f"{directory}/.s.PGSQL.{port}"
    unix.bind(path)
    os.chmod(path, 0o777)
    unix.listen()
    threading.Thread(target=accept, args=(unix,), daemon=True).start()
print("up", flush=True)
accept(tcp)
"""


class Fake:
    """A program of a user's, by name (of its executable) or in a unit, that asks for a password."""

    def __init__(self, env, name, mode, unit=None, uid=UID, before=(), directory=None, delegated=False):
        self.app = f"e2e-{name}-{os.getpid()}"
        self.port = lib.free_port()
        self.home = env.dir / name
        self.home.mkdir()
        os.chown(self.home, uid, uid)
        self.got = self.home / "got"
        program = self.home / "fake.py"
        program.write_text(FAKE)
        preexec = None
        if unit:
            # root's own file, which everybody may run
            argv, environ = os.path.realpath(lib.PYTHON), dict(os.environ)
            path = f"e2e-{name}-{os.getpid()}.slice/{self.app}.service" if delegated \
                else f"system.slice/{self.app}.service"
            cgroup = Cgroup(env, path)
            preexec = cgroup.enter
            for at in cgroup.made if delegated else ():
                os.chown(at, uid, uid)
        else:
            argv, environ = env.python(self.app)
        self.process = env.start(
            [*before, "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", argv, program,
             mode, self.port, self.got, directory or self.home],
            name=self.app, env=environ, cwd=self.home, preexec=preexec,
        )
        if before:  # unshare does not pass SIGTERM on
            env.defer(self.process.stop, signal.SIGKILL)
        eventually(lambda: "up" in self.process.output(), 15, f"start of {self.app}")

    def received(self):
        return self.got.read_bytes() if self.got.exists() else b""

    def host(self, more="sslmode=disable"):
        return f"host=127.0.0.1 port={self.port} user=monitor {more}"


def owner():
    """The uid of servers for which nobody plays: initdb wants one that has a name."""
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError:
        raise lib.Skip("there is no user postgres") from None


class Real:
    """A server of the machine's own, in a unit, that wants a password."""

    def __init__(self, env, name, template, hba, options=()):
        self.app = f"e2e-{name}-{os.getpid()}"
        self.port = lib.free_port()
        self.data = env.dir / name
        subprocess.run(["cp", "-a", template, self.data], check=True)
        (self.data / "pg_hba.conf").write_text(hba + "\n")
        self.unit = f"{self.app}.service"
        argv = [
            "setpriv", f"--reuid={owner()}", f"--regid={owner()}", "--clear-groups", binaries() / "postgres", "-D", self.data,
            "-c", f"unix_socket_directories={self.data}", "-c", f"port={self.port}", "-c", "fsync=off",
            "-c", "autovacuum=off", "-c", "max_connections=10", "-c", "shared_buffers=1MB",
        ]
        for option in ("listen_addresses=127.0.0.1", *options):
            argv += ["-c", option]
        self.process = env.start(
            argv, name=self.app, preexec=Cgroup(env, f"system.slice/{self.unit}").enter, cwd=self.data,
        )

    def ready(self):
        eventually(lambda: "ready to accept connections" in self.process.output(), 20, f"start of {self.app}")


def template(env, method):
    path, secret = env.dir / f"template-{method}", env.dir / "secret"
    path.mkdir()
    os.chown(path, owner(), owner())
    public = env.dir / "secret-of-the-server"
    public.write_text(SECRET + "\n")
    public.chmod(0o644)
    subprocess.run(
        ["setpriv", f"--reuid={owner()}", f"--regid={owner()}", "--clear-groups", binaries() / "initdb", "-D", path,
         "-U", "monitor", f"--auth={method}", f"--pwfile={public}", "--no-sync", "--no-instructions"],
        check=True, capture_output=True,
    )
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    return path, secret


def certificate(env):
    """Of 127.0.0.1; the server's user must own the key."""
    lib.need("openssl")
    key, cert = env.dir / "key.pem", env.dir / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )
    os.chown(key, owner(), owner())
    key.chmod(0o600)
    cert.chmod(0o644)
    return key, cert


def rule(server, secret, match="", conninfo="user=monitor", more=""):
    return (f'  - match: {{ app: "{server.app}"{", " + match if match else ""} }}\n'
            f'    conninfo: "{conninfo}"\n    password_file: {secret}\n{more}')


def unproven(agent, *servers):
    """All are down, and for no other reason: what is said is cut short when there is much to say."""
    await_up(agent, 0, *servers, seconds=25)
    output = agent.process.output()
    said = [line for line in output.splitlines() for server in servers if f"app {server.app}," in line]
    assert said and all("(unproven)" in line for line in said), said


def test_impostors(env):
    """Nobody gets it who has only taken a name; whom the rule names otherwise, in the way that is safe there."""
    reachable(env)
    secret = env.dir / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    exe = f"exe: {os.path.realpath(lib.PYTHON)}"
    never, gets, rules = [], [], []

    def impostor(fake, *args, **kwargs):
        never.append(fake)
        rules.append(rule(fake, secret, *args, **kwargs))

    def named(fake, *args, **kwargs):
        gets.append(fake)
        rules.append(rule(fake, secret, *args, **kwargs))

    def in_unit(fake):
        return f"unit: {fake.app}.service, {exe}"

    # by name, whatever is asked for, and wherever
    for mode in ("clear", "md5", "scram"):
        impostor(Fake(env, f"name-{mode}", mode))
    fake = Fake(env, "name-tcp", "clear")
    impostor(fake, conninfo=fake.host("sslmode=prefer"))
    fake = Fake(env, "name-told", "clear")
    impostor(fake, conninfo=fake.host(), more="    cleartext: true\n")
    # by a file that everybody may run, even if it is the right one
    for mode in ("clear", "scram"):
        impostor(Fake(env, f"exe-{mode}", mode, unit=True), exe)
    # as another user; as a user that root in a container has become; in a cgroup that is its own to name
    impostor(Fake(env, "other", "clear", uid=OTHER_UID), f"user: {UID}")
    impostor(Fake(env, "inside", "clear", before=("unshare", "-p", "-f", "--kill-child")), f"user: {UID}")
    fake = Fake(env, "own", "clear", unit=True, delegated=True)
    impostor(fake, f"unit: {fake.app}.service")
    # the right process, whose socket others have put in their place
    for uid in (UID, OTHER_UID):
        listener = Fake(env, f"listens-{uid}", "listens", uid=uid)
        fake = Fake(env, f"robbed-{uid}", "clear", unit=True, directory=listener.home)
        # the port is in the socket's name
        os.rename(listener.home / f".s.PGSQL.{listener.port}", listener.home / f".s.PGSQL.{fake.port}")
        impostor(fake, in_unit(fake))
        fake.got = listener.got
    # the right process, but in clear text over TCP
    for mode in ("clear", "md5", "scram-clear"):
        fake = Fake(env, f"tcp-{mode}", mode, unit=True)
        impostor(fake, in_unit(fake), conninfo=fake.host())

    # what shows that these programs would get it
    named_fake = Fake(env, "named", "clear", unit=True)
    named(named_fake, in_unit(named_fake))
    fake = Fake(env, "user", "clear")
    named(fake, f"user: {UID}")
    fake = Fake(env, "told", "clear", unit=True)
    named(fake, in_unit(fake), conninfo=fake.host(), more="    cleartext: true\n")

    config = "postgres_interval: 1s\npostgres:\n" + "".join(rules)
    agent = env.agent(config=config)
    unproven(agent, *never)
    for fake in gets:
        eventually(lambda fake=fake: SECRET.encode() in fake.received(), 20, f"the password of {fake.app}")
    for fake in never:
        received = fake.received()
        assert SECRET.encode() not in received and b"md5" not in received, f"{fake.app} has {received}"
        # SCRAM is begun where the process is the right one, and with nobody else
        if not fake.app.startswith("e2e-tcp-scram"):
            equal(received, b"", f"what {fake.app} was told")
    assert agent.scrape().by("edgetap_postgres_failures_total", "reason")[("unproven",)] >= len(never)
    output = agent.process.output()
    assert SECRET not in output
    # said at the start, once a rule, and by check-config, which finds nothing to refuse
    path = env.dir / "check.yaml"
    path.write_text(config)
    done = subprocess.run([lib.EDGETAP, "check-config", path], capture_output=True, text=True, check=True)
    for text in (output, done.stderr):
        equal(len(re.findall(rf"password_file {secret} is not used", text)), 7, text)


def test_real(env):
    """Through a socket with SCRAM and MD5; over TCP with SCRAM, or in clear text inside TLS that proves who it is."""
    reachable(env)
    scram, secret = template(env, "scram-sha-256")
    md5, _ = template(env, "md5")
    key, cert = certificate(env)
    by_user = Real(env, "scram", scram, "local all all scram-sha-256")
    by_unit = Real(env, "md5", md5, "local all all md5")
    tcp = Real(env, "tcp", scram, "host all all 127.0.0.1/32 scram-sha-256")
    tls = Real(env, "tls", scram, "hostssl all all 127.0.0.1/32 password",
               ("ssl=on", f"ssl_cert_file={cert}", f"ssl_key_file={key}"))
    # the same without the certificate: what is asked for inside, nobody could see
    blind = Real(env, "blind", scram, "hostssl all all 127.0.0.1/32 password",
                 ("ssl=on", f"ssl_cert_file={cert}", f"ssl_key_file={key}"))
    servers = (by_user, by_unit, tcp, tls, blind)
    for server in servers:
        server.ready()

    def host(server, more):
        return f"host=127.0.0.1 port={server.port} user=monitor dbname=postgres {more}"

    agent = env.agent(config="postgres_interval: 1s\npostgres:\n" + "".join((
        rule(by_user, secret, "user: postgres"),
        rule(by_unit, secret, f"unit: {by_unit.unit}, user: {owner()}, exe: {binaries()}/postgres"),
        rule(tcp, secret, "user: postgres", host(tcp, "sslmode=disable")),
        rule(tls, secret, "user: postgres", host(tls, f"sslmode=verify-full sslrootcert={cert}")),
        rule(blind, secret, "user: postgres", host(blind, "sslmode=require")),
    )))
    await_up(agent, 1, by_user, by_unit, tcp, tls, seconds=25)
    unproven(agent, blind)
    assert SECRET not in agent.process.output()
    for server in servers:
        shutil.rmtree(server.data, ignore_errors=True)


lib.main(globals(), parts=("postgres",))
