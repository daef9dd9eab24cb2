#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the distribution packages that building, testing or linting edgetap
# needs and this machine lacks (Debian, Ubuntu). What is already there, from
# whatever source, is left alone. See usage below.
set -euo pipefail

usage() {
	cat <<-END
	usage: ${0##*/} [--list | --check] GROUP...

	GROUP is build, test or lint. Installs what is missing with apt-get, and
	says what before it does.

	  --list   print the packages of the groups, one a line
	  --check  install nothing; exit 1 and name what is missing
	END
}

# One need a line: how to see that it is met, then the packages that meet it,
# the preferred one first (the first that the machine's sources offer is
# installed; names joined by + go together).
#
#   command:A,B   one of these can be run
#   file:A,B      one of these is there
#   library:NAME  pkg-config finds it (NAME>=VERSION: that or newer)
#   runs:A        `A version` works (a wrapper without its program does not)
#   package       the package itself
#   fuzzer        clang links a libFuzzer program
needs_build() {
	cat <<-END
	command:gcc                       gcc
	command:make                      make
	command:pkg-config                pkg-config pkgconf
	command:clang                     clang
	runs:bpftool                      bpftool linux-tools-common+linux-tools-generic
	library:libbpf>=1.0               libbpf-dev
	library:libelf                    libelf-dev
	library:zlib                      zlib1g-dev
	library:libmicrohttpd             libmicrohttpd-dev
	library:yaml-0.1                  libyaml-dev
	library:jansson                   libjansson-dev
	library:capstone                  libcapstone-dev
	library:libnghttp2                libnghttp2-dev
	library:libcurl                   libcurl4-openssl-dev
	library:libpq                     libpq-dev
	library:libsodium                 libsodium-dev
	library:gnutls                    libgnutls28-dev
	library:libxcrypt                 libcrypt-dev
	library:libseccomp                libseccomp-dev
	package                           libc6-dev
	END
}

needs_test() {
	cat <<-END
	library:check                     check
	library:liburing                  liburing-dev
	command:python3                   python3
	command:curl                      curl
	command:openssl                   openssl
	command:ip                        iproute2
	command:ss                        iproute2
	command:unshare                   util-linux
	command:ps                        procps
	command:nginx                     nginx
	command:haproxy                   haproxy
	command:apache2                   apache2
	command:ab                        apache2-utils
	command:node                      nodejs
	command:go                        golang-go
	command:prometheus                prometheus
	command:promtool                  prometheus
	command:protoc                    protobuf-compiler
	command:wrk                       wrk
	command:runc                      runc
	command:containerd                containerd
	command:bpftrace                  bpftrace
	package                           busybox-static
	library:openssl                   libssl-dev
	command:h2load                    nghttp2-client
	command:nghttpd                   nghttp2-server
	command:gnutls-serv               gnutls-bin
	command:readelf                   binutils
	package                           python3-grpcio
	package                           python3-hpack
	package                           python3-websockets
	package                           python3-yaml
	package                           postgresql
	command:prometheus-node-exporter  prometheus-node-exporter
	command:prometheus-postgres-exporter prometheus-postgres-exporter
	command:victoria-metrics          victoria-metrics
	package                           golang-golang-x-net-dev
	package                           golang-google-grpc-dev
	command:qemu-system-x86_64        qemu-system-x86
	file:/usr/lib/qemu/virtiofsd,/usr/libexec/virtiofsd virtiofsd qemu-system-common
	command:xz                        xz-utils
	package                           debian-archive-keyring
	package                           python3-prometheus-client
	package                           python3-pymacaroons
	fuzzer                            libclang-rt-dev libclang-rt-14-dev libclang-common-14-dev
	END
}

needs_lint() {
	cat <<-END
	command:clang-format              clang-format
	command:clang-tidy                clang-tidy
	command:cppcheck                  cppcheck
	command:shellcheck                shellcheck
	command:mandoc                    mandoc
	command:git                       git
	command:python3                   python3
	END
}

# Daemons among the packages: apt must neither start them now nor at boot.
DAEMONS="nginx haproxy apache2 prometheus prometheus-node-exporter prometheus-postgres-exporter
	postgresql victoria-metrics containerd"

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

has_package() {
	[[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == "install ok installed" ]]
}

has_command() {
	local name
	for name in ${1//,/ }; do
		command -v "$name" >/dev/null && return
	done
	return 1
}

has_file() {
	local path
	for path in ${1//,/ }; do
		[[ -e $path ]] && return
	done
	return 1
}

has_library() {
	has_command pkg-config && pkg-config --exists "${1/>=/ >= }"
}

runs() {
	local path
	for path in "$1" /usr/lib/linux-tools/*/"$1"; do
		"$path" version >/dev/null 2>&1 && return
	done
	return 1
}

links_fuzzer() {
	local dir status=0
	has_command clang || return
	dir=$(mktemp -d)
	echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' >"$dir/a.c"
	clang -fsanitize=fuzzer,address -o "$dir/a" "$dir/a.c" 2>/dev/null || status=1
	rm -r "$dir"
	return $status
}

# need_is_met PROBE PACKAGE
need_is_met() {
	case $1 in
	command:*) has_command "${1#*:}" ;;
	library:*) has_library "${1#*:}" ;;
	file:*) has_file "${1#*:}" ;;
	runs:*) runs "${1#*:}" ;;
	package) has_package "$2" ;;
	fuzzer) links_fuzzer ;;
	*) die "no such probe: $1" ;;
	esac
}

is_offered() {
	local name
	for name in ${1//+/ }; do
		[[ -n $(apt-cache madison "$name" 2>/dev/null) ]] || return
	done
}

mode=install
case ${1-} in
--list) mode=list; shift ;;
--check) mode=check; shift ;;
-h | --help) usage; exit ;;
esac
[[ $# -gt 0 ]] || { usage >&2; exit 1; }

# Programs of administrators may be outside an unprivileged user's path.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
needs=()
for group in "$@"; do
	[[ $group == build || $group == test || $group == lint ]] || die "no such group: $group"
	mapfile -t -O "${#needs[@]}" needs < <("needs_$group")
done

missing=()
for need in "${needs[@]}"; do
	read -r probe candidates <<<"$need"
	if [[ $mode == list ]]; then
		echo "${candidates%% *}" | tr + '\n'
	elif ! need_is_met "$probe" "${candidates%% *}"; then
		missing+=("$candidates")
	fi
done
[[ $mode == list ]] && exit
[[ ${#missing[@]} -eq 0 ]] && exit

mapfile -t preferred < <(printf '%s\n' "${missing[@]%% *}" | awk '!seen[$0]++')
[[ $mode == check ]] && die "missing: ${preferred[*]//+/ }"
command -v apt-get >/dev/null ||
	die "this machine has no apt-get; please install the equivalent of: ${preferred[*]//+/ }"
[[ $(id -u) -eq 0 ]] ||
	die "run as root to install what is missing: ${preferred[*]//+/ }"

export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)

echo "Updating the package lists (apt-get update)"
"${apt[@]}" update || echo "${0##*/}: apt-get update failed; trying the lists as they are" >&2

install=()
for candidates in "${missing[@]}"; do
	found=
	for candidate in $candidates; do
		is_offered "$candidate" || continue
		found=$candidate
		break
	done
	[[ -n $found ]] || die "no package source of this machine offers: ${candidates// / or }"
	for name in ${found//+/ }; do
		[[ " ${install[*]} " == *" $name "* ]] || install+=("$name")
	done
done

# dpkg asks this program whether a package may start its daemon.
policy=/usr/sbin/policy-rc.d
own_policy=
log=
finish() {
	[[ -z $own_policy ]] || rm -f "$policy"
	[[ -z $log ]] || rm -f "$log"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [[ ! -e $policy ]]; then
	own_policy=1
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
new_daemons=()
for name in $DAEMONS; do
	has_package "$name" || new_daemons+=("$name")
done

echo "Installing with apt-get (no recommended packages, no daemon is started): ${install[*]}"
log=$(mktemp)
if ! "${apt[@]}" install --yes --no-install-recommends "${install[@]}" >"$log" 2>&1 </dev/null; then
	cat "$log" >&2
	die "apt-get install failed"
fi

for name in "${new_daemons[@]}"; do
	has_package "$name" || continue
	if command -v systemctl >/dev/null; then
		systemctl --quiet disable "$name" >/dev/null 2>&1 || true
	elif command -v update-rc.d >/dev/null; then
		update-rc.d "$name" disable >/dev/null 2>&1 || true
	fi
done

for need in "${needs[@]}"; do
	read -r probe candidates <<<"$need"
	need_is_met "$probe" "${candidates%% *}" ||
		die "still missing after the installation: ${candidates%% *} ($probe)"
done
