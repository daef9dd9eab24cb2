/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/rollup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "defaults.h"

struct retired {
	bool done;
	uint64_t born_ns; /* which life of the slot */
};

struct rollup {
	uint32_t max_each; /* entries by app, and entries of all labels */
	uint32_t count;
	uint32_t whole_count;
	struct rollup_entry **entry; /* room for both kinds and `__other__` */
	struct retired *retired;     /* by slot */
	uint32_t slot_count;
};

static void entry__free(struct rollup_entry *entry)
{
	if (!entry)
		return;
	for (int i = 0; i < MODEL_LABELS; i++)
		free((char *)entry->labels.value[i]);
	for (uint32_t i = 0; i < entry->group_count; i++)
		free(entry->groups[i]);
	free(entry->groups);
	free(entry->statuses);
	free(entry->destinations);
	free(entry);
}

/* Labels outside mask are empty in the entry. NULL without memory. */
static struct rollup_entry *entry__new(const struct model_labels *labels, unsigned int mask)
{
	struct rollup_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	for (int i = 0; i < MODEL_LABELS; i++) {
		const char *value = mask & 1U << i ? labels->value[i] : "";

		entry->labels.value[i] = strdup(value);
		if (!entry->labels.value[i]) {
			entry__free(entry);
			return NULL;
		}
	}
	entry->whole = mask == MODEL_ALL_LABELS;
	return entry;
}

/* The entry's status, added if there is room; NULL if there is not. */
static struct rollup_status *entry__status(struct rollup_entry *entry, uint16_t status)
{
	struct rollup_status *grown;

	for (uint32_t i = 0; i < entry->status_count; i++)
		if (entry->statuses[i].status == status)
			return &entry->statuses[i];
	/* The last place is for STATUS_OTHER. */
	if (entry->status_count >= ROLLUP_MAX_STATUSES - (status != STATUS_OTHER))
		return NULL;
	grown = reallocarray(entry->statuses, entry->status_count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	entry->statuses = grown;
	grown += entry->status_count++;
	*grown = (struct rollup_status){ .status = status };
	return grown;
}

static struct rollup_group *entry__group(struct rollup_entry *entry, uint16_t status)
{
	bool reserved = status == STATUS_OTHER || status == STATUS_NONE;
	struct rollup_group *group, **grown;

	for (uint32_t i = 0; i < entry->group_count; i++)
		if (entry->groups[i]->status == status)
			return entry->groups[i];
	if (entry->group_count >= ROLLUP_MAX_GROUPS - (reserved ? 0 : 2))
		return NULL;
	grown = reallocarray(entry->groups, entry->group_count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	entry->groups = grown;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->status = status;
	entry->groups[entry->group_count++] = group;
	return group;
}

/*
 * Where counts of a status go: the entry's own, else its STATUS_OTHER, else
 * that of `__other__`, which exists from the start.
 */
static __u64 *responses_of(struct rollup *rollup, struct rollup_entry *entry, uint16_t status)
{
	struct rollup_status *place = entry__status(entry, status);

	if (!place)
		place = entry__status(entry, STATUS_OTHER);
	if (!place)
		place = entry__status(rollup->entry[OTHER_INDEX], STATUS_OTHER);
	return place->responses;
}

static struct row *rows_of(struct rollup *rollup, struct rollup_entry *entry, uint16_t status)
{
	uint16_t instead = status == STATUS_NONE ? STATUS_NONE : STATUS_OTHER;
	struct rollup_group *place = entry__group(entry, status);

	if (!place)
		place = entry__group(entry, instead);
	if (!place)
		place = entry__group(rollup->entry[OTHER_INDEX], instead);
	return place->row;
}

static void add_counts(struct rollup_entry *entry, const __u64 *count)
{
	for (int i = 0; i < INSTANCE_COUNTS; i++)
		if (i != GAUGE_LISTEN_BACKLOG && i != GAUGE_LISTEN_BACKLOG_LIMIT)
			entry->count[i] += count[i];
}

static void add_responses(__u64 *to, const __u64 *responses)
{
	for (int m = 0; m < METHOD_N; m++)
		to[m] += responses[m];
}

static void add_rows(struct row *to, const struct row *row)
{
	for (int r = 0; r < GROUP_ROWS; r++) {
		to[r].sum_ns += row[r].sum_ns;
		for (int c = 0; c < GRID_MAX_CELLS; c++)
			to[r].cell[c] += row[r].cell[c];
	}
}

/* Not listed is not lost: the model gives the rest of the total as `__other__`. */
static void add_destination(struct rollup_entry *entry, const struct destination_key *key,
			    const struct destination_counts *counts)
{
	struct rollup_destination *d = entry->destinations, *end = d + entry->destination_count;

	while (d < end && (memcmp(d->key.addr, key->addr, sizeof(key->addr)) ||
			   d->key.port_be16 != key->port_be16))
		d++;
	if (d == end) {
		if (entry->destination_count >= ROLLUP_MAX_DESTINATIONS)
			return;
		d = reallocarray(entry->destinations, entry->destination_count + 1, sizeof(*d));
		if (!d)
			return;
		entry->destinations = d;
		d += entry->destination_count++;
		*d = (struct rollup_destination){ .key.port_be16 = key->port_be16 };
		memcpy(d->key.addr, key->addr, sizeof(key->addr));
	}
	d->counts.connects += counts->connects;
	d->counts.refused += counts->refused;
	d->counts.failed += counts->failed;
}

static void add_slot(struct rollup *rollup, struct rollup_entry *entry,
		     const struct snapshot *snapshot, uint32_t slot)
{
	add_counts(entry, snapshot->slots[slot].count);
	for (uint32_t i = OTHER_INDEX + 1; i < snapshot->status_count; i++) {
		const struct status_entry *status = &snapshot->statuses[i];

		if (status->in_use && status->key.slot == slot)
			add_responses(responses_of(rollup, entry, status->key.status),
				      status->responses);
	}
	for (uint32_t i = OTHER_INDEX + 1; i < snapshot->group_count; i++) {
		const struct row_group *group = &snapshot->groups[i];

		if (group->in_use && group->key.slot == slot)
			add_rows(rows_of(rollup, entry, group->key.status), group->row);
	}
	for (uint32_t i = 0; i < snapshot->destination_count; i++) {
		const struct snapshot_destination *d = &snapshot->destinations[i];

		if (d->key.slot == slot && destination_key__is_current(&d->key, snapshot))
			add_destination(entry, &d->key, &d->counts);
	}
}

static void add_entry(struct rollup *rollup, struct rollup_entry *entry,
		      const struct rollup_entry *from)
{
	add_counts(entry, from->count);
	for (uint32_t i = 0; i < from->status_count; i++)
		add_responses(responses_of(rollup, entry, from->statuses[i].status),
			      from->statuses[i].responses);
	for (uint32_t i = 0; i < from->group_count; i++)
		add_rows(rows_of(rollup, entry, from->groups[i]->status), from->groups[i]->row);
	for (uint32_t i = 0; i < from->destination_count; i++)
		add_destination(entry, &from->destinations[i].key, &from->destinations[i].counts);
}

/* The entry for these labels, made if there is room; NULL if there is not. */
static struct rollup_entry *find_entry(struct rollup *rollup, const struct model_labels *labels,
				       unsigned int mask)
{
	bool whole = mask == MODEL_ALL_LABELS;
	struct rollup_entry *entry = entry__new(labels, mask);
	uint32_t of_kind;

	if (!entry)
		return NULL;
	for (uint32_t i = 0; i < rollup->count; i++) {
		struct rollup_entry *known = rollup->entry[i];

		if (known->whole == whole &&
		    !model_labels__compare(&known->labels, &entry->labels, mask)) {
			entry__free(entry);
			return known;
		}
	}
	of_kind = whole ? rollup->whole_count : rollup->count - rollup->whole_count - 1;
	if (of_kind >= rollup->max_each) {
		entry__free(entry);
		return NULL;
	}
	rollup->entry[rollup->count++] = entry;
	rollup->whole_count += whole;
	return entry;
}

static struct rollup_entry *app_entry(struct rollup *rollup, const struct model_labels *labels)
{
	struct rollup_entry *entry = find_entry(rollup, labels, MODEL_APP_LABELS);

	return entry ? entry : rollup->entry[OTHER_INDEX];
}

/* Whether a slot that has not been retired carries these labels. */
static bool like_lives(const struct rollup *rollup, const struct model_labels *labels,
		       const struct snapshot *snapshot, const struct model_identities *identities)
{
	for (uint32_t i = OTHER_INDEX + 1; i < snapshot->slot_count; i++) {
		struct model_labels other;

		if (snapshot->slots[i].in_use && !rollup__has_retired(rollup, snapshot, i) &&
		    model_labels__of_slot(&other, i, identities) &&
		    !model_labels__compare(&other, labels, MODEL_ALL_LABELS))
			return true;
	}
	return false;
}

/* Entries of all labels whose last slot has gone become part of their app's. */
static void settle(struct rollup *rollup, const struct snapshot *snapshot,
		   const struct model_identities *identities)
{
	uint32_t i = OTHER_INDEX + 1;

	while (i < rollup->count) {
		struct rollup_entry *entry = rollup->entry[i];

		if (!entry->whole || like_lives(rollup, &entry->labels, snapshot, identities)) {
			i++;
			continue;
		}
		add_entry(rollup, app_entry(rollup, &entry->labels), entry);
		rollup->entry[i] = rollup->entry[--rollup->count];
		rollup->whole_count--;
		entry__free(entry);
	}
}

int rollup__new(struct rollup **ret_rollup, uint32_t max_apps, uint32_t slot_count)
{
	static const struct model_labels other = {
		.value = { [MODEL_APP] = VALUE_OTHER, [MODEL_NAMESPACE] = "" }
	};
	struct rollup *rollup = calloc(1, sizeof(*rollup));

	if (!rollup)
		return -ENOMEM;
	rollup->max_each = max_apps;
	rollup->slot_count = slot_count;
	rollup->entry = calloc(2 * (size_t)max_apps + 1, sizeof(rollup->entry[0]));
	rollup->retired = calloc(slot_count, sizeof(rollup->retired[0]));
	if (!rollup->entry || !rollup->retired)
		goto fail;
	rollup->entry[OTHER_INDEX] = entry__new(&other, MODEL_APP_LABELS);
	if (!rollup->entry[OTHER_INDEX])
		goto fail;
	rollup->count = 1;
	/* What everything falls back to must not need memory later. */
	if (!entry__status(rollup->entry[OTHER_INDEX], STATUS_OTHER) ||
	    !entry__group(rollup->entry[OTHER_INDEX], STATUS_OTHER) ||
	    !entry__group(rollup->entry[OTHER_INDEX], STATUS_NONE))
		goto fail;
	*ret_rollup = rollup;
	return 0;
fail:
	rollup__free(rollup);
	return -ENOMEM;
}

void rollup__free(struct rollup *rollup)
{
	if (!rollup)
		return;
	for (uint32_t i = 0; i < rollup->count; i++)
		entry__free(rollup->entry[i]);
	free(rollup->entry);
	free(rollup->retired);
	free(rollup);
}

void rollup__retire(struct rollup *rollup, const struct snapshot *snapshot, uint32_t slot,
		    const struct model_identities *identities)
{
	struct rollup_entry *entry = NULL;
	struct model_labels labels;

	if (slot == OTHER_INDEX || slot >= snapshot->slot_count || slot >= rollup->slot_count)
		return;
	if (rollup__has_retired(rollup, snapshot, slot))
		return;
	rollup->retired[slot] = (struct retired){ true, snapshot->slots[slot].born_ns };

	if (model_labels__of_slot(&labels, slot, identities)) {
		if (like_lives(rollup, &labels, snapshot, identities))
			entry = find_entry(rollup, &labels, MODEL_ALL_LABELS);
		if (!entry)
			entry = app_entry(rollup, &labels);
		add_slot(rollup, entry, snapshot, slot);
	}
	settle(rollup, snapshot, identities);
}

bool rollup__has_retired(const struct rollup *rollup, const struct snapshot *snapshot,
			 uint32_t slot)
{
	return slot < rollup->slot_count && rollup->retired[slot].done &&
	       rollup->retired[slot].born_ns == snapshot->slots[slot].born_ns;
}

uint32_t rollup__count(const struct rollup *rollup)
{
	return rollup->count;
}

const struct rollup_entry *rollup__entry(const struct rollup *rollup, uint32_t index)
{
	return rollup->entry[index];
}
