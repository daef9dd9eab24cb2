# SPDX-License-Identifier: Apache-2.0
# Everything that is made lands in build/. `make help` lists the targets.

BUILD	?= build
PREFIX	?= /usr/local
BINDIR	?= $(PREFIX)/bin
MANDIR	?= $(PREFIX)/share/man
UNITDIR	?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc
FUZZ_SECONDS ?= 10
BASE	?= cbaca09

# The first that works. On Ubuntu bpftool is a wrapper that may lack its program.
ifndef CLANG
CLANG	:= $(shell command -v clang || command -v clang-19 || command -v clang-16 || command -v clang-14)
endif
ifndef BPFTOOL
BPFTOOL := $(shell for b in bpftool /usr/sbin/bpftool /usr/lib/linux-tools/*/bpftool; do \
		"$$b" version >/dev/null 2>&1 && echo "$$b" && break; done)
endif
VERSION := $(shell cat VERSION 2>/dev/null || echo 0)
REVISION := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
ARCH	:= $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

V ?= 0
ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

# Parts that `make WITHOUT='postgres ...'` leaves out: each with its sources, in whose place
# userspace/absent/PART.c is compiled, and with the libraries that only such parts need.
PARTS := postgres endpoints gateway runtimes go-tls server-tls
part_postgres := userspace/collect/postgres/% userspace/config/conninfo.c userspace/cli/doctor_databases.c
part_endpoints := userspace/collect/endpoints/% userspace/agent/extra_series.c
part_gateway := userspace/gateway/% userspace/cli/gateway.c
part_runtimes := userspace/identity/runtime_api.c
part_go-tls := userspace/uprobes/go.c
part_server-tls := userspace/access/tls.c
WITHOUT ?=
$(if $(filter-out $(PARTS),$(WITHOUT)),$(error WITHOUT=$(filter-out $(PARTS),$(WITHOUT)): no such part; there are $(PARTS)))
BUILT_IN := $(filter-out $(WITHOUT),$(PARTS))
LIBS_OF_PARTS := $(if $(filter postgres,$(BUILT_IN)),libpq) \
	$(if $(filter endpoints gateway runtimes,$(BUILT_IN)),libcurl) \
	$(if $(filter server-tls,$(BUILT_IN)),gnutls)

# SAN=address,undefined (say) builds with these sanitizers; `make asan` does.
LIBS	 := libbpf libelf libmicrohttpd yaml-0.1 jansson zlib libnghttp2 libsodium libxcrypt $(LIBS_OF_PARTS) libseccomp
WARN	 := -Wall -Wextra -Werror -Werror=unused-function -Wmissing-prototypes -Wshadow
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CFLAGS	 ?= -O2 -g
override CPPFLAGS += -D_GNU_SOURCE -Iinclude -Iuserspace -I$(BUILD)/gen \
	$(shell pkg-config --cflags $(LIBS) 2>/dev/null)
override CFLAGS += -std=gnu11 $(WARN) $(SAN_FLAGS)
PKG_LIBS := $(shell pkg-config --libs $(LIBS) 2>/dev/null)
LDLIBS	 = $(PKG_LIBS) -lm -lpthread -ldl
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Iinclude -Ivmlinux -Ibpf \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-declarations -Wno-address-of-packed-member
require = $(if $($(1)),,$(error $(2) not found; `make install-deps` as root installs what the build needs))

BPF_SRC	 := $(wildcard bpf/*.bpf.c)
BPF_SKEL := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/gen/%.skel.h)
SRC	 := $(filter-out $(foreach part,$(WITHOUT),$(part_$(part))) $(BUILT_IN:%=userspace/absent/%.c), \
	$(wildcard userspace/*/*.c userspace/*/*/*.c))
OBJ	 := $(SRC:%.c=$(BUILD)/obj/%.o)
LIB_OBJ	 := $(filter-out $(BUILD)/obj/userspace/cli/main.o,$(OBJ))
TEST_SRC := $(wildcard tests/unit/*.c) tests/e2e/suite.c
TEST_OBJ := $(TEST_SRC:%.c=$(BUILD)/obj/%.o)
SUITES	 := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))
BENCH_BIN := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
GUEST_BIN := $(patsubst tests/bench/guest/%.c,$(BUILD)/bench/guest/%,$(wildcard tests/bench/guest/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
FUZZ_RUNS := $(FUZZ_SRC:tests/fuzz/fuzz_%.c=fuzz-%)
FUZZ_OBJ := $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(filter-out userspace/cli/main.c,$(SRC)))

# What the test programs and scripts are told.
TEST_ENV = V=$(V) BUILD=$(abspath $(BUILD)) EDGETAP=$(abspath $(BUILD)/edgetap) E2E_BUILD=$(abspath $(BUILD)/e2e)

# Nested makes use every CPU unless the user has said how many.
SUBMAKE	 = +$(Q)$(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$$(nproc))

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all run check check-all unit e2e bench bench-guest record fuzz asan lint format install dist clean help \
	$(FUZZ_RUNS) \
	install-deps install-test-deps install-lint-deps FORCE
all: $(BUILD)/edgetap	## build build/edgetap
	@:

# Linked anew when other parts are left out.
$(BUILD)/edgetap: $(OBJ) $(BUILD)/gen/build.h
	$(call require,PKG_LIBS,one of the libraries $(LIBS))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJ) $(LDLIBS)

$(BUILD)/obj/%.o: %.c
	$(call require,PKG_LIBS,one of the libraries $(LIBS))
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The loader is the only user of the skeletons.
$(filter %.o,$(foreach root,obj fuzz/obj,$(patsubst %.c,$(BUILD)/$(root)/%.o,$(wildcard userspace/loader/*.c)))): \
	| $(BPF_SKEL)

$(foreach root,obj fuzz/obj,$(addprefix $(BUILD)/$(root)/userspace/base/,parts.o version.o)): $(BUILD)/gen/build.h
# What this build is. Rewritten only when it changes.
$(BUILD)/gen/build.h: FORCE
	@mkdir -p $(@D)
	@{ printf '#define EDGETAP_VERSION "%s"\n#define EDGETAP_REVISION "%s"\n' '$(VERSION)' '$(REVISION)'; \
		printf '#define PARTS(X)'; printf ' X("%s", true)' $(BUILT_IN); \
		$(if $(WITHOUT),printf ' X("%s", false)' $(WITHOUT);) echo; } > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(foreach root,obj fuzz/obj,$(BUILD)/$(root)/userspace/agent/agent.o): $(BUILD)/gen/collector_list.h
# A line for each folder of userspace/collect. Rewritten only when it changes.
$(BUILD)/gen/collector_list.h: FORCE
	@mkdir -p $(@D)
	@printf 'COLLECTOR(%s)\n' $(sort $(notdir $(patsubst %/,%,$(wildcard userspace/collect/*/)))) > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Not intermediate: kept, and remade when a header has changed.
.SECONDARY: $(BPF_SRC:bpf/%.c=$(BUILD)/bpf/%.o)
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call require,CLANG,clang)
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

# Linking the one object drops its DWARF, which the kernel has no use for.
$(BUILD)/gen/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call require,BPFTOOL,a bpftool that runs)
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen object $(<:.bpf.o=.linked.o) $<
	$(Q)echo '/* NOLINTBEGIN: generated */' > $@
	$(Q)$(BPFTOOL) gen skeleton $(<:.bpf.o=.linked.o) name $* >> $@
	$(Q)echo '/* NOLINTEND */' >> $@

install-deps:		## install the packages that building needs (root)
	$(Q)deploy/install-packages.sh build

install-test-deps:	## install the packages that the tests need (root)
	$(Q)deploy/install-packages.sh build test

install-lint-deps:	## install the packages that lint needs (root)
	$(Q)deploy/install-packages.sh build lint

run: install-deps	## install what is missing, build, observe this machine: ARGS='--listen ADDR:PORT ...'
	$(SUBMAKE) all
	$(Q)exec $(BUILD)/edgetap serve $(ARGS)

# One program runs the unit tests and the end-to-end scripts, so that there is
# one closing line. Every tests/unit/test_NAME.c defines Suite *NAME_suite(void).
check: install-test-deps	## install what the tests need, build, run all tests: minutes
	$(SUBMAKE) all $(BUILD)/check $(BUILD)/record
	$(SUBMAKE) fuzz FUZZ_SECONDS=3 FUZZ_ARGS='-seed=1 -runs=10000'
	$(Q)$(TEST_ENV) $(BUILD)/check

check-all: install-test-deps	## the same at full size: every kernel, large loads, long fuzzing
	$(SUBMAKE) all $(BUILD)/check $(BUILD)/record
	$(SUBMAKE) fuzz FUZZ_SECONDS=30
	$(Q)$(TEST_ENV) CHECK_ALL=1 $(BUILD)/check

unit:			## run the unit tests, or one suite: T=NAME
	$(SUBMAKE) $(BUILD)/check
	$(Q)$(TEST_ENV) $(BUILD)/check unit $(T)

e2e:			## run the end-to-end tests, or one: T=NAME
	$(SUBMAKE) all $(BUILD)/check
	$(Q)$(TEST_ENV) $(BUILD)/check e2e $(T)

bench: install-test-deps	## measure everything that has a budget; writes build/bench.json
	$(SUBMAKE) all $(BENCH_BIN)
	$(Q)$(TEST_ENV) /usr/bin/python3 tests/bench/bench.py

# EDGETAP=FILE measures that program instead of building one; tests/bench/guest/host.py has the other variables.
bench-guest: install-test-deps	## count instructions a request in an emulated machine; writes build/bench-guest.json
	$(SUBMAKE) $(if $(EDGETAP),,all) $(GUEST_BIN)
	$(Q)BUILD=$(abspath $(BUILD)) EDGETAP=$(or $(EDGETAP),$(abspath $(BUILD)/edgetap)) BASE='$(BASE)' \
		LOADS='$(LOADS)' ROUNDS='$(ROUNDS)' KERNEL='$(KERNEL)' /usr/bin/python3 tests/bench/guest/host.py

# Each is a file of its own, so that measuring another tree's build builds nothing else.
$(GUEST_BIN): $(BUILD)/bench/guest/%: tests/bench/guest/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARN) -O2 $(LDFLAGS) -o $@ $<

# The benchmark's parts that are C: a program each.
$(BENCH_BIN): $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/obj/tests/unit/sample.o $(BUILD)/libedgetap.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# edgetap with these functions wrapped: an agent that records what its pages are made from.
RECORD_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,userspace/cli/main.c tests/record/record.c \
	$(wildcard tests/unit/moment*.c) tests/unit/recording.c)
RECORD_WRAPS := rollup__new rollup__retire exposition__new exposition__render custom__new endpoint__read
$(BUILD)/record: $(RECORD_OBJ) $(BUILD)/libedgetap.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(RECORD_WRAPS:%=-Wl,--wrap=%) -o $@ $^ $(LDLIBS)

record: install-test-deps	## record an agent for the unit test `playback` anew (root)
	$(SUBMAKE) all $(BUILD)/record
	$(Q)$(TEST_ENV) EDGETAP=$(abspath $(BUILD)/record) /usr/bin/python3 tests/record/record.py

$(BUILD)/check: $(TEST_OBJ) $(BUILD)/libedgetap.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $$(pkg-config --libs check openssl) $(LDLIBS)
$(BUILD)/libedgetap.a: $(LIB_OBJ) $(BUILD)/gen/build.h
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)
$(TEST_OBJ) $(BENCH_BIN:$(BUILD)/bench/%=$(BUILD)/obj/tests/bench/%.o): | $(BPF_SKEL)
$(BUILD)/obj/tests/%.o: CPPFLAGS += -Ibpf
$(BUILD)/obj/tests/unit/main.o: $(BUILD)/gen/suites.h

# Rewritten only when the set of suites has changed.
$(BUILD)/gen/suites.h: FORCE
	@mkdir -p $(@D)
	@for name in $(SUITES); do echo "SUITE($$name)"; done > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# `check` takes the same inputs each time: what chance finds must not fail somebody's other change.
fuzz: $(if $(T),fuzz-$(T),$(FUZZ_RUNS))	## run each fuzz target for FUZZ_SECONDS, or one: T=NAME
$(FUZZ_RUNS): fuzz-%: $(BUILD)/fuzz/fuzz_%
	@mkdir -p $(BUILD)/fuzz/corpus/$*
	$(call say,FUZZ,'$* ($(FUZZ_SECONDS) s)')
	@seeds=tests/fuzz/corpus/$*; [ -d $$seeds ] || seeds=; \
		$< -max_total_time=$(FUZZ_SECONDS) $(FUZZ_ARGS) -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/fuzz/$*- $(BUILD)/fuzz/corpus/$* $$seeds \
			>$(BUILD)/fuzz/$*.log 2>&1 || { tail -n 60 $(BUILD)/fuzz/$*.log; exit 1; }
	@sed -n 's/^stat::number_of_executed_units: /           inputs of $*: /p' $(BUILD)/fuzz/$*.log

FUZZ_FLAGS = -O1 -g -std=gnu11 $(WARN) -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/lib.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(CPPFLAGS) -Ibpf $(FUZZ_FLAGS) -Wno-missing-prototypes -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< $(BUILD)/fuzz/lib.a $(LDLIBS)
$(BUILD)/fuzz/lib.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/fuzz/obj/%.o: %.c
	$(call require,CLANG,clang)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

asan:			## run the unit tests under AddressSanitizer and UBSan
	$(SUBMAKE) BUILD=$(BUILD)/asan SAN=address,undefined unit

lint: install-lint-deps	## check format, comments, scripts; static analysis
	$(SUBMAKE) $(BPF_SKEL) $(addprefix $(BUILD)/gen/,suites.h build.h collector_list.h)
	$(Q)CPPFLAGS='$(CPPFLAGS)' LIBS='$(LIBS)' V=$(V) tests/lint.sh

format:			## format every C file in place
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h' ':!vmlinux')

install: all		## install under DESTDIR and PREFIX (/usr/local)
	install -D -m 755 $(BUILD)/edgetap $(DESTDIR)$(BINDIR)/edgetap
	install -D -m 644 deploy/edgetap.1 $(DESTDIR)$(MANDIR)/man1/edgetap.1
	set -e; for name in edgetap edgetap-gateway; do \
		[ -e $(DESTDIR)$(SYSCONFDIR)/$$name.yaml ] || \
			install -D -m 644 deploy/$$name.yaml $(DESTDIR)$(SYSCONFDIR)/$$name.yaml; \
		sed 's|@BINDIR@|$(BINDIR)|; s|@SYSCONFDIR@|$(SYSCONFDIR)|' deploy/$$name.service.in \
			> $(BUILD)/$$name.service; \
		install -D -m 644 $(BUILD)/$$name.service $(DESTDIR)$(UNITDIR)/$$name.service; \
	done

dist:			## pack the committed sources into build/edgetap-VERSION.tar.gz
	@mkdir -p $(BUILD)
	$(Q)git archive --format=tar.gz --prefix=edgetap-$(VERSION)/ -o $(BUILD)/edgetap-$(VERSION).tar.gz HEAD
	@echo $(BUILD)/edgetap-$(VERSION).tar.gz

clean:			## remove build/
	rm -rf $(BUILD)

help:			## list the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## *\(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22
	@echo 'Variables: V=1 shows commands, BUILD=DIR builds elsewhere, CFLAGS, DESTDIR, PREFIX.'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
