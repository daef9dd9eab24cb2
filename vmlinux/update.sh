#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Regenerates vmlinux.h, the kernel's types as the BPF programs are compiled
# against, from the BTF of the running kernel or of a given file (a vmlinux
# image or raw BTF), and records in SOURCE where it came from.
#
# The kernel that edgetap runs on need not be this one: field offsets are
# relocated at load time (CO-RE), and what a kernel lacks is found by asking
# its BTF. Regenerate to name types or fields that only a newer kernel has.
set -euo pipefail

usage="usage: ${0##*/} [BTF-FILE KERNEL-RELEASE ARCH]"
case $# in
0)
	btf=/sys/kernel/btf/vmlinux
	release=$(uname -r)
	arch=$(uname -m)
	;;
3)
	btf=$1
	release=$2
	arch=$3
	;;
*)
	echo "$usage" >&2
	exit 1
	;;
esac
[[ -r $btf ]] || { echo "${0##*/}: cannot read $btf" >&2; exit 1; }

cd "$(dirname "$(realpath "$0")")"
bpftool=${BPFTOOL:-$(PATH=$PATH:/usr/sbin command -v bpftool)} || {
	echo "${0##*/}: bpftool not found; make install-deps installs it" >&2
	exit 1
}
[[ $btf == /* ]] || btf=$OLDPWD/$btf

trap 'rm -f vmlinux.h.new' EXIT
"$bpftool" btf dump file "$btf" format c >vmlinux.h.new
grep -q 'struct tcp_sock {' vmlinux.h.new || { echo "${0##*/}: $btf has no kernel types" >&2; exit 1; }
mv vmlinux.h.new vmlinux.h
# The build's own release name says nothing about the kernel's types.
cat >SOURCE <<END
kernel  ${release%%-*}
arch    $arch
tool    $("$bpftool" version | sed -n '1{s|^[^ ]*/||; p}')
sha256  $(sha256sum <vmlinux.h | cut -d' ' -f1)
END
echo "vmlinux.h and SOURCE written:"
cat SOURCE
