# SPDX-License-Identifier: Apache-2.0
"""
TLS for tests: certificates made by openssl, clients that move each flight when
they are told to, `openssl s_client` and what it prints, and a look at whether a
process has a breakpoint in its TLS library.
"""
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections import Counter
from pathlib import Path

import lib
from client import Connection
from lib import equal, need

# RFC 8446, 6: what `openssl s_client` and the servers print as a number.
ALERTS = {
    0: "close_notify", 10: "unexpected_message", 40: "handshake_failure", 42: "bad_certificate",
    43: "unsupported_certificate", 45: "certificate_expired", 46: "certificate_unknown",
    47: "illegal_parameter", 48: "unknown_ca", 50: "decode_error", 70: "protocol_version",
    71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback",
    90: "user_canceled", 112: "unrecognized_name", 116: "certificate_required",
    120: "no_application_protocol",
}
VERSIONS = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}


def openssl(*argv, cwd=None):
    done = subprocess.run([need("openssl"), *map(str, argv)], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, f"openssl {' '.join(map(str, argv))}: {done.stderr}"
    return done.stdout


class Certificates:
    """
    A CA, and certificates of it by name (P-256): .server (good.test, localhost),
    .expired (yesterday), .client, and .stranger, whose CA nobody trusts. Each has
    .cert, .key and .both, a file with the two.
    """

    class Pair:
        def __init__(self, folder, name):
            self.cert = folder / f"{name}.crt"
            self.key = folder / f"{name}.key"
            self.both = folder / f"{name}.pem"

    def __init__(self, env):
        self.dir = env.dir / "certificates"
        if not self.dir.exists():
            self.dir.mkdir()
            for ca in ("ca", "other-ca"):
                self._root(ca)
            self._signed("server", "ca", "20200101000000Z", "20600101000000Z")
            self._signed("expired", "ca", "20200101000000Z", "20200102000000Z")
            self._signed("client", "ca", "20200101000000Z", "20600101000000Z")
            self._signed("stranger", "other-ca", "20200101000000Z", "20600101000000Z")
        self.ca = self.dir / "ca.crt"
        for name in ("server", "expired", "client", "stranger"):
            setattr(self, name, self.Pair(self.dir, name))

    def _key(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.dir / f"{name}.key")
        (self.dir / f"{name}.key").chmod(0o644)

    def _root(self, name):
        self._key(name)
        (self.dir / f"{name}.index").write_text("")
        (self.dir / f"{name}.cnf").write_text(
            f"""[ca]
default_ca = one
[one]
dir = {self.dir}
database = {self.dir}/{name}.index
new_certs_dir = {self.dir}
certificate = {self.dir}/{name}.crt
private_key = {self.dir}/{name}.key
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[leaf]
subjectAltName = DNS:localhost,DNS:good.test,IP:127.0.0.1
"""
        )
        openssl(
            "req", "-x509", "-new", "-key", self.dir / f"{name}.key", "-subj", f"/CN={name}",
            "-days", "3650", "-out", self.dir / f"{name}.crt",
        )

    def _signed(self, name, ca, start, end):
        self._key(name)
        request = self.dir / f"{name}.csr"
        openssl("req", "-new", "-key", self.dir / f"{name}.key", "-subj", f"/CN={name}", "-out", request)
        openssl(
            "ca", "-batch", "-notext", "-config", self.dir / f"{ca}.cnf", "-extensions", "leaf",
            "-startdate", start, "-enddate", end, "-in", request, "-out", self.dir / f"{name}.crt",
        )
        both = (self.dir / f"{name}.crt").read_text() + (self.dir / f"{name}.key").read_text()
        (self.dir / f"{name}.pem").write_text(both)

    def nginx(self, pair=None, lines=""):
        """What Nginx(tls=...) takes. Distributions differ in the versions that they leave on."""
        pair = pair or self.server
        if "ssl_protocols" not in lines:
            lines += "ssl_protocols TLSv1.2 TLSv1.3;"
        return f"ssl_certificate {pair.cert}; ssl_certificate_key {pair.key}; {lines}"

    def environ(self, pair=None, **more):
        """For our own servers, which take the names of the files from CERT and KEY."""
        pair = pair or self.server
        return dict(os.environ, CERT=str(pair.cert), KEY=str(pair.key), **more)


def context(certificates=None, version=None, alpn=()):
    """A client's context. certificates: verify with their CA; else nobody is verified."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificates:
        made.load_verify_locations(certificates.ca)
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if version:
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version = made.maximum_version = version
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


class TlsConnection(Connection):
    """A client connection whose bytes go through TLS; the handshake is over when it is made."""

    def __init__(self, port, name="good.test", tls=None, session=None, **how):
        super().__init__(port, **how)
        self.raw = self.socket
        self.tls = tls or context()
        self.socket = self.tls.wrap_socket(self.raw, server_hostname=name, session=session)

    def finish(self):
        """Says close_notify and reads to the end, so that the server has seen the end before we go on."""
        try:
            self.socket.unwrap()  # waits for the server's
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(1 << 16):
                pass
        except OSError:
            pass  # the server was faster
        self.socket.close()


class Handshake(Connection):
    """
    A client's handshake in memory: hello() gives the ClientHello, feed() takes
    what the server sent and gives what is to be sent next. Times are the
    client's own, so a test knows between which instants each flight was.
    """

    def __init__(self, port, name="good.test", tls=None, **how):
        super().__init__(port, **how)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (tls or context()).wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.done = False

    def flight(self):
        """The next bytes to send, as far as what has been fed allows."""
        try:
            self.tls.do_handshake()
            self.done = True
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def feed_once(self):
        data = self.socket.recv(1 << 16)
        if data:
            self.incoming.write(data)
        return data

    def server_flight(self):
        """Reads until there is an answer to send or the handshake is done; returns that answer."""
        while True:
            assert self.feed_once(), "the server left in the handshake"
            answer = self.flight()
            if answer or self.done:
                return answer

    def handshake(self, pause=0):
        """
        The whole handshake, with a pause before each flight of ours but the first.
        Returns (at least, at most): what the server's handshake took, in seconds.
        """
        hello = self.flight()
        before_hello = time.monotonic()
        self.send(hello)
        after_hello = time.monotonic()
        while not self.done:
            answer = self.server_flight()
            if answer:
                time.sleep(pause)
                before_last = time.monotonic()
                self.send(answer)
        if self.tls.version() == "TLSv1.3":
            # The server has our Finished when it sends its tickets or its first answer.
            self.socket.settimeout(10)
            assert self.feed_once(), "no ticket"
        at_end = time.monotonic()
        return before_last - after_hello, at_end - before_hello

    def peer_closed(self, seconds=30):
        """Waits for the end of the stream; False if it ended with an RST."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionResetError:
            return False
        return True


class Said:
    """What one run of s_client printed."""

    def __init__(self, status, text):
        self.status = status
        self.text = text
        new = re.search(r"^(New|Reused), (TLSv[\d.]+|SSLv3), Cipher is (\S+)", text, re.M)
        protocol = re.search(r"^\s*Protocol\s*: (\S+)", text, re.M)
        new_version = new[2] if new else None
        # Before 1.3 that line names the first version that knew the cipher.
        used = protocol[1] if protocol else new_version
        self.version = VERSIONS.get(used) if new else None
        self.reused = bool(new and new[1] == "Reused")
        alert = re.search(r"SSL alert number (\d+)", text)
        self.alert = ALERTS[int(alert[1])] if alert else None
        verify = re.search(r"verify error:num=(\d+)", text)
        self.verify_error = int(verify[1]) if verify else None
        self.wire = self._wire()

    def _wire(self):
        """The alert that ended it, as it went over the wire: (by, name, could it be read), or None."""
        record = by = None
        for line in self.text.splitlines():
            header = re.match(r"\s+(15|17) 03 0\d (\w\w) (\w\w)$", line)
            if header:
                record = header.groups()
            alert = re.match(r"(>>>|<<<) .*Alert \[length 0002\]", line)
            if alert:
                by = "client" if alert[1] == ">>>" else "server"
            body = re.match(r"    02 (\w\w)$", line)  # fatal
            if body and by:
                return by, ALERTS[int(body[1], 16)], record == ("15", "00", "02")
        return None


def s_client(port, *flags, name="good.test", send="", seconds=20):
    """One connection by `openssl s_client`. send: what to write once it is connected."""
    argv = [need("openssl"), "s_client", "-msg", "-connect", f"127.0.0.1:{port}"]
    argv += ["-servername", name] if name else ["-noservername"]
    argv += [str(f) for f in flags]
    done = subprocess.run(argv, input=send, capture_output=True, text=True, timeout=seconds, errors="replace")
    return Said(done.returncode, done.stdout + done.stderr)


OLD = ("-cipher", "ALL:@SECLEVEL=0")


def expect_handshakes(agent, app, versions, errors, seconds=15):
    """
    Handshakes that were completed, {"1.2": n}, and those that were not,
    {(servername, by, reason): n}, of an app: exactly these, and so they stay.
    """

    def check(scrape):
        got = scrape.by("edgetap_edge_tls_handshake_time_seconds_count", "version", app=app)
        equal(got, {(v,): n for v, n in versions.items() if n}, f"{app} handshakes by version")
        got = scrape.by("edgetap_edge_tls_handshake_errors_total", "servername", "by", "reason", app=app)
        equal(got, {k: n for k, n in errors.items() if n}, f"{app} handshake errors")

    return agent.expect(check, seconds)


def library(env, name="libssl.so.3"):
    """
    A copy of a library for one server only, and the environment that makes it use
    it: breakpoints belong to a file, so this one has none for any other's sake.
    """
    found = subprocess.run([need("ldconfig"), "-p"], capture_output=True, text=True, check=True).stdout
    match = re.search(rf"^\s*{re.escape(name)} .*=> (\S+)$", found, re.M)
    if not match:
        raise lib.Skip(f"{name} is not installed")
    folder = env.dir / "lib"
    folder.mkdir(exist_ok=True)
    target = folder / name
    if not target.exists():
        shutil.copy(match[1], target)
        target.chmod(0o755)
    return target, dict(os.environ, LD_LIBRARY_PATH=str(folder))


_symbols = {}


def symbol(path, name):
    """Where a function is, in the file's address space, and how many bytes it has."""
    key = (str(path), os.stat(path).st_ino, name)
    if key not in _symbols:
        done = subprocess.run([need("readelf"), "-sW", str(path)], capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            fields = line.split()
            if len(fields) >= 8 and fields[3] == "FUNC" and fields[6] != "UND":
                if fields[7].split("@")[0] == name:
                    _symbols[key] = int(fields[1], 16), int(fields[2], 0)
                    break
        else:
            raise AssertionError(f"no function {name} in {path}")
    return _symbols[key]


def _segments(path):
    done = subprocess.run([need("readelf"), "-lW", str(path)], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"]:
            yield int(fields[1], 16), int(fields[2], 16), int(fields[4], 16)  # offset, address, size in file


PROLOGUE_BYTES = 64  # of a function, in which its probe is


def _offset(path, address):
    """Where an address is in the file; None if it is not."""
    return next((address - a + o for o, a, size in _segments(path) if a <= address < a + size), None)


def breakpoint_in(pid, path, name):
    """
    Has the kernel put a breakpoint where this function of this file begins, in this
    process, or where one begins that it calls first? Probes are where they cost least.
    """
    address, size = symbol(path, name)
    status = os.stat(path)
    with open(f"/proc/{pid}/maps") as f:
        mappings = [line.split() for line in f]
    for fields in mappings:
        if len(fields) < 6 or "x" not in fields[1] or int(fields[4]) != status.st_ino:
            continue
        start, end = (int(part, 16) for part in fields[0].split("-"))

        def broken(address, size):
            offset = _offset(path, address)
            if offset is None or not start <= (at := offset - int(fields[2], 16) + start) < end:
                return None, b""
            with open(f"/proc/{pid}/mem", "rb") as memory, open(path, "rb") as file:
                memory.seek(at)
                file.seek(offset)
                now, code = memory.read(min(size, end - at)), file.read(size)
            return any(n == 0xCC != c for n, c in zip(now, code)), code

        found, code = broken(address, min(size, PROLOGUE_BYTES))
        if found is None:
            continue
        call = code.find(b"\xe8")
        if not found and 0 <= call <= len(code) - 5:
            target = address + call + 5 + int.from_bytes(code[call + 1:call + 5], "little", signed=True)
            found = bool(broken(target, 8)[0])
        return found
    raise AssertionError(f"{path} is not mapped by process {pid}")


def links_to(agent, path):
    """How many uprobe links of this file an agent holds. Where the kernel does not tell of which file (before 6.8): of any."""
    links = 0
    for fd in os.listdir(f"/proc/{agent}/fdinfo"):
        try:
            info = Path(f"/proc/{agent}/fdinfo/{fd}").read_text()
        except FileNotFoundError:
            continue  # closed since
        if re.search(r"^link_type:\s*(perf|uprobe_multi)$", info, re.M):
            links += f"/{Path(path).name}\n" in info or "\npath:" not in info
    return links


def own_agents():
    """Process ids of the agents that this test has started and that run."""
    return [p for p in children(os.getpid()) if Path(f"/proc/{p}/comm").read_text().strip() == "edgetap"]


def agents_elsewhere():
    """Does an agent run that is none of this test's?"""
    own = own_agents()
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == "edgetap" and int(path.parent.name) not in own:
                return True
        except (FileNotFoundError, ProcessLookupError):
            pass  # ended since
    return False


def probed(pid, path, *names, seconds=20):
    """
    Waits until these functions have a breakpoint, one of our agent's: what is
    called from now on is seen. Others may observe this machine, too.
    """

    state = {}

    def check():
        for agent in own_agents():
            links = links_to(agent, path)
            assert links, f"agent {agent} holds no uprobe of {path}"
            # a file is attached link by link: it is done when none has been added for a while
            before, since = state.get(agent, (0, 0))
            if links != before:
                state[agent] = (links, time.monotonic())
            assert links == before and time.monotonic() - since > 0.3, f"agent {agent} is attaching {path}"
        missing = [n for n in names if not breakpoint_in(pid, path, n)]
        assert not missing, f"no breakpoint in {', '.join(missing)} of {path}, process {pid}"
        return True

    lib.eventually(check, seconds)


def mapped(pid, pattern):
    """The file of a process's mappings whose name matches, as this process can open it."""
    with open(f"/proc/{pid}/maps") as f:
        for line in f:
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and re.search(pattern, fields[5].strip()):
                return Path(fields[5].strip())
    raise AssertionError(f"process {pid} maps no {pattern}")


def probed_itself(pid, *names):
    """The same for a program that has the library in itself."""
    probed(pid, Path(os.readlink(f"/proc/{pid}/exe")), *names)


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def uprobes(pid, folder="/"):
    """
    What a process holds open that can be attached to other processes' code: links and perf events.
    Where the kernel tells of which file a link is (6.8), of files in this folder only.
    """
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            info = Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
        except FileNotFoundError:
            continue  # closed since
        kind = re.search(r"^link_type:\s*(\S+)", info, re.M)
        path = re.search(r"^path:\s*(.*)", info, re.M)
        if path and not path[1].startswith(str(folder)):
            continue
        if "[perf_event]" in target or kind and kind[1] in ("perf", "uprobe_multi", "kprobe_multi"):
            found.append(kind[1] if kind else "perf_event")
    return found


def links():
    """Every BPF link of the kernel by kind, as bpftool enumerates them."""
    done = subprocess.run([need("bpftool"), "-j", "link", "show"], capture_output=True, text=True, check=True)
    return Counter(str(link.get("type")) for link in json.loads(done.stdout or "[]"))
