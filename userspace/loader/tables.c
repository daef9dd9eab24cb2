// SPDX-License-Identifier: Apache-2.0
#include "loader/tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#include "config/config.h"
#include "loader/pool.h"

#define MAP(name) offsetof(struct edgetap, maps.name)

/* Offsets of maps in the skeleton; index and free_list are 0 for a count by key. */
struct table {
	size_t map, index, free_list;
	size_t entry_bytes, in_use; /* of a pool's entry: its size, and where it says that it is */
	uint32_t size;
};

static const struct table tables[POOL_N] = {
	[POOL_SLOTS] = { .map = MAP(instance_by_slot),
			 .index = MAP(slot_by_instance),
			 .free_list = MAP(free_slots),
			 .entry_bytes = sizeof(struct instance_slot),
			 .in_use = offsetof(struct instance_slot, in_use),
			 .size = DEFAULT_MAX_INSTANCES },
#define POOL_TABLE(id, one, many, key, entry, size_)                                               \
	[POOL_##id] = { .map = MAP(one##_by_index),                                                \
			.index = MAP(index_by_##one),                                              \
			.free_list = MAP(free_##many),                                             \
			.entry_bytes = sizeof(entry),                                              \
			.in_use = offsetof(entry, in_use),                                         \
			.size = (size_) },
	POOLS(POOL_TABLE)
#undef POOL_TABLE
#define COUNT_TABLE(id, map_, key, value, size_, ...)                                              \
	[POOL_##id] = { .map = MAP(map_), .size = (size_) },
		KEYED_COUNTS(COUNT_TABLE)
#undef COUNT_TABLE
};

/* Options that change a table's size: their places in struct config, as max_instances. */
static const size_t option[POOL_N] = {
	[POOL_SLOTS] = offsetof(struct config, max_instances),
	[POOL_STATUSES] = offsetof(struct config, max_statuses),
	[POOL_GROUPS] = offsetof(struct config, max_groups),
	[POOL_RPCS] = offsetof(struct config, max_rpcs),
	[POOL_DESTINATIONS] = offsetof(struct config, max_destinations),
};

static struct bpf_map *map_at(const struct edgetap *skeleton, size_t offset)
{
	return *(struct bpf_map *const *)((const char *)skeleton + offset);
}

struct bpf_map *table__map(const struct edgetap *skeleton, enum pool pool)
{
	return map_at(skeleton, tables[pool].map);
}

static bool is_pool(const struct table *table)
{
	return table->index != 0;
}

static uint32_t size_of(enum pool pool, const struct config *config)
{
	uint32_t size = 0;

	if (option[pool])
		memcpy(&size, (const char *)config + option[pool], sizeof(size));
	return size ? size : tables[pool].size;
}

void tables__set_sizes(struct edgetap *skeleton, const struct config *config)
{
	for (enum pool pool = 0; pool < POOL_N; pool++) {
		const struct table *table = &tables[pool];
		uint32_t size = size_of(pool, config);

		/* index 0 of each pool is `__other__`, beyond what the user asked for */
		bpf_map__set_max_entries(map_at(skeleton, table->map), size + is_pool(table));
		if (is_pool(table)) {
			bpf_map__set_max_entries(map_at(skeleton, table->index), size);
			bpf_map__set_max_entries(map_at(skeleton, table->free_list), size);
		}
		skeleton->rodata->cfg_pool_size[pool] = size;
	}
}

static void *entry_at(const struct loader *loader, enum pool pool, uint32_t i)
{
	return (char *)loader->pools[pool].memory + i * tables[pool].entry_bytes;
}

static uint32_t *in_use(const struct loader *loader, enum pool pool, uint32_t i)
{
	return (uint32_t *)((char *)entry_at(loader, pool, i) + tables[pool].in_use);
}

int tables__open(struct loader *loader)
{
	for (enum pool pool = 0; pool < POOL_N; pool++) {
		struct mapped_array *array = &loader->pools[pool];
		int err;

		if (!is_pool(&tables[pool]))
			continue;
		err = mapped_array__open(array, table__map(loader->skeleton, pool));
		if (!err)
			err = free_list__fill(map_at(loader->skeleton, tables[pool].free_list),
					      OTHER_INDEX + 1, array->count);
		if (err)
			return err;
		*in_use(loader, pool, OTHER_INDEX) = 1;
	}
	return 0;
}

void tables__close(struct loader *loader)
{
	for (enum pool pool = 0; pool < POOL_N; pool++)
		mapped_array__close(&loader->pools[pool]);
}

static uint32_t series_fill(const struct snapshot *snapshot, enum pool pool)
{
	switch (pool) {
#define SERIES_FILL(id, ...)                                                                       \
	case POOL_##id:                                                                            \
		return snapshot->series_count[SERIES_##id];
		KEYED_COUNTS(SERIES_FILL)
#undef SERIES_FILL
	default:
		return 0;
	}
}

uint32_t table__fill(const struct loader *loader, enum pool pool)
{
	uint32_t n = 0;

	if (!is_pool(&tables[pool]))
		return series_fill(&loader->snapshot, pool);
	for (uint32_t i = 0; i < loader->pools[pool].count; i++)
		n += *in_use(loader, pool, i);
	return n;
}

/* Whether it is an entry of the slot, with whose number keys begin. */
static bool is_of(const struct loader *loader, enum pool pool, uint32_t i, uint32_t slot)
{
	return *in_use(loader, pool, i) && *(uint32_t *)entry_at(loader, pool, i) == slot;
}

void tables__unindex(const struct loader *loader, uint32_t slot)
{
	for (enum pool pool = POOL_SLOTS + 1; pool < POOL_N; pool++) {
		const struct table *table = &tables[pool];

		if (!is_pool(table))
			continue;
		for (uint32_t i = OTHER_INDEX + 1; i < loader->pools[pool].count; i++)
			if (is_of(loader, pool, i, slot))
				bpf_map_delete_elem(
					bpf_map__fd(map_at(loader->skeleton, table->index)),
					entry_at(loader, pool, i));
	}
}

static uint32_t take_back_entries(const struct loader *loader, enum pool pool, uint32_t slot)
{
	const struct bpf_map *free_list = map_at(loader->skeleton, tables[pool].free_list);
	uint32_t given = 0;

	for (uint32_t i = OTHER_INDEX + 1; i < loader->pools[pool].count; i++) {
		if (!is_of(loader, pool, i, slot))
			continue;
		memset(entry_at(loader, pool, i), 0, tables[pool].entry_bytes);
		free_list__push(free_list, i);
		given++;
	}
	return given;
}

/* Those of the snapshot stay: they may be of other slots that are given back with it. */
static uint32_t delete_keys(const struct bpf_map *map, uint32_t slot)
{
	int fd = bpf_map__fd(map);
	char key[KEYED_KEY_MAX], next[KEYED_KEY_MAX];
	uint32_t deleted = 0, n = bpf_map__max_entries(map);
	bool more = bpf_map_get_next_key(fd, NULL, key) == 0;

	while (more && n--) {
		uint32_t owner;

		/* first, as the walk starts over where a key is deleted under it */
		more = bpf_map_get_next_key(fd, key, next) == 0;
		memcpy(&owner, key, sizeof(owner));
		if (owner == slot && bpf_map_delete_elem(fd, key) == 0)
			deleted++;
		memcpy(key, next, sizeof(key));
	}
	return deleted;
}

void tables__take_back(const struct loader *loader, uint32_t slot, uint32_t ret_given[POOL_N])
{
	for (enum pool pool = POOL_SLOTS + 1; pool < POOL_N; pool++)
		ret_given[pool] = is_pool(&tables[pool])
					  ? take_back_entries(loader, pool, slot)
					  : delete_keys(table__map(loader->skeleton, pool), slot);
}
