# SPDX-License-Identifier: Apache-2.0
"""Real servers under names of their own, and what their access logs say."""
import json
import os
import re
import signal
from pathlib import Path

import lib
from oracle import Requests

NGINX_FORMAT = (
    '$status "$request" $request_time $bytes_sent $connection '
    '$connection_requests "$request_completion"'
)


class Nginx:
    """
    One worker in the foreground. http, server: lines for these blocks; extra
    locations go into `server`. Its own log is the oracle.
    """

    def __init__(
        self, env, name, server="", http="", main="", buffered=False, workers=1, listen="",
        tls=None, log_level="notice", environ=None, connections=4096,
    ):
        """tls: lines about certificates and the like; the port then speaks TLS."""
        self.name = name
        self.port = lib.free_port()
        self.root = env.dir / f"{name}.root"
        self.root.mkdir()
        (self.root / "index.html").write_text("x" * 100)
        self.log = env.dir / f"{name}.access.log"
        temp = "\n".join(
            f"{kind}_temp_path {env.dir}/{name}.{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        conf = env.dir / f"{name}.conf"
        conf.write_text(
            f"""daemon off;
user root;
worker_processes {workers};
worker_rlimit_nofile {min(2 * connections, 20000)};
pid {env.dir}/{name}.pid;
error_log {env.dir}/{name}.error.log {log_level};
{main}
events {{ worker_connections {connections}; }}
http {{
    log_format oracle '{NGINX_FORMAT}';
    access_log {self.log} oracle{' buffer=64k flush=1s' if buffered else ''};
    {temp}
    {http}
    server {{
        listen 127.0.0.1:{self.port} backlog=4096{'' if tls is None else ' ssl'};
        {tls or ''}
        {listen}
        root {self.root};
        {server}
    }}
}}
"""
        )
        self.error_log = env.dir / f"{name}.error.log"
        program = env.renamed(lib.need("nginx"), name)
        self.process = env.start(
            [program, "-c", conf, "-p", env.dir, "-e", self.error_log], name=name, env=environ
        )
        lib.listening(self.port, owner=self.process)

    def quit(self):
        """Ends gracefully, so that buffered log lines are written."""
        self.process.popen.send_signal(signal.SIGQUIT)
        assert self.process.wait(60) == 0, "nginx did not quit cleanly"

    def lines(self):
        """[(status, method, seconds, bytes, connection, nth, complete)]"""
        out = []
        for line in self.log.read_text().splitlines():
            match = re.fullmatch(r'(\d+) "(.*?)" ([\d.]+) (\d+) (\d+) (\d+) "(OK|)"', line)
            assert match, f"unexpected log line: {line}"
            status, line, seconds, size, connection, nth, complete = match.groups()
            method = line.split(" ")[0]  # $request_method is empty where nginx disliked the line
            out.append(
                (status, method, float(seconds), int(size), int(connection), int(nth), bool(complete))
            )
        return out

    # Statuses that nginx only writes into its log: nobody was sent one.
    UNSENT = {"499": "client", "444": "server", "408": "server"}

    def oracle(self):
        """The log in the agent's words; the phases are those that these statuses mean."""
        out = Requests()
        for status, method, seconds, size, connection, _, complete in self.lines():
            out.connections.add(connection)
            if status in self.UNSENT:
                assert size == 0, f"nginx sent {size} bytes for {status}"
                phase = "request" if status == "408" else "wait"
                out.aborted[(self.UNSENT[status], phase)] += 1
            elif not complete and status == "200":
                out.aborted[("client", "response")] += 1
            else:
                out.answered(status, method, seconds)
        return out


class Haproxy:
    """An HTTP proxy in front of one or more server ports."""

    def __init__(self, env, name, backends, frontend="", defaults="", backend="", threads=1, bind=""):
        self.name = name
        self.port = lib.free_port()
        conf = env.dir / f"{name}.cfg"
        lines = "\n".join(f"    server s{p} 127.0.0.1:{p}" for p in backends)
        conf.write_text(
            f"""global
    log stdout format raw daemon
    nbthread {threads}
    maxconn 4096
defaults
    mode http
    log global
    option http-ignore-probes
    log-format "%ST %HM %ts %Tt %B %Ta"
    timeout connect 5s
    timeout client 30s
    timeout server 30s
{defaults}
frontend front
    bind 127.0.0.1:{self.port} backlog 4096 {bind}
{frontend}
    default_backend back
backend back
{backend}
{lines}
"""
        )
        self.process = env.start([env.renamed(lib.need("haproxy"), name), "-f", conf], name=name)
        lib.listening(self.port, owner=self.process)

    def oracle(self):
        out = Requests()
        for line in self.process.output().splitlines():
            match = re.fullmatch(r"(-?\d+) (\S+) (\S\S) \+?(\d+) \+?(\d+) (-?\d+)", line)
            if not match:
                assert not re.match(r"-?\d+ ", line), f"unexpected log line: {line}"
                continue
            status, method, ending, total, _, _ = match.groups()
            # First letter: who ended it; second: when (R request, Q/C/H waiting, D data).
            if status == "-1":
                by = "client" if ending[0] in "Cc" else "server"
                out.aborted[(by, "request" if ending[1] == "R" else "wait")] += 1
            elif ending[0] == "C" and ending[1] == "D":
                out.aborted[("client", "response")] += 1
            else:
                out.answered(status, method, int(total) / 1000)
        return out


class Apache:
    """httpd with the prefork MPM, or another, whose limits are in `conf` then."""

    def __init__(self, env, name, workers=10, conf="", extra=(), mpm="prefork"):
        """extra: more modules to load, by name."""
        self.name = name
        self.port = lib.free_port()
        self.root = env.dir / f"{name}.root"
        self.root.mkdir()
        (self.root / "index.html").write_text("y" * 200)
        self.log = env.dir / f"{name}.access.log"
        modules = Path("/usr/lib/apache2/modules")
        if not modules.is_dir():
            raise lib.Skip("apache2 is not installed")
        load = "\n".join(
            f"LoadModule {m}_module {modules}/mod_{m}.so"
            for m in (f"mpm_{mpm}", "authz_core", "dir", "alias", "headers", "reqtimeout", "rewrite", *extra)
        )
        processes = f"""StartServers {workers}
MinSpareServers {workers}
MaxSpareServers {workers + 1}
MaxRequestWorkers {workers}
ServerLimit {workers}"""
        path = env.dir / f"{name}.conf"
        path.write_text(
            f"""{load}
ServerRoot {env.dir}
ServerName test
PidFile {env.dir}/{name}.pid
DefaultRuntimeDir {env.dir}
Mutex fcntl:{env.dir}
Listen 127.0.0.1:{self.port}
User www-data
Group www-data
DocumentRoot {self.root}
DirectoryIndex index.html
{processes if mpm == "prefork" else ""}
ListenBacklog 4096
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 5
ErrorLog {env.dir}/{name}.error.log
LogFormat "%>s \\"%m\\" %D %X" oracle
CustomLog {self.log} oracle
<Directory {self.root}>
    Require all granted
</Directory>
{conf}
"""
        )
        program = env.renamed(lib.need("apache2"), name)
        self.process = env.start([program, "-f", path, "-DFOREGROUND"], name=name)
        lib.listening(self.port, owner=self.process)

    def workers(self):
        """Pids of the children that serve."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(p) for p in Path(path).read_text().split()]

    def oracle(self):
        out = Requests()
        for line in self.log.read_text().splitlines():
            match = re.fullmatch(r'(\d+|-) "(.*?)" (\d+) ([-X+])', line)
            assert match, f"unexpected log line: {line}"
            status, method, micros, ending = match.groups()
            if ending == "X":
                out.aborted[("client", "response")] += 1
            else:
                out.answered(status, method, int(micros) / 1e6)
        return out


class Logged:
    """A server of ours around somebody's HTTP library; it prints a line `STATUS METHOD` per response."""

    def __init__(self, env, name, argv, environ=None):
        self.name = name
        self.port = lib.free_port()
        self.log = env.dir / f"{name}.access.log"
        environ = dict(environ or os.environ, PORT=str(self.port), ACCESS_LOG=str(self.log))
        self.process = env.start(argv, name=name, env=environ)
        lib.listening(self.port, owner=self.process)

    def oracle(self):
        out = Requests()
        for line in self.log.read_text().splitlines():
            status, method, *seconds = line.split()
            out.answered(status, method, float(seconds[0]) if seconds else 0)
        return out


def odd(env, name, **how):
    """A server that reads and writes as told: see programs/odd_server.py."""
    program, environ = env.python(name)
    argv = [program, lib.HERE / "programs" / "odd_server.py", json.dumps(how)]
    return Logged(env, name, argv, environ)


def python_http(env, name, *flags):
    """http.server's own command line; its log is on stderr."""
    port = lib.free_port()
    root = env.dir / f"{name}.root"
    root.mkdir()
    (root / "index.html").write_text("z" * 300)
    program, environ = env.python(name)
    argv = [program, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", root, *flags]
    server = env.start(argv, name=name, env=environ)
    lib.listening(port, owner=server)
    server.port = port
    server.root = root

    def oracle():
        out = Requests()
        for line in server.output().splitlines():
            match = re.search(r'\] "(.*?)" (\d{3}) ', line)
            if match:
                out.answered(match[2], match[1].split(" ")[0])
        return out

    server.oracle = oracle
    return server


def node(env, name, environ=None):
    source = lib.HERE / "programs" / "server.js"
    return Logged(env, name, [env.renamed(lib.need("node"), name), source], environ)


def go(env, name, environ=None):
    """net/http, built with the distribution's Go; nothing is fetched."""
    program = lib.BUILD / "go_server"
    source = lib.HERE / "programs" / "server.go"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        lib.BUILD.mkdir(parents=True, exist_ok=True)
        cache = lib.BUILD / "go-cache"
        build = env.start(
            [lib.need("go"), "build", "-o", program, source],
            env=dict(os.environ, GO111MODULE="off", GOCACHE=str(cache), GOFLAGS="", CGO_ENABLED="0"),
        )
        assert build.wait(200) == 0, f"go build: {build.output()}"
    return Logged(env, name, [env.renamed(program, name)], environ)
