/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that endpoints share. Each has a small part that nobody takes from it; what it
 * needs beyond that comes from a common rest, so that some that expose much leave
 * the others theirs. Pure, and of one thread.
 */
#ifndef EDGETAP_CUSTOM_MEMORY_H
#define EDGETAP_CUSTOM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct memory {
	size_t own;    /* of each endpoint */
	size_t common; /* for all together */
	size_t used;   /* of the common rest */
};

static inline size_t memory__beyond(const struct memory *memory, size_t bytes)
{
	return bytes > memory->own ? bytes - memory->own : 0;
}

/* An endpoint that holds *held wants `bytes` instead. False, and no change: there is no more. */
static inline bool memory__resize(struct memory *memory, size_t *held, size_t bytes)
{
	size_t used = memory->used - memory__beyond(memory, *held) + memory__beyond(memory, bytes);

	if (used > memory->common && bytes > *held)
		return false;
	memory->used = used;
	*held = bytes;
	return true;
}

#endif
