#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Servers that daemonize: the process that listened is gone, another one of its
executable serves. Every request over TLS is counted, long after the start too.
"""
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import lib
from client import ab
from lib import equal
from servers import NGINX_FORMAT
from tls import Certificates, TlsConnection, library, uprobes

# The agent looks for ended processes every 5 s and lets a file go 5 s later: within this it has.
LONG_S = 17
APACHE = Path("/usr/lib/apache2/modules")


def running(program):
    """Process ids of an executable, the smallest first."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.readlink(entry / "exe").removesuffix(" (deleted)") == str(program):
                found.append(int(entry.name))
        except OSError:
            continue  # gone, or the kernel's own
    return sorted(found)


class Daemon:
    """A server that goes on behind its first process, whose end is its start's success."""

    def __init__(self, env, name, server, write, argv):
        """write(port, root) writes its configuration; argv(program): how it is started."""
        self.name = name
        source, _ = library(env)
        self.library = env.dir / f"{name}.lib" / source.name  # a file that nobody else maps
        self.library.parent.mkdir()
        shutil.copy(source, self.library)
        self.environ = dict(os.environ, LD_LIBRARY_PATH=str(self.library.parent))
        self.port = lib.free_port()
        self.root = env.dir / f"{name}.root"
        self.root.mkdir()
        (self.root / "index.html").write_text("d" * 100)
        self.program = env.renamed(lib.need(server), name)
        write(self.port, self.root)
        self.argv = argv(self.program)
        env.defer(self.kill)
        self.run()
        lib.listening(self.port)
        assert self.pids(), f"{name} does not run"

    def run(self, *more):
        """What the administrator types; a daemon keeps what it inherits open, so that is nothing of ours."""
        done = subprocess.run(
            [*self.argv, *more], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=60, check=False, env=self.environ,
        )
        equal(done.returncode, 0, f"exit status of {self.name} {' '.join(more)}")

    def pids(self):
        return running(self.program)

    def kill(self):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.pids():
                try:
                    os.kill(pid, sign)
                except ProcessLookupError:
                    pass
            try:
                lib.eventually(lambda: not self.pids(), 15, f"the end of {self.name}")
                return
            except AssertionError:
                continue


def nginx(env, name, certificates, workers=2):
    conf = env.dir / f"{name}.conf"

    def write(port, root):
        temp = "".join(
            f"{kind}_temp_path {env.dir}/{name}.{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        conf.write_text(
            f"""daemon on;
user root;
worker_processes {workers};
pid {env.dir}/{name}.pid;
error_log {env.dir}/{name}.error.log;
events {{ worker_connections 512; }}
http {{
    log_format oracle '{NGINX_FORMAT}';
    access_log off;
    {temp}
    server {{
        listen 127.0.0.1:{port} backlog=1024 ssl;
        {certificates.nginx()}
        root {root};
    }}
}}
"""
        )

    return Daemon(
        env, name, "nginx", write,
        lambda program: [program, "-c", conf, "-p", env.dir, "-e", env.dir / f"{name}.error.log"],
    )


def haproxy(env, name, certificates):
    conf = env.dir / f"{name}.cfg"

    def write(port, _):
        conf.write_text(
            f"""global
    pidfile {env.dir}/{name}.pid
    maxconn 500
defaults
    mode http
    option http-ignore-probes
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend front
    bind 127.0.0.1:{port} ssl crt {certificates.server.both} alpn http/1.1
    http-request return status 200 content-type text/plain string "from haproxy" if {{ path / }}
    http-request return status 404
"""
        )

    return Daemon(env, name, "haproxy", write, lambda program: [program, "-D", "-f", conf])


def apache(env, name, certificates):
    if not (APACHE / "mod_ssl.so").exists():
        raise lib.Skip("apache2 with mod_ssl is not installed")
    conf = env.dir / f"{name}.conf"

    def write(port, root):
        modules = ("mpm_prefork", "authz_core", "dir", "ssl", "socache_shmcb")
        load = "\n".join(f"LoadModule {m}_module {APACHE}/mod_{m}.so" for m in modules)
        conf.write_text(
            f"""{load}
ServerRoot {env.dir}
ServerName good.test
PidFile {env.dir}/{name}.pid
DefaultRuntimeDir {env.dir}
Mutex fcntl:{env.dir}
Listen 127.0.0.1:{port}
User www-data
Group www-data
DocumentRoot {root}
DirectoryIndex index.html
StartServers 3
MinSpareServers 3
MaxSpareServers 4
MaxRequestWorkers 6
ServerLimit 6
ErrorLog {env.dir}/{name}.error.log
SSLEngine on
SSLCertificateFile {certificates.server.cert}
SSLCertificateKeyFile {certificates.server.key}
<Directory {root}>
    Require all granted
</Directory>
"""
        )

    # as apachectl has it
    return Daemon(env, name, "apache2", write, lambda program: [program, "-k", "start", "-f", conf])


class Counted:
    """Requests to a server so far, all of which the agent must have counted."""

    def __init__(self, agent, server):
        self.agent = agent
        self.server = server
        self.want = {}

    def requests(self, connections=4, each=5):
        """A few connections one after the other; the first request of the first counts, too."""
        for _ in range(connections):
            with TlsConnection(self.server.port) as c:
                for i in range(each):
                    path, status = ("/missing", 404) if i == 1 else ("/", 200)
                    equal(c.get(path)[0], status, f"{self.server.name} {path}")
                    key = (str(status), "GET")
                    self.want[key] = self.want.get(key, 0) + 1
                c.finish()

    def load(self, requests):
        ab(self.server.port, requests, scheme="https")
        self.want[("200", "GET")] = self.want.get(("200", "GET"), 0) + requests

    def expect(self):
        def check(scrape):
            name = "edgetap_app_http_responses_total"
            got = scrape.by(name, "status", "method", app=self.server.name)
            equal({k: int(n) for k, n in got.items()}, self.want, f"{self.server.name} responses")
            lost = scrape.value("edgetap_app_http_requests_lost_total", app=self.server.name)
            equal(lost, 0, f"{self.server.name} requests lost")

        self.agent.expect(check)


def held(agent, path):
    """How many links of the agent are in a file; all of its where the kernel does not tell (before 6.8)."""
    in_file, told = 0, False
    for fd in os.listdir(f"/proc/{agent.process.pid}/fdinfo"):
        try:
            info = Path(f"/proc/{agent.process.pid}/fdinfo/{fd}").read_text()
        except FileNotFoundError:
            continue  # closed since
        if "uprobe_multi" in info and "\npath:" in info:
            told = True
            in_file += f"{path}\n" in info
    return in_file if told else len(uprobes(agent.process.pid))


def gone(agent, server):
    """Nothing is attached any more to the library of a server that has ended."""
    lib.eventually(lambda: not held(agent, server.library), 60, "no link in the library")


def replaced(server, old, stay, at_least):
    """So many of the old processes are left, and so many run."""
    def check():
        pids = set(server.pids())
        return len(pids) >= at_least and len(pids & set(old)) == stay

    lib.eventually(check, 30, f"new processes of {server.name}")


def reload(server):
    """nginx: all workers are new ones; the master stays."""
    old = server.pids()
    server.run("-s", "reload")
    replaced(server, old, stay=1, at_least=len(old))


def take_over(server):
    """haproxy: another process daemonizes and takes the place of the one that has."""
    old = server.pids()
    server.run("-sf", *map(str, old))
    replaced(server, old, stay=0, at_least=1)


def graceful(server):
    """Apache: the children are replaced; the parent stays."""
    old = server.pids()
    os.kill(old[0], signal.SIGUSR1)
    replaced(server, old, stay=1, at_least=4)


def test_lives(env):
    """The lives of three daemons: start, a long time, other processes and a long time again, end."""
    certificates = Certificates(env)
    agent = env.agent()
    lives = {
        nginx(env, "e2e-daemon-ng", certificates): reload,
        haproxy(env, "e2e-daemon-ha", certificates): take_over,
        apache(env, "e2e-daemon-ap", certificates): graceful,
    }
    all_counted = [Counted(agent, server) for server in lives]
    for server in lives:
        lib.eventually(lambda s=server: held(agent, s.library), 20, f"the first link of {server.name}")
    time.sleep(LONG_S)  # no connection tells the agent of a process meanwhile
    for counted in all_counted:
        assert held(agent, counted.server.library), f"{counted.server.name}: let go while a process was left"
        counted.requests()
        counted.expect()
    for server, change in lives.items():
        change(server)
    time.sleep(LONG_S)
    for counted in all_counted:
        counted.requests()
        counted.load(200)
        counted.expect()
    for server in lives:
        server.kill()
    for server in lives:
        gone(agent, server)


def test_at_once(env):
    """Nothing but starts: what has daemonized before anybody looked at it is found, too, and soon."""
    certificates = Certificates(env)
    agent = env.agent()
    servers = []
    for i in range(10):
        server = haproxy(env, f"e2e-once-{i}", certificates)
        servers.append(server)
        lib.eventually(lambda s=server: held(agent, s.library), 20 if i == 0 else 5, "the first link")
        counted = Counted(agent, server)
        counted.requests()
        counted.expect()
        server.kill()
    for server in servers:
        gone(agent, server)


if __name__ == "__main__":
    lib.main(globals())
