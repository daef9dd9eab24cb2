/* SPDX-License-Identifier: Apache-2.0 */
/* What is told by name, as the model has it: gRPC methods and series. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "defaults.h"
#include "metrics/model_internal.h"
#include "metrics/series.h"

/* Paths are decoded once and not at every scrape. Returns NULL without memory. */
static const char *text_of(struct model *model, uint32_t index, const struct rpc_entry *rpc)
{
	struct model_rpc_text **known = &model->rpc_text[index];

	if (!*known) {
		*known = calloc(1, sizeof(**known));
		if (!*known)
			return NULL;
	} else if (!memcmp(&(*known)->key, &rpc->key, sizeof(rpc->key))) {
		return (*known)->text;
	}
	(*known)->key = rpc->key;
	rpc_path__text((*known)->text, &(*known)->key);
	return (*known)->text;
}

int model__read_rpcs(struct model *model, const struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->rpc_count; i++) {
		const struct rpc_entry *rpc = &snapshot->rpcs[i];
		bool other = i == OTHER_INDEX;
		uint32_t source =
			model__source_of(model, snapshot, other ? OTHER_INDEX : rpc->key.slot);
		const char *text = VALUE_OTHER;

		if ((!other && !rpc->in_use) || source == NO_SOURCE)
			continue;
		if (!other)
			text = text_of(model, i, rpc);
		if (!text)
			return -ENOMEM;
		model->rpcs[model->rpc_items++] =
			(struct model_rpc){ source, text, rpc->responses };
	}
	return 0;
}

void model__read_rollup_rpcs(struct model *model, const struct rollup_entry *entry, uint32_t source)
{
	for (uint32_t i = 0; i < entry->rpc_count; i++) {
		const struct rollup_rpc *rpc = entry->rpcs[i];

		model->rpcs[model->rpc_items++] =
			(struct model_rpc){ source, rpc->method, rpc->responses };
		model->rows[model->row_items++] =
			(struct model_rows){ source, STATUS_RPC(0), rpc->method, rpc->row };
	}
}

const char *model__method_of(const struct model *model, const struct snapshot *snapshot,
			     const struct row_group_key *group)
{
	uint32_t rpc;

	if (!status_is_rpc(group->status))
		return NULL;
	rpc = rpc_group__entry(group, snapshot);
	/* an entry that came after the entries were read has no text yet */
	if (rpc == OTHER_INDEX || !model->rpc_text[rpc] ||
	    memcmp(&model->rpc_text[rpc]->key, &snapshot->rpcs[rpc].key, sizeof(struct rpc_key)))
		return VALUE_OTHER;
	return model->rpc_text[rpc]->text;
}

static void add_series(struct model *model, uint32_t source, enum series_kind kind,
		       const char *const name[SERIES_NAMES], const uint64_t count[SERIES_COUNTS])
{
	struct model_series *series = &model->series[model->series_items++];

	*series = (struct model_series){ .owner = source, .kind = kind, .name = { "", "", "" } };
	for (unsigned int i = 0; i < series__names(kind); i++)
		series->name[i] = series__checked(kind, i, name[i]);
	memcpy(series->count, count, sizeof(series->count));
}

/* Adds a series, and to what the source lists; that becomes the rest when all are read. */
static void list_series(struct model *model, uint32_t source, enum series_kind kind,
			const char *const name[SERIES_NAMES], const uint64_t count[SERIES_COUNTS])
{
	add_series(model, source, kind, name, count);
	for (int i = 0; i < SERIES_COUNTS; i++)
		model->source[source].rest[kind][i] += count[i];
}

void model__add_rest(struct model *model)
{
	for (enum series_kind kind = 0; kind < SERIES_KINDS; kind++) {
		const char *other[SERIES_NAMES];

		if (!series__totals(kind))
			continue;
		series__other(kind, other);
		for (uint32_t i = 0; i < model->sources; i++)
			add_series(model, i, kind, other, model->source[i].rest[kind]);
	}
}

/* Failed handshakes that the kernel could only count. */
static void add_unnamed(struct model *model, uint32_t source)
{
	uint64_t count = model->source[source].count[COUNT_TLS_UNNAMED_ERRORS];

	if (count)
		add_series(model, source, SERIES_TLS_ERRORS,
			   (const char *[]){ VALUE_OTHER, VALUE_OTHER, VALUE_OTHER },
			   (const uint64_t[SERIES_COUNTS]){ count });
}

static void read_kind(struct model *model, const struct snapshot *snapshot, enum series_kind kind)
{
	for (uint32_t i = 0; i < snapshot->series_count[kind]; i++) {
		const struct snapshot_series *series = &snapshot->series[kind][i];
		uint32_t source = model__source_of(model, snapshot, series->slot);

		if (source != NO_SOURCE &&
		    slot__is_current(snapshot, series->slot, series->generation))
			list_series(model, source, kind, series->name, series->count);
	}
}

void model__read_series(struct model *model, const struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < model->sources; i++)
		add_unnamed(model, i);
	for (enum series_kind kind = 0; kind < SERIES_KINDS; kind++)
		read_kind(model, snapshot, kind);
}

void model__read_rollup_series(struct model *model, const struct rollup_entry *entry,
			       uint32_t source)
{
	add_unnamed(model, source);
	for (uint32_t i = 0; i < entry->series_count; i++)
		list_series(model, source, entry->series[i].kind,
			    (const char *const *)entry->series[i].name, entry->series[i].count);
}
