#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# alone: where there are pods, the series of everybody have their labels
"""Pods in a real containerd: what only its API knows of them, and what becomes of a pod when it does not answer."""
import os
import re
import signal
import time
from pathlib import Path

import yaml

import lib
from client import ab
from cri import NAMESPACE, Containerd, Pod
from lib import equal
from places import Cgroup, boxed_nginx
from prometheus import NATIVE, Prometheus, VictoriaMetrics, job_of

# A containerd that was slow on a busy machine is asked again after 10 s, at the next sweep.
LOOK_AGAIN = 30
# What Prometheus makes of the agent's own pod where it finds that by a PodMonitor or annotations.
TARGET = {"namespace": "agent-ns", "pod": "agent-pod", "container": "agent"}
OWN = """location /own { default_type text/plain; return 200 "shop_orders_total $server_port\\n"; }"""


def nginx(env, containerd, name, labels, annotations=None):
    port, conf, argv = boxed_nginx(env, OWN)
    if annotations is not None:
        annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/own",
                       **annotations}
    pod = Pod(containerd, name, argv, labels, annotations, [("/conf", conf, True)])
    pod.port = port
    lib.listening(port)
    return pod


def expect_pod(agent, pod, count, app):
    def check(scrape):
        found = scrape.select("edgetap_app_http_responses_total", instance=pod.id[:12], status="200")
        want = {"app": app, "namespace": NAMESPACE, "pod": pod.name, "container": "web"}
        equal([({k: l[k] for k in want}, v) for l, v in found], [(want, count)], f"responses of {pod.name}")

    agent.expect(check, LOOK_AGAIN)


def test_labels(env):
    """The app is the pod's label, its owner where it has none."""
    containerd, agent = Containerd(env), env.agent(config="custom_interval: 1s\n")
    labelled = nginx(env, containerd, "front-5d4f8c7b9-x2x4z", {"app.kubernetes.io/name": "shop", "app": "no"})
    owned = nginx(env, containerd, "cart-6d4cf56db6-x7k2p", {"tier": "backend"})
    ab(labelled.port, 70)
    ab(owned.port, 30)
    expect_pod(agent, labelled, 70, "shop")
    expect_pod(agent, owned, 30, "cart")


def test_annotations(env):
    """A pod's annotations say where it exposes metrics; those of a pod that says "false" are not asked for."""
    lib.need_parts("endpoints")
    containerd, agent = Containerd(env), env.agent(config="custom_interval: 1s\n")
    asked = nginx(env, containerd, "front-0", {"app": "front"}, {})
    other = nginx(env, containerd, "back-0", {"app": "back"}, {"prometheus.io/scrape": "false"})
    ab(asked.port, 8)
    ab(other.port, 8)

    def check():
        found = agent.scrape("/metrics/custom").select("shop_orders_total")
        want = [("front", asked.id[:12], "front-0", asked.port)]
        equal([(l["app"], l["instance"], l["pod"], v) for l, v in found], want, "metrics of the pods")
        return True

    lib.eventually(check, LOOK_AGAIN)
    time.sleep(3)  # the other one would have been asked by now
    check()


def test_silent(env):
    """While containerd does not answer its pods go by what its files say; then it is asked again."""
    containerd = Containerd(env)
    pod = nginx(env, containerd, "front-5d4f8c7b9-x2x4z", {"app.kubernetes.io/name": "shop"})
    os.kill(containerd.process.pid, signal.SIGSTOP)
    try:
        agent = env.agent()
        ab(pod.port, 50)
        expect_pod(agent, pod, 50, "front")
    finally:
        os.kill(containerd.process.pid, signal.SIGCONT)
    assert "containerd.sock: no answer in time" in agent.process.output(), agent.process.output()
    expect_pod(agent, pod, 50, "shop")
    labels = [l["app"] for l, _ in agent.scrape().select("edgetap_instance_up", instance=pod.id[:12])]
    equal(labels, ["shop"], "apps of what is read of the pod")


def exposer(env, name, cgroup=None):
    """A process outside pods with metrics of its own."""
    port = lib.free_port()
    argv, environ = env.python(name)
    preexec = cgroup.enter if cgroup else None
    process = env.start([argv, lib.HERE / "exposers.py", "good", str(port)], name=name, env=environ, preexec=preexec)
    lib.listening(port, owner=process)
    return port


def test_labels_of_the_scraped(env):
    """Scraped with the labels of the agent's pod, no series has these; those of pods have their own."""
    bare, unit = f"e2e-bare-{os.getpid()}", f"e2e-unit-{os.getpid()}"
    ports = exposer(env, bare), exposer(env, unit, Cgroup(env, f"/system.slice/{unit}.service"))
    rules = "".join(f"  - {{ match: {{ app: {app} }}, port: {port} }}\n" for app, port in zip((bare, unit), ports))
    agent = env.agent(config=f"custom_interval: 1s\nmetrics:\n{rules}")
    pages = {"native": "/metrics", "apps": "/metrics/apps", "fly": "/metrics/fly", "custom": "/metrics/custom"}
    jobs = [job_of(name, agent.port, path, TARGET) for name, path in pages.items()]
    databases = [
        Prometheus(env, agent.port, jobs=[*jobs, job_of("plain", agent.port)]),
        Prometheus(env, agent.port, [NATIVE], jobs),
        VictoriaMetrics(env, agent.port, jobs=jobs),
    ]
    containerd = Containerd(env)
    plain = "count(count_over_time(edgetap_build_info{job='plain'}[1h]))"
    lib.eventually(lambda: databases[0].ask(plain), 20, "the first scrape")
    # met when the agent runs already
    pod = nginx(env, containerd, "front-5d4f8c7b9-x2x4z", {"app.kubernetes.io/name": "shop"}, {})
    ab(pod.port, 20)
    expect_pod(agent, pod, 20, "shop")
    for database in databases:
        lib.eventually(lambda it=database: check_labels(it, pod, bare, unit), 20)
    # a label without a value is none: no series became another with the first pod
    equal(databases[0].one(plain), 1, "series of the agent, ever")


def check_labels(prometheus, pod, bare, unit):
    rows = prometheus.ask("count by (job, app, namespace, pod, container) ({job=~'native|apps|fly|custom',__name__!~'up|scrape_.*'})")
    seen = {}
    for labels, _ in rows:
        page, app = labels.pop("job"), labels.pop("app", "")
        seen.setdefault((page, app), []).append(labels)
    wrong = {where: had for where, had in seen.items() if any(set(l.values()) & set(TARGET.values()) for l in had)}
    equal(wrong, {}, "series with labels of the agent's pod")
    own = {"namespace": NAMESPACE, "pod": pod.name, "container": "web"}
    shown = {"native": own, "apps": {"namespace": NAMESPACE}, "fly": {}, "custom": own}
    for page, want in shown.items():
        found = seen.get((page, "shop"), [])
        assert want in found, f"{page} of the pod: {found}"
        for app in (bare, unit, *(("__node__",) if page in ("native", "fly") else ())):
            equal(seen.get((page, app)), [{}], f"{page} of {app}")
    equal(seen["native", ""], [{}], "series of the agent itself")
    # and the target does have them
    equal(prometheus.one("count(up{namespace='agent-ns',pod='agent-pod',container='agent'} == 1)"), 4, "pages up")
    return True


def test_daemon_set(env):
    """The DaemonSet in deploy/, as a kubelet would start it, finds the pods of its node."""
    documents = list(yaml.safe_load_all((lib.REPO / "deploy/kubernetes.yaml").read_text()))
    of_kind = {d["kind"]: d for d in documents}
    spec = of_kind["DaemonSet"]["spec"]["template"]["spec"]
    container, = spec["containers"]
    files = env.dir / "config-map"
    files.mkdir()
    for name, content in of_kind["ConfigMap"]["data"].items():
        (files / name).write_text(content)
    places = {v["name"]: v["hostPath"]["path"] if "hostPath" in v else files for v in spec["volumes"]}
    mounts = [(m["mountPath"], places[m["name"]], m.get("readOnly", False)) for m in container["volumeMounts"]]
    fields = {"spec.nodeName": "node-7", "metadata.labels['topology.kubernetes.io/region']": "eu-test"}
    environ = {e["name"]: fields[e["valueFrom"]["fieldRef"]["fieldPath"]] for e in container["env"]}
    memory, unit = re.fullmatch(r"(\d+)(Mi)", container["resources"]["limits"]["memory"]).groups()
    containerd = Containerd(env)
    Path("/run/edgetap").mkdir(exist_ok=True)  # DirectoryOrCreate
    Pod(containerd, "edgetap-x7k2p", ["/edgetap", *container["args"]], environ=environ,
        mounts=[*mounts, ("/edgetap", lib.EDGETAP.resolve(), True)], host_pid=spec["hostPID"],
        privileged=container["securityContext"]["privileged"],
        readonly=container["securityContext"]["readOnlyRootFilesystem"], memory=int(memory) << {"Mi": 20}[unit])
    port = container["ports"][0]["containerPort"]
    agent = lib.Metrics(f"http://127.0.0.1:{port}")
    for probe in "readinessProbe", "livenessProbe":
        path = container[probe]["httpGet"]["path"]
        lib.eventually(lambda path=path: agent.answers(path), 30, f"status 200 of {path}")
    pod = nginx(env, containerd, "front-5d4f8c7b9-x2x4z", {"app.kubernetes.io/name": "shop"})
    ab(pod.port, 500)
    expect_pod(agent, pod, 500, "shop")
    labels, _ = agent.scrape().select("edgetap_app_http_responses_total", app="shop")[0]
    equal((labels["host"], labels["region"]), ("node-7", "eu-test"), "host and region")


if __name__ == "__main__":
    lib.main(globals(), parts=("runtimes",))
