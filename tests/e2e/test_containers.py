#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: where there are pods, the series of everybody have their labels
"""Containers of a real OCI runtime: their names, their separate series, their death."""
import os
import time
import uuid

import lib
from client import Connection, ab, request
from lib import equal
from places import Cgroup, Container, boxed_nginx

USER = lib.USER  # to whom some cgroups are given
CLAIMS = lib.HERE / "programs/claims.py"


def nginx_in(env, **where):
    port, conf, argv = boxed_nginx(env, "location /no { return 404; }")
    container = Container(env, argv, mounts={"/conf": conf}, **where)
    lib.listening(port, owner=container.process)
    container.port = port
    return container


def owners(scrape, status):
    """{(app, instance): n} of the responses with a status that only this test sends."""
    return scrape.by("edgetap_app_http_responses_total", "app", "instance", status=status)


def test_two_containers(env):
    """The same server twice, under ids that only a container has: the short id names each."""
    agent = env.shared_agent()
    one, two = nginx_in(env), nginx_in(env)
    ab(one.port, 100, keep_alive=True)
    ab(two.port, 200)

    def check(scrape):
        for container, n in ((one, 100), (two, 200)):
            got = scrape.by("edgetap_app_http_responses_total", "status", "method", instance=container.id[:12])
            equal(got, {("200", "GET"): n}, f"responses of {container.id[:12]}")
            labels = scrape.select("edgetap_app_http_responses_total", instance=container.id[:12])[0][0]
            # runc knows no other name of it, so its id is the best that there is.
            assert labels["app"] in (container.id, container.id[:12], "nginx"), f"app {labels['app']}"

    agent.expect(check)


def test_names(env):
    """A container that a user named keeps its name, and two of them stay apart."""
    agent = env.shared_agent()
    web = nginx_in(env, name=f"e2e-web-{os.getpid()}", cgroups_path=f"/runc-e2e-web-{os.getpid()}.scope")
    api = nginx_in(env, name=f"e2e-api-{os.getpid()}", cgroups_path=f"/runc-e2e-api-{os.getpid()}.scope")
    ab(web.port, 10)
    ab(api.port, 20)

    def check(scrape):
        for container, n in ((web, 10), (api, 20)):
            got = scrape.by("edgetap_app_http_responses_total", "status", app=container.id)
            equal(got, {("200",): n}, f"responses of {container.id}")

    agent.expect(check)


def test_default_path(env):
    """runc's own default: the cgroup is called like the container, in the root."""
    agent = env.shared_agent()
    name = f"e2eplain{os.getpid()}"
    plain = nginx_in(env, name=name, cgroups_path=f"/{name}")
    ab(plain.port, 15)

    def check(scrape):
        equal(scrape.by("edgetap_app_http_responses_total", "status", app=name), {("200",): 15}, f"responses of {name}")

    agent.expect(check)


def test_death(env):
    """A dead instance's series stay for the retention, then go; its app's totals never fall."""
    retention = 4
    agent = env.agent(config=f"retention: {retention}s\n")
    first = nginx_in(env)
    ab(first.port, 70)
    with Connection(first.port) as c:
        c.send(request("/no"))
        equal(c.response()[0], 404, "status")
    instance = first.id[:12]

    def alive(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", instance=instance)
        equal(got, {("200",): 70, ("404",): 1}, "responses while it lives")

    app = None
    scrape = agent.expect(alive)
    app = scrape.select("edgetap_app_http_responses_total", instance=instance)[0][0]["app"]
    names = (
        "edgetap_app_http_responses_total",
        "edgetap_edge_http_responses_total",
        "edgetap_app_http_response_time_seconds_count",
        "edgetap_app_http_response_time_seconds_sum",
        "edgetap_edge_tcp_connects_total",
        "edgetap_edge_tcp_disconnects_total",
        "edgetap_edge_data_in_bytes_total",
        "edgetap_edge_data_out_bytes_total",
    )

    def totals():
        apps = agent.scrape("/metrics/apps")
        return {name: apps.value(name, app=app) for name in names}

    low = totals()
    equal(low["edgetap_app_http_responses_total"], 71, "the app's total while it lives")
    died = time.monotonic()
    first.remove()

    def watch(done):
        """Scrapes until done(scrape); no total of the app ever falls meanwhile."""
        nonlocal low

        def look():
            nonlocal low
            now = totals()
            for name in names:
                if now[name] < low[name]:
                    raise RuntimeError(f"{name} of {app} fell from {low[name]} to {now[name]}")
            low = now
            return done(agent.scrape())

        lib.eventually(look, 30)

    def there(scrape):
        return bool(scrape.select("edgetap_app_http_responses_total", instance=instance))

    assert there(agent.scrape()), "the series went at once"
    watch(lambda scrape: not there(scrape))
    stayed = time.monotonic() - died
    assert stayed >= retention * 0.9, f"the series stayed for {stayed:.1f} s of {retention}"
    equal(agent.scrape().text.count(instance), 0, "mentions of the dead instance")
    equal(totals()["edgetap_app_http_responses_total"], 71, "the app's total afterwards")
    # Slots are given back late; nobody else may inherit the counts.
    second = nginx_in(env)
    ab(second.port, 5, concurrency=1)

    def fresh(scrape):
        got = scrape.by("edgetap_app_http_responses_total", "status", instance=second.id[:12])
        equal(got, {("200",): 5}, "responses of the next container")

    agent.expect(fresh)
    watch(lambda scrape: True)


def claim(env, status, names, *, outer=None, python=lib.PYTHON, user=USER, environ=None):
    """Serves once in each of the cgroups `names` in `outer`, which the user has made."""
    ports = {lib.free_port(): f"{outer.path}/{name}" if outer else "" for name in names}
    process = env.start([python, CLAIMS, user, status, *(f"{p}={c}" for p, c in ports.items())],
                        preexec=outer and outer.enter, env=environ)
    for port in ports:
        lib.listening(port, owner=process)
        with Connection(port) as c:
            c.send(request("/"))
            equal(c.response()[0], status, f"status of {ports[port]}")


def test_impostors(env):
    """Whoever may make cgroups is still who he was, whatever he calls them; a runtime's word counts."""
    agent = env.shared_agent()
    victim = nginx_in(env)
    named = nginx_in(env, name=f"e2e-real-{os.getpid()}", cgroups_path=f"/lxc/e2e-real-{os.getpid()}")
    unit = Cgroup(env, f"/system.slice/e2e-real-{os.getpid()}.service")
    names = [
        f"docker-{victim.id}.scope", victim.id, f"cri-containerd-{victim.id}.scope/x", f"libpod-{victim.id}.scope",
        f"kubepods/burstable/pod{uuid.uuid4()}/{victim.id}", f"system.slice:docker:{victim.id}",
        f"lxc/{named.id}", f"runc-{named.id}.scope", f"machine-{named.id}.scope", os.path.basename(unit.path),
        f"user@0.service/{os.path.basename(unit.path)}",
    ]
    box, pid = uuid.uuid4().hex + uuid.uuid4().hex, os.getpid()
    outer = {
        Cgroup(env, f"/docker/{box}"): box[:12],
        Cgroup(env, f"/system.slice/e2e-own-{pid}.service"): f"e2e-own-{pid}.service",
    }
    want = {}
    for number, (cgroup, instance) in enumerate(outer.items()):
        cgroup.give(USER)
        claim(env, 291 + number, names, outer=cgroup)
        want[instance] = {291 + number: len(names)}
    # What users have of their own is told apart, and is theirs by name.
    for number, path in ((3, f"/user.slice/user-{USER}.slice/user@{USER}.service"), (4, f"/e2e-given-{pid}")):
        cgroup = Cgroup(env, path)
        cgroup.give(USER)
        claim(env, 290 + number, [f"app.slice/docker-{victim.id}.scope", f"app.slice/{os.path.basename(unit.path)}"],
              outer=cgroup)
        for instance in (victim.id[:12], os.path.basename(unit.path)):
            want.setdefault(f"{instance}@{USER}", {})[290 + number] = 1
    # A container in a container that runc, of the host, has started.
    inner = nginx_in(env, name=uuid.uuid4().hex * 2, cgroups_path=f"/docker/{box}/docker/{victim.id[::-1]}")
    for port, n in ((victim.port, 20), (named.port, 30), (inner.port, 40)):
        ab(port, n)
    claim(env, 295, ["own"], outer=unit, user=0)
    want.update({victim.id[:12]: {200: 20}, named.id: {200: 30}, inner.id[:12]: {200: 40},
                 os.path.basename(unit.path): {295: 1}})

    def check(scrape):
        for instance, counts in want.items():
            got = scrape.by("edgetap_app_http_responses_total", "status", instance=instance)
            equal(got, {(str(s),): n for s, n in counts.items()}, f"responses of {instance}")

    agent.expect(check)


def test_executables(env):
    """A program is called by its file's name, and by nothing that stands for another, or for no one."""
    agent = env.shared_agent()
    victim = nginx_in(env)
    ab(victim.port, 20)
    short = victim.id[:12]
    want = {"__other__": "-__other__", "__node__": "-__node__", short: f"./{short}", "e2e.service": "./e2e.service"}
    for name in want:
        python, environ = env.python(name)
        claim(env, 296, [name], python=python, environ=environ)

    def check(scrape):
        got = {labels["instance"]: v for labels, v in scrape.select("edgetap_app_http_responses_total", status="296")}
        equal(got, {instance: 1 for instance in want.values()}, "responses of the programs")
        equal(scrape.by("edgetap_app_http_responses_total", "status", instance=short), {("200",): 20}, "the container's")
        equal(scrape.by("edgetap_app_http_responses_total", "app", app="__node__"), {}, "responses of the machine")

    agent.expect(check)


if __name__ == "__main__":
    lib.main(globals())
