/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "defaults.h"
#include "metrics/model_internal.h"
#include "metrics/series.h"

int model__grow(void *array, uint32_t *capacity, uint64_t count, size_t size)
{
	char *grown, *old;

	if (!count)
		count = 1; /* never NULL, which even an empty qsort may not be given */
	if (count <= *capacity)
		return 0;
	if (count > UINT32_MAX)
		return -ENOMEM;
	memcpy(&old, array, sizeof(old));
	grown = reallocarray(old, count, size);
	if (!grown)
		return -ENOMEM;
	memset(grown + *capacity * size, 0, (count - *capacity) * size);
	memcpy(array, &grown, sizeof(grown));
	*capacity = (uint32_t)count;
	return 0;
}

int model__new(struct model **ret_model)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model)
		return -ENOMEM;
	*ret_model = model;
	return 0;
}

void model__free(struct model *model)
{
	if (!model)
		return;
	for (int i = 0; i < MODEL_GROUPINGS; i++)
		grouping_storage__free(&model->groupings[i]);
	free(model->source);
	free(model->responses);
	free(model->rows);
	free(model->rpcs);
	free(model->series);
	for (uint32_t i = 0; i < model->rpc_text_capacity; i++)
		free(model->rpc_text[i]);
	free(model->rpc_text);
	free(model->source_of);
	free(model->finished);
	free(model->rest);
	free(model->text);
	free(model);
}

/* Everything that the snapshot and the roll-up could need, so that filling cannot fail. */
static int reserve(struct model *model, const struct snapshot *snapshot,
		   const struct rollup *rollup)
{
	uint64_t sources = snapshot->slot_count, responses = snapshot->status_count;
	uint64_t rows = snapshot->group_count, rpcs = snapshot->rpc_count;
	uint64_t series = 0, of_source = 1; /* series that are made: unnamed errors, rests */

	for (enum series_kind kind = 0; kind < SERIES_KINDS; kind++) {
		series += snapshot->series_count[kind];
		of_source += series__totals(kind) != NULL;
	}
	for (uint32_t i = 0; rollup && i < rollup__count(rollup); i++) {
		const struct rollup_entry *entry = rollup__entry(rollup, i);

		sources++;
		responses += entry->status_count;
		rows += entry->group_count + entry->rpc_count;
		rpcs += entry->rpc_count;
		series += entry->series_count;
	}
	series += sources * of_source;
	if (model__grow(&model->source, &model->source_capacity, sources, sizeof(*model->source)) ||
	    model__grow(&model->responses, &model->responses_capacity, responses,
			sizeof(*model->responses)) ||
	    model__grow(&model->rows, &model->rows_capacity, rows, sizeof(*model->rows)) ||
	    model__grow(&model->rpcs, &model->rpcs_capacity, rpcs, sizeof(*model->rpcs)) ||
	    model__grow(&model->series, &model->series_capacity, series, sizeof(*model->series)) ||
	    model__grow(&model->rpc_text, &model->rpc_text_capacity, snapshot->rpc_count,
			sizeof(*model->rpc_text)) ||
	    model__grow(&model->source_of, &model->source_of_capacity, snapshot->slot_count,
			sizeof(*model->source_of)) ||
	    model__grow(&model->finished, &model->finished_capacity, snapshot->slot_count,
			sizeof(*model->finished)) ||
	    model__grow(&model->rest, &model->rest_capacity, snapshot->slot_count,
			sizeof(*model->rest)))
		return -ENOMEM;
	model->sources = model->response_items = model->row_items = 0;
	model->rpc_items = model->series_items = 0;
	return 0;
}

static void read_slots(struct model *model, const struct snapshot *snapshot,
		       const struct model_identities *identities, const struct rollup *rollup)
{
	for (uint32_t i = 0; i < snapshot->slot_count; i++) {
		const struct instance_slot *slot = &snapshot->slots[i];
		struct model_source *source = &model->source[model->sources];

		model->source_of[i] = NO_SOURCE;
		model->finished[i] = 0;
		if (i != OTHER_INDEX && !slot->in_use)
			continue;
		if (rollup && rollup__has_retired(rollup, snapshot, i))
			continue;
		*source = (struct model_source){ .count = slot->count, .live = true };
		if (!model_labels__of_slot(&source->labels, i, identities))
			continue;
		model->source_of[i] = model->sources++;
		model->instances += i != OTHER_INDEX;
	}
}

static void read_responses(struct model *model, const struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->status_count; i++) {
		const struct status_entry *status = &snapshot->statuses[i];
		bool other = i == OTHER_INDEX;
		uint32_t slot = other ? OTHER_INDEX : status->key.slot;
		uint32_t source = model__source_of(model, snapshot, slot);

		if ((!other && !status->in_use) || source == NO_SOURCE)
			continue;
		for (int m = 0; m < METHOD_N; m++)
			model->finished[slot] += status->responses[m];
		model->responses[model->response_items++] =
			(struct model_responses){ source, other ? STATUS_OTHER : status->key.status,
						  status->responses };
	}
}

static struct model_rows rows_of(const struct model *model, const struct snapshot *snapshot,
				 uint32_t source, const struct row_group *group)
{
	const char *method = model__method_of(model, snapshot, &group->key);

	return (struct model_rows){ source, method ? STATUS_RPC(0) : group->key.status, method,
				    group->row };
}

static void read_rows(struct model *model, const struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->group_count; i++) {
		const struct row_group *group = &snapshot->groups[i];
		bool other = i == OTHER_INDEX;
		uint32_t source =
			model__source_of(model, snapshot, other ? OTHER_INDEX : group->key.slot);

		if ((!other && !group->in_use) || source == NO_SOURCE)
			continue;
		model->rows[model->row_items++] =
			other ? (struct model_rows){ source, STATUS_OTHER, NULL, group->row }
			      : rows_of(model, snapshot, source, group);
	}
}

static void read_rollup(struct model *model, const struct rollup *rollup)
{
	for (uint32_t i = 0; i < rollup__count(rollup); i++) {
		const struct rollup_entry *entry = rollup__entry(rollup, i);
		uint32_t source = model->sources++;

		model->source[source] = (struct model_source){ .labels = entry->labels,
							       .count = entry->count,
							       .app_only = !entry->whole };
		for (uint32_t s = 0; s < entry->status_count; s++)
			model->responses[model->response_items++] =
				(struct model_responses){ source, entry->statuses[s].status,
							  entry->statuses[s].responses };
		for (uint32_t g = 0; g < entry->group_count; g++)
			model->rows[model->row_items++] =
				(struct model_rows){ source, entry->groups[g]->status, NULL,
						     entry->groups[g]->row };
		model__read_rollup_rpcs(model, entry, source);
		model__read_rollup_series(model, entry, source);
	}
}

/* From what the series list to what they do not. */
static void make_rest(struct model_source *source)
{
	for (int kind = 0; kind < SERIES_KINDS; kind++) {
		const enum instance_count *total = series__totals(kind);

		for (int i = 0; total && i < SERIES_COUNTS; i++) {
			uint64_t all = source->count[total[i]], listed = source->rest[kind][i];

			source->rest[kind][i] = all > listed ? all - listed : 0;
		}
	}
}

/*
 * Once series have been left out, the rest is a counter of its own and
 * must never fall; but totals and series are read at different moments,
 * and a connect in between would make it go up and down again. Until then
 * such a connect is all it can be, and it may vanish.
 */
static void keep_rest(struct model_rest *kept, struct model_source *source, uint64_t born_ns)
{
	if (kept->born_ns != born_ns)
		*kept = (struct model_rest){ .born_ns = born_ns };
	for (int kind = 0; kind < SERIES_KINDS; kind++) {
		uint64_t *rest = source->rest[kind], *value = kept->value[kind];

		for (int i = 0; i < SERIES_COUNTS; i++) {
			if (rest[i] < value[i])
				rest[i] = value[i];
			value[i] = rest[i];
		}
	}
}

/* Counters of started and finished, so that nothing can drift. */
static uint64_t in_flight(const __u64 *count, uint64_t finished)
{
	uint64_t started;

	for (int by = 0; by < ABORT_BY_N; by++) {
		const __u64 *aborted = &count[COUNT_HTTP_ABORTED + by * ABORT_PHASE_N];

		finished += aborted[ABORT_IN_WAIT] + aborted[ABORT_IN_RESPONSE];
	}
	finished += count[COUNT_HTTP_LOST] + count[COUNT_HTTP_ELSEWHERE];
	started = count[COUNT_HTTP_STARTED];
	return started > finished ? started - finished : 0;
}

static uint64_t upgraded(const __u64 *count)
{
	uint64_t ended = count[COUNT_UPGRADES_ENDED], begun = count[COUNT_UPGRADES];

	return begun > ended ? begun - ended : 0;
}

static void finish_sources(struct model *model, const struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->slot_count; i++) {
		struct model_source *source;

		if (model->source_of[i] == NO_SOURCE)
			continue;
		source = &model->source[model->source_of[i]];
		source->in_flight = in_flight(source->count, model->finished[i]);
		source->upgraded = upgraded(source->count);
		make_rest(source);
		if (snapshot->loss[LOSS_DESTINATIONS_FULL])
			keep_rest(&model->rest[i], source, snapshot->slots[i].born_ns);
	}
	for (uint32_t i = 0; i < model->sources; i++)
		if (!model->source[i].live)
			make_rest(&model->source[i]);
	model__add_rest(model);
}

/* Labels that are not UTF-8 are replaced by copies that are. */
static int repair_labels(struct model *model)
{
	uint64_t bytes = 0;
	char *text;

	for (int pass = 0; pass < 2; pass++) {
		text = model->text;
		for (uint32_t i = 0; i < model->sources; i++) {
			for (int l = 0; l < MODEL_LABELS; l++) {
				const char **value = &model->source[i].labels.value[l];

				if (utf8__valid(*value))
					continue;
				if (pass == 0) {
					bytes += UTF8_REPAIR_GROWTH * strlen(*value) + 1;
				} else {
					size_t length = utf8__repair(text, *value);

					*value = text;
					text += length + 1;
				}
			}
		}
		if (!bytes)
			return 0;
		if (model__grow(&model->text, &model->text_capacity, bytes, 1))
			return -ENOMEM;
	}
	return 0;
}

int model__build(struct model *model, const struct snapshot *snapshot,
		 const struct model_identities *identities, const struct rollup *rollup)
{
	int err;

	for (int i = 0; i < MODEL_GROUPINGS; i++)
		model->groupings[i].valid = false;
	model->instances = 0;
	err = reserve(model, snapshot, rollup);
	if (err)
		return err;
	read_slots(model, snapshot, identities, rollup);
	read_responses(model, snapshot);
	err = model__read_rpcs(model, snapshot);
	if (err)
		return err;
	read_rows(model, snapshot);
	model__read_series(model, snapshot);
	if (rollup)
		read_rollup(model, rollup);
	finish_sources(model, snapshot);
	return repair_labels(model);
}

uint32_t model__instances(const struct model *model)
{
	return model->instances;
}
