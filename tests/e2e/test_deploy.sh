#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What deploy/ ships is accepted by the programs that it is for: Prometheus reads
# the scrape configuration, systemd the units, edgetap its own examples and those
# inside of Kubernetes' manifests, and `make install` puts them where they belong.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
edgetap=${EDGETAP:-build/edgetap}
# The make that runs the tests is not the one whose job server is ours.
unset MAKEFLAGS MFLAGS

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
skipped=()

fail() {
	echo "$*" >&2
	exit 1
}

echo "make install"
make --no-print-directory install DESTDIR="$stage" PREFIX=/usr ${BUILD:+BUILD="$BUILD"}
for file in usr/bin/edgetap usr/share/man/man1/edgetap.1 \
	usr/lib/systemd/system/edgetap{,-gateway}.service etc/edgetap{,-gateway}.yaml; do
	[[ -s $stage/$file ]] || fail "make install did not install $file"
done
! grep -n '@[A-Z]*@' "$stage"/usr/lib/systemd/system/*.service || fail "a unit has an unfilled placeholder"
for name in edgetap edgetap-gateway; do echo '# mine' >>"$stage/etc/$name.yaml"; done
make --no-print-directory install DESTDIR="$stage" PREFIX=/usr ${BUILD:+BUILD="$BUILD"} >/dev/null
for name in edgetap edgetap-gateway; do
	grep -q '^# mine' "$stage/etc/$name.yaml" || fail "make install overwrote the administrator's $name.yaml"
done

echo "edgetap check-config"
"$edgetap" check-config "$stage/etc/edgetap.yaml"
"$edgetap" check-config --gateway "$stage/etc/edgetap-gateway.yaml"

echo "manifests"
# Secrets are mounted where the configuration has them; what it then says is that of the command.
if python3 -c 'import yaml' 2>/dev/null; then
	python3 - deploy/kubernetes-gateway.yaml "$stage" <<-'END'
		import pathlib, sys, yaml
		documents = {d["kind"]: d for d in yaml.safe_load_all(open(sys.argv[1]))}
		pod = documents["Deployment"]["spec"]["template"]["spec"]
		box, = pod["containers"]
		assert pod["securityContext"]["runAsNonRoot"] and box["securityContext"]["readOnlyRootFilesystem"]
		assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]} and "privileged" not in box["securityContext"]
		assert not box["securityContext"]["allowPrivilegeEscalation"] and not pod.get("hostPID")
		assert box["args"] == ["gateway", "--config", "/etc/edgetap/edgetap-gateway.yaml"], box["args"]
		text = documents["ConfigMap"]["data"]["edgetap-gateway.yaml"]
		secrets = pathlib.Path(sys.argv[2], "secrets")
		secrets.mkdir()
		for token in yaml.safe_load(text)["tokens"]:
		    path = secrets / pathlib.Path(token["token_file"]).name
		    path.write_text(token["name"] * 16)
		    path.chmod(0o440)
		mount = next(m["mountPath"] for m in box["volumeMounts"] if m["name"] == "secrets")
		pathlib.Path(sys.argv[2], "pod.yaml").write_text(text.replace(mount, str(secrets)))
	END
	"$edgetap" check-config --gateway "$stage/pod.yaml" >/dev/null
else
	skipped+=("python3-yaml is not installed")
fi

echo "promtool check config"
if command -v promtool >/dev/null; then
	promtool check config deploy/prometheus.yml
	jobs=$(grep -c '^ *- job_name:' deploy/prometheus.yml)
	honoured=$(grep -c '^ *honor_labels: true$' deploy/prometheus.yml)
	[[ $jobs -eq $honoured ]] || fail "$jobs scrape jobs, but $honoured honour the agent's labels"
	# who copies the file has each series once
	! grep '^ *metrics_path: */metrics/fly' deploy/prometheus.yml || fail "the job of Fly.io's names is on"
else
	skipped+=("promtool is not installed")
fi

echo "systemd-analyze verify"
if command -v systemd-analyze >/dev/null; then
	# Read as the root of a system of its own, which needs the units it orders against.
	for name in edgetap edgetap-gateway; do
		unit=$stage/usr/lib/systemd/system/$name.service
		sed -i "s|^ExecStart=/usr/bin|ExecStart=$stage/usr/bin|; /^Documentation=/d" "$unit"
		said=$(systemd-analyze verify "$unit" 2>&1 | grep -F "$name.service") || true
		[[ -z $said ]] || fail "$said"
	done
else
	skipped+=("systemd-analyze is not installed")
fi

echo "the image has the libraries"
if grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release; then
	libraries=$(readelf -d "$edgetap" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	for library in $libraries; do
		[[ ! $library =~ ^(libc|libm|ld-linux.*)\.so ]] || continue # every image has these
		package=$(dpkg-query -S "*/$library" | head -n 1 | cut -d: -f1)
		grep -q "[[:space:]]$package\b" deploy/Containerfile ||
			fail "deploy/Containerfile does not install $package, which has $library"
	done
else
	skipped+=("the image is of Debian 12, whose packages have other names here")
fi

if [[ ${#skipped[@]} -gt 0 ]]; then
	echo "SKIP: ${skipped[*]}"
	exit 77
fi
