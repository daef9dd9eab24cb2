/* SPDX-License-Identifier: Apache-2.0 */
/* All entries of a hash map, many in one system call. */
#ifndef EDGETAP_LOADER_MAP_WALK_H
#define EDGETAP_LOADER_MAP_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_map;

/* Keys and values of a step lie behind each other. */
struct map_walk {
	int fd;
	uint32_t key_bytes, value_bytes;
	char *keys, *values;
	uint32_t at; /* the kernel's: where the next step goes on */
	bool has_begun, has_ended;
};

/* One that begins. */
struct map_walk map_walk__of(const struct bpf_map *map);

/*
 * Takes the next entries. Returns how many, 0 at the end, or a negative errno. What is in the map
 * during the whole walk is found once, whatever is added and deleted meanwhile.
 */
int map_walk__next(struct map_walk *walk);

/* Frees what it holds, not itself. */
void map_walk__free(struct map_walk *walk);

#endif
