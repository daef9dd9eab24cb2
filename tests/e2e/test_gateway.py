#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
`edgetap gateway` as a process: who may run it, what it has, what it reads again, how it ends; and
`edgetap serve`, which says where the query API has gone. What it answers is in test_query.py.
"""
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request

import lib
from gateway import NOBODY, Gateway, secret
from lib import equal
from prometheus import Prometheus, job_of
from test_query import ALFA, BRAVO, Database, Reader, Upstream, ask
from tls import Certificates

BPF, BPF_MAP_CREATE, BPF_MAP_TYPE_ARRAY = {"x86_64": 321, "aarch64": 280}[os.uname().machine], 0, 2


def run(*argv, environ=None, user=0):
    """Status and the lines on standard error of what ends by itself."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=30, user=user, group=user,
                          extra_groups=[], env={**os.environ, **(environ or {})}, check=False)
    assert not re.search(rb"[^ -~\n]", done.stderr), f"not printable: {done.stderr!r}"
    return done.returncode, done.stderr.decode().splitlines()


def test_serve_refuses(env):
    """A flag, a variable or a key: one sentence, which names the command to run, and nothing is loaded."""
    file = env.dir / "old.yaml"
    file.write_text("region: here\nquery_url: http://127.0.0.1:9090\n")
    url = "http://127.0.0.1:9090"
    for argv, environ, where in (
        (["serve", "--query-url", url], {}, "--query-url: "),
        ([f"--query-url={url}", "--listen", "127.0.0.1:1"], {}, "--query-url: "),
        (["serve", "--query-token-file", "/nowhere"], {}, "--query-token-file: "),
        (["serve"], {"EDGETAP_QUERY_URL": url}, "EDGETAP_QUERY_URL: "),
        (["serve", "--config", file], {}, f"{file}:2: query_url: "),
        (["serve"], {"EDGETAP_CONFIG": str(file)}, f"{file}:2: query_url: "),
        (["check-config", file], {}, f"{file}:2: query_url: "),
    ):
        status, said = run(lib.EDGETAP, *argv, environ=environ)
        assert status in (1, 2), f"{argv} {environ}: status {status}"
        equal(len(said), 1, f"{argv} {environ}: {said}")
        assert said[0].startswith("edgetap: " + where), f"{said[0]!r} does not begin with {where!r}"
        assert "run `edgetap gateway` with the same options" in said[0], said
    print(f"  {said[0]}")
    # what the gateway takes, by contrast
    equal(run(lib.EDGETAP, "check-config", "--gateway", file)[0], 0, "check-config --gateway")


def test_usage(env):
    program = env.renamed(lib.EDGETAP, "edgetap-usage")
    for argv, status, words in (
        (["gateway"], 2, "query_url"),
        (["gateway", "--query-url"], 2, "needs a value"),
        (["gateway", "--max-instances", "5"], 2, "unknown option --max-instances; see `edgetap gateway --help`"),
        (["gateway", "--\x1b[31m"], 2, "\\x1b[31m"),
        (["gateway", "upstream"], 2, "unexpected argument"),
        (["gateway", "--query-url", "http://h:1", "--config", "/nowhere.yaml"], 1, "/nowhere.yaml"),
        (["gateway", "--query-url", "http://h:1", "--macaroon-key-file", "/nowhere"], 1, "/nowhere"),
        (["gateway", "--query-url", "http://h:1", "--listen", "192.0.2.1:1"], 1, "192.0.2.1"),
    ):
        got, said = run(program, *argv, user=NOBODY)
        equal(got, status, f"status of {argv}: {said}")
        equal(len(said), 1, f"{argv}: {said}")
        assert words in said[0], f"{argv}: {said}"
    shown = subprocess.run([program, "gateway", "--help"], capture_output=True, text=True, check=True).stdout
    for flag in ("--query-url", "--query-token-file", "--listen", "--web-config-file", "--allow-root"):
        assert flag in shown, f"{flag} is not in the help"
    for flag in ("--max-instances", "--postgres", "--region"):
        assert flag not in shown, f"{flag} is in the help"


def status_of(task):
    """{name: value} of /proc/PID/status or a thread's."""
    return dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)


def has_nothing(pid):
    """No capability in any thread, no way to one, and no core."""
    for task in lib.Path(f"/proc/{pid}/task").iterdir():
        fields = status_of(task)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            equal(int(fields[name], 16), 0, f"{name} of thread {task.name}")
        equal(fields["NoNewPrivs"], "1", f"no_new_privs of thread {task.name}")
    core = next(l for l in lib.Path(f"/proc/{pid}/limits").read_text().splitlines() if l.startswith("Max core file"))
    equal(core.split()[4:6], ["0", "0"], core)


def of_bpf(pid):
    """Descriptors of BPF and perf events, as the kernel names them."""
    links = [os.readlink(fd) for fd in lib.Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    return [link for link in links if re.search("bpf|btf|perf", link)]


def test_has_nothing(env):
    attribute = struct.pack("IIII", BPF_MAP_TYPE_ARRAY, 4, 4, 1) + bytes(112)
    fd = lib.libc.syscall(BPF, BPF_MAP_CREATE, attribute, len(attribute))
    assert fd >= 0 and len(of_bpf("self")) == 1, f"of_bpf() sees nothing: {of_bpf('self')}"
    os.close(fd)
    upstream = Upstream(env)
    gateway = Gateway(env, f"query_url: http://127.0.0.1:{upstream.port}\n")
    pid = gateway.process.pid
    equal(gateway.get("/prometheus/personal/api/v1/query?query=up")[0], 200, "a query")
    equal(status_of(lib.Path(f"/proc/{pid}"))["Uid"].split(), [str(NOBODY)] * 4, "user")
    has_nothing(pid)
    equal(of_bpf(pid), [], "descriptors of BPF")
    for path in ("/metrics", "/metrics/apps", "/metrics/fly", "/metrics/custom"):
        equal(gateway.get(path)[0], 404, f"{path} is the agent's")
    equal([gateway.get(path)[0] for path in ("/-/healthy", "/-/ready", "/")], [200] * 3, "its own pages")
    # Root, if it must be, has no more.
    argv = [lib.EDGETAP, "gateway", "--query-url", f"http://127.0.0.1:{upstream.port}"]
    status, said = run(*argv)
    equal((status, len(said)), (1, 1), said)
    assert "--allow-root" in said[0] and "another user" in said[0], said
    port = lib.free_port()
    process = env.start([*argv, "--allow-root", "--listen", f"127.0.0.1:{port}"], name="gateway")
    lib.listening(port, owner=process)
    equal(ask(port, "/prometheus/personal/api/v1/query?query=up")[0], 200, "a query")
    has_nothing(process.pid)
    equal(status_of(lib.Path(f"/proc/{process.pid}"))["CapBnd"].strip("0"), "", "bounding set")
    equal(process.stop(), 0, "status")


def test_unit(env):
    """Under what the systemd unit restricts (unit_box.py), which leaves root nothing of root's."""
    upstream = Upstream(env)
    port = lib.free_port()
    unit = lib.REPO / "deploy" / "edgetap-gateway.service.in"
    folder = env.dir / "writable"
    folder.mkdir()
    config = env.dir / "gateway.yaml"
    config.write_text(f"listen: 127.0.0.1:{port}\nquery_url: http://localhost:{upstream.port}\n")
    box = [lib.PYTHON, lib.HERE / "unit_box.py", unit, "", folder, lib.EDGETAP]
    process = env.start([*box, "gateway", "--allow-root", "--config", config], name="gateway")
    lib.listening(port, owner=process)
    equal(ask(port, "/prometheus/personal/api/v1/query?query=up")[0], 200, "a query")
    assert "Landlock" not in process.output(), process.output()
    equal(process.stop(), 0, "status")


def test_reload(env):
    """Who may ask and certificates, at SIGHUP and when files change; what is broken changes nothing."""
    lib.need_parts("server-tls")
    upstream = Upstream(env)
    certificates = Certificates(env)

    def renew(pair):
        for source, name in ((pair.key, "key"), (pair.cert, "crt")):
            fresh = secret(env.dir / f"fresh.{name}", source.read_text())
            fresh.rename(env.dir / f"server.{name}")

    renew(certificates.server)
    web = secret(env.dir / "web.yml", "tls_server_config: { cert_file: server.crt, key_file: server.key }\n")
    for name in ("alfa", "all"):
        secret(env.dir / f"{name}.token", f"{name}-{'x' * 32}\n")
    head = f"query_url: http://127.0.0.1:{upstream.port}\nweb_config_file: {web}\n"
    tokens = "tokens:\n" + f"  - {{ token_file: {env.dir}/alfa.token, apps: [alfa] }}\n"
    gateway = Gateway(env, head + tokens, scheme="https")
    context = ssl.create_default_context(cafile=certificates.ca)

    def status(token):
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"https://localhost:{gateway.port}/prometheus/personal/api/v1/query?query=up",
                                         headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code

    def reload(text, words):
        before = gateway.process.output().count(words)
        gateway.config.write_text(text)
        os.kill(gateway.process.pid, signal.SIGHUP)
        lib.eventually(lambda: gateway.process.output().count(words) > before, 10, words)

    alfa, everything, fresh = (f"{name}-{'x' * 32}" for name in ("alfa", "all", "fresh"))
    equal([status(t) for t in (alfa, everything)], [200, 401], "statuses")
    more = head + tokens + f"  - {{ token_file: {env.dir}/all.token }}\n"
    reload(more, "configuration read again\n")
    equal([status(t) for t in (alfa, everything)], [200, 200], "statuses after SIGHUP")
    reload(more + "query_org: other\n", "cannot be changed while running")
    reload(more + "query_org: [\n", "the configuration stays as it was")
    reload(tokens, "the configuration stays as it was")
    equal([status(t) for t in (alfa, everything)], [200, 200], "statuses after files that cannot be used")
    secret(env.dir / "alfa.token", fresh + "\n")
    lib.eventually(lambda: [status(t) for t in (alfa, fresh)] == [401, 200], 10, "the new token")
    before = ssl.get_server_certificate(("127.0.0.1", gateway.port))
    renew(certificates.expired)
    lib.eventually(lambda: ssl.get_server_certificate(("127.0.0.1", gateway.port)) != before, 10, "the new certificate")
    equal(gateway.process.stop(), 0, "status")


def test_ends(env):
    """SIGTERM and SIGINT within two seconds, whatever a query waits for."""
    upstream = Upstream(env)
    # A name server that says nothing.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 53))
        resolv = env.dir / "resolv.conf"
        resolv.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:3\n")
        subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"], check=True)
        env.defer(subprocess.run, ["umount", "/etc/resolv.conf"], check=False)
        silent.settimeout(10)
        for url, number in ((None, signal.SIGTERM), (f"http://127.0.0.1:{upstream.port}", signal.SIGINT),
                            ("http://database.test:9090", signal.SIGTERM)):
            gateway = Gateway(env, f"query_url: {url or 'http://127.0.0.1:1'}\n")
            if url:
                threading.Thread(target=hang, args=(gateway.port,), daemon=True).start()
            if url and "test" in url:
                silent.recv(512)
            elif url:
                lib.eventually(lambda: any(seen[2] == "query=hang" for seen in upstream.seen), 5, "the query")
            start = time.monotonic()
            equal(gateway.process.stop(number), 0, f"status with {url}")
            lib.between(time.monotonic() - start, 0, 2, f"seconds to the end with {url}")


def test_upstream_proves_itself(env):
    """Over TLS nothing is sent, the token least of all, to who is not proven by the authority that is named."""
    certificates = Certificates(env)
    upstream = Upstream(env)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.cert, certificates.server.key)
    upstream.server.socket = context.wrap_socket(upstream.server.socket, server_side=True)
    token = secret(env.dir / "upstream.token", "for-the-database\n")
    head = f"query_url: https://localhost:{upstream.port}\nquery_token_file: {token}\n"
    for more, status in (("", 502), (f"query_ca_file: {certificates.dir}/other-ca.crt\n", 502),
                         ("query_ca_file: /nowhere\n", 502), (f"query_ca_file: {certificates.ca}\n", 200)):
        gateway = Gateway(env, head + more)
        equal(gateway.get("/prometheus/personal/api/v1/query?query=up")[0], status, f"status with {more!r}")
        equal(len(upstream.seen), int(status == 200), f"requests that arrived with {more!r}")
        equal(gateway.process.stop(), 0, "status")


def hang(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/prometheus/personal/api/v1/query?query=hang", timeout=30).read()
    except OSError:
        pass  # as it ends


def test_federate(env):
    """A team's Prometheus takes its series out of the cluster's, through the gateway: these and no others."""
    cluster = Database(env, "prometheus", ALFA + BRAVO)
    token = secret(env.dir / "alfa.token", "alfa-" + "x" * 32)
    gateway = Gateway(env, f"query_url: {cluster.url}\ntokens: [{{ token_file: {token}, apps: [alfa] }}]\n")
    job = job_of("federate", gateway.port, "/prometheus/personal/federate")
    job.update(params={"match[]": ['{__name__=~".+"}', 'requests_total{app="bravo"}']},
               authorization={"credentials_file": str(token)})
    team = Prometheus(env, 0, jobs=[job])

    def seen():
        equal(team.one('up{job="federate"}'), 1, "up")
        found = team.ask('{__name__=~".+",__name__!~"up|scrape_.*"}')
        equal({(l["app"], l["secret"]) for l, _ in found}, {("alfa", "alfa-only")}, "labels")
        equal(len(found), len(ALFA), "series")
        return True

    lib.eventually(seen, 15)
    reader = Reader(gateway, "alfa")
    equal(reader.ask("/federate")[0], 400, "without match[]")
    equal(reader.ask("/federate", {"match[]": "{}"}, org="other")[0], 404, "another organisation")
    equal(Reader(gateway, None).ask("/federate", {"match[]": "up"})[0], 401, "without a token")


if __name__ == "__main__":
    lib.main(globals(), parts=("gateway",))
