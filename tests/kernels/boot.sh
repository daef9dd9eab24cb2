#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Boots a kernel in QEMU and runs one shell command in it, as root, with the
# host's file system as its read-only root (writes go to memory). The guest
# stands alone: it has no network but its own loopback.
set -euo pipefail

usage="usage: ${0##*/} [--count] KERNEL-DIR COMMAND

KERNEL-DIR is an extracted kernel package: boot/vmlinuz-* and lib/modules/.
--count: the guest's clock counts instructions, one a nanosecond, so that what
it measures does not depend on this machine and on what else runs there.
Exits with the command's status; 125: the guest did not come that far."
accel=(-accel tcg)
if [[ ${1-} == --count ]]; then
	accel=(-accel "tcg,thread=single" -icount "shift=0")
	shift
fi
[[ $# -eq 2 ]] || { echo "$usage" >&2; exit 2; }
kernel=$(realpath "$1")
command=$2
here=$(dirname "$(realpath "$0")")
PATH=$PATH:/usr/sbin:/sbin

image=$(compgen -G "$kernel/boot/vmlinuz-*" | head -n 1)
version=${image##*/vmlinuz-}
modules=$kernel/lib/modules/$version
[[ -d $modules ]] || modules=$kernel/usr/lib/modules/$version
work=$(mktemp -d)
daemon=
# shellcheck disable=SC2317 # called by the trap
leave() {
	trap '' TERM INT # a second one must not keep this from being done
	[[ -z $daemon ]] || kill "$daemon" 2>/dev/null || true
	rm -rf "$work"
}
trap leave EXIT

# The modules that the root file system and the benchmark need. Those that a kernel has built in,
# or that are of another time, are not there.
mkdir -p "$work/root/bin" "$work/root/modules"
for name in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci fuse virtiofs \
	netfs fscache 9pnet 9pnet_virtio 9p overlay tun; do
	path=$(find "$modules/kernel" -name "$name.ko*" -print -quit)
	case $path in
	'') continue ;;
	*.xz) xz -dc "$path" >"$work/root/modules/$name.ko" ;;
	*) cp "$path" "$work/root/modules/$name.ko" ;;
	esac
done
cp "$(command -v busybox)" "$work/root/bin/busybox"
cp "$here/init" "$work/root/init"
chmod 755 "$work/root/init"
printf '%s\n' "$command" >"$work/root/command"
(cd "$work/root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd.gz"

# virtiofs where the kernel has it, as small ("cloud") kernels do, else 9p.
share=(-virtfs "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap")
daemon_path=$(command -v /usr/lib/qemu/virtiofsd || command -v /usr/libexec/virtiofsd) || daemon_path=
if [[ -n $daemon_path ]] && [[ ! -e $work/root/modules/9p.ko ]]; then
	"$daemon_path" --socket-path="$work/fs" -o source=/ -o sandbox=chroot -o cache=always \
		>"$work/fs.log" 2>&1 &
	daemon=$!
	for _ in $(seq 100); do
		[[ ! -S $work/fs ]] || break
		sleep 0.05
	done
	share=(-object "memory-backend-memfd,id=memory,size=1024M,share=on" -numa "node,memdev=memory"
		-chardev "socket,id=fs,path=$work/fs" -device "vhost-user-fs-pci,chardev=fs,tag=hostroot")
fi

# No check of the timer: where the host is busy it does not tick in time, and the kernel panics.
# Without cx16: in QEMU 7.2 a page fault in cmpxchg16b corrupts the flags, and 6.12 dies of it.
qemu-system-x86_64 -nodefaults -no-user-config -display none -serial stdio -no-reboot \
	-machine q35 "${accel[@]}" -cpu max,-cx16 -m 1024M -smp 1 "${share[@]}" \
	-kernel "$image" -initrd "$work/initrd.gz" \
	-append "console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check rdinit=/init" </dev/null |
	sed -u 's,\r$,,' | tee "$work/console"
status=$(sed -n 's/^guest: exit \([0-9]*\)$/\1/p' "$work/console" | tail -n 1)
exit "${status:-125}"
