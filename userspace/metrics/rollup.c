/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/rollup_internal.h"

/* A user's executables may have no more entries than are still free. */
static bool has_share(const struct rollup *rollup, uint32_t user, uint32_t used)
{
	uint32_t own = 0;

	for (uint32_t i = 0; user && i < rollup->count; i++)
		own += rollup->entry[i]->user == user;
	return !user || used + own < rollup->max_each;
}

/* The entry for these labels, made if there is room, for a user (0: none); NULL if there is not. */
static struct rollup_entry *find_entry(struct rollup *rollup, const struct model_labels *labels,
				       unsigned int mask, uint32_t user)
{
	bool whole = mask == MODEL_ALL_LABELS;
	struct rollup_entry *entry = rollup_entry__new(labels, mask);
	uint32_t of_kind;

	if (!entry)
		return NULL;
	for (uint32_t i = 0; i < rollup->count; i++) {
		struct rollup_entry *known = rollup->entry[i];

		if (known->whole == whole &&
		    !model_labels__compare(&known->labels, &entry->labels, mask)) {
			rollup_entry__free(rollup, entry);
			return known;
		}
	}
	of_kind = whole ? rollup->whole_count : rollup->count - rollup->whole_count - 1;
	if (of_kind >= rollup->max_each || !has_share(rollup, user, of_kind)) {
		rollup_entry__free(rollup, entry);
		return NULL;
	}
	entry->user = user;
	rollup->entry[rollup->count++] = entry;
	rollup->whole_count += whole;
	return entry;
}

static struct rollup_entry *app_entry(struct rollup *rollup, const struct model_labels *labels,
				      uint32_t user)
{
	struct rollup_entry *entry = find_entry(rollup, labels, MODEL_APP_LABELS, user);

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
		rollup_entry__absorb(rollup, app_entry(rollup, &entry->labels, entry->user), entry);
		rollup->entry[i] = rollup->entry[--rollup->count];
		rollup->whole_count--;
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
	rollup->entry[OTHER_INDEX] = rollup_entry__new(&other, MODEL_APP_LABELS);
	if (!rollup->entry[OTHER_INDEX])
		goto fail;
	rollup->count = 1;
	if (rollup_entry__prepare_other(rollup))
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
		rollup_entry__free(rollup, rollup->entry[i]);
	free(rollup->entry);
	free(rollup->retired);
	free(rollup);
}

void rollup__retire(struct rollup *rollup, const struct snapshot *snapshot, uint32_t slot,
		    const struct model_identities *identities)
{
	struct rollup_entry *entry = NULL;
	struct model_labels labels;
	uint32_t user;

	if (slot == OTHER_INDEX || slot >= snapshot->slot_count || slot >= rollup->slot_count)
		return;
	if (rollup__has_retired(rollup, snapshot, slot))
		return;
	rollup->retired[slot] = (struct retired){ true, snapshot->slots[slot].born_ns };

	/* behind those of the slots stand the users' */
	user = snapshot->slots[slot].account;
	if (user < snapshot->slot_count)
		user = 0;
	if (model_labels__of_slot(&labels, slot, identities)) {
		if (like_lives(rollup, &labels, snapshot, identities))
			entry = find_entry(rollup, &labels, MODEL_ALL_LABELS, user);
		if (!entry)
			entry = app_entry(rollup, &labels, user);
		rollup_entry__add_slot(rollup, entry, snapshot, slot);
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
