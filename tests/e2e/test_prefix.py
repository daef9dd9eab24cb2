#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that begin with something else: the PROXY protocol, or a first exchange in the clear before TLS."""
import ipaddress
import re
import subprocess

import lib
from client import Connection, request
from https import EX, watch
from lib import between, equal, need
from oracle import expect_http, settled
from servers import Haproxy, Logged, Nginx
from tls import Certificates, context, expect_handshakes, openssl, s_client

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command, family, block):
    return V2 + bytes((0x20 | command, family)) + len(block).to_bytes(2, "big") + block


def addresses(one, two):
    pair = [ipaddress.ip_address(a).packed for a in (one, two)]
    return b"".join(pair) + (4000).to_bytes(2, "big") + (80).to_bytes(2, "big")


FOUR, SIX = addresses("192.0.2.1", "192.0.2.2"), addresses("2001:db8::1", "2001:db8::2")
PREFIXES = {
    "v1": b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n",
    "v1 of IPv6": b"PROXY TCP6 2001:db8::1 2001:db8::2 4000 80\r\n",
    "v1 unknown": b"PROXY UNKNOWN\r\n",
    "v2": v2(1, 0x11, FOUR),
    "v2 of IPv6": v2(1, 0x21, SIX),
    "v2 local": v2(0, 0, b""),
    "v2 unspecified": v2(1, 0, b""),
    "v2 with TLVs": v2(1, 0x11, FOUR + b"\x02\0\4test" + b"\x04\0\x18" + b"\n" * 24),
}


def test_nginx(env):
    """HTTP/1.1 behind it: methods and times are those of the requests."""
    agent = env.shared_agent()
    port = lib.free_port()
    server = Nginx(env, "e2e-prefix-nginx", listen=f"listen 127.0.0.1:{port} proxy_protocol;")
    count = 0
    for prefix in PREFIXES.values():
        for together in (True, False):
            with Connection(port) as c:
                first = request("/", "HEAD")
                c.send(prefix + first if together else prefix)
                if not together:
                    c.send_bytewise(first)
                equal(c.response("HEAD")[0], 200, "status")
                for method in ("GET", "HEAD", "GET"):
                    equal(c.get("/missing", method)[0], 404, method)
                count += 4
        with Connection(port) as c:  # a balancer's check
            c.send(prefix)
            c.finish()
    scrape = expect_http(agent, server.name, settled(server, count))
    have = scrape.histogram("edgetap_app_http_queue_time_seconds", app=server.name)
    equal(have.count, count, "queue times")


def test_haproxy(env):
    """The real balancer sends it, and takes it."""
    agent = env.shared_agent()
    for send in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c"):
        name = f"e2e-prefix-{len(send)}"
        port = lib.free_port()
        server = Nginx(env, name, listen=f"listen 127.0.0.1:{port} proxy_protocol;")
        front = Haproxy(
            env, f"{name}-front", [], backend=f"    http-reuse always\n    server a 127.0.0.1:{port} {send} check inter 100",
            bind="accept-proxy",
        )
        count = 0
        for kind, prefix in PREFIXES.items():
            if kind == "v2 unspecified":  # haproxy refuses it
                continue
            with Connection(front.port) as c:
                c.send(prefix)
                for path, status in (("/", 200), ("/missing", 404), ("/", 200)):
                    for method in ("GET", "HEAD"):
                        equal(c.get(path, method)[0], status, method)
                        count += 1
        expect_http(agent, server.name, settled(server, count))
        expect_http(agent, front.name, settled(front, count))


def curl(port, count, *flags, scheme="http"):
    out = subprocess.run(
        [need("curl"), "-sk", "--haproxy-protocol", "-o", "/dev/null", "-w", "%{http_code} ", *flags]
        + [f"{scheme}://127.0.0.1:{port}/"] * count,
        capture_output=True, text=True, timeout=30, check=False,
    )
    equal(out.stdout.split()[:1], ["200"], f"curl {flags}")
    return len(out.stdout.split())


def test_http2(env):
    agent = env.shared_agent()
    port = lib.free_port()
    server = Nginx(env, "e2e-prefix-h2", listen=f"listen 127.0.0.1:{port} proxy_protocol http2;")
    count = sum(curl(port, 1, "--http2-prior-knowledge") for _ in range(10))
    expect_http(agent, server.name, settled(server, count))


def test_tls(env):
    """The handshake behind it is followed, and what is inside."""
    agent = env.shared_agent()
    certificates = Certificates(env)
    port = lib.free_port()
    server = Nginx(
        env, "e2e-prefix-tls", tls=certificates.nginx(), listen=f"listen 127.0.0.1:{port} ssl proxy_protocol;",
    )
    watch(server.process, r"libssl", ())
    count = 0
    for prefix in PREFIXES.values():
        with Connection(port) as c:
            c.send(prefix)
            c.socket = context().wrap_socket(c.socket, server_hostname="good.test")
            for method in ("GET", "HEAD", "GET"):
                equal(c.get("/", method)[0], 200, method)
                count += 1
    count += sum(curl(port, 1, "--http1.1", scheme="https") for _ in range(3))
    expect_http(agent, server.name, settled(server, count))
    expect_handshakes(agent, server.name, {"1.3": len(PREFIXES) + 3}, {})


CLOSE = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"


def mysql(port):
    """What a client of MySQL does: it answers the greeting with half of a login, and turns to TLS."""
    with Connection(port) as c:
        assert c.more()
        c.send(b"\x20\0\0\1\x85\xae\xff\x19\0\0\0\1\xff" + b"\0" * 23)
        c.pending = b""
        c.socket = context().wrap_socket(c.socket)
        c.send(CLOSE)
        equal(c.response()[0], 200, "inside TLS")


def test_starttls(env):
    """Each protocol as openssl's client has it; inside is HTTP, which is counted."""
    agent = env.shared_agent()
    certificates = Certificates(env)
    for protocol in ("smtp", "pop3", "imap", "ftp", "xmpp", "ldap", "mysql", "postgres"):
        program, environ = env.python(f"e2e-tls-{protocol}")
        environ = dict(environ, PROTOCOL=protocol, **certificates.environ())
        argv = [program, lib.HERE / "programs" / "starttls_server.py"]
        server = Logged(env, f"e2e-tls-{protocol}", argv, environ)
        watch(server.process, r"libssl", EX)
        for _ in range(3):
            if protocol == "mysql":
                mysql(server.port)
                continue
            said = s_client(server.port, "-starttls", protocol, "-ign_eof", "-quiet", send=CLOSE.decode())
            assert "200 OK" in said.text, said.text
        expect_http(agent, server.name, settled(server, 3))
        expect_handshakes(agent, server.name, {"1.3": 3}, {})


if __name__ == "__main__":
    lib.main(globals(), parts=())
