#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: nobody else's agent may put breakpoints into its server
"""Uprobes off: nothing is attached to any process, and handshakes are seen from the wire all the same."""
import lib
from lib import between, equal
from servers import Nginx
from test_tls_handshakes import every_refusal, every_version
from tls import (
    Certificates, TlsConnection, agents_elsewhere, breakpoint_in, children, expect_handshakes, library, probed, uprobes,
)


def test_uprobes_off(env):
    """All of it without a single breakpoint: nothing is attached to any process."""
    agent = env.agent(flags=["--tls-uprobes=false"])
    certificates = Certificates(env)
    path, environ = library(env)
    watched = Nginx(env, "e2e-tls-off", tls=certificates.nginx(), environ=environ)
    before = agent.scrape()
    with TlsConnection(watched.port) as c:
        for _ in range(5):
            equal(c.get()[0], 200, "status")
        c.finish()
    every_version(env, agent, "e2e-off")
    every_refusal(env, agent, "e2e-off")
    scrape = expect_handshakes(agent, watched.name, {"1.3": 1}, {})
    equal(scrape.by("edgetap_edge_http_responses_total", "status", app=watched.name), {}, "responses seen in TLS")
    unseen = scrape.loss("tls_unseen") - before.loss("tls_unseen")
    between(unseen, 1 + 23, 10**6, "connections counted as not seen")
    for process in [watched.process.pid, *children(watched.process.pid)]:
        for name in ("SSL_read", "SSL_write", "SSL_do_handshake"):
            # Somebody else's agent on this machine watches our servers, too.
            found = breakpoint_in(process, path, name) and not agents_elsewhere()
            assert not found, f"a breakpoint in {name} of process {process}"
    equal(uprobes(agent.process.pid), [], "uprobes of the agent")

    # The same look at an agent that may: it must find what it looks for.
    agent.stop()
    other = env.agent()
    for process in children(watched.process.pid):
        probed(process, path, "SSL_read", "SSL_write")
    assert uprobes(other.process.pid), "an agent with breakpoints holds no link of them"
    with TlsConnection(watched.port) as c:
        for _ in range(5):
            equal(c.get()[0], 200, "status")
        c.finish()
    other.expect(
        lambda s: equal(s.by("edgetap_edge_http_responses_total", "status", app=watched.name), {("200",): 5}, "seen")
    )
    other.stop()
    for process in [watched.process.pid, *children(watched.process.pid)]:
        left = breakpoint_in(process, path, "SSL_read")
        assert not left or agents_elsewhere(), "the breakpoint outlived the agent"


if __name__ == "__main__":
    lib.main(globals())
