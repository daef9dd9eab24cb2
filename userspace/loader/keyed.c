// SPDX-License-Identifier: Apache-2.0
/* The kernel's counts by key, as series of the snapshot. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/map_walk.h"
#include "loader/tables.h"

struct keyed {
	enum pool pool;
	struct key_name name[SERIES_NAMES];
};

static const struct keyed keyed[] = {
#define KEYED_ROW(id, map, key, value, size, ...) [SERIES_##id] = { POOL_##id, { __VA_ARGS__ } },
	KEYED_COUNTS(KEYED_ROW)
#undef KEYED_ROW
};

#define KEYED (sizeof(keyed) / sizeof(keyed[0]))

/* Room for a name as the snapshot has it. */
static size_t room_of(const struct key_name *name)
{
	switch (name->form) {
	case NAME_NONE:
		return 0;
	case NAME_TEXT:
		return name->bytes + 1;
	case NAME_NUMBER:
		return sizeof("4294967295");
	case NAME_ADDRESS:
		return NAME_ADDRESS_BYTES;
	}
	return 0;
}

static void read_name(char *to, const struct key_name *name, const char *key)
{
	const char *from = key + name->offset;
	uint32_t number;

	switch (name->form) {
	case NAME_NONE:
		break;
	case NAME_TEXT:
		memcpy(to, from, name->bytes);
		to[name->bytes] = '\0';
		break;
	case NAME_NUMBER:
		memcpy(&number, from, sizeof(number));
		snprintf(to, room_of(name), "%u", number);
		break;
	case NAME_ADDRESS:
		memcpy(to, from, NAME_ADDRESS_BYTES);
		break;
	}
}

static size_t room_of_all(const struct keyed *row)
{
	size_t room = 0;

	for (int i = 0; i < SERIES_NAMES; i++)
		room += room_of(&row->name[i]);
	return room;
}

/* Keys begin with slot and generation. */
static void read_key(struct snapshot_series *to, char *names, const struct keyed *row,
		     const char *key)
{
	memcpy(&to->slot, key, sizeof(to->slot));
	memcpy(&to->generation, key + sizeof(to->slot), sizeof(to->generation));
	for (int i = 0; i < SERIES_NAMES && row->name[i].form != NAME_NONE; i++) {
		to->name[i] = names;
		read_name(names, &row->name[i], key);
		names += room_of(&row->name[i]);
	}
}

static int read_kind(struct loader *loader, enum series_kind kind)
{
	const struct keyed *row = &keyed[kind];
	const struct bpf_map *map = table__map(loader->skeleton, row->pool);
	uint32_t capacity = bpf_map__max_entries(map), n = 0;
	struct map_walk walk = map_walk__of(map);
	size_t room = room_of_all(row);
	int found;

	if (!loader->series[kind])
		loader->series[kind] = calloc(capacity, sizeof(*loader->series[kind]));
	if (!loader->names[kind])
		loader->names[kind] = calloc(capacity, room);
	if (!loader->series[kind] || !loader->names[kind])
		return -ENOMEM;
	while ((found = map_walk__next(&walk)) > 0)
		/* some may have come while others went: no more than there is room for */
		for (int i = 0; i < found && n < capacity; i++, n++) {
			struct snapshot_series *to = &loader->series[kind][n];

			memcpy(to->count, walk.values + i * walk.value_bytes, walk.value_bytes);
			read_key(to, loader->names[kind] + n * room, row,
				 walk.keys + i * walk.key_bytes);
		}
	map_walk__free(&walk);
	if (found < 0)
		return found;
	loader->snapshot.series[kind] = loader->series[kind];
	loader->snapshot.series_count[kind] = n;
	return 0;
}

int loader__read_series(struct loader *loader)
{
	int err = 0;

	for (enum series_kind kind = 0; kind < KEYED && !err; kind++)
		err = read_kind(loader, kind);
	return err;
}
