/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the bytes of sockets' queues can be read where the kernel has them. */
#ifndef EDGETAP_LOADER_QUEUES_H
#define EDGETAP_LOADER_QUEUES_H

#include <stdint.h>

/* How a page becomes its address: see bpf/conn/skb.h. */
struct queues {
	uint64_t page_base;
	uint32_t page_shift;
};

/*
 * Finds out by trying: sends a token through loopback and has a program look for it in the
 * receive queue. Takes some 50 ms, in which the kernel's symbols are read. Returns NULL, or why
 * not: part of a sentence, static.
 */
const char *queues__try(struct queues *ret_queues);

#endif
