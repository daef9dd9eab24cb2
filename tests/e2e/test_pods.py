#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
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
from places import boxed_nginx

# A containerd that was slow on a busy machine is asked again after 10 s, at the next sweep.
LOOK_AGAIN = 30
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
    lib.main(globals())
