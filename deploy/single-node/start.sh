#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs edgetap, a database beside it that scrapes it every 15 seconds, and the gateway
# before that, until one of them ends or this script is interrupted. Everything is kept
# in DIR, the tokens too: those of an earlier run are used again. The gateway runs as
# the user nobody, who must be able to reach DIR and the program.
#
# usage: start.sh prometheus|victoria-metrics DIR     (as root)
#
# Debian's packages of these names are enough. EDGETAP names the program to run,
# if it is not in the path.
set -euo pipefail

usage() {
	echo "usage: ${0##*/} prometheus|victoria-metrics DIR" >&2
	exit 1
}

[[ $# -eq 2 ]] || usage
kind=$1
here=$(cd "$(dirname "$0")" && pwd)
edgetap=${EDGETAP:-edgetap}
mkdir -p "$2"
dir=$(cd "$2" && pwd)
case $dir in
*[!a-zA-Z0-9/._-]*)
	echo "${0##*/}: DIR may have letters, digits and . _ - only: $dir" >&2
	exit 1
	;;
esac

host=${EDGETAP_HOST:-$(uname -n)}
case $host in
*[!a-zA-Z0-9._-]*)
	echo "${0##*/}: EDGETAP_HOST may have letters, digits and . _ - only: $host" >&2
	exit 1
	;;
esac

database=("$kind")
case $kind in
prometheus)
	url=http://127.0.0.1:9090
	database+=("--config.file=$dir/scrape.yml" "--storage.tsdb.path=$dir/data"
		--web.listen-address=127.0.0.1:9090)
	;;
victoria-metrics)
	url=http://127.0.0.1:8428
	database+=("-promscrape.config=$dir/scrape.yml" "-storageDataPath=$dir/data"
		-httpListenAddr=127.0.0.1:8428 -search.latencyOffset=1s)
	;;
*) usage ;;
esac
for program in "$kind" "$edgetap" setpriv; do
	command -v "$program" >/dev/null || {
		echo "${0##*/}: $program is not installed" >&2
		exit 1
	}
done

umask 077
for name in scrape reader; do
	[[ -s $dir/$name.token ]] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$dir/$name.token"
done
reader=$(printf %s "$(<"$dir/reader.token")" | sha256sum | cut -d' ' -f1)
for file in scrape.yml edgetap.yaml gateway.yaml; do
	sed "s|@DIR@|$dir|g; s|@URL@|$url|g; s|@HOST@|$host|g; s|@READER@|$reader|g" "$here/$file" >"$dir/$file"
done
chmod 644 "$dir/gateway.yaml" # which has no secret in it

started=()
finish() {
	trap - EXIT
	kill "${started[@]}" 2>/dev/null || true
	wait
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
"${database[@]}" >"$dir/$kind.log" 2>&1 &
started+=($!)
"$edgetap" serve --config "$dir/edgetap.yaml" &
started+=($!)
setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs \
	"$edgetap" gateway --config "$dir/gateway.yaml" &
started+=($!)
echo "Ask with: curl http://127.0.0.1:9778/prometheus/personal/api/v1/query \\"
echo "  --data-urlencode 'query=sum by (app) (increase(fly_edge_http_responses_count[5m]))' \\"
echo "  -H \"Authorization: Bearer \$(cat $dir/reader.token)\""
wait -n
