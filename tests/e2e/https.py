# SPDX-License-Identifier: Apache-2.0
"""What the tests of HTTP inside TLS share: when a server is watched, what was lost, requests of every kind."""
import os
import subprocess
from pathlib import Path

import lib
from client import ab, request
from lib import between, equal
from oracle import expect_losses
from servers import Logged
from tls import TlsConnection, mapped, probed

MILLI = 0.001
READ_WRITE = ("SSL_read", "SSL_write")
EX = ("SSL_read_ex", "SSL_write_ex")
GO = ("crypto/tls.(*Conn).Read", "crypto/tls.(*Conn).Write")
# What may be lost for another reason than that plain text was not seen: none of these may grow.
LOSSES = (
    "tls_unseen", "tls_call", "sockets_full", "connections_full", "rows_full", "statuses_full",
    "pipeline_full", "header_invalid", "resync", "gap", "budget", "fault", "iovec", "events_full",
)


def watch(process, pattern, names=READ_WRITE):
    """Waits until a process's library is watched: what it serves from now on is seen."""
    probed(process.pid, mapped(process.pid, pattern), *names)


def watch_itself(process, names=READ_WRITE):
    """The same for a process that has the library inside."""
    probed(process.pid, Path(os.readlink(f"/proc/{process.pid}/exe")), *names)


class Books:
    """The losses before a test, so that it can say that it lost nothing."""

    def __init__(self, agent):
        self.agent = agent
        self.before = agent.scrape()

    def lost(self, *reasons):
        return self.agent.scrape().loss(*reasons) - self.before.loss(*reasons)

    def nothing_lost(self):
        expect_losses(self.before, self.agent.scrape(), LOSSES)


def load(port, requests, **how):
    return ab(port, requests, scheme="https", **how)


def kinds(server, count=1):
    """Requests of every kind to a server whose paths are those of server.go and server.js; how many."""
    sent = 0
    for _ in range(count):
        with TlsConnection(server.port) as c:
            for path, status in (
                ("/", 200), ("/chunked", 200), ("/empty", 204), ("/missing", 404), ("/error", 500),
                ("/slow", 200),
            ):
                for method in ("GET", "HEAD"):
                    equal(c.get(path, method)[0], status, f"{method} {path}")
                    sent += 1
            for size in (1, 1000, 300000):
                equal(c.get("/", "POST", body=b"p" * size)[0], 201, "POST")
                sent += 1
            c.finish()
    return sent


def exact_or_unseen(agent, books, server, want, connections):
    """
    Of a server whose library does not touch the socket: every request is counted
    as its log has it, or the connection is counted as not seen. Never a wrong one.
    """

    def check(scrape):
        name = "edgetap_app_http_responses_total"
        got = scrape.by(name, "status", "method", app=server.name)
        unseen = scrape.loss("tls_unseen") - books.before.loss("tls_unseen")
        for key, n in got.items():
            between(n, 0, want.responses.get(key, 0), f"{server.name} {key}")
        missing = want.total() - sum(got.values())
        lost = scrape.value("edgetap_app_http_requests_lost_total", app=server.name)
        if not missing:
            equal(lost, 0, "requests lost of an exact count")
        least, most = (1, connections) if missing else (0, 0)
        expect_losses(books.before, scrape, ("tls_unseen",), least, most)
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")
        equal(
            scrape.by("edgetap_app_http_requests_aborted_total", "by", "phase", app=server.name), {}, "aborted"
        )
        return missing, unseen

    scrape = agent.expect(check)
    missing, unseen = check(scrape)
    print(f"{server.name}: {missing} of {want.total()} requests, {unseen} of {connections} connections not seen")
    return missing


def python(env, name, certificates, mode, **more):
    program, environ = env.python(name)
    environ = dict(environ, MODE=mode, **certificates.environ(), **more)
    environ.update(PYTHONHOME="/usr", PYTHONUNBUFFERED="1")
    return Logged(env, name, [program, lib.HERE / "programs" / "tls_server.py"], environ)


def every_path(server, rounds=20):
    """Requests of every kind to tls_server.py; how many."""
    count = 0
    for _ in range(rounds):
        with TlsConnection(server.port) as c:
            for status in (200, 201, 204, 302, 304, 404, 418, 500, 503):
                for method in ("GET", "HEAD", "DELETE"):
                    equal(c.get(f"/?status={status}&n=100", method)[0], status, f"{method} {status}")
                    count += 1
            for size in (1, 20000, 200000):
                equal(c.get("/?status=201", "POST", body=b"p" * size)[0], 201, "POST")
                equal(len(c.get(f"/?n={size}&chunk=3000")[1]), size, "chunked")
                count += 2
            c.send(request("/?status=418") * 4)
            for _ in range(4):
                equal(c.response()[0], 418, "pipelined")
                count += 1
            c.finish()
    return count


def linked(static):
    """A server of ours around OpenSSL, linked with the shared library or with the archive."""
    found = subprocess.run(["cc", "-print-file-name=libssl.a"], capture_output=True, text=True, check=True)
    if static and not Path(found.stdout.strip()).is_absolute():
        raise lib.Skip("no libssl.a")
    flags = ("-static",) if static else ()
    return lib.compiled(
        "tls_server.c", out="tls_static" if static else "tls_shared", flags=flags, libs=("-lssl", "-lcrypto")
    )
