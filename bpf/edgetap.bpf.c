// SPDX-License-Identifier: GPL-2.0
/*
 * The programs: one thin wrapper per hook over one handler per fact. Where two
 * wrappers give the same fact, the loader attaches one of them; which one is
 * found out by trying (see userspace/loader/hooks.c).
 */
#include "types.h"

#include <bpf/bpf_helpers.h>

#include "iterators.h"
#include "on_library.h"
#include "on_process.h"
#include "on_tcp.h"

char LICENSE[] SEC("license") = "GPL";
