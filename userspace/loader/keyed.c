// SPDX-License-Identifier: Apache-2.0
/* The kernel's counts by key, as series of the snapshot. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/tables.h"

struct keyed {
	enum pool pool;
	size_t key_bytes;
	struct key_name name[SERIES_NAMES];
};

static const struct keyed keyed[] = {
#define KEYED_ROW(id, map, key, value, size, ...)                                                  \
	[SERIES_##id] = { POOL_##id, sizeof(key), { __VA_ARGS__ } },
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
	char key[KEYED_KEY_MAX], next[KEYED_KEY_MAX];
	size_t room = room_of_all(row);
	void *previous = NULL;
	int fd = bpf_map__fd(map);

	if (!loader->series[kind])
		loader->series[kind] = calloc(capacity, sizeof(*loader->series[kind]));
	if (!loader->names[kind])
		loader->names[kind] = calloc(capacity, room);
	if (!loader->series[kind] || !loader->names[kind])
		return -ENOMEM;
	while (n < capacity && bpf_map_get_next_key(fd, previous, next) == 0) {
		struct snapshot_series *to = &loader->series[kind][n];

		memcpy(key, next, row->key_bytes);
		previous = key;
		if (bpf_map_lookup_elem(fd, key, to->count))
			continue;
		read_key(to, loader->names[kind] + n * room, row, key);
		n++;
	}
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
