#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes in and out are what `ss -ti` says, less SYN and FIN, while a connection lives and after it."""
import lib
from client import Connection, request
from lib import between, equal
from oracle import ss
from servers import odd

SIZES = (0, 1, 100, 1447, 1448, 1449, 65535, 300000, 5000000)


def totals(scrape, app):
    return (
        scrape.value("edgetap_edge_data_in_bytes_total", app=app),
        scrape.value("edgetap_edge_data_out_bytes_total", app=app),
    )


def kernel(port, client_port):
    """bytes_received and bytes_acked of the server's socket while it is open."""
    found = ss(port).get((port, client_port))
    assert found, f"ss knows no connection {client_port} -> {port}"
    equal(found["state"], "ESTAB", "state")
    return found.get("bytes_received", 0), found.get("bytes_acked", 0)


def test_live(env):
    """
    On an open connection. The kernel counts at events: what the peer has
    acknowledged since the server's last read or write shows at its next one.
    """
    agent = env.shared_agent()
    server = odd(env, "e2e-bytes-live")
    with Connection(server.port) as c:
        for n in SIZES + (1,):  # the last shows all of the one before
            before = c.received
            equal(c.get(f"/?n={n}", "POST", body=b"i" * n)[0], 200, "status")

            def acknowledged():
                received, acked = kernel(server.port, c.port)
                equal(received, c.sent, "ss: received, no SYN counted")
                equal(acked, c.received, "ss: acknowledged, no SYN counted")
                return True

            lib.eventually(acknowledged, 5)

            def check(scrape):
                got_in, got_out = totals(scrape, server.name)
                equal(got_in, c.sent, f"bytes in after {n} bytes of body")
                between(got_out, before, c.received, f"bytes out after {n} bytes of body")

            agent.expect(check)


def test_after_close(env):
    """Exact once the connection has ended, whoever ended it and however."""
    agent = env.shared_agent()
    sent = received = 0
    server = odd(env, "e2e-bytes-close")
    for n in SIZES:
        for end in ("finish", "close", "reset"):
            c = Connection(server.port)
            equal(c.get(f"/?n={n}", "POST", body=b"i" * n)[0], 200, "status")

            def acknowledged(c=c):
                equal(kernel(server.port, c.port), (c.sent, c.received), "ss")
                return True

            lib.eventually(acknowledged, 5)
            getattr(c, end)()
            sent += c.sent
            received += c.received

    def check(scrape):
        equal(totals(scrape, server.name), (sent, received), "bytes in and out")

    agent.expect(check)


def test_server_closes(env):
    """The server's FIN is not payload; nor is a response that nobody acknowledged."""
    agent = env.shared_agent()
    server = odd(env, "e2e-bytes-fin")
    sent = received = 0
    for i in range(30):
        with Connection(server.port) as c:
            c.send(request(f"/?n={i * 100}") + b"Q")
            equal(c.response()[0], 200, "status")
            c.finish()
            sent += c.sent
            received += c.received

    def check(scrape):
        equal(totals(scrape, server.name), (sent, received), "bytes in and out")

    agent.expect(check)


def test_unread(env):
    """What the app never read was received all the same."""
    agent = env.shared_agent()
    server = odd(env, "e2e-bytes-unread", before_read_ms=500, size=10)
    with Connection(server.port) as c:
        c.send(request(headers="X: " + "y" * 5000 + "\r\n"))
        equal(kernel(server.port, c.port)[0], c.sent, "ss")
        c.response()
        c.finish()
        sent, received = c.sent, c.received

    def check(scrape):
        equal(totals(scrape, server.name), (sent, received), "bytes in and out")

    agent.expect(check)


def test_client_role(env):
    """The same bytes from the other end: outbound in is the server's out."""
    agent = env.shared_agent()
    server = odd(env, "e2e-bytes-server")
    program, environ = env.python("e2e-bytes-client")
    code = f"""
import urllib.request
for n in (0, 10, 1000, 400000):
    urllib.request.urlopen("http://127.0.0.1:{server.port}/?n=%d" % n, data=b"d" * n).read()
"""
    client = env.start([program, "-c", code], env=environ)
    equal(client.wait(), 0, "the client's exit")

    def check(scrape):
        got_in, got_out = totals(scrape, server.name)
        assert got_in > 400000 and got_out > 400000, f"bytes in and out: {got_in}, {got_out}"
        equal(scrape.value("edgetap_outbound_data_out_bytes_total", app="e2e-bytes-client"), got_in, "sent")
        equal(scrape.value("edgetap_outbound_data_in_bytes_total", app="e2e-bytes-client"), got_out, "received")
        equal(scrape.value("edgetap_outbound_tcp_connects_total", app="e2e-bytes-client"), 4, "connects")

    agent.expect(check)


if __name__ == "__main__":
    lib.main(globals())
