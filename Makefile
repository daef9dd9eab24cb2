# SPDX-License-Identifier: Apache-2.0
# Everything that is made lands in build/. `make help` lists the targets.

BUILD	?= build
CLANG	?= $(firstword $(shell command -v clang clang-19 clang-16 clang-14 2>/dev/null) clang)
BPFTOOL ?= $(firstword $(shell command -v bpftool /usr/sbin/bpftool 2>/dev/null) bpftool)
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

LIBS	 := libbpf libmicrohttpd yaml-0.1 jansson zlib
WARN	 := -Wall -Wextra -Werror -Werror=unused-function -Wmissing-prototypes -Wshadow
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Iuserspace -I$(BUILD)/gen
CFLAGS	 ?= -O2 -g
CFLAGS	 += -std=gnu11 $(WARN)
LDLIBS	 = $(shell pkg-config --libs $(LIBS)) -lm -lpthread
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Iinclude -Ivmlinux -Ibpf \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-declarations -Wno-address-of-packed-member

BPF_SRC	 := $(wildcard bpf/*.bpf.c)
BPF_SKEL := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/gen/%.skel.h)
SRC	 := $(wildcard userspace/*/*.c)
OBJ	 := $(SRC:%.c=$(BUILD)/obj/%.o)
LIB_OBJ	 := $(filter-out $(BUILD)/obj/userspace/cli/main.o,$(OBJ))
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_OBJ := $(UNIT_SRC:%.c=$(BUILD)/obj/%.o)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all
all: $(BUILD)/edgetap	## build build/edgetap

$(BUILD)/edgetap: $(OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The loader is the only user of the skeletons.
$(BUILD)/obj/userspace/loader/%.o: $(BPF_SKEL)
$(BUILD)/obj/userspace/cli/%.o: CPPFLAGS += -DEDGETAP_VERSION='"$(VERSION)"' -DEDGETAP_REVISION='"$(REVISION)"'

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/gen/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

# Unit tests: every tests/unit/test_*.c defines one suite of its own name.
$(BUILD)/unit: $(UNIT_OBJ) $(LIB_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs check) $(LDLIBS)
$(BUILD)/obj/tests/%.o: CPPFLAGS += -Ibpf

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
