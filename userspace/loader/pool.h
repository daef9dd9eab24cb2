/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped arrays and the free lists beside them. */
#ifndef EDGETAP_LOADER_POOL_H
#define EDGETAP_LOADER_POOL_H

#include <stddef.h>
#include <stdint.h>

struct bpf_map;

/* An array map in the agent's memory; entries lie `stride` bytes apart. */
struct mapped_array {
	void *memory;
	size_t bytes;
	uint32_t count;
};

/* Maps all of an array. Returns 0 or a negative errno. */
int mapped_array__open(struct mapped_array *ret_array, const struct bpf_map *map);
void mapped_array__close(struct mapped_array *array);

/* Fills a queue with the indices first..count-1. Returns 0 or a negative errno. */
int free_list__fill(const struct bpf_map *queue, uint32_t first, uint32_t count);
int free_list__push(const struct bpf_map *queue, uint32_t index);

/* Kernel memory of a map as its fdinfo tells, bytes; 0 if it does not. */
uint64_t map__memory(const struct bpf_map *map);

#endif
