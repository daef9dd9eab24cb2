// SPDX-License-Identifier: Apache-2.0
/* Series of what user space has read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exposition/writer.h"

/* The readings of a family, and what tells its series apart. */
struct set {
	const struct readings *readings;
	const struct family *family;
	unsigned int mask; /* of the owners' labels */
	const struct reading *reading;
	size_t count;
};

/* Texts of readings are the same if their addresses are. */
static uint32_t hash_series(const struct set *set, const struct reading *reading)
{
	const struct model_labels *owner = readings__labels(set->readings, reading->owner);
	uint64_t hash = 0;

	for (int l = 0; l < MODEL_LABELS; l++)
		if (set->mask & 1U << l)
			hash = (hash ^ (uintptr_t)owner->value[l]) * 0x9e3779b97f4a7c15;
	for (int l = 0; l < READING_LABELS; l++)
		if (set->family->label[l])
			hash = (hash ^ (uintptr_t)reading->label[l]) * 0x9e3779b97f4a7c15;
	return (uint32_t)(hash >> 32);
}

static bool same_series(const struct set *set, const struct reading *a, const struct reading *b)
{
	const struct model_labels *one = readings__labels(set->readings, a->owner);
	const struct model_labels *two = readings__labels(set->readings, b->owner);

	for (int l = 0; l < MODEL_LABELS; l++)
		if (set->mask & 1U << l && one->value[l] != two->value[l])
			return false;
	for (int l = 0; l < READING_LABELS; l++)
		if (set->family->label[l] && a->label[l] != b->label[l])
			return false;
	return true;
}

static int seen__start(struct seen *seen, size_t count)
{
	size_t size = 64;

	while (size < count * 2)
		size *= 2;
	if (size > seen->size) {
		free(seen->place);
		seen->size = 0;
		seen->place = malloc(size * sizeof(*seen->place));
		if (!seen->place)
			return -ENOMEM;
		seen->size = size;
	}
	memset(seen->place, 0, size * sizeof(*seen->place));
	return 0;
}

/* Whether an earlier reading is of the same series. */
static bool seen__has(struct seen *seen, const struct set *set, size_t at)
{
	uint32_t hash = hash_series(set, &set->reading[at]);
	size_t mask = 63, place;

	while (mask + 1 < set->count * 2)
		mask = mask * 2 + 1;
	for (place = hash & mask; seen->place[place].reading; place = (place + 1) & mask)
		if (seen->place[place].hash == hash &&
		    same_series(set, &set->reading[seen->place[place].reading - 1],
				&set->reading[at]))
			return true;
	seen->place[place].hash = hash;
	seen->place[place].reading = (uint32_t)at + 1;
	return false;
}

static bool same_labels(const struct reading *a, const struct reading *b)
{
	return a->owner == b->owner && !memcmp(a->label, b->label, sizeof(a->label));
}

/*
 * The other factor of a reading: of the same owner with the same labels. Both
 * kinds are in the same order, so each search begins where the last ended.
 */
static bool find_factor(const struct set *factors, size_t *at, const struct reading *reading,
			uint64_t *ret_factor)
{
	size_t i = *at;

	while (i < factors->count && factors->reading[i].owner < reading->owner)
		i++;
	*at = i;
	for (; i < factors->count && factors->reading[i].owner == reading->owner; i++) {
		if (!same_labels(&factors->reading[i], reading))
			continue;
		*ret_factor = factors->reading[i].value;
		return true;
	}
	return false;
}

/* A product that no value can hold is not shown. */
static void write_reading(struct writer *writer, const struct rendered *rendered,
			  const struct reading *reading, uint64_t factor)
{
	size_t start = reading->owner ? rendered->end[reading->owner - 1] : 0;
	uint64_t value;

	if (__builtin_mul_overflow(reading->value, factor, &value))
		return;
	writer__start(writer, rendered->text.data + start, rendered->end[reading->owner] - start);
	for (int l = 0; l < READING_LABELS; l++)
		writer__label(writer, writer->family->label[l], reading->label[l]);
	writer__value(writer, value);
}

/* Instances are not summed: where they are not told apart, their readings are not shown. */
bool writer__shows_readings(const struct writer *writer)
{
	return writer->exposition->readings && (writer->view->label[STANDARD_INSTANCE] ||
						writer->family->drop & 1U << STANDARD_INSTANCE);
}

int writer__readings(struct writer *writer)
{
	const struct family *family = writer->family;
	struct readings *readings = writer->exposition->readings;
	unsigned int standard = writer__standard(writer);
	struct set set = { .readings = readings,
			   .family = family,
			   .mask = standard__model_mask(standard) };
	struct set factors = set;
	const struct rendered *rendered;
	size_t factor_at = 0;

	set.count = readings__of(readings, family->reading, &set.reading);
	if (family->times)
		factors.count = readings__of(readings, family->times, &factors.reading);
	if (!set.count)
		return 0;
	rendered = writer__render_owners(writer, standard);
	if (!rendered || seen__start(&writer->exposition->seen, set.count))
		return -ENOMEM;
	for (size_t i = 0; i < set.count; i++) {
		const struct model_labels *owner = readings__labels(readings, set.reading[i].owner);
		uint64_t factor = family->factor ? family->factor : 1;

		if (!scope__allows(writer->scope, owner->value[MODEL_APP]))
			continue;
		if (family->times && !find_factor(&factors, &factor_at, &set.reading[i], &factor))
			continue;
		if (!seen__has(&writer->exposition->seen, &set, i))
			write_reading(writer, rendered, &set.reading[i], factor);
	}
	return 0;
}

_Static_assert(READING_LABELS <= FAMILY_LABELS, "each label has its name");
