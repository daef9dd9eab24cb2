#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The agent on kernels other than this machine's, each booted in an emulated
# machine (QEMU without KVM, a few seconds): the programs load, attach and count
# exactly HTTP/1.1, HTTP/2, TLS and what is inside it (tests/kernels/inside.py).
# The kernels are downloaded once, into build/kernels: the one that differs most
# from this machine's, and with CHECK_ALL all of them. KERNELS=DIR:... names
# unpacked kernel packages to use instead.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(dirname "$(dirname "$(realpath "$0")")")/kernels
build=$(realpath "${BUILD:-$here/../../build}")
export EDGETAP=${EDGETAP:-$build/edgetap}
EDGETAP=$(realpath "$EDGETAP")

skip() {
	echo "SKIP: $*"
	exit 77
}

[[ $(uname -m) == x86_64 ]] || skip "the kernels are those of x86_64"
for program in qemu-system-x86_64 busybox bpftool xz nginx h2load openssl; do
	command -v "$program" >/dev/null || skip "$program is not installed"
done
[[ -x /usr/lib/qemu/virtiofsd || -x /usr/libexec/virtiofsd ]] || skip "virtiofsd is not installed"

kernels=()
missing=()
if [[ -n ${KERNELS-} ]]; then
	IFS=: read -ra kernels <<<"$KERNELS"
else
	# 5.10 must be refused, 6.1 has no socket tracepoints, 6.12 has most of today's.
	# Between them lies 5.15, of which Debian has no package.
	suites=(bookworm-security)
	[[ -z ${CHECK_ALL-} ]] || suites=(bullseye-security bookworm-security bookworm-backports)
	for suite in "${suites[@]}"; do
		if kernel=$("$here/fetch.sh" "$suite" "$build/kernels"); then
			kernels+=("$kernel")
		else
			missing+=("$suite")
		fi
	done
fi

# Side by side: a machine has one CPU.
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
pids=()
for i in "${!kernels[@]}"; do
	timeout -k 5 280 "$here/boot.sh" "${kernels[i]}" \
		"EDGETAP=$EDGETAP exec /usr/bin/python3 $here/inside.py" >"$logs/$i" 2>&1 &
	pids+=($!)
done
failed=()
for i in "${!kernels[@]}"; do
	image=$(compgen -G "${kernels[i]}/boot/vmlinuz-*" | head -n 1)
	version=${image##*/vmlinuz-}
	status=0
	wait "${pids[i]}" || status=$?
	echo "== $version"
	cat "$logs/$i"
	[[ $status -eq 0 ]] || failed+=("$version: status $status")
done
if [[ ${#failed[@]} -gt 0 ]]; then
	echo "failed: ${failed[*]}"
	exit 1
fi
[[ ${#missing[@]} -eq 0 ]] || skip "no kernel of ${missing[*]} could be had (${#kernels[@]} others passed)"
