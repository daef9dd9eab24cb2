#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Options as somebody gives them: exit status and sentence of every command, precedence, relative paths, reload."""
import json
import os
import signal
import subprocess

import lib
from lib import equal


def run(argv, cwd=None, stdin=subprocess.DEVNULL, **variables):
    keep = {k: v for k, v in os.environ.items() if not k.startswith("EDGETAP")}
    return subprocess.run(
        [lib.EDGETAP, *argv], env={**keep, **variables}, cwd=cwd, stdin=stdin, capture_output=True, text=True, timeout=30
    )


def ends(argv, status, *words, **more):
    """With that status, and unless it is 0 with one sentence, which has these words."""
    done = run(argv, **more)
    equal(done.returncode, status, f"exit status of {argv}, after {done.stderr!r}")
    said = done.stderr.splitlines()
    if argv[0] == "doctor" and status == 1:  # finds, and refuses nothing
        said = [line for line in done.stdout.splitlines() if words[0] in line][:1]
    elif status:
        assert said and said[0].startswith("edgetap: "), f"{argv}: {done.stderr!r}"
    equal(len(said), 1 if status else 0, f"lines of {argv}: {said}")
    for word in words:
        assert word in said[0], f"nothing about {word!r}: {said[0]!r}"


# What cannot be understood, and a word of what is said.
USAGE = (
    ("observe", "observe"), ("", "unknown command"), ("serve extra", "extra"), ("doctor extra", "extra"), ("version extra", "extra"),
    ("check-config a b", '"b"'), ("help nothing", "nothing"), ("help serve extra", "extra"), ("--version extra", "extra"),
    ("--bogus", "--bogus"), ("-x", "-x"), ("version --listen x", "--listen"), ("serve --json", "--json"),
    ("serve --json=x", "--json"), ("doctor --json=x", "--json=x"), ("serve --no-listen", "--no-listen"),
    ("serve --no-collector.tls=false", "takes no value"), ("serve --no-collector.gpu", "--no-collector.gpu"),
    ("token", "expected one of"), ("token mint", "mint"), ("token key extra", "no file"), ("token create", "--key-file"),
    ("token create --key-file /x extra", "no file"), ("token create --key-file /x --expires never", "--expires"),
    ("token create --key-file /x --expires -1h", "1s to 3650d"),
    ("token create --key-file /x --expires 3651d", "1s to 3650d"), ("token create --key-file /x --expires 999ms", "1s to 3650d"),
    ("token create --key-file=", "--key-file"), ("token create --key-file /x --app=", "--app"),
    ("token create --key-file /x --org=", "--org"), ("token attenuate", "--app"), ("token inspect --bogus", "--bogus"),
    ("token inspect a b", '"b"'), ("token create --key-file", "needs a value"), ("token create --listen x", "--listen"),
    ("gateway --allow-root", "query_url"), ("gateway --allow-root --query-url=ftp://x", "http://HOST:PORT"),
    ("gateway --allow-root --max-apps=1", "--max-apps"),
)

# The same of each command that has the options of the configuration.
USAGE_OF_OPTIONS = (
    ("--bogus", "--bogus"), ("--listen", "needs a value"), ("-c", "needs a value"), ("--config=", "--config"),
    ("--max-instances=1", "2 to 65536"), ("--max-instances=", "2 to 65536"), ("--max-instances=99999999999999999999", "2 to 65536"),
    ("--retention=-1s", "0s to 30d"), ("--retention=31d", "0s to 30d"), ("--connection-memory=1KiB", "1MiB to 1024GiB"),
    ("--buckets=1,nan", "0.000000001 to 65536"), ("--scrapers=10.0.0.1/8", "networks"), ("--tls-libraries=nss", "openssl, gnutls, go"),
    ("--postgres=yes", "true or false"), ("--collector.postgres=", "true or false"), ("--listen=:x", "ADDRESS:PORT"),
    ("--region=\x1b[2J", "\\x1b[2J"), ("--web-config-file=", "a path"), ("--query-url=http://h:1", "edgetap gateway"),
)


def test_usage(_env):
    for line, word in USAGE:
        ends(line.split(" "), 2, word)
    for command in "serve", "doctor", "check-config":
        for option, word in USAGE_OF_OPTIONS:
            ends([command, option], 2, word)


def test_what_is_no_usage(env):
    """The file, the environment, and what is not there."""
    path = env.dir / "broken.yaml"
    path.write_text("region: a\nmax_instances: 1\n")
    for command in "serve", "doctor", "check-config":
        ends([command, "-c", path], 1, f"{path}:2: max_instances: expected a whole number from 2 to 65536, got \"1\"")
        ends([command, "-c", env.dir / "absent.yaml"], 1, "absent.yaml")
        ends([command], 1, "EDGETAP_MAX_INSTANCES: ", "2 to 65536", EDGETAP_MAX_INSTANCES="1")
    ends(["token", "create", "--key-file", env.dir / "absent"], 1, "absent")
    ends(["token", "inspect", env.dir / "absent"], 1, "absent")
    ends(["token", "inspect"], 1, "a token")
    for line in "version", "--version", "-V", "help", "--help", "help serve", "serve --help", "doctor -h", "token --help", "check-config":
        ends(line.split(), 0)


def config(*flags, **more):
    done = run(["check-config", "--json", *flags], **more)
    equal(done.returncode, 0, done.stderr)
    return json.loads(done.stdout)


def test_precedence(env):
    """Flag, environment, file; of a number, a text, a list, a switch by any of its names, and the file itself."""
    path = env.dir / "weak.yaml"
    path.write_text("max_apps: 1\nregion: file\nbuckets: [1, 2, 3]\npostgres: true\nretention: 1s\nlisten: 127.0.0.1:1\n")
    middle = {
        "EDGETAP_CONFIG": str(path), "EDGETAP_MAX_APPS": "2", "EDGETAP_REGION": "environment", "EDGETAP_BUCKETS": "4,5",
        "EDGETAP_COLLECTOR_POSTGRES": "false", "EDGETAP_RETENTION": "2s",
    }
    found = config(**middle)
    equal(found["file"], str(path), "file")
    want = {"max_apps": "2", "region": "environment", "buckets": "4,5", "collector.postgres": "false", "retention": "2s", "listen": "127.0.0.1:1"}
    equal({k: found["config"][k] for k in want}, want, "the environment over the file")
    equal(found["config"]["postgres"], "false", "the other name")
    found = config("--max-apps=3", "--region", "flag", "--buckets=6", "--postgres", "-c", "/dev/null", **middle)
    want = {"max_apps": "3", "region": "flag", "buckets": "6", "collector.postgres": "true", "retention": "2s", "listen": "127.0.0.1:9777"}
    equal({k: found["config"][k] for k in want}, want, "flags over all")
    equal(found["file"], "/dev/null", "file")
    for flags in (["--no-collector.endpoints"], ["--collector.endpoints=false"], ["--custom-metrics=false"], ["--no-custom-metrics"]):
        equal(config(*flags)["config"]["collector.endpoints"], "false", flags)


def test_defaults_in_help(_env):
    """What --help says is what is used where nothing is given."""
    used = {k.replace("_", "-"): v for k, v in config("-c", "/dev/null", "--region", "auto")["config"].items()}
    lines = [line.split() for line in run(["serve", "--help"]).stdout.splitlines() if "(default: " in line]
    for words in lines:
        name = words[0].removeprefix("--").removeprefix("[no-]")
        said = " ".join(words).split("(default: ")[1].rstrip(")").split("; ")[0]
        if name in ("region", "host") or used[name] == "":
            continue
        equal({"60s": "1m"}.get(said, said), used[name], f"default of {name}")
    assert len(lines) > 30, lines


def families(scrape, *want):
    """Which of these there are."""
    found = [part for part in ("edgetap_instance_memory_", "edgetap_instance_cpu_", "edgetap_instance_filesystem_") if f"\n{part}" in scrape.text]
    equal(found, list(want), "families")


def test_running(env):
    """Relative paths, and what a reload takes over, of an agent that was started beside its files."""
    etc = env.dir / "here" / "etc"
    etc.mkdir(parents=True)
    file = etc / "edgetap.yaml"
    file.write_text("state_dir: state\nregion: old\nhost: weak\npostgres: false\ncustom_metrics: false\n")
    agent = env.agent(
        flags=["--config", "etc/edgetap.yaml", "--host", "strong", "--no-collector.tls", "--no-family.filesystem"], cwd=env.dir / "here",
        environ={**os.environ, "EDGETAP_HOST": "middle", "EDGETAP_RETENTION": "7s"},
    )
    assert (etc / "state" / "proxy_id").exists(), agent.process.output()

    def labels():
        ((found, _),) = agent.scrape().select("edgetap_build_info")
        return found["region"], found["host"]

    equal(labels(), ("old", "strong"), "labels")
    agent.expect(lambda scrape: families(scrape, "edgetap_instance_memory_", "edgetap_instance_cpu_"))
    file.write_text("state_dir: ./state\nregion: new\nhost: weak\npostgres: false\ncustom_metrics: false\nmax_apps: 5\nhttp_timeout: 3s\nfamily.memory: false\n")
    agent.process.popen.send_signal(signal.SIGHUP)
    lib.eventually(lambda: "configuration read again" in agent.process.output(), 10)
    equal(labels(), ("new", "strong"), "labels after a reload")
    families(agent.scrape(), "edgetap_instance_cpu_")
    (line,) = [line for line in agent.process.output().splitlines() if "read again" in line]
    equal(line, "edgetap: configuration read again; max_apps, http_timeout cannot be changed while running", "what is said")
    equal(agent.stop(), 0, "exit status")


def test_collectors(env):
    """Each can be left out, and nothing else goes with it."""
    off = env.agent(flags=[f"--no-collector.{name}" for name in ("host", "unix", "tls", "postgres", "endpoints")])
    scrape = off.scrape()
    for prefix in ("edgetap_instance_memory_", "edgetap_unix_stream_listeners", "edgetap_custom_"):
        equal([name for name, _ in scrape.series if name.startswith(prefix)], [], f"families {prefix}*")
    equal(off.stop(), 0, "exit status")
    one = env.agent(flags=["--no-collector.unix"])
    one.expect(lambda s: [name for name, _ in s.series if name.startswith("edgetap_instance_memory_")])
    equal(one.scrape().select("edgetap_unix_stream_listeners"), [], "UNIX sockets")


if __name__ == "__main__":
    lib.main(globals())
