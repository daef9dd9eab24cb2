/* SPDX-License-Identifier: Apache-2.0 */
/* What one entry of the roll-up holds, and how it is added to within its bounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/rollup_internal.h"
#include "metrics/rpc_path.h"
#include "metrics/series.h"

static void rpc__free(struct rollup_rpc *rpc)
{
	free(rpc->method);
	free(rpc);
}

/* No longer one of those whose number is bounded. */
static void rpc__leave(struct rollup *rollup, const struct rollup_rpc *rpc)
{
	rollup->rpc_count -= strcmp(rpc->method, VALUE_OTHER) != 0;
}

static void series__clear(struct rollup_series *series)
{
	for (int i = 0; i < SERIES_NAMES; i++)
		free(series->name[i]);
}

void rollup_entry__free(struct rollup *rollup, struct rollup_entry *entry)
{
	if (!entry)
		return;
	for (uint32_t i = 0; i < entry->rpc_count; i++) {
		rpc__leave(rollup, entry->rpcs[i]);
		rpc__free(entry->rpcs[i]);
	}
	free(entry->rpcs);
	for (uint32_t i = 0; i < entry->series_count; i++)
		series__clear(&entry->series[i]);
	free(entry->series);
	for (int i = 0; i < MODEL_LABELS; i++)
		free((char *)entry->labels.value[i]);
	for (uint32_t i = 0; i < entry->group_count; i++)
		free(entry->groups[i]);
	free(entry->groups);
	free(entry->statuses);
	free(entry);
}

struct rollup_entry *rollup_entry__new(const struct model_labels *labels, unsigned int mask)
{
	struct rollup_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	for (int i = 0; i < MODEL_LABELS; i++) {
		const char *value = mask & 1U << i ? labels->value[i] : "";

		entry->labels.value[i] = strdup(value);
		if (!entry->labels.value[i])
			goto fail;
	}
	entry->whole = mask == MODEL_ALL_LABELS;
	return entry;
fail:
	for (int i = 0; i < MODEL_LABELS; i++)
		free((char *)entry->labels.value[i]);
	free(entry);
	return NULL;
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

/* Groups that an entry always has room for. */
static const uint16_t reserved_groups[] = { STATUS_OTHER, STATUS_NONE, STATUS_TLS, STATUS_UPGRADE };

#define RESERVED_GROUPS (sizeof(reserved_groups) / sizeof(reserved_groups[0]))

static bool is_reserved(uint16_t status)
{
	for (size_t i = 0; i < RESERVED_GROUPS; i++)
		if (reserved_groups[i] == status)
			return true;
	return false;
}

static struct rollup_group *entry__group(struct rollup_entry *entry, uint16_t status)
{
	struct rollup_group *group, **grown;

	for (uint32_t i = 0; i < entry->group_count; i++)
		if (entry->groups[i]->status == status)
			return entry->groups[i];
	if (entry->group_count >= ROLLUP_MAX_GROUPS - (is_reserved(status) ? 0 : RESERVED_GROUPS))
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
	uint16_t instead = is_reserved(status) ? status : STATUS_OTHER;
	struct rollup_group *place = entry__group(entry, status);

	if (!place)
		place = entry__group(entry, instead);
	if (!place)
		place = entry__group(rollup->entry[OTHER_INDEX], instead);
	return place->row;
}

/* The entry's gRPC method, added if there is room; NULL if there is not. */
static struct rollup_rpc *entry__rpc(struct rollup *rollup, struct rollup_entry *entry,
				     const char *method)
{
	bool other = !strcmp(method, VALUE_OTHER);
	struct rollup_rpc *rpc, **grown;

	for (uint32_t i = 0; i < entry->rpc_count; i++)
		if (!strcmp(entry->rpcs[i]->method, method))
			return entry->rpcs[i];
	if (!other &&
	    (entry->rpc_count >= ROLLUP_MAX_RPCS_OF_ENTRY || rollup->rpc_count >= ROLLUP_MAX_RPCS))
		return NULL;
	grown = reallocarray(entry->rpcs, entry->rpc_count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	entry->rpcs = grown;
	rpc = calloc(1, sizeof(*rpc));
	if (!rpc)
		return NULL;
	rpc->method = strdup(method);
	if (!rpc->method) {
		rpc__free(rpc);
		return NULL;
	}
	rollup->rpc_count += !other;
	entry->rpcs[entry->rpc_count++] = rpc;
	return rpc;
}

static struct rollup_rpc *rpc_of(struct rollup *rollup, struct rollup_entry *entry,
				 const char *method)
{
	struct rollup_rpc *place = entry__rpc(rollup, entry, method);

	if (!place)
		place = entry__rpc(rollup, entry, VALUE_OTHER);
	if (!place)
		place = entry__rpc(rollup, rollup->entry[OTHER_INDEX], VALUE_OTHER);
	return place;
}

/* Copies the names; false without memory. */
static bool series__init(struct rollup_series *series, enum series_kind kind,
			 const char *const name[SERIES_NAMES])
{
	*series = (struct rollup_series){ .kind = kind };
	for (unsigned int i = 0; i < series__names(kind); i++) {
		size_t bytes = series__name_bytes(kind, i, name[i]);

		series->name[i] = malloc(bytes);
		if (!series->name[i]) {
			series__clear(series);
			return false;
		}
		memcpy(series->name[i], name[i], bytes);
	}
	return true;
}

/* The entry's series of these names, added while it has fewer than max of the kind; or NULL. */
static struct rollup_series *entry__series(struct rollup_entry *entry, enum series_kind kind,
					   const char *const name[SERIES_NAMES], uint32_t max)
{
	struct rollup_series *grown, fresh;
	uint32_t of_kind = 0;

	for (uint32_t i = 0; i < entry->series_count; i++) {
		struct rollup_series *known = &entry->series[i];

		if (known->kind != kind)
			continue;
		if (!series__compare(kind, (const char *const *)known->name, name))
			return known;
		of_kind++;
	}
	if (of_kind >= max)
		return NULL;
	grown = reallocarray(entry->series, entry->series_count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	entry->series = grown;
	if (!series__init(&fresh, kind, name))
		return NULL;
	grown += entry->series_count++;
	*grown = fresh;
	return grown;
}

/*
 * Where the counts of these names go. The first name may be one that peers choose: where there are
 * more, half of the places of a kind are for what has it, the other half for what is left of the
 * names without it, and the last for nothing but `__other__`. NULL: they need no place, as the
 * model gives the rest of a total.
 */
static struct rollup_series *series_of(struct rollup *rollup, struct rollup_entry *entry,
				       enum series_kind kind, const char *const name[SERIES_NAMES])
{
	const char *other[SERIES_NAMES], *without[SERIES_NAMES] = { NULL, name[1], name[2] };
	unsigned int names = series__names(kind);
	uint32_t most = ROLLUP_MAX_SERIES - 1;
	struct rollup_series *place;

	if (series__totals(kind))
		return entry__series(entry, kind, name, ROLLUP_MAX_LISTED);
	series__other(kind, other);
	without[0] = other[0];
	place = entry__series(entry, kind, name, names > 1 ? ROLLUP_MAX_SERIES / 2 : most);
	if (!place && names > 1)
		place = entry__series(entry, kind, without, most);
	if (!place)
		place = entry__series(entry, kind, other, ROLLUP_MAX_SERIES);
	if (!place)
		place = entry__series(rollup->entry[OTHER_INDEX], kind, other, ROLLUP_MAX_SERIES);
	return place;
}

static void add_series(struct rollup *rollup, struct rollup_entry *entry, enum series_kind kind,
		       const char *const name[SERIES_NAMES], const uint64_t count[SERIES_COUNTS])
{
	struct rollup_series *place = series_of(rollup, entry, kind, name);

	for (int i = 0; place && i < SERIES_COUNTS; i++)
		place->count[i] += count[i];
}

static bool has_other(struct rollup_entry *entry, enum series_kind kind)
{
	const char *other[SERIES_NAMES];

	series__other(kind, other);
	return entry__series(entry, kind, other, ROLLUP_MAX_SERIES);
}

int rollup_entry__prepare_other(struct rollup *rollup)
{
	struct rollup_entry *other = rollup->entry[OTHER_INDEX];

	if (!entry__status(other, STATUS_OTHER) || !entry__rpc(rollup, other, VALUE_OTHER))
		return -ENOMEM;
	for (size_t i = 0; i < RESERVED_GROUPS; i++)
		if (!entry__group(other, reserved_groups[i]))
			return -ENOMEM;
	for (enum series_kind kind = 0; kind < SERIES_KINDS; kind++)
		if (!series__totals(kind) && !has_other(other, kind))
			return -ENOMEM;
	return 0;
}

static void add_counts(struct rollup_entry *entry, const __u64 *count)
{
	for (int i = 0; i < INSTANCE_COUNTS; i++)
		if (!count_is_gauge(i))
			entry->count[i] += count[i];
}

static void add_all(__u64 *to, const __u64 *counts, int n)
{
	for (int i = 0; i < n; i++)
		to[i] += counts[i];
}

static void add_rows(struct row *to, const struct row *row, int rows)
{
	for (int r = 0; r < rows; r++) {
		to[r].sum_ns += row[r].sum_ns;
		add_all(to[r].cell, row[r].cell, GRID_MAX_CELLS);
	}
}

static void add_group(struct rollup *rollup, struct rollup_entry *entry,
		      const struct snapshot *snapshot, const struct row_group *group)
{
	char method[RPC_PATH_TEXT_BYTES] = VALUE_OTHER;
	uint32_t rpc;

	if (!status_is_rpc(group->key.status)) {
		add_rows(rows_of(rollup, entry, group->key.status), group->row, GROUP_ROWS);
		return;
	}
	rpc = rpc_group__entry(&group->key, snapshot);
	if (rpc != OTHER_INDEX)
		rpc_path__text(method, &snapshot->rpcs[rpc].key);
	add_rows(rpc_of(rollup, entry, method)->row, group->row, RPC_ROWS);
}

static void add_rpcs(struct rollup *rollup, struct rollup_entry *entry,
		     const struct snapshot *snapshot, uint32_t slot)
{
	for (uint32_t i = OTHER_INDEX + 1; i < snapshot->rpc_count; i++) {
		const struct rpc_entry *rpc = &snapshot->rpcs[i];
		char method[RPC_PATH_TEXT_BYTES];

		if (!rpc->in_use || rpc->key.slot != slot)
			continue;
		rpc_path__text(method, &rpc->key);
		add_all(rpc_of(rollup, entry, method)->responses, rpc->responses, RPC_CODES);
	}
}

static void add_kind(struct rollup *rollup, struct rollup_entry *entry,
		     const struct snapshot *snapshot, uint32_t slot, enum series_kind kind)
{
	for (uint32_t i = 0; i < snapshot->series_count[kind]; i++) {
		const struct snapshot_series *series = &snapshot->series[kind][i];

		if (series->slot == slot && slot__is_current(snapshot, slot, series->generation))
			add_series(rollup, entry, kind, series->name, series->count);
	}
}

void rollup_entry__add_slot(struct rollup *rollup, struct rollup_entry *entry,
			    const struct snapshot *snapshot, uint32_t slot)
{
	add_counts(entry, snapshot->slots[slot].count);
	for (uint32_t i = OTHER_INDEX + 1; i < snapshot->status_count; i++) {
		const struct status_entry *status = &snapshot->statuses[i];

		if (status->in_use && status->key.slot == slot)
			add_all(responses_of(rollup, entry, status->key.status), status->responses,
				METHOD_N);
	}
	for (uint32_t i = OTHER_INDEX + 1; i < snapshot->group_count; i++) {
		const struct row_group *group = &snapshot->groups[i];

		if (group->in_use && group->key.slot == slot)
			add_group(rollup, entry, snapshot, group);
	}
	add_rpcs(rollup, entry, snapshot, slot);
	for (enum series_kind kind = 0; kind < SERIES_KINDS; kind++)
		add_kind(rollup, entry, snapshot, slot, kind);
}

void rollup_entry__absorb(struct rollup *rollup, struct rollup_entry *entry,
			  struct rollup_entry *from)
{
	add_counts(entry, from->count);
	for (uint32_t i = 0; i < from->status_count; i++)
		add_all(responses_of(rollup, entry, from->statuses[i].status),
			from->statuses[i].responses, METHOD_N);
	for (uint32_t i = 0; i < from->group_count; i++)
		add_rows(rows_of(rollup, entry, from->groups[i]->status), from->groups[i]->row,
			 GROUP_ROWS);
	for (uint32_t i = 0; i < from->rpc_count; i++) {
		struct rollup_rpc *rpc = from->rpcs[i], *to;

		/* its place is given up first, so that no method is too many on the way */
		rpc__leave(rollup, rpc);
		to = rpc_of(rollup, entry, rpc->method);
		add_all(to->responses, rpc->responses, RPC_CODES);
		add_rows(to->row, rpc->row, RPC_ROWS);
		rpc__free(rpc);
	}
	from->rpc_count = 0;
	for (uint32_t i = 0; i < from->series_count; i++)
		add_series(rollup, entry, from->series[i].kind,
			   (const char *const *)from->series[i].name, from->series[i].count);
	rollup_entry__free(rollup, from);
}
