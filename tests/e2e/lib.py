# SPDX-License-Identifier: Apache-2.0
"""
What every end-to-end test stands on: namespaces of its own, processes that end
with the test, the agent, and a scrape that can be asked questions.

A test file defines functions `test_*(env)` and calls lib.main(globals()). It
exits 0 when all passed, 77 when some could not run here (the last line then
says why), else 1. Nothing waits by sleeping: everything polls with a deadline.
"""
import contextlib
import ctypes
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

from scrape import Scrape

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
EDGETAP = Path(os.environ.get("EDGETAP", REPO / "build" / "edgetap"))
BUILD = Path(os.environ.get("E2E_BUILD", REPO / "build" / "e2e"))
PYTHON = "/usr/bin/python3.11" if os.path.exists("/usr/bin/python3.11") else sys.executable
INSIDE = "EDGETAP_E2E_INSIDE"
USER = 1000000 + 2 * os.getpid()  # it and the next are users of this script alone


def sized(quick, full):
    """How much of something: `make check` is quick, `make check-all` is thorough."""
    return full if os.environ.get("CHECK_ALL") else quick


class Skip(Exception):
    """The machine lacks what the test needs; the text says what."""


@functools.cache
def left_out():
    """The parts that were left out of the build that is tested."""
    return set(json.loads(subprocess.check_output([EDGETAP, "version", "--json"]))["left_out"])


def need_parts(*parts):
    """Skips a test of what the build leaves out."""
    if left_out() & set(parts):
        raise Skip(f"this build leaves out {', '.join(sorted(left_out() & set(parts)))}")


def need(program):
    """Path of a program that a test needs, or Skip."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{program} is not installed")
    return path


def eventually(check, seconds=10, what=""):
    """
    Calls check() until it returns something true; an AssertionError counts as
    not yet. Returns what it returned, or raises its last error at the deadline.
    """
    deadline = time.monotonic() + seconds
    pause = 0.005
    while True:
        error = None
        try:
            result = check()
            if result:
                return result
        except AssertionError as e:
            error = e
        if time.monotonic() > deadline:
            raise error or AssertionError(f"{what or check} not within {seconds} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def equal(got, want, what):
    """Fails unless both are equal; dictionaries are compared key by key."""
    if got == want:
        return
    if isinstance(got, dict) and isinstance(want, dict):
        rows = [
            f"    {k}: got {got.get(k, 0)}, want {want.get(k, 0)}"
            for k in sorted(set(got) | set(want), key=str)
            if got.get(k, 0) != want.get(k, 0)
        ]
        more = [f"    and {len(rows) - 15} more"] if len(rows) > 15 else []
        raise AssertionError("\n".join([f"{what} differs:"] + rows[:15] + more))
    raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def between(got, low, high, what):
    if not low <= got <= high:
        raise AssertionError(f"{what}: got {got}, want {low} .. {high}")


def compiled(source, *, out=None, flags=(), libs=()):
    """Compiles tests/e2e/programs/SOURCE into the build folder; returns the program's path."""
    source = HERE / "programs" / source
    target = BUILD / (out or source.stem)
    headers = list((HERE / "programs").glob("*.h"))
    newest = max(p.stat().st_mtime for p in [source] + headers)
    if target.exists() and target.stat().st_mtime >= newest:
        return target
    BUILD.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(f".{os.getpid()}")
    command = [os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-std=gnu11", "-O2", "-g"]
    command += ["-Wall", "-Wextra", "-Werror"]
    command += [*flags, "-o", str(scratch), str(source), *libs]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}:\n{done.stderr}")
    os.rename(scratch, target)
    return target


libc = ctypes.CDLL(None, use_errno=True)


def _end_with_parent():
    libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _go_first():
    """Tests measure times: other load of the machine waits. Where sessions share CPUs, they have a priority too."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        Path("/proc/self/autogroup").write_text("-10")


class Process:
    """A child in a process group of its own, whose output goes to a file."""

    def __init__(self, argv, log, **popen):
        self.argv = [str(a) for a in argv]
        self.log = Path(log)
        with open(log, "ab") as out:
            popen.setdefault("stdout", out)
            popen.setdefault("stderr", subprocess.STDOUT)
            popen.setdefault("stdin", subprocess.DEVNULL)
            before = popen.pop("preexec", None)

            def preexec():
                _end_with_parent()
                _go_first()
                if before:
                    before()

            self.popen = subprocess.Popen(
                self.argv, start_new_session=True, preexec_fn=preexec, **popen
            )
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def wait(self, seconds=30):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.argv[0]} still runs after {seconds} s") from None

    def stop(self, sig=signal.SIGTERM, seconds=15):
        """Ends the process, then whatever is left of its group. Returns its exit status."""
        if self.alive():
            self.popen.send_signal(sig)
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            status = self.popen.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return status


class Metrics:
    """What an agent serves."""

    def __init__(self, base):
        self.base = base

    def answers(self, path):
        try:
            return self.get(path)[0] == 200
        except OSError:
            return False

    def get(self, path, headers=None, seconds=20):
        """Status, headers and body."""
        request = urllib.request.Request(self.base + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def scrape(self, path="/metrics"):
        status, _, body = self.get(path)
        if status != 200:
            raise AssertionError(f"{path}: status {status}: {body[:200]!r}")
        return Scrape(body.decode())

    def expect(self, check, seconds=10):
        """
        Polls scrapes until check(scrape) raises no AssertionError, and then
        once more: what comes late (a phantom, a second count) fails too.
        """
        def attempt():
            check(self.scrape())
            return True

        eventually(attempt, seconds)
        time.sleep(0.2)
        last = self.scrape()
        check(last)
        return last


class Agent(Metrics):
    """`edgetap serve` on a port of its own."""

    def __init__(self, env, config=None, flags=(), environ=None, **popen):
        if not EDGETAP.exists():
            raise AssertionError(f"{EDGETAP} is missing: run make first")
        self.env = env
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        argv = [EDGETAP, "serve", "--listen", f"127.0.0.1:{self.port}"]
        if config is not None:
            path = env.dir / f"edgetap-{self.port}.yaml"
            path.write_text(config)
            argv += ["--config", path]
        self.process = env.start(argv + list(flags), name="edgetap", env=environ, **popen)
        eventually(self._ready, 30, "edgetap ready")

    def _ready(self):
        if not self.process.alive():
            # Not an AssertionError: eventually() would poll on.
            raise RuntimeError("edgetap ended at start:\n" + self.process.output())
        return self.answers("/-/ready")

    def stop(self):
        return self.process.stop()


class Env:
    """What one test function gets: a folder, processes, an order to undo things."""

    common = None  # the Env of what the tests of a script share
    names = set()  # of the programs that the script has made

    def __init__(self, name):
        self.name = name
        self.dir = Path(tempfile.mkdtemp(prefix="edgetap-e2e-"))
        self.dir.chmod(0o755)
        self.processes = []
        self._undo = contextlib.ExitStack()

    def defer(self, call, *args, **kwargs):
        self._undo.callback(call, *args, **kwargs)

    def start(self, argv, name=None, **popen):
        name = name or os.path.basename(str(argv[0]))
        process = Process(argv, self.dir / f"{name}.{len(self.processes)}.log", **popen)
        self.processes.append(process)
        self.defer(process.stop)
        return process

    def agent(self, config=None, flags=(), environ=None, **popen):
        """An agent that is this test's alone: with options of its own, harmed, measured, or late on purpose."""
        return Agent(self, config, flags, environ, **popen)

    def shared_agent(self):
        """
        The agent without options that the tests of a script have in common: a start costs more
        than most tests. Its losses, and what it knows of other apps, come from earlier tests too.
        """
        if not Env.common:
            Env.common = Env("common")
            Env.common.usual = Env.common.agent()
        return Env.common.usual

    def renamed(self, program, name):
        """
        A copy of a program under another name. Processes outside containers are
        told apart by executable, so a copy has an app label of its own.
        """
        target = self.dir / name
        Env.names.add(name)
        if not target.exists():
            shutil.copy(program, target)
            target.chmod(0o755)
        return target

    def python(self, name):
        """A Python of its own name, as argv prefix and environment."""
        return self.renamed(PYTHON, name), dict(os.environ, PYTHONHOME="/usr", PYTHONUNBUFFERED="1")

    def close(self, failed):
        try:
            self._undo.close()
        except BaseException:
            failed = True
            raise
        finally:
            if failed:
                self.show_outputs()
        if os.environ.get("KEEP"):
            print(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def show_outputs(self):
        for process in self.processes:
            text = process.output().strip()
            if text:
                print(f"--- {' '.join(process.argv)[:100]}")
                print("\n".join(text.splitlines()[-15:]))


CLIENT_PORTS = (10000, 64999)  # what the kernel may give to the client's end of a connection
_ports = iter(range(2000, CLIENT_PORTS[0]))


def free_port():
    """A TCP port that nobody in this namespace listens on, never given before, and no client's."""
    for port in _ports:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is left")


def listening(port, seconds=15, owner=None):
    """Waits until something listens, without connecting: the test counts connections."""
    def check():
        if owner and not owner.alive():
            raise RuntimeError(f"{owner.argv[0]} ended at start:\n{owner.output()}")
        for table in ("tcp", "tcp6"):
            with open(f"/proc/net/{table}") as f:
                for line in f.readlines()[1:]:
                    fields = line.split()
                    if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                        return True
        return False

    return eventually(check, seconds, f"listener on port {port}")


def passive_opens():
    """Connections that this network namespace has accepted so far, as the kernel counts them."""
    with open("/proc/net/snmp") as f:
        names, values = [line.split() for line in f if line.startswith("Tcp:")]
    return int(values[names.index("PassiveOpens")])


def run_delay(pid):
    """Seconds that the threads of a process have waited for a CPU, by the kernel's own account."""
    total = 0
    for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # ended since
            total += int(stat.read_text().split()[1])
    return total / 1e9


def _delay_of(named):
    total = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended since
            if named(entry):
                total += run_delay(entry.name)
    return total


def _softirq_delay():
    return _delay_of(lambda entry: entry.joinpath("comm").read_text().startswith("ksoftirqd/"))


_softirq_delay_before = _softirq_delay()


def delayed(app=None):
    """
    Seconds by which a busy machine may have kept what clocks say from what the kernel sees: what
    softirqs have waited for a CPU and, of an app's own clock, what its processes and this one have.
    """
    total = _softirq_delay() - _softirq_delay_before
    if app:
        total += _delay_of(lambda e: os.path.basename(os.readlink(e / "exe")).removesuffix(" (deleted)") == app)
        total += run_delay(os.getpid())
    return total


def _reenter():
    """Own network and mount namespaces. The PID namespace stays: the agent reads /proc."""
    if os.environ.get(INSIDE):
        if os.getsid(0) == os.getpid():  # not in a user's shell
            _go_first()
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # Many short connections from one address: do not run out of ports.
        for name, value in (
            ("ip_local_port_range", "%d %d" % CLIENT_PORTS),
            ("tcp_tw_reuse", "1"),
            ("tcp_max_syn_backlog", "4096"),
        ):
            Path("/proc/sys/net/ipv4", name).write_text(value)
        return
    if os.geteuid() != 0:
        print("SKIP: needs root")
        sys.exit(77)
    unshare = need("unshare")
    argv = [unshare, "-n", "-m", "--propagation", "private", PYTHON, *sys.argv]
    os.execve(unshare, argv, dict(os.environ, **{INSIDE: "1"}))


def _common_is_well(failed):
    """Whether the agent that tests share has survived this one; if not, the next one starts another."""
    if not Env.common:
        return True
    well = Env.common.usual.process.alive()
    if failed or not well:
        Env.common.show_outputs()
    if not well:
        print("the shared agent has ended")
        Env.common.close(False)
        Env.common = None
    return well


def _common_ends():
    """Whether it leaves as it should at the end."""
    status = Env.common.usual.stop()
    if status:
        print(f"the shared agent ended with status {status}")
    Env.common.close(bool(status))
    return not status


def main(scope, parts=()):
    """Runs every test_* function of a file that is about these parts, or those named on the command line."""
    _reenter()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = sys.argv[1:]
    tests = [(n, f) for n, f in scope.items() if n.startswith("test_") and callable(f)]
    tests = [(n, f) for n, f in tests if not wanted or n in wanted]
    if not tests:
        print("no such test")
        sys.exit(1)
    failed, skipped = [], []
    for name, function in tests:
        env = Env(name)
        start = time.monotonic()
        verdict = "ok"
        try:
            need_parts(*parts)
            function(env)
        except Skip as e:
            verdict = "skip"
            skipped.append(f"{name}: {e}")
        except SystemExit:
            env.close(False)
            if Env.common:
                Env.common.close(False)
            raise
        except BaseException as e:  # pylint: disable=broad-except
            verdict = "FAIL"
            failed.append(name)
            if isinstance(e, AssertionError):
                frame = traceback.extract_tb(e.__traceback__)
                own = [f for f in frame if "/tests/e2e/test_" in f.filename] or frame
                print(f"{own[-1].filename}:{own[-1].lineno}: {e}")
            else:
                traceback.print_exc(file=sys.stdout)
        env.close(verdict == "FAIL")
        if not _common_is_well(verdict == "FAIL") and name not in failed:
            verdict = "FAIL"
            failed.append(name)
        print(f"{verdict:4} {name} ({time.monotonic() - start:.1f} s)", flush=True)
    if Env.common and not _common_ends():
        failed.append("the shared agent's end")
    if failed:
        print(f"failed: {', '.join(failed)}")
        sys.exit(1)
    if skipped:
        passed = len(tests) - len(skipped)
        print(f"SKIP: {'; '.join(skipped)} ({passed} others passed)")
        sys.exit(77)
    sys.exit(0)
