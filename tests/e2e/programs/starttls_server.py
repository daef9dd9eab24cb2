# SPDX-License-Identifier: Apache-2.0
"""
A server whose connections begin in the clear and turn to TLS, as the protocol PROTOCOL has it; inside it
answers HTTP. PORT, CERT and KEY are in the environment. Logs `STATUS METHOD` per response.
"""
import os
import socket
import ssl
import threading

LOG = open(os.environ["ACCESS_LOG"], "a", buffering=1)
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
GREETING = b"\x0a8.0.0\0\1\0\0\0abcdefgh\0\xff\xff\xff\2\0\xff\xdf\x15" + b"\0" * 10 + b"abcdefghijkl\0mysql_native_password\0"
MYSQL = len(GREETING).to_bytes(3, "little") + b"\0" + GREETING
LDAP = b"0\x0c\2\1\1x\7\x0a\1\0\4\0\4\0"
FEATURES = b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
XMPP = b"<?xml version='1.0'?><stream:stream id='a' from='a' version='1.0'>" + FEATURES

# What is said before TLS: bytes to send, or, in brackets, what a message ends with, or its length.
SCRIPTS = {
    "smtp": (b"220 test\r\n", [b"\r\n"], b"250-test\r\n250 STARTTLS\r\n", [b"STARTTLS\r\n"], b"220 go\r\n"),
    "pop3": (b"+OK test\r\n", [b"STLS\r\n"], b"+OK\r\n"),
    "imap": (
        b"* OK test\r\n", [b"CAPABILITY\r\n"], b"* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK\r\n",
        [b"STARTTLS\r\n"], b". OK\r\n",
    ),
    "ftp": (b"220 test\r\n", [b"\r\n"], b"234 go\r\n"),
    "xmpp": ([b">"], XMPP, [b">"], b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
    "ldap": ([31], LDAP),
    "mysql": (MYSQL, [4], [32]),  # who is not answered sends the ClientHello at once
    "postgres": ([8], b"S"),
}


def until(raw, end):
    """Reads a message, and no byte of what is behind it."""
    data = b""
    while len(data) < end if isinstance(end, int) else not data.endswith(end):
        more = raw.recv(end - len(data) if isinstance(end, int) else 1024)
        if not more:
            raise ConnectionError
        data += more


def serve(raw):
    try:
        for step in SCRIPTS[os.environ["PROTOCOL"]]:
            if isinstance(step, bytes):
                raw.sendall(step)
            else:
                until(raw, step[0])
        peer = CONTEXT.wrap_socket(raw, server_side=True)
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = peer.recv(4096)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            LOG.write("200 " + head.split(b" ")[0].decode() + "\n")
            if b"close" in head:
                return
    except OSError:
        pass
    finally:
        raw.close()


listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
