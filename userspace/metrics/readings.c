// SPDX-License-Identifier: Apache-2.0
#include "metrics/readings.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define TEXT_BLOCK_BYTES 65536
#define TEXT_MAX_BYTES 1024 /* of one label, before it is repaired; longer ones are cut */

/* Text that stays where it is; blocks are kept when it is emptied. */
struct text_block {
	struct text_block *next;
	size_t used;
	char bytes[TEXT_BLOCK_BYTES];
};

/* A set of indices or of texts, by hash: open addressing, at most half full. */
struct place {
	uint32_t hash;
	uint32_t owner; /* index + 1 */
	const char *text;
};

struct place_set {
	struct place *place;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

struct readings {
	struct model_labels *owner;
	size_t owner_count, owner_room;
	struct reading *reading; /* as they were added */
	size_t count, room;
	struct reading *sorted;
	size_t sorted_room;
	size_t first[READING_KINDS + 1]; /* of sorted */
	bool is_sorted;
	struct text_block *first_block, *block;
	size_t text_bytes;
	struct place_set texts, owners;
	uint64_t lost;
	struct readings_wanted wanted;
};

const struct readings_wanted readings_all = { .groups = UINT_MAX, .scope = &scope_all };

enum reading_group reading__group(enum reading_kind kind)
{
	static const struct {
		enum reading_kind first, last;
		enum reading_group group;
	} groups[] = {
		{ READING_UP, READING_UP, READINGS_OF_LIFE },
		{ READING_PROCESSES, READING_PROCESSES, READINGS_OF_LIFE },
		{ READING_MEM_TOTAL, READING_MEM_VMALLOC_CHUNK, READINGS_OF_MEMORY },
		{ READING_CPU, READING_CPU, READINGS_OF_CPU },
		{ READING_CPU_PERIODS, READING_CPU_THROTTLED, READINGS_OF_CPU },
		{ READING_PRESSURE, READING_PRESSURE, READINGS_OF_PRESSURE },
		{ READING_DISK_READS, READING_DISK_TIME_IO_WEIGHTED, READINGS_OF_DISKS },
		{ READING_NET_RECV_BYTES, READING_NET_SENT_COMPRESSED, READINGS_OF_NETWORK },
		{ READING_FILESYSTEM_BLOCKS, READING_FILESYSTEM_BLOCKS_AVAIL,
		  READINGS_OF_FILESYSTEMS },
		{ READING_VOLUME_SIZE, READING_VOLUME_USED, READINGS_OF_VOLUMES },
		{ READING_UNIX_STREAM_LISTENERS, READING_UNIX_STREAM_LISTENERS, READINGS_OF_UNIX },
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (kind >= groups[i].first && kind <= groups[i].last)
			return groups[i].group;
	return READINGS_AT_HAND;
}

int readings__new(struct readings **ret_readings)
{
	struct readings *readings = calloc(1, sizeof(*readings));

	if (!readings)
		return -ENOMEM;
	readings->wanted = readings_all;
	*ret_readings = readings;
	return 0;
}

void readings__free(struct readings *readings)
{
	struct text_block *next;

	if (!readings)
		return;
	for (struct text_block *block = readings->first_block; block; block = next) {
		next = block->next;
		free(block);
	}
	free(readings->owner);
	free(readings->reading);
	free(readings->sorted);
	free(readings->texts.place);
	free(readings->owners.place);
	free(readings);
}

static void place_set__clear(struct place_set *set)
{
	if (set->used)
		memset(set->place, 0, set->size * sizeof(*set->place));
	set->used = 0;
}

void readings__clear(struct readings *readings)
{
	readings->owner_count = 0;
	readings->count = 0;
	readings->is_sorted = false;
	readings->block = readings->first_block;
	if (readings->block)
		readings->block->used = 0;
	readings->text_bytes = 0;
	place_set__clear(&readings->texts);
	place_set__clear(&readings->owners);
	readings->lost = 0;
	readings->wanted = readings_all;
}

void readings__want(struct readings *readings, const struct readings_wanted *wanted)
{
	readings->wanted = *wanted;
}

bool readings__wants(const struct readings *readings, unsigned int groups)
{
	return readings->wanted.groups & groups;
}

/* A name that will be repaired is not yet what the scope has. */
bool readings__wants_app(const struct readings *readings, const char *app)
{
	return scope__allows(readings->wanted.scope, app) || !utf8__valid(app);
}

/* FNV-1a. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619U;
	return (hash ^ 0xff) * 16777619U;
}

#define HASH_START 2166136261U

static int place_set__reserve(struct place_set *set)
{
	size_t size = set->size ? set->size * 2 : 256;
	struct place *place;

	if (set->used * 2 < set->size)
		return 0;
	place = calloc(size, sizeof(*place));
	if (!place)
		return -ENOMEM;
	for (size_t i = 0; i < set->size; i++) {
		size_t at = set->place[i].hash & (size - 1);

		if (!set->place[i].text && !set->place[i].owner)
			continue;
		while (place[at].text || place[at].owner)
			at = (at + 1) & (size - 1);
		place[at] = set->place[i];
	}
	free(set->place);
	set->place = place;
	set->size = size;
	return 0;
}

/* Room for so many bytes that stay, or NULL with the reason in ret_err. */
static char *text_room(struct readings *readings, size_t bytes, int *ret_err)
{
	struct text_block *block = readings->block;
	char *room;

	*ret_err = -ENOSPC;
	if (readings->text_bytes + bytes > READINGS_MAX_TEXT_BYTES)
		return NULL;
	if (!block || block->used + bytes > sizeof(block->bytes)) {
		struct text_block *next = block ? block->next : NULL;

		*ret_err = -ENOMEM;
		if (!next) {
			next = malloc(sizeof(*next));
			if (!next)
				return NULL;
			next->next = NULL;
			if (block)
				block->next = next;
			else
				readings->first_block = next;
		}
		next->used = 0;
		block = readings->block = next;
	}
	room = block->bytes + block->used;
	block->used += bytes;
	readings->text_bytes += bytes;
	return room;
}

/* Bytes of the control character that UTF-8 begins with, 0 if it is another one. */
static size_t control(const char *text)
{
	if (text[0] == '\xc2')
		return (unsigned char)text[1] < 0xa0 ? 2 : 0;
	return ((unsigned char)text[0] < ' ' && text[0]) || text[0] == 0x7f;
}

static bool has_controls(const char *text)
{
	while (*text && !control(text))
		text++;
	return *text;
}

/* As in the names of instances: who names an interface or a mount commands no terminal. */
static void replace_controls(char *text)
{
	for (size_t left = 0; *text; text++) {
		left = left ? left : control(text);
		if (left) {
			*text = '_';
			left--;
		}
	}
}

/* A copy of the text that stays; the same for the same text. */
static int intern(struct readings *readings, const char *text, const char **ret_text)
{
	char repaired[TEXT_MAX_BYTES * UTF8_REPAIR_GROWTH + 1], grouping[TEXT_MAX_BYTES + 1];
	struct place_set *set = &readings->texts;
	size_t length, at;
	uint32_t hash;
	char *copy;
	int err;

	if (!text || !*text) {
		*ret_text = "";
		return 0;
	}
	length = strnlen(text, sizeof(grouping));
	if (length == sizeof(grouping)) {
		memcpy(grouping, text, TEXT_MAX_BYTES);
		grouping[TEXT_MAX_BYTES] = '\0';
		text = grouping;
		length = TEXT_MAX_BYTES;
	}
	if (!utf8__valid(text) || has_controls(text)) {
		length = utf8__repair(repaired, text);
		replace_controls(repaired);
		text = repaired;
	}
	err = place_set__reserve(set);
	if (err)
		return err;
	hash = hash_text(HASH_START, text);
	for (at = hash & (set->size - 1); set->place[at].text; at = (at + 1) & (set->size - 1))
		if (set->place[at].hash == hash && !strcmp(set->place[at].text, text)) {
			*ret_text = set->place[at].text;
			return 0;
		}
	copy = text_room(readings, length + 1, &err);
	if (!copy)
		return err;
	memcpy(copy, text, length + 1);
	set->place[at] = (struct place){ .hash = hash, .text = copy };
	set->used++;
	*ret_text = copy;
	return 0;
}

/* Makes room for one more element. */
static int grow(void *array, size_t *room, size_t count, size_t max, size_t size)
{
	size_t wanted = *room ? *room * 2 : 64;
	void *grown, *old;

	if (count < *room)
		return 0;
	if (count >= max)
		return -ENOSPC;
	memcpy(&old, array, sizeof(old));
	grown = reallocarray(old, wanted, size);
	if (!grown)
		return -ENOMEM;
	memcpy(array, &grown, sizeof(grown));
	*room = wanted;
	return 0;
}

/* Interned texts are the same if their addresses are. */
static bool same_owner(const struct model_labels *a, const struct model_labels *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int64_t readings__owner(struct readings *readings, const struct model_labels *labels)
{
	struct place_set *set = &readings->owners;
	struct model_labels own;
	uint32_t hash = HASH_START;
	size_t at;
	int err;

	for (int l = 0; l < MODEL_LABELS; l++) {
		err = intern(readings, labels->value[l], &own.value[l]);
		if (err)
			return err;
		hash = hash_text(hash, own.value[l]);
	}
	err = place_set__reserve(set);
	if (!err)
		err = grow(&readings->owner, &readings->owner_room, readings->owner_count,
			   READINGS_MAX_OWNERS, sizeof(*readings->owner));
	if (err)
		return err;
	for (at = hash & (set->size - 1); set->place[at].owner; at = (at + 1) & (set->size - 1))
		if (set->place[at].hash == hash &&
		    same_owner(&readings->owner[set->place[at].owner - 1], &own))
			return set->place[at].owner - 1;
	readings->owner[readings->owner_count++] = own;
	set->place[at] = (struct place){ .hash = hash, .owner = (uint32_t)readings->owner_count };
	set->used++;
	return (int64_t)readings->owner_count - 1;
}

static int add(struct readings *readings, int64_t owner, enum reading_kind kind, uint64_t value,
	       const char *const *labels)
{
	struct reading reading = { .kind = (uint16_t)kind, .value = value };
	int err;

	if (owner < 0)
		return (int)owner;
	reading.owner = (uint32_t)owner;
	err = grow(&readings->reading, &readings->room, readings->count, READINGS_MAX,
		   sizeof(*readings->reading));
	for (int l = 0; l < READING_LABELS && !err; l++)
		err = intern(readings, labels[l], &reading.label[l]);
	if (!err)
		readings->reading[readings->count++] = reading;
	return err;
}

int readings__add(struct readings *readings, int64_t owner, enum reading_kind kind, uint64_t value,
		  const char *first, const char *second, const char *third)
{
	const char *const labels[READING_LABELS] = { first, second, third };
	int err = add(readings, owner, kind, value, labels);

	readings->is_sorted = false;
	readings->lost += err != 0;
	return err;
}

uint64_t readings__lost(const struct readings *readings)
{
	return readings->lost;
}

/*
 * By kind and owner, in the order of adding: counted, first by owner and then by
 * kind, as each keeps what was before. Without memory it stays unsorted.
 */
static void sort(struct readings *readings)
{
	size_t *at = calloc(readings->owner_count + 1, sizeof(*at));
	uint32_t *order = malloc((readings->count + 1) * sizeof(*order));
	struct reading *sorted = readings->sorted;
	size_t next[READING_KINDS];

	if (readings->sorted_room < readings->count) {
		sorted = reallocarray(sorted, readings->room, sizeof(*sorted));
		if (sorted) {
			readings->sorted = sorted;
			readings->sorted_room = readings->room;
		}
	}
	if (!at || !order || (!sorted && readings->count)) {
		free(at);
		free(order);
		return;
	}
	memset(readings->first, 0, sizeof(readings->first));
	for (size_t i = 0; i < readings->count; i++) {
		at[readings->reading[i].owner + 1]++;
		readings->first[readings->reading[i].kind + 1]++;
	}
	for (size_t o = 1; o <= readings->owner_count; o++)
		at[o] += at[o - 1];
	for (int kind = 0; kind < READING_KINDS; kind++) {
		next[kind] = readings->first[kind];
		readings->first[kind + 1] += readings->first[kind];
	}
	for (size_t i = 0; i < readings->count; i++)
		order[at[readings->reading[i].owner]++] = (uint32_t)i;
	for (size_t i = 0; i < readings->count; i++) {
		const struct reading *reading = &readings->reading[order[i]];

		sorted[next[reading->kind]++] = *reading;
	}
	free(at);
	free(order);
	readings->is_sorted = true;
}

size_t readings__of(struct readings *readings, enum reading_kind kind,
		    const struct reading **ret_first)
{
	if (!readings->is_sorted)
		sort(readings);
	if (!readings->is_sorted || !readings->count) /* no memory: nothing is shown */
		return 0;
	*ret_first = readings->sorted + readings->first[kind];
	return readings->first[kind + 1] - readings->first[kind];
}

size_t readings__owners(const struct readings *readings)
{
	return readings->owner_count;
}

const struct model_labels *readings__labels(const struct readings *readings, uint32_t owner)
{
	return &readings->owner[owner];
}
