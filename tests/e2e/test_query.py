#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The query API against Prometheus and VictoriaMetrics: the same queries are taken and refused, what
is taken means the same, and a reader of one app gets what a database of that app alone would give.
"""
import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.parse

import lib
import queries
from gateway import Gateway, secret
from lib import equal

SECRET = "zulu"  # in every series of the other app, in no query
KEYWORDS = ("sum", "by", "offset", "group", "avg", "count", "or", "and", "start", "end", "without")
END = int(time.time()) // 60 * 60 - 120
START = END - 1800

# What Prometheus says of queries that are well-formed: types, numbers of arguments, and the like.
NO_SYNTAX = re.compile(
    "expected type|unknown function|argument|bool modifier can|comparisons between scalars|"
    "at least one non-empty matcher|metric name must not be set twice|vector matching only|"
    "no grouping allowed|set operator|must not occur in ON|unary expression only|"
    "binary expression must|error parsing regexp|only allowed on instant vector"
)


def series(app, base, secret):
    """(name, labels, step) of one app; values are base + step * minute."""
    found = []
    for i, instance in enumerate(("i1", "i2")):
        common = {"app": app, "instance": instance, "secret": secret}
        for j, code in enumerate(("200", "500")):
            found.append(("requests_total", dict(common, code=code, method="get"), i + 2 * j + 1))
            found.append(("errors_total", dict(common, code=code), j + 1))
        found.append(("temperature", common, i))
        for j, le in enumerate(("0.1", "1", "+Inf")):
            found.append(("latency_bucket", dict(common, le=le), j + 1))
        found += [(name, dict(common, by="x"), 1) for name in KEYWORDS]
    return [(name, labels, base, step) for name, labels, step in found]


def exposition(rows, openmetrics):
    lines, last = [], None
    for name, labels, base, step in sorted(rows, key=lambda row: row[0]):
        if openmetrics and name != last:
            lines.append(f"# TYPE {name} gauge")
        last = name
        inner = ",".join(f'{k}="{v}"' for k, v in labels.items())
        for t in range(START, END + 1, 15):
            stamp = t if openmetrics else t * 1000
            lines.append(f"{name}{{{inner}}} {base + step * (t - START) / 60} {stamp}")
    return "\n".join(lines + (["# EOF"] if openmetrics else [])) + "\n"


ALFA = series("alfa", 100, "alfa-only")
BRAVO = series("bravo", 777000000, SECRET)


class Database:
    """A Prometheus or VictoriaMetrics that holds some series."""

    def __init__(self, env, kind, rows):
        self.kind = kind
        self.port = lib.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder = env.dir / f"{kind}-{self.port}"
        folder.mkdir()
        if kind == "prometheus":
            text = folder / "data.om"
            text.write_text(exposition(rows, True))
            command = [lib.need("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, folder]
            done = subprocess.run(command, capture_output=True, text=True)
            equal(done.returncode, 0, f"promtool: {done.stderr}")
            config = folder / "prometheus.yml"
            config.write_text("global: { scrape_interval: 15s }\n")
            argv = [
                lib.need("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder}",
                "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{self.port}",
            ]
        else:
            argv = [
                lib.need("victoria-metrics"), f"-storageDataPath={folder}", "-search.latencyOffset=0s",
                f"-httpListenAddr=127.0.0.1:{self.port}", "-memory.allowedBytes=64MB",
            ]
        self.process = env.start(argv, name=f"{kind}-{self.port}")
        lib.listening(self.port, seconds=30, owner=self.process)
        if kind == "victoria-metrics":
            status = ask(self.port, "/api/v1/import/prometheus", exposition(rows, False), kind="text/plain")[0]
            equal(status, 204, "import")
            ask(self.port, "/internal/force_flush")
        expected = len({(name, *labels.items()) for name, labels, _, _ in rows})

        def loaded():
            found = get(self.port, "/api/v1/query", query='count({app!=""})', time=END)
            return found["data"]["result"] and int(found["data"]["result"][0]["value"][1]) == expected

        lib.eventually(loaded, 20, f"data in {kind}")


connections = {}


def ask(port, target, body=None, kind="application/x-www-form-urlencoded", headers=None):
    """Status, content type and body, over a connection that is kept."""
    for attempt in (0, 1):
        connection = connections.get(port) or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connections[port] = connection
        fields = dict(headers or {})
        if body is not None:
            fields["Content-Type"] = kind
        try:
            connection.request("GET" if body is None else "POST", target, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except (http.client.HTTPException, OSError):
            connection.close()
            del connections[port]
            if attempt:
                raise


def get(port, path, **parameters):
    status, _, body = ask(port, path, urllib.parse.urlencode(parameters))
    if status >= 500:
        raise AssertionError(f"{path}: status {status}: {body!r}")
    return json.loads(body)


def meaning(answer):
    """What an answer says, in an order of its own, without what differs from run to run."""
    if answer["status"] != "success":
        return "error"
    data = answer["data"]
    if not isinstance(data, dict):
        return data if data and not isinstance(data[0], dict) else sorted(json.dumps(d, sort_keys=True) for d in data)
    if data["resultType"] in ("scalar", "string"):
        return data["result"]
    return sorted(
        json.dumps([row["metric"], rounded(row.get("value")), [rounded(v) for v in row.get("values", [])]], sort_keys=True)
        for row in data["result"]
    )


def rounded(sample):
    """Sums are taken in the order of the series, which is not the same everywhere."""
    return sample and [sample[0], f"{float(sample[1]):.9g}"]


def check(all_queries):
    """What our parser makes of each: (why it refuses, None, None) or (None, printed, restricted)."""
    flags = [f"-I{lib.REPO}/userspace", f"-I{lib.REPO}/include"]
    sources = [lib.REPO / "userspace" / "encoders" / "buffer.c", *(lib.REPO / "userspace" / "gateway").glob("promql*.c")]
    target = lib.BUILD / "promql_check"
    if target.exists() and target.stat().st_mtime < max(p.stat().st_mtime for p in sources):
        target.unlink()
    program = lib.compiled("promql_check.c", flags=flags, libs=[*map(str, sources), "-lm"])
    done = subprocess.run([program], input=b"".join(q.encode() + b"\0" for q in all_queries), capture_output=True)
    equal(done.returncode, 0, "promql_check")
    pieces = done.stdout.decode().split("\0")
    found = []
    for i in range(len(all_queries)):
        first, second = pieces[2 * i], pieces[2 * i + 1]
        found.append((first[1:], None, None) if first[0] == "-" else (None, first[1:], second))
    return found


def test_grammar(env):
    """The corpus and 800 random queries: Prometheus takes what we take, and means the same by it."""
    alone = Database(env, "prometheus", ALFA)
    corpus = [q for q in queries.corpus() if "\0" not in q]
    everything = corpus + queries.Random(int(os.environ.get("SEED", "1"))).queries(800)
    version = json.loads(ask(alone.port, "/api/v1/status/buildinfo")[2])["data"]["version"]
    taken = refused = types = 0
    for query, (why, printed, restricted) in zip(everything, check(everything)):
        status, _, body = ask(alone.port, "/api/v1/query", urllib.parse.urlencode({"query": query, "time": END}))
        answer = json.loads(body)
        if status == 400 and not NO_SYNTAX.search(answer["error"]):
            assert why, f"{query!r} is taken as {printed!r}, Prometheus says {answer['error']}"
            refused += 1
            continue
        if status == 400 and why:  # an error of types before one of syntax
            refused += 1
            continue
        if why and not version.startswith("2.42."):  # newer ones take more
            continue
        assert not why, f"{query!r} is refused ({why}), Prometheus says {status} {answer.get('error')}"
        want = meaning(answer)
        # A selector of nothing may become one of something.
        for text in (printed, restricted):
            if status == 400 and text == restricted:
                continue
            got = meaning(get(alone.port, "/api/v1/query", query=text, time=END))
            if text == restricted and "absent" in query:
                got, want = len(got), len(want)
            equal(got, want, f"{text!r} for {query!r}")
        taken += status == 200
        types += status != 200
    print(f"  {len(corpus)} + 800 queries: {taken} taken alike, {refused} refused alike, {types} with wrong types")
    assert taken > 500 and refused > 200, (taken, refused)


TOKENS = """
tokens:
  - { name: everything, token_file: %(dir)s/all.token }
  - { name: reader, token_file: %(dir)s/alfa.token, apps: [alfa] }
  - { name: two, token_file: %(dir)s/two.token, apps: [alfa, "no.such|.*"] }
  - { name: elsewhere, token_file: %(dir)s/elsewhere.token, apps: [alfa], org: elsewhere }
"""


class Reader:
    """Asks the gateway, with one of its tokens."""

    def __init__(self, gateway, token):
        self.port = gateway.port
        self.headers = {"Authorization": f"Bearer {token}-{'x' * 32}"} if token else {}

    def ask(self, path, parameters="", post=False, headers=None, org="personal"):
        fields = dict(self.headers, **(headers or {}))
        if not isinstance(parameters, str):
            parameters = urllib.parse.urlencode(parameters)
        target = f"/prometheus/{org}{path}"
        if post:
            return ask(self.port, target, parameters, headers=fields)
        return ask(self.port, f"{target}?{parameters}" if parameters else target, headers=fields)


def start_gateway(env, url, more=""):
    for name in ("all", "alfa", "two", "elsewhere"):
        secret(env.dir / f"{name}.token", f"{name}-{'x' * 32}\n")
    return Gateway(env, f"query_url: {url}\n{more}" + TOKENS % {"dir": env.dir})


def clean(body, what):
    """Nothing of the other app: neither its label nor its numbers."""
    assert SECRET.encode() not in body and not re.search(rb"777\d{6}|7\.77\d*e\+?0?8", body), f"{what}: {body[:400]!r}"


class Switch:
    """An address whose connections go to the port that is set: one gateway for both databases."""

    def __init__(self, env):
        self.to = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()
        env.defer(self.listener.close)

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def hostile(env, kind, gateway, switch):
    both, alone = Database(env, kind, ALFA + BRAVO), Database(env, kind, ALFA)
    switch.to = both.port
    reader, two, everything = Reader(gateway, "alfa"), Reader(gateway, "two"), Reader(gateway, "all")
    taken = refused = seen = 0
    for i, query in enumerate(queries.lines(queries.HOSTILE)):
        form = {"query": query, "time": END}
        status, _, body = (two if i % 3 == 2 else reader).ask("/api/v1/query", form, post=i % 2)
        clean(body, query)
        if status == 200:
            answer = get(alone.port, "/api/v1/query", **form)
            if "non-empty matcher" in answer.get("error", ""):  # which it has when it is restricted
                answer = get(alone.port, "/api/v1/query", query=check([query])[0][2], time=END)
            got, want = meaning(json.loads(body)), meaning(answer)
            # The labels of absence are the matchers'; the others choose as they like.
            if re.search("absent|any|limit|topk|bottomk", query):
                got, want = len(got), len(want)
            equal(got, want, f"{query} on {kind}")
            taken += 1
        else:
            assert status in (400, 403, 422), f"{query}: {status} {body!r}"
            refused += 1
        form = {"query": query, "start": END - 300, "end": END, "step": 60}
        clean(reader.ask("/api/v1/query_range", form, post=not i % 2)[2], query)
        # Who may see everything gets what the database says to the query as it was.
        status, _, body = everything.ask("/api/v1/query", {"query": query, "time": END}, post=i % 2)
        seen += SECRET.encode() in body
        if status == 200 and not re.search("any|limit|topk|bottomk", query):
            direct = get(both.port, "/api/v1/query", query=query, time=END)
            equal(meaning(json.loads(body)), meaning(direct), f"{query} on {kind}, unrestricted")
    for path in ("/api/v1/series", "/api/v1/labels", "/api/v1/label/app/values", "/api/v1/label/secret/values",
                 "/api/v1/label/__name__/values", "/federate"):
        for match in ("", "{app!=''}", 'requests_total{app="bravo"}', '{__name__=~".+"}', "sum", "{}", "a or b"):
            form = [("start", START), ("end", END)] + ([("match[]", match)] if match else [])
            for extra in ([], [("match[]", "{app!=''}")], [("extra_label", "app=bravo")],
                          [("extra_filters[]", '{app="bravo"}')], [("match", '{app="bravo"}')], [("dedup", "1")]):
                status, _, body = reader.ask(path, form + extra, post=len(extra))
                # The label's name may be asked for: the value `bravo` may not.
                assert b"bravo" not in body and SECRET.encode() not in body, f"{path} {form + extra}: {body!r}"
                seen += status == 200 and b"alfa" in body
    print(f"  {kind}: {taken} taken, {refused} refused, {seen} with what may be seen")
    assert taken > 80 and refused > 20 and seen > 60, (taken, refused, seen)
    return reader, everything


def test_hostile(env):
    switch = Switch(env)
    gateway = start_gateway(env, switch.url)
    hostile(env, "prometheus", gateway, switch)
    reader, everything = hostile(env, "victoria-metrics", gateway, switch)
    # The page's own query, without brackets.
    query = "sum(increase(requests_total)) by (app, code)"
    found = json.loads(everything.ask("/api/v1/query", {"query": query, "time": END, "step": "5m"})[2])
    equal({row["metric"]["app"] for row in found["data"]["result"]}, {"alfa", "bravo"}, "apps")
    found = json.loads(reader.ask("/api/v1/query", {"query": query, "time": END, "step": "5m"})[2])
    equal({row["metric"]["app"] for row in found["data"]["result"]}, {"alfa"}, "apps of a reader")


class Upstream:
    """Stands for a database: says what it was asked, or misbehaves as the query wants."""

    def __init__(self, env):
        upstream = self
        self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, body, kind="application/json"):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Secret", "of the upstream")
                self.end_headers()
                self.wfile.write(body)

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                target, _, query = self.path.partition("?")
                upstream.seen.append((self.command, target, query or body, dict(self.headers)))
                asked = dict(urllib.parse.parse_qsl(query or body)).get("query", "")
                if asked == "hang":
                    upstream.held.wait(30)
                elif asked == "broken":
                    self.send_response(200)
                    self.send_header("Content-Length", "1000")
                    self.end_headers()
                    self.wfile.write(b"half")
                    self.close_connection = True
                elif asked == "huge":
                    self.send_response(200)
                    self.send_header("Content-Length", str(1 << 30))
                    self.end_headers()
                    for _ in range(1 << 10):
                        self.wfile.write(b"x" * (1 << 20))
                elif asked == "large":
                    self.reply(200, b"0123456789abcdef" * (1 << 18), "text/plain; version=0.0.4")
                elif asked.isdigit():
                    self.reply(int(asked), b'{"status":"error"}' if asked != "500" else b"<html>", "text/html" if asked == "500" else "application/json")
                else:
                    self.reply(200, json.dumps({"status": "success", "asked": query or body}).encode())

            do_GET = do_POST = answer

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # who hangs up early is what is tested

        self.held = threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        env.defer(self.server.shutdown)
        env.defer(self.held.set)


def test_proxy(env):
    upstream = Upstream(env)
    token = secret(env.dir / "upstream.token", "for-the-database\n")
    gateway = start_gateway(env, f"http://127.0.0.1:{upstream.port}/base", f"query_token_file: {token}\nquery_timeout: 2s\n")
    reader, everything, elsewhere = (Reader(gateway, name) for name in ("alfa", "all", "elsewhere"))

    def error(answer, status, kind, words):
        got, content_type, body = answer
        equal((got, content_type), (status, "application/json"), body)
        found = json.loads(body)
        equal((found["status"], found["errorType"]), ("error", kind), body)
        assert words in found["error"], body

    # What arrives: our own credentials, the Accept field, the rewritten parameters, and nothing else.
    headers = {"Accept": "a/b", "X-Scope-OrgID": "x", "Cookie": "c=d", "X-Forwarded-For": "1.2.3.4", "User-Agent": "mine"}
    status, kind, body = reader.ask("/api/v1/query", "query=up&trace=1&time=5", headers=headers)
    equal((status, kind), (200, "application/json"), body)
    method, target, form, fields = upstream.seen.pop()
    equal((method, target), ("POST", "/base/api/v1/query"), "request")
    equal(urllib.parse.parse_qsl(form), [("query", 'up{app="alfa"}'), ("time", "5")], "parameters")
    equal(fields.pop("Authorization"), "Bearer for-the-database", "credentials")
    equal(fields.pop("Accept"), "a/b", "Accept")
    fields.pop("Accept-Encoding", None)
    equal(fields, {"Host": f"127.0.0.1:{upstream.port}", "User-Agent": "edgetap", "Content-Length": str(len(form)),
                   "Content-Type": "application/x-www-form-urlencoded"}, "fields")
    reader.ask("/api/v1/label/code/values", "start=1")
    equal(upstream.seen.pop()[:3], ("GET", "/base/api/v1/label/code/values", "match%5B%5D=%7Bapp%3D%22alfa%22%7D&start=1"), "values")

    # Status, type and body come back; who we are to the database is none of the reader's business.
    for code in (400, 404, 422, 429, 503):
        equal(everything.ask("/api/v1/query", {"query": str(code)})[::2], (code, b'{"status":"error"}'), code)
    equal(everything.ask("/api/v1/query", {"query": "500"}), (500, "text/html", b"<html>"), "500")
    for code in (401, 403, 302, 307):
        error(everything.ask("/api/v1/query", {"query": str(code)}), 502, "internal", f"status {code}")
    status, kind, body = everything.ask("/api/v1/query", {"query": "large"}, post=True)
    equal((status, kind, len(body)), (200, "text/plain; version=0.0.4", 1 << 22), "a large answer")
    error(everything.ask("/api/v1/query", {"query": "huge"}), 502, "internal", "larger than 67108864 bytes")
    error(everything.ask("/api/v1/query", {"query": "broken"}), 502, "internal", "does not answer")

    # Four that hang, and what others ask goes on.
    before = time.monotonic()
    answers = []
    waiting = [threading.Thread(target=lambda: answers.append(hanging(everything))) for _ in range(4)]
    for thread in waiting:
        thread.start()
    lib.eventually(lambda: sum(seen[2] == "query=hang" for seen in upstream.seen) == 4, 2, "four hang")
    equal(reader.ask("/api/v1/query", "query=up")[0], 200, "another reader's query")
    equal(ask(gateway.port, "/-/ready")[0], 200, "ready")
    assert len(answers) == 0 and time.monotonic() - before < 2, "a query waited for those that hang"
    for thread in waiting:
        thread.join()
    for answer in answers:
        error(answer, 504, "timeout", "in time")

    # The path and who may ask.
    error(everything.ask("/api/v1/query", {"query": "up"}, org="other"), 404, "not_found", "organisation")
    error(everything.ask("/api/v1/query", {"query": "up"}, org="persona"), 404, "not_found", "organisation")
    error(everything.ask("/api/v1/query", {"query": "up"}, org="personal%2f"), 404, "not_found", "")
    error(everything.ask("/../personal/api/v1/query", {"query": "up"}), 404, "not_found", "")
    error(everything.ask("/api/v1/nothing"), 404, "not_found", "query_range")
    error(everything.ask("/api/v1/read", post=True), 501, "unavailable", "remote read")
    error(reader.ask("/api/v1/status/tsdb"), 403, "forbidden", "statistics")
    equal(everything.ask("/api/v1/status/tsdb")[0], 200, "status/tsdb")
    equal(elsewhere.ask("/api/v1/query", {"query": "up"})[0], 403, "a token of another organisation")
    equal(Reader(gateway, None).ask("/api/v1/query", {"query": "up"})[0], 401, "no token")

    # Parameters, in every way that could be read in two.
    for form in ("query=up&query=down", "query=up&time=1&time=2", "query=%", "query=%4", "query=%zz", "query=up%00",
                 "query=up&time=now()", "", "quer%79=", "q=up", "query=up;x", "match[]=up"):
        for post in (False, True):
            if not post and "%00" in form:
                continue  # refused before anybody looks at it
            error(everything.ask("/api/v1/query", form, post=post), 400, "bad_data", "")
    equal(ask(gateway.port, "/prometheus/personal/api/v1/query?query=%00", headers=everything.headers)[0], 400, "NUL")
    equal(ask(gateway.port, "/prometheus/personal/api/v1/query?query=up", "query=up", headers=everything.headers)[0], 400, "target and form")
    equal(ask(gateway.port, "/prometheus/personal/api/v1/query?query=up", "time=1", headers=everything.headers)[0], 200, "target and form")
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json", "application/x-www-form-urlencodedx"):
        equal(ask(gateway.port, "/prometheus/personal/api/v1/query", "query=up", kind=kind, headers=everything.headers)[0], 415, kind)
    equal(raw(gateway, everything, "Content-Type: application/x-www-form-urlencoded\r\nContent-Type: text/plain\r\n"), 415, "two types")
    equal(raw(gateway, everything, "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"), 200, "a type with a charset")
    equal(ask(gateway.port, "/prometheus/personal/api/v1/query", "query=" + "x" * 66000, headers=everything.headers)[0], 413, "a large form")
    assert all("x-scope" not in str(seen).lower() for seen in upstream.seen)

    # The database away, then the token.
    upstream.server.shutdown()
    upstream.server.server_close()
    error(everything.ask("/api/v1/query", {"query": "up"}), 502, "internal", "does not answer")
    token.unlink()
    error(everything.ask("/api/v1/query", {"query": "up"}), 502, "internal", "token for the upstream")


def hanging(reader):
    connection = http.client.HTTPConnection("127.0.0.1", reader.port, timeout=30)
    connection.request("GET", "/prometheus/personal/api/v1/query?query=hang", headers=reader.headers)
    answer = connection.getresponse()
    return answer.status, answer.headers["Content-Type"], answer.read()


def raw(gateway, reader, fields):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as s:
        s.sendall(
            f"POST /prometheus/personal/api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n"
            f"Authorization: {reader.headers['Authorization']}\r\n{fields}\r\nquery=up".encode()
        )
        return int(s.makefile("rb").readline().split()[1])


if __name__ == "__main__":
    lib.main(globals(), parts=("gateway",))
