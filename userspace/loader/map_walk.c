// SPDX-License-Identifier: Apache-2.0
#include "loader/map_walk.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>

/* More than a bucket of the hash will ever have, without which the kernel gives none of it. */
#define AT_ONCE 512

struct map_walk map_walk__of(const struct bpf_map *map)
{
	return (struct map_walk){
		.fd = bpf_map__fd(map),
		.key_bytes = bpf_map__key_size(map),
		.value_bytes = bpf_map__value_size(map),
	};
}

static int take_memory(struct map_walk *walk)
{
	if (!walk->keys)
		walk->keys = calloc(AT_ONCE, walk->key_bytes);
	if (!walk->values)
		walk->values = calloc(AT_ONCE, walk->value_bytes);
	return walk->keys && walk->values ? 0 : -ENOMEM;
}

int map_walk__next(struct map_walk *walk)
{
	uint32_t count = AT_ONCE;

	if (walk->has_ended)
		return 0;
	if (take_memory(walk))
		return -ENOMEM;
	if (bpf_map_lookup_batch(walk->fd, walk->has_begun ? &walk->at : NULL, &walk->at,
				 walk->keys, walk->values, &count, NULL)) {
		if (errno != ENOENT)
			return -errno;
		walk->has_ended = true;
	}
	walk->has_begun = true;
	return (int)count;
}

void map_walk__free(struct map_walk *walk)
{
	free(walk->keys);
	free(walk->values);
	walk->keys = walk->values = NULL;
}
