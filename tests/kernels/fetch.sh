#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Downloads the newest Debian kernel of a suite and unpacks it into a folder,
# with an apt configuration of its own: nothing is installed, and the machine's
# package lists stay as they are. What is there already is kept.
set -euo pipefail

usage="usage: ${0##*/} SUITE DIR

SUITE is a Debian suite, best one of the small ones (bookworm-security,
bookworm-backports, bullseye-security). DIR/SUITE gets boot/ and lib/modules/;
its path is printed."
[[ $# -eq 2 ]] || { echo "$usage" >&2; exit 2; }
suite=$1
target=$2/$suite
arch=amd64
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

if [[ -e $target/complete ]]; then
	echo "$target"
	exit
fi
[[ -r $keyring ]] || { echo "no $keyring (package debian-archive-keyring)" >&2; exit 1; }
rm -rf "$target"
mkdir -p "$target"
target=$(realpath "$target")
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
case $suite in
*-security) archive=debian-security ;;
*) archive=debian ;;
esac
# The mirror that this machine installs from has the other suites too.
# shellcheck disable=SC2016 # apt's own variable
place=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
	sed -n "s,^\(.*/$archive\)/*\$,\1,p" | head -n 1)
[[ -n $place ]] || { echo "this machine's package sources have no archive $archive" >&2; exit 1; }
echo "deb [arch=$arch signed-by=$keyring] $place $suite main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<END
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Architecture "$arch";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
END
export APT_CONFIG=$apt/apt.conf

apt-get -qq update >&2
# The small kernel for virtual machines: a third of the download.
package=$(apt-cache depends --no-recommends linux-image-cloud-$arch |
	sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
[[ -n $package ]] || { echo "$suite has no linux-image-cloud-$arch" >&2; exit 1; }
(cd "$apt" && apt-get -qq download "$package" >&2)
dpkg -x "$apt"/linux-image-*.deb "$target"
touch "$target/complete"
echo "$target"
