#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may ask: tokens, passwords, TLS and client certificates, and what a restricted reader never sees."""
import base64
import concurrent.futures
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

import lib
from lib import equal
from scrape import Scrape
from servers import Logged
from tls import Certificates

A, B = "e2e-access-a", "e2e-access-b"
TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
ALL_TOKEN = "all-0123456789abcdef"
A_TOKEN = "only-a-0123456789abcdef"
PASSWORD = "open sesame: really?"


def secret(env, name, text):
    path = env.dir / name
    path.touch(0o600)
    path.write_text(text)
    return path


def token(*args, text=None):
    """What `edgetap token` prints; a token goes in through standard input."""
    done = subprocess.run([lib.EDGETAP, "token", *map(str, args)], input=text, capture_output=True, text=True)
    equal(done.returncode, 0, f"token {args}: {done.stderr}")
    return done.stdout.strip()


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def config_of(env, more=""):
    """Two static tokens and a key. Returns configuration and key file."""
    key = secret(env, "token.keys", token("key") + "\n")
    secret(env, "all.token", ALL_TOKEN + "\n")
    return f"""
macaroon_key_file: {key}
tokens:
  - {{ name: all, token_file: {env.dir}/all.token }}
  - {{ name: a, sha256: {sha256(A_TOKEN)}, apps: [{A}], org: personal }}
{more}""", key


class Agent(lib.Agent):
    """An agent asked over TLS if a context is given."""

    def __init__(self, env, config, context=None, flags=()):
        self.context = context
        super().__init__(env, config, flags)

    def get(self, path, headers=None, seconds=20):
        base = self.base.replace("http:", "https:") if self.context else self.base
        request = urllib.request.Request(base + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=seconds, context=self.context) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def as_(self, credentials, path="/metrics", accept=TEXT):
        return self.get(path, {"Authorization": credentials, "Accept": accept})

    def status(self, credentials, path="/metrics"):
        return self.as_(credentials, path)[0]


def bearer(text):
    return f"Bearer {text}"


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def two_apps(env):
    """Two servers, of which the agent has something to tell."""
    for name in (A, B):
        program, environ = env.python(name)
        server = Logged(env, name, [program, lib.HERE / "programs" / "upstream.py"], environ)
        for path in ("/length?n=3", "/chunked?n=2"):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}").read()


def series(text):
    """The set of (name, labels) of a text exposition."""
    if not text:
        return set()
    return {
        (name, tuple(sorted(labels.items())))
        for name, samples in Scrape(text).samples.items()
        for labels, _ in samples
    }


def paths_of(agent):
    """Every page that the landing page links to."""
    found = set(re.findall(r'href="(/[^"]*)"', agent.as_(bearer(ALL_TOKEN), "/")[2].decode()))
    assert {"/metrics", "/metrics/apps", "/metrics/fly"} <= found, found
    return sorted(p for p in found if p.startswith("/metrics"))


def sees_its_app_only(env, agent, key):
    """On every page and in every encoding."""
    two_apps(env)
    made = token("create", "--key-file", key, "--app", A, "--app", B, "--expires", "1h", "--org", "personal")
    narrow = token("attenuate", "--app", A, text=made)
    readers = {
        "static": bearer(A_TOKEN),
        "attenuated": bearer(narrow),
        "with its own scheme": f"FlyV1 {narrow}",
        "beside one that is none": f"FlyV1 nonsense,{narrow}",
    }

    def counted():
        text = agent.as_(bearer(ALL_TOKEN))[2]
        return A.encode() in text and B.encode() in text

    lib.eventually(counted, what="both apps")
    for path in paths_of(agent):
        for who, credentials in readers.items():
            what = f"{path} for {who}"
            for accept in (TEXT, OPENMETRICS, PROTOBUF):
                status, _, body = agent.as_(credentials, path, accept)
                equal(status, 200, what)
                assert B.encode() not in body, f"{what} as {accept} has series of {B}"
                for foreign in (b"__other__", b"\nedgetap_build_info", b"\nedgetap_losses", b"TYPE edgetap_exporter"):
                    assert foreign not in body, f"{what} as {accept} has {foreign}"
            text = agent.as_(credentials, path)[2].decode()
            whole = agent.as_(bearer(ALL_TOKEN), path)[2].decode()
            mine = {(n, l) for n, l in series(whole) if dict(l).get("app") == A}
            equal(sorted(series(text)), sorted(mine), what)
            assert mine or path not in ("/metrics", "/metrics/apps", "/metrics/fly"), f"{path} has nothing of {A}"
    # What both may see is more; what excludes itself is nothing.
    equal(agent.as_(bearer(made))[2].count(B.encode()) > 0, True, f"{B} for whom it is meant")
    nothing = token("attenuate", "--app", B, text=narrow)
    equal(agent.status(bearer(nothing)), 403, "a token that excludes itself")
    # A name that begins like it is another.
    other = token("create", "--key-file", key, "--app", A[:-1])
    equal(agent.as_(bearer(other))[2], b"", "an app that there is not")


def raw(port, text, context=None):
    """The status of an answer to bytes as they are, or None if there is no answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        if context:
            s = context.wrap_socket(s, server_hostname="localhost")
        s.sendall(text)
        try:
            answer = s.recv(65536)
        except ConnectionResetError:
            return None
    return int(answer.split()[1]) if answer else None


def refuses(env, agent, key):
    """Whatever is no good, with the status and the challenge that RFC 9110 and 6750 want."""
    good = token("create", "--key-file", key, "--read-only", "--org", "personal")
    later = token("attenuate", "--expires", "2s", text=good)
    equal(agent.status(bearer(good)), 200, "a good token")
    equal(agent.status(bearer(later)), 200, "a token that has not expired")
    foreign = secret(env, "foreign.keys", token("key"))
    wrong = {
        "another key's": token("create", "--key-file", foreign),
        "cut": good[:-1],
        "cut in the middle": good[: len(good) // 2],
        "with a byte changed": good[:60] + ("A" if good[60] != "A" else "B") + good[61:],
        "without its prefix": good[len("edgetap_"):],
        "with padding": good + "=",
        "short": "x",
    }
    for what, text in wrong.items():
        status, headers, _ = agent.as_(bearer(text))
        equal(status, 401, f"a token {what}")
        assert 'error="invalid_token"' in headers["WWW-Authenticate"], headers["WWW-Authenticate"]
    for path in ("/metrics", "/metrics/apps", "/", "/nothing", "/prometheus/personal/api/v1/query?query=up"):
        status, headers, body = agent.get(path)
        equal(status, 401, f"{path} without credentials")
        equal(headers["WWW-Authenticate"], 'Bearer realm="edgetap"', "the challenge")
        assert b"edgetap_" not in body, body
    for path in ("/-/healthy", "/-/ready"):
        equal(agent.get(path)[0], 200, path)
    ask = "{} /metrics HTTP/1.1\r\nHost: x\r\n{}\r\n"
    field = f"Authorization: Bearer {ALL_TOKEN}\r\n"
    equal(raw(agent.port, ask.format("GET", field).encode()), 200, "a field")
    equal(raw(agent.port, ask.format("GET", field * 2).encode()), 400, "two fields")
    equal(raw(agent.port, ask.format("GET", field.replace("Bearer", "bEARER")).encode()), 200, "another case")
    equal(raw(agent.port, ask.format("GET", field.replace(" all", "\tall")).encode()) in (400, 401), True, "a tab")
    assert raw(agent.port, ask.format("GET", f"Authorization: Bearer {'A' * 65536}\r\n").encode()) in (
        None, 400, 401, 413, 431,
    ), "64 KiB"
    long_one = f"Authorization: Bearer edgetap_{'A' * 8000}\r\n"
    equal(raw(agent.port, ask.format("GET", long_one).encode()), 401, "8 KiB")
    read_only = f"Authorization: Bearer {good}\r\n"
    equal(raw(agent.port, ask.format("DELETE", read_only).encode()), 403, "a write with a token for reading")
    equal(raw(agent.port, ask.format("DELETE", field).encode()), 405, "a write with any other")
    equal(agent.status(bearer(good), "/prometheus/other/api/v1/query?query=up"), 403, "another organisation")
    lib.eventually(lambda: agent.status(bearer(later)) == 401, 10, "the token's expiry")
    assert agent.process.alive()


def bcrypt(password, cost=5):
    argv = [lib.need("htpasswd"), "-nbBC", str(cost), "", password]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip().lstrip(":")


def test_passwords_do_not_hold_up_others(env):
    """Thirty wrong ones at once, at 60 ms each: those who are known are answered at once."""
    web = env.dir / "web.yml"
    web.write_text(f"basic_auth_users:\n  alice: {bcrypt(PASSWORD, 10)}\n  bob: {bcrypt('b', 4)}\n")
    config, key = config_of(env, f"web_config_file: {web}\nhttp_connections: 200\n")
    agent = Agent(env, config)
    equal(agent.status(basic("alice", PASSWORD)), 200, "the password")
    equal(agent.status(basic("bob", "b")), 200, "another's")
    for name, password in (("alice", "b"), ("bob", PASSWORD), ("", PASSWORD), ("carol", PASSWORD)):
        status, headers, _ = agent.as_(basic(name, password))
        equal(status, 401, f"{name} with a wrong password")
        assert any(v.startswith("Basic ") for v in headers.get_all("WWW-Authenticate")), headers
    with concurrent.futures.ThreadPoolExecutor(14) as pool:
        wrong = [pool.submit(agent.status, basic("alice", f"wrong {i}")) for i in range(30)]
        lib.eventually(lambda: any(w.done() for w in wrong))
        longest = 0
        while not all(w.done() for w in wrong):
            for ask in (lambda: agent.get("/-/healthy"), lambda: agent.as_(basic("alice", PASSWORD))):
                start = time.monotonic()
                equal(ask()[0], 200, "an answer beside wrong passwords")
                longest = max(longest, time.monotonic() - start)
        equal({w.result() for w in wrong} <= {401, 503}, True, f"{[w.result() for w in wrong]}")
    print(f"  the longest answer beside them took {longest * 1000:.0f} ms")
    assert longest < 3, longest
    keeps_secrets(env, agent, key)


def keeps_secrets(env, agent, key):
    """Not in the log, the command line, the environment or a core."""
    made = token("create", "--key-file", key)
    wrong = (bearer(made + "x"), basic("alice", "x"))
    for credentials in (bearer(made), bearer(ALL_TOKEN), basic("alice", PASSWORD), *wrong):
        agent.as_(credentials)
    proc = f"/proc/{agent.process.pid}"
    visible = agent.process.output()
    for name in ("cmdline", "environ"):
        with open(f"{proc}/{name}", "rb") as f:
            visible += f.read().decode(errors="replace")
    for text in (made, ALL_TOKEN, PASSWORD, key.read_text().strip()):
        assert text not in visible, "a secret is visible"
    with open(f"{proc}/limits") as f:
        core = next(line for line in f if line.startswith("Max core file size"))
    equal(core.split()[4:6], ["0", "0"], core)
    done = subprocess.run([lib.EDGETAP, "token", "inspect", made], capture_output=True, text=True)
    equal(done.returncode, 1, "a token on the command line")


class Tls:
    """A certificate, a web configuration, and contexts for clients."""

    def __init__(self, env, more="", users=None):
        lib.need_parts("server-tls")
        self.certificates = Certificates(env)
        self.cert, self.key = env.dir / "server.crt", env.dir / "server.key"
        self.take(self.certificates.server)
        self.file = env.dir / "web.yml"
        self.write(more, users)

    def write(self, more="", users=None):
        text = f"tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{more}"
        for name, password in (users or {}).items():
            text += f"basic_auth_users:\n  {name}: {bcrypt(password)}\n"
        self.file.write_text(text)
        done = subprocess.run(
            [lib.need("promtool"), "check", "web-config", self.file], capture_output=True, text=True
        )
        equal(done.returncode, 0, f"promtool on the web configuration: {done.stdout}{done.stderr}")

    def take(self, pair):
        for source, target in ((pair.key, self.key), (pair.cert, self.cert)):
            self.put(source, target)

    def put(self, source, target):
        """As a whole: nobody sees a part of it."""
        fresh = target.with_suffix(".new")
        shutil.copy(source, fresh)
        fresh.chmod(0o600)
        os.rename(fresh, target)

    def context(self, client=None, version=None):
        context = ssl.create_default_context(cafile=self.certificates.ca)
        if version:
            context.minimum_version = context.maximum_version = version
        if client:
            context.load_cert_chain(client.cert, client.key)
        return context


def shown(port):
    """The serial number of the certificate that is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain) as s:
            return hashlib.sha256(s.getpeercert(True)).hexdigest()


def handshake(agent, context):
    """Whether a client of this context gets an answer."""
    try:
        with socket.create_connection(("127.0.0.1", agent.port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as s:
                s.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return s.recv(100).startswith(b"HTTP/1.1 200")
    except (ssl.SSLError, ConnectionResetError):
        return False


def statuses(agent, context, sent):
    """Of all answers until the connection ends."""
    with socket.create_connection(("127.0.0.1", agent.port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as s:
            s.sendall(sent)
            got = b"".join(iter(lambda: s.recv(65536), b""))
    return [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d+) ", got, re.M)]


def framing_over_tls(agent, web):
    """What can be read in two ways is refused, and nothing behind it is a request."""
    first = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n"
    behind = b"GET /behind HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    length = b"Content-Length: %d\r\n" % len(behind)
    for bad in (
        b"Content-Length: 0\r\n" + length,
        length + b"Transfer-Encoding: chunked\r\n",
        length.replace(b":", b" :"),
        b"X: y\n" + length,
        b"X: y\0\r\n" + length,
        b"X: y\r\n " + length,
    ):
        equal(statuses(agent, web.context(), first + bad + b"\r\n" + behind), [400], f"{bad}")
    equal(statuses(agent, web.context(), first + b"\r\n" + behind), [200, 401], "a good one")


def test_prometheus_over_tls(env):
    """A real Prometheus with a CA, and by turns each kind of credentials, good and bad."""
    web = Tls(env, users={"alice": PASSWORD})
    config, key = config_of(env, f"web_config_file: {web.file}\n")
    agent = Agent(env, config, web.context())
    made = secret(env, "made.token", token("create", "--key-file", key, "--read-only"))
    jobs = {
        "token": f"authorization: {{ credentials_file: {env.dir}/all.token }}",
        "made": f"bearer_token_file: {made}",
        "fly": f"authorization: {{ type: FlyV1, credentials_file: {made} }}",
        "password": f"basic_auth: {{ username: alice, password: {json.dumps(PASSWORD)} }}",
        "none": "",
        "wrong": "authorization: { credentials: nonsense }",
        "wrong-password": "basic_auth: { username: alice, password: nonsense }",
    }
    text = "global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n"
    for name, line in jobs.items():
        text += f"""- job_name: {name}
  honor_labels: true
  scheme: https
  tls_config: {{ ca_file: {web.certificates.ca}, server_name: localhost }}
  static_configs: [ {{ targets: ["127.0.0.1:{agent.port}"] }} ]
  {line}
"""
    path = env.dir / "prometheus.yml"
    path.write_text(text)
    port = lib.free_port()
    argv = [
        lib.need("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={env.dir}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = env.start(argv, name="prometheus")
    lib.listening(port, seconds=30, owner=process)

    def asked():
        url = f"http://127.0.0.1:{port}/api/v1/targets?state=active"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                targets = json.load(answer)["data"]["activeTargets"]
        except OSError as e:
            raise AssertionError(f"Prometheus is not ready: {e}") from None
        found = {t["labels"]["job"]: (t["health"], t["lastError"][-30:]) for t in targets}
        equal(sorted(found), sorted(jobs), "targets")
        for name in jobs:
            if name in ("none", "wrong", "wrong-password"):
                equal(found[name][0], "down", name)
                assert "401" in found[name][1], found[name]
            else:
                equal(found[name], ("up", ""), name)
        return True

    lib.eventually(asked, 30)


def versions_and_certificates(agent, web):
    equal(handshake(agent, web.context(version=ssl.TLSVersion.TLSv1_2)), True, "TLS 1.2")
    equal(handshake(agent, web.context(version=ssl.TLSVersion.TLSv1_3)), False, "TLS 1.3")
    equal(agent.status(bearer(ALL_TOKEN)), 200, "a token")
    equal(agent.get("/metrics")[0], 401, "no token")
    # Plain HTTP is no TLS.
    equal(raw(agent.port, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"), None, "plain HTTP")
    # Other certificates, without a restart; connections that are there live on.
    before = shown(agent.port)
    lasting = http.client.HTTPSConnection("localhost", agent.port, context=web.context(), timeout=10)
    for round_ in range(2):
        lasting.request("GET", "/-/healthy")
        equal(lasting.getresponse().read(), b"healthy\n", "an answer on a lasting connection")
        if round_ == 0:
            web.take(web.certificates.client)
            lib.eventually(lambda: shown(agent.port) != before, 10, "another certificate")
    lasting.close()
    # A key of another certificate is refused, and the pair before stays.
    before = shown(agent.port)
    web.put(web.certificates.expired.key, web.key)
    lib.eventually(lambda: shown(agent.port) and "is not the key of" in agent.process.output(), 10, "a sentence")
    equal(shown(agent.port), before, "the certificate")
    web.take(web.certificates.server)
    lib.eventually(lambda: shown(agent.port) != before, 30, "the first certificate")
    web.write()


def client_certificates(agent, web):
    trust = f"  client_ca_file: {web.certificates.ca}\n"
    client, stranger = web.certificates.client, web.certificates.stranger
    expired = web.certificates.expired
    # client, none, a stranger's, an expired one
    table = {
        "VerifyClientCertIfGiven": (True, True, False, False),
        "RequireAndVerifyClientCert": (True, False, False, False),
        "RequireAnyClientCert": (True, False, True, True),
        "RequestClientCert": (True, True, True, True),
        "NoClientCert": (True, True, True, True),
    }
    for policy, wanted in table.items():
        web.write(f"  client_auth_type: {policy}\n" + (trust if policy != "NoClientCert" else ""))
        what = {"a client": client, "none": None, "a stranger": stranger, "an expired one": expired}

        def takes():
            equal({n: handshake(agent, web.context(pair)) for n, pair in what.items()}, dict(zip(what, wanted)), policy)
            return True

        lib.eventually(takes, 10)
    assert agent.process.alive()


def slow_handshakes_end(agent):
    """The absolute deadline of a request holds for a handshake, however it is drawn out."""
    start = time.monotonic()
    silent = socket.create_connection(("127.0.0.1", agent.port))
    drop = socket.create_connection(("127.0.0.1", agent.port))
    hello = bytes.fromhex("160301020001000001fc0303") + bytes(400)
    with silent, drop:
        silent.settimeout(10)
        drop.setblocking(False)
        ended, sent = None, 0
        while ended is None and time.monotonic() < start + 10:
            try:
                drop.send(hello[sent % len(hello):][:1])
                sent += 1
                if drop.recv(100) == b"":
                    ended = time.monotonic() - start
            except BlockingIOError:
                time.sleep(0.02)
            except (ConnectionResetError, BrokenPipeError):
                ended = time.monotonic() - start
        assert ended and 1.9 < ended < 7, f"a handshake byte by byte ended after {ended} s"
        try:
            equal(silent.recv(100), b"", "the end")
        except ConnectionResetError:
            pass
        assert time.monotonic() - start < 8, "a silent one stays"
    equal(agent.get("/-/healthy")[0], 200, "the next")


def test_changes_of_files(env):
    config, key = config_of(env)
    agent = Agent(env, config)
    made = token("create", "--key-file", key)
    equal(agent.status(bearer(made)), 200, "a token")
    # A second key in front: new tokens by it, the old ones stay good; then the old one goes.
    fresh = token("key")
    secret(env, "token.keys", fresh + "\n" + key.read_text())
    other = token("create", "--key-file", key)
    lib.eventually(lambda: agent.status(bearer(other)) == 200, 10, "the new key")
    equal(agent.status(bearer(made)), 200, "a token of the old key")
    secret(env, "token.keys", fresh + "\n")
    lib.eventually(lambda: agent.status(bearer(made)) == 401, 10, "the end of the old key")
    # What cannot be used changes nothing, and is said once.
    secret(env, "token.keys", "nonsense\n")
    lib.eventually(
        lambda: agent.status(bearer(other)) and "expected a key" in agent.process.output(), 10, "a sentence"
    )
    equal(agent.status(bearer(other)), 200, "the key before")
    secret(env, "token.keys", fresh + "\n")
    secret(env, "all.token", "another-0123456789abcdef")
    lib.eventually(lambda: agent.status(bearer("another-0123456789abcdef")) == 200, 20, "the changed token")
    equal(agent.status(bearer(ALL_TOKEN)), 401, "the token before")
    # By a signal: another configuration; one that is broken is refused.
    path = env.dir / f"edgetap-{agent.port}.yaml"
    path.write_text(f"tokens:\n  - {{ sha256: {sha256('signalled-0123456789')} }}\n")
    agent.process.popen.send_signal(1)
    lib.eventually(lambda: agent.status(bearer("signalled-0123456789")) == 200, 10, "the signal")
    equal(agent.status(bearer(other)), 401, "a token of before the signal")
    path.write_text(f"tokens:\n  - {{ token_file: {env.dir}/none }}\n")
    agent.process.popen.send_signal(1)
    lib.eventually(lambda: "stays as it was" in agent.process.output(), 10, "a sentence")
    equal(agent.status(bearer("signalled-0123456789")), 200, "the token of before")


def test_start_is_refused(env):
    """What would leave the door open ends the start with one sentence."""
    env.dir.joinpath("open.token").write_text(ALL_TOKEN)
    env.dir.joinpath("open.token").chmod(0o644)
    env.dir.joinpath("bad.yml").write_text("rate_limit: { burst: 1 }\n")
    cases = {
        f"tokens: [ {{ token_file: {env.dir}/open.token }} ]": "everybody may read it",
        f"tokens: [ {{ token_file: {env.dir}/none }} ]": "No such file",
        "tokens: []": "expected at least one token",
        "tokens: [ {} ]": "expected either token_file or sha256",
        f"tokens: [ {{ sha256: {sha256('x')}, apps: [] }} ]": "expected at least one app",
        f"tokens: [ {{ sha256: {ALL_TOKEN} }} ]": "64 hexadecimal digits",
        f"macaroon_key_file: {env.dir}/none": "No such file",
        f"web_config_file: {env.dir}/bad.yml": 'bad.yml:1: unknown key "rate_limit"',
    }
    path = env.dir / "case.yaml"
    for text, sentence in cases.items():
        path.write_text(text + "\n")
        for command in (["check-config", path], ["serve", "-c", path, "--listen", "127.0.0.1:0"]):
            done = subprocess.run([lib.EDGETAP, *command], capture_output=True, text=True, timeout=20)
            equal(done.returncode, 1, f"{command[0]} with {text}")
            assert sentence in done.stderr, f"{command[0]} with {text}: {done.stderr}"
            assert ALL_TOKEN not in done.stderr, done.stderr


def agrees_with_others(agent, key):
    """Tokens of another library are taken, and ours by it."""
    code = """
import sys
from pymacaroons import Macaroon, Verifier
key = bytes.fromhex(open(sys.argv[1]).read().split()[0])
if sys.argv[2] == "make":
    m = Macaroon(location="edgetap", identifier=sys.argv[3], key=key)
    for caveat in sys.argv[4:]:
        m.add_first_party_caveat(caveat)
    print("edgetap_" + m.serialize())
else:
    m = Macaroon.deserialize(sys.stdin.read().strip()[len("edgetap_"):])
    v = Verifier()
    for caveat in sys.argv[3:]:
        v.satisfy_exact(caveat)
    print(v.verify(m, key))
"""

    def other(*args, text=None):
        done = subprocess.run(
            ["/usr/bin/python3", "-c", code, *map(str, args)], input=text, capture_output=True, text=True
        )
        if "No module named 'pymacaroons'" in done.stderr:
            raise lib.Skip("python3-pymacaroons is not installed")
        equal(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    equal(agent.status(bearer(other(key, "make", "other"))), 200, "a token without caveats")
    equal(agent.status(bearer(other(key, "make", "other", f"app = {A}", "op = read"))), 200, "a token with caveats")
    equal(agent.status(bearer(other(key, "make", "other", "app = x", "app = y"))), 403, "caveats that exclude each other")
    equal(agent.status(bearer(other(key, "make", "other", "ip = 127.0.0.1"))), 401, "an unknown caveat")
    ours = token("attenuate", "--app", A, text=token("create", "--key-file", key, "--app", A, "--app", B))
    caveats = (f"app in {A},{B}", f"app = {A}")
    equal(other(key, "check", *caveats, text=ours), "True", "our token there")
    identifier = json.loads(token("inspect", "--json", text=ours))["id"]
    equal(other(key, "make", identifier, *caveats), ours, "the same token made there")
    # By its identifier a token is told from others.
    second = json.loads(token("inspect", "--json", text=token("create", "--key-file", key)))["id"]
    assert len(second) == 32 and second != identifier, second


def test_tokens(env):
    config, key = config_of(env)
    agent = Agent(env, config)
    sees_its_app_only(env, agent, key)
    refuses(env, agent, key)
    agrees_with_others(agent, key)


def test_tls(env):
    web = Tls(env, "  min_version: TLS12\n  max_version: TLS12\n  curve_preferences: [CurveP384]\n")
    config, _ = config_of(env, f"web_config_file: {web.file}\nhttp_timeout: 2s\n")
    agent = Agent(env, config, web.context(web.certificates.client))
    framing_over_tls(agent, web)
    versions_and_certificates(agent, web)
    client_certificates(agent, web)
    slow_handshakes_end(agent)


class Flood:
    """Connections of one address, each of which asks all the time and takes what it gets, until the end."""

    def __init__(self, env, port, address, count=16, text=b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"):
        self.port, self.address, self.text = port, address, text * 8
        self.ends, self.bytes = threading.Event(), 0
        threads = [threading.Thread(target=self.run, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            env.defer(thread.join)
        env.defer(self.ends.set)
        lib.eventually(lambda: self.bytes > 100000 or count > 16 and self.bytes, 20, "the flood is answered")

    def run(self):
        while not self.ends.is_set():
            try:
                with socket.socket() as s:
                    s.settimeout(1)
                    s.bind((self.address, 0))
                    s.connect(("127.0.0.1", self.port))
                    while not self.ends.is_set():
                        s.sendall(self.text)
                        got = len(s.recv(1 << 18))
                        self.bytes += got
                        if not got:
                            break
            except OSError:
                self.ends.wait(0.01)


def asks(port, address, path="/metrics", more="", seconds=10):
    """(status, body, seconds) of one request from an address; None for a connection that ended without an answer."""
    start = time.monotonic()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds, source_address=(address, 0))
        connection.putrequest("GET", path)
        for field in more.splitlines():
            connection.putheader(*field.split(": ", 1))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read(), time.monotonic() - start
    except (OSError, http.client.HTTPException) as e:
        return None, repr(e).encode(), time.monotonic() - start
    finally:
        connection.close()


def get_in(port, address, times, path="/metrics", more=""):
    """All of them are answered; returns the longest time."""
    longest = 0
    for i in range(times):
        status, body, seconds = asks(port, address, path, more)
        equal(status, 200, f"{path} from {address}, number {i}: {body[:100]!r}")
        longest = max(longest, seconds)
    return longest


def counted(agent, name, more="", **labels):
    """A counter of the agent's own."""
    text = asks(agent.port, "127.0.0.1", more=more)[1].decode()
    found = [s for l, s in Scrape(text).samples[name] if all(l[k] == v for k, v in labels.items())]
    equal(len(found), 1, f"{name} {labels}")
    return found[0]


def test_floods_starve_nobody(env):
    """Whoever floods waits behind itself only; who comes together shares a rendering."""
    agent = env.agent("postgres: false\ntls_uprobes: false\nscrapers: [127.0.4.1, '127.0.5.0/24']\n")
    Flood(env, agent.port, "127.0.7.7")
    print(f"  longest scrape beside a flood: {get_in(agent.port, '127.0.0.1', 10):.2f} s")
    print(f"  longest health check: {get_in(agent.port, '127.0.0.1', 10, '/-/healthy'):.2f} s")
    requests, renderings = (counted(agent, f"edgetap_exporter_{n}_total") for n in ("requests", "renderings"))
    print(f"  {requests:.0f} requests took {renderings:.0f} renderings")
    assert renderings < requests / 4, (requests, renderings)
    Flood(env, agent.port, "127.0.7.8", 200)
    get_in(agent.port, "127.0.0.1", 5)
    get_in(agent.port, "127.0.0.1", 5, "/-/healthy")
    refused = counted(agent, "edgetap_exporter_connections_cut_total", reason="address_limit")
    assert refused >= 100, refused
    # More addresses than there are places, all of which keep what they have.
    held = []
    for i in range(80):
        s = socket.socket()
        env.defer(s.close)
        s.bind((f"127.0.9.{i + 1}", 0))
        s.connect(("127.0.0.1", agent.port))
        held.append(s)
    get_in(agent.port, "127.0.4.1", 5)
    get_in(agent.port, "127.0.5.77", 5)
    get_in(agent.port, "127.0.4.1", 5, "/-/healthy")
    assert counted(agent, "edgetap_exporter_connections_cut_total", reason="displaced") > 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda i: asks(agent.port, f"127.0.5.{i + 1}"), range(8)))
    equal({status for status, *_ in pages}, {200}, "scrapes that come together")


def test_floods_without_credentials(env):
    """They get neither the connections nor the places of who has some, also from the same address."""
    two_apps(env)
    config, _ = config_of(env)
    agent = Agent(env, config + "\npostgres: false\ntls_uprobes: false\nhttp_connections: 24\n")
    field = f"Authorization: Bearer {ALL_TOKEN}"
    known = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=10, source_address=("127.0.7.0", 0))
    env.defer(known.close)
    known.request("GET", "/metrics", headers=dict([field.split(": ")]))
    known.getresponse().read()
    known.auto_open = False
    for i in range(3):
        Flood(env, agent.port, f"127.0.7.{i}", 17 if i else 60)
    get_in(agent.port, "127.0.0.1", 10, more=field)
    for _ in range(5):
        known.request("GET", "/metrics", headers=dict([field.split(": ")]))
        answer = known.getresponse()
        equal(answer.status, 200, "on a connection that has shown credentials before")
        answer.read()
    # A token that sees one app only floods too: what it gets is never another's.
    narrow = f"Authorization: Bearer {A_TOKEN}"
    ask = f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {TEXT}\r\n{{}}\r\n\r\n"
    Flood(env, agent.port, "127.0.8.1", text=ask.format(narrow).encode())
    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            fields = [f"{f}\nAccept: {TEXT}" for f in (field, narrow, field, narrow)]
            pages = list(pool.map(lambda i: asks(agent.port, f"127.0.8.{i + 2}", more=fields[i]), range(4)))
        for (status, body, _), more in zip(pages, fields):
            equal(status, 200, f"beside floods: {body[:100]!r}")
            apps = {dict(labels).get("app") for _, labels in series(body.decode())}
            if more.startswith(narrow):
                equal(apps, {A}, "what the restricted one sees")
            else:
                assert {A, B} <= apps, apps
    equal(asks(agent.port, "127.0.0.1")[0], 401, "without")


if __name__ == "__main__":
    lib.main(globals())
