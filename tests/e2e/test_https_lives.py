#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS connections older than the agent, agents that come and go, and plain text that is switched off."""
import lib
from https import EX, GO, READ_WRITE, Books, linked, python, watch, watch_itself
from lib import between, equal
from oracle import expect_losses, settled
from servers import Logged, Nginx, go, node
from tls import Certificates, TlsConnection, children, library, probed


def test_started_before(env):
    """A server that is older than the agent, with a connection that is, and one whose request is answered later."""
    certificates = Certificates(env)
    path, environ = library(env)
    server = Nginx(env, "e2e-https-before", tls=certificates.nginx(), workers=2, environ=environ)
    used = [TlsConnection(server.port) for _ in range(6)]
    for c in used:
        equal(c.get()[0], 200, "status before the agent")
    settled(server, 6)
    agent = env.agent()
    for worker in children(server.process.pid):
        probed(worker, path, *READ_WRITE)
    books = Books(agent)
    fresh = [TlsConnection(server.port) for _ in range(6)]
    for _ in range(20):
        for c in fresh:
            equal(c.get("/missing")[0], 404, "status on a new connection")
    for c in fresh:
        c.finish()

    def fresh_ones(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", app=server.name)
        equal(got, {("404",): 120}, "responses on new connections")

    agent.expect(fresh_ones)
    for _ in range(20):
        for c in used:
            equal(c.get("/", "HEAD")[0], 200, "status on an old connection")
    for c in used:
        c.finish()
    settled(server, 6 + 240)

    def old_ones(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
        assert set(got) <= {("404", "GET"), ("200", "HEAD")}, f"invented: {got}"
        equal(got.get(("404", "GET")), 120, "responses on new connections")
        seen = got.get(("200", "HEAD"), 0)
        between(seen, 0, 120, "responses on old connections")
        missing = 120 - seen
        if missing:
            expect_losses(books.before, scrape, ("tls_unseen",), (missing + 19) // 20, 6)
        equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

    agent.expect(old_ones)


def test_older_by_library(env):
    """Connections older than the probes, of every library: followed from their next message or the one behind it."""
    certificates = Certificates(env)
    memory = env.renamed(linked(True), "e2e-older-memory")
    some = ("/", "/missing", "/error", "/empty")
    watched = [  # server, paths, how to wait for its probes
        (python(env, "e2e-older-python", certificates, "blocking"), None, lambda p: watch(p, r"libssl\.so", EX)),
        (python(env, "e2e-older-asyncio", certificates, "asyncio"), None, lambda p: watch(p, r"libssl\.so", EX)),
        (Logged(env, "e2e-older-memory", [memory, "memory"], certificates.environ()),
         ("/200/2", "/404/0", "/500/9", "/201/1"), watch_itself),
        (node(env, "e2e-older-node", certificates.environ()), some, watch_itself),
    ]
    if not lib.left_out() & {"go-tls"}:
        watched.append((go(env, "e2e-older-go", certificates.environ()), some, lambda p: watch_itself(p, GO)))
    held = []
    for server, paths, _ in watched:
        for path in paths or (f"/?status={200 + i}" for i in range(4)):
            c = TlsConnection(server.port)
            equal(c.get()[0], 200, "status before the agent")
            held.append((c, path))
    agent = env.agent()
    for server, _, wait in watched:
        wait(server.process)
    for _ in range(20):
        for c, path in held:
            c.get(path)
    for server, _, _ in watched:
        want = settled(server, 84)
        want.responses[("200", "GET")] -= 4

        def followed(scrape):
            got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
            for key, n in want.responses.items():
                between(got.get(key, 0), n - 1, n, f"{server.name} {key}")
            assert set(got) <= set(want.responses), f"{server.name}: invented {got}"
            equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

        agent.expect(followed)
    for c, _ in held:
        c.finish()


def test_unseen_while_open(env):
    """A connection that nobody shows the plain text of is a loss while it is open, and one only."""
    certificates = Certificates(env)
    agent = env.agent("apps:\n  rules:\n    - match: { app: e2e-https-dark }\n      set: { uprobes: false }\n")
    server = Logged(env, "e2e-https-dark", [env.renamed(linked(True), "e2e-https-dark")], certificates.environ())
    books = Books(agent)
    with TlsConnection(server.port) as c:
        for _ in range(4):
            equal(c.get()[0], 200, "status")
        lib.eventually(lambda: books.lost("tls_unseen") >= 1, 5, "a loss while it is open")
        c.finish()
    agent.expect(lambda scrape: expect_losses(books.before, scrape, ("tls_unseen",), 1, 1))


def test_agent_restarts(env):
    """Keep-alive connections that live through three agents: each counts its own share, none a wrong one."""
    certificates = Certificates(env)
    path, environ = library(env)
    server = Nginx(env, "e2e-https-restart", tls=certificates.nginx(), environ=environ)
    held = [TlsConnection(server.port) for _ in range(5)]
    worker = children(server.process.pid)[0]
    total = 0
    for turn in range(3):
        agent = env.agent()
        probed(worker, path, *READ_WRITE)
        books = Books(agent)
        fresh = TlsConnection(server.port)
        for _ in range(30):
            equal(fresh.get("/missing")[0], 404, "status")
            for c in held:
                equal(c.get()[0], 200, "status")
        total += 30 * 6
        settled(server, total)

        def check(scrape):
            got = scrape.by("edgetap_app_http_responses_total", "status", "method", app=server.name)
            assert set(got) <= {("404", "GET"), ("200", "GET")}, f"invented: {got}"
            equal(got.get(("404", "GET")), 30, f"agent {turn}: responses on its own connection")
            seen = got.get(("200", "GET"), 0)
            between(seen, 0, 150, f"agent {turn}: responses on older connections")
            equal(scrape.value("edgetap_app_concurrency", app=server.name), 0, "in flight")

        scrape = agent.expect(check)
        seen = scrape.by("edgetap_app_http_responses_total", "status", app=server.name).get(("200",), 0)
        fresh.finish()
        if turn == 2:
            for c in held:
                c.finish()
            unseen = books.lost("tls_unseen")
            if seen < 150:
                lib.eventually(lambda: books.lost("tls_unseen") >= (150 - seen + 29) // 30, 5,
                               f"older connections counted: {150 - seen} requests missing, {unseen} connections")
        agent.stop()


def test_without(env):
    """Switched off for an app or for a library: its connections are counted as not seen, others are followed."""
    certificates = Certificates(env)
    config = "apps:\n  rules:\n    - match: { app: e2e-https-without }\n      set: { uprobes: false }\n"
    agent = env.agent(config)
    seen = Logged(env, "e2e-https-with", [env.renamed(linked(True), "e2e-https-with")], certificates.environ())
    watch_itself(seen.process)
    unseen = Logged(env, "e2e-https-without", [env.renamed(linked(True), "e2e-https-without")], certificates.environ())
    books = Books(agent)
    for server in (unseen, seen):
        for _ in range(4):
            with TlsConnection(server.port) as c:
                for _ in range(5):
                    equal(c.get()[0], 200, "status")
                c.finish()

    def check(scrape):
        name = "edgetap_app_http_responses_total"
        equal(scrape.by(name, "status", app=seen.name), {("200",): 20}, "responses of the one that is followed")
        equal(scrape.by(name, "status", app=unseen.name), {}, "responses of the one that is not")
        expect_losses(books.before, scrape, ("tls_unseen",), 4, 4)

    agent.expect(check)
    agent.stop()
    lib.need_parts("go-tls")
    agent = env.agent(flags=["--tls-libraries=gnutls,go"])
    gopher = go(env, "e2e-https-only-go", certificates.environ())
    watch_itself(gopher.process, GO)
    books = Books(agent)
    for server in (gopher, seen):
        with TlsConnection(server.port) as c:
            for _ in range(5):
                equal(c.get()[0], 200, "status")
            c.finish()

    def only_go(scrape):
        name = "edgetap_app_http_responses_total"
        equal(scrape.by(name, "status", app=gopher.name), {("200",): 5}, "responses of Go")
        equal(scrape.by(name, "status", app=seen.name), {}, "responses of OpenSSL")
        expect_losses(books.before, scrape, ("tls_unseen",), 1, 1)

    agent.expect(only_go)


if __name__ == "__main__":
    lib.main(globals())
