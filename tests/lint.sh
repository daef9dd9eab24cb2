#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What `make lint` checks, all of it even after a failure; exits 1 if anything
# fails. CPPFLAGS and LIBS (pkg-config names) come from the Makefile.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

failures=0

# check NAME COMMAND...: runs the command, shows what it prints if it fails.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "  ok       $name"
	else
		printf '  FAIL     %s\n%s\n' "$name" "$output"
		failures=$((failures + 1))
	fi
}

# Files that git knows or would add, by pathspec; vmlinux/ is generated.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" ':!vmlinux/vmlinux.h' |
		while read -r file; do [[ ! -e $file ]] || echo "$file"; done
}

mapfile -t c_files < <(files '*.c' '*.h')
mapfile -t units < <(files 'userspace/*.c')
mapfile -t headers < <(files 'userspace/*.h')
mapfile -t above_loader < <(files 'userspace/*.[ch]' ':!userspace/loader/')
mapfile -t python < <(files '*.py')
mapfile -t scripts < <(files | while read -r file; do
	[[ $file == *.sh || $(head -c 32 "$file" | head -n 1 | tr -d '\0') =~ ^'#!'.*'sh'$ ]] && echo "$file"
done)
mapfile -t pages < <(files 'deploy/*.1')

licence_is_named() {
	local file bad=0 want
	for file in "${c_files[@]}" "${scripts[@]}" "${python[@]}" Makefile; do
		case $file in
		bpf/*) want='GPL-2.0( OR Apache-2.0)?' ;;
		include/*) want='GPL-2.0 OR Apache-2.0' ;;
		*) want='Apache-2.0' ;;
		esac
		head -n 3 "$file" | grep -qE "SPDX-License-Identifier: $want( \*/)?\$" && continue
		echo "$file: its first lines have no \"SPDX-License-Identifier: $want\""
		bad=1
	done
	return $bad
}

# A block (between blank lines) of a header that declares functions starts with a comment.
functions_are_described() {
	awk '
		BEGIN { RS = ""; FS = "\n" }
		FNR == 1 { inside = 0 }
		!/\/\*/ && !inside && /(^|\n)[a-z][^\n{};=]*[ *][a-z_0-9]+\([^{};]*\)[^{};]*;/ && !/(^|\n)#/ && !/(^|\n)static/ {
			printf "%s: no comment above: %s\n", FILENAME, $1
			bad = 1
		}
		{ inside = /\/\*/ && !/\*\// }
		END { exit bad }
	' "$@"
}

code_is_formatted() {
	local file bad=0
	for file in "${c_files[@]}"; do
		clang-format "$file" | diff -u --label "$file" --label "$file (make format)" "$file" - || bad=1
	done
	return $bad
}

only_the_loader_knows_libbpf() {
	! grep -nE '#include [<"](bpf/|.*\.skel\.h)' "${above_loader[@]}" /dev/null
}

# What others chose is escaped there, and nowhere else.
only_the_log_writes_to_stderr() {
	! grep -nE '\bstderr\b|\bperror *\(|\bSTDERR_FILENO\b' "${units[@]}" "${headers[@]}" /dev/null |
		grep -v '^userspace/base/log\.c:'
}

# Shown also if it holds: it is the picture of the tree.
includes_go_down() {
	local output
	if output=$(/usr/bin/python3 tests/layers.py 2>&1); then
		printf '  ok       includes go down the layers:\n%s\n' "$output"
	else
		printf '  FAIL     includes go down the layers\n%s\n' "$output"
		failures=$((failures + 1))
	fi
}

python_parses() {
	local file bad=0
	for file in "${python[@]}"; do
		/usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$file" || bad=1
	done
	return $bad
}

pages_render() {
	local output
	[[ ${#pages[@]} -gt 0 ]] || { echo 'no man page'; return 1; }
	output=$(mandoc -Tlint -Wwarning "${pages[@]}" 2>&1)
	[[ -z $output ]] || { echo "$output"; return 1; }
}

version_is_logged() {
	grep -qF "[$(cat VERSION)]" CHANGELOG.md || { echo "CHANGELOG.md has no [$(cat VERSION)]"; return 1; }
}

readme_names_packages() {
	local group name bad=0 words
	words=" $(tr -s '\n`,():' ' ' <README.md) "
	for group in build test lint; do
		for name in $(deploy/install-packages.sh --list "$group"); do
			[[ $words == *" $name "* ]] && continue
			echo "README.md does not say that $name is installed"
			bad=1
		done
	done
	return $bad
}

read -ra cppflags <<<"${CPPFLAGS:-}"
read -ra libs <<<"${LIBS:-}"
mapfile -t -O "${#cppflags[@]}" cppflags < <(pkg-config --cflags-only-I "${libs[@]}" | tr ' ' '\n' | grep .)

tidy_one() {
	clang-tidy --quiet "$1" -- -std=gnu11 "${cppflags[@]}" 2>/dev/null
}

# As many at a time as there are CPUs, each with its findings kept together. Who failed is
# written down: a process's number may be another's by the time that it is waited for.
tidy() {
	local file logs bad=0
	logs=$(mktemp -d)
	for file in "${units[@]}"; do
		while [[ $(jobs -rp | wc -l) -ge $(nproc) ]]; do wait -n || true; done
		{ tidy_one "$file" >"$logs/${file//\//_}" || touch "$logs/.failed"; } &
	done
	wait
	[[ ! -e $logs/.failed ]] || { bad=1 && cat "$logs"/*; }
	rm -r "$logs"
	return $bad
}

check "clang-format" code_is_formatted
includes_go_down
check "licence identifiers" licence_is_named
check "public functions described" functions_are_described "${headers[@]}"
check "only the loader includes libbpf" only_the_loader_knows_libbpf
check "only the log writes to stderr" only_the_log_writes_to_stderr
check "change log names the version" version_is_logged
check "README names the packages" readme_names_packages
check "shellcheck" shellcheck "${scripts[@]}"
check "python syntax" python_parses
check "man pages (mandoc)" pages_render
# Its leak check does not follow realloc and cleanup attributes (`make asan` finds
# leaks), and gcc and clang define the shift of a negative number.
check "cppcheck" cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
	--enable=warning,performance,portability --suppress=missingIncludeSystem \
	--suppress=readdirCalled --suppress=memleak \
	--suppress=shiftTooManyBitsSigned --library=posix -j "$(nproc)" \
	-D'bpf_object__for_each_program(p, o)=while ((p = bpf_object__next_program(o, p)))' \
	-D'bpf_object__for_each_map(m, o)=while ((m = bpf_object__next_map(o, m)))' \
	-D__x86_64__ -Iinclude -Iuserspace "${units[@]}"
check "clang-tidy" tidy

[[ $failures -eq 0 ]]
