/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/model_internal.h"
#include "metrics/series.h"

void grouping_storage__free(struct grouping_storage *storage)
{
	free(storage->grouping.entity);
	free(storage->grouping.responses);
	free(storage->grouping.rows);
	free(storage->grouping.rpcs);
	free(storage->grouping.series);
	free(storage->member);
	free(storage->entity_of);
}

static int reserve(struct grouping_storage *storage, const struct model *model)
{
	struct model_grouping *grouping = &storage->grouping;

	if (model__grow(&storage->member, &storage->member_capacity, model->sources,
			sizeof(*storage->member)) ||
	    model__grow(&storage->entity_of, &storage->entity_of_capacity, model->sources,
			sizeof(*storage->entity_of)) ||
	    model__grow(&grouping->entity, &storage->entity_capacity, model->sources,
			sizeof(*grouping->entity)) ||
	    model__grow(&grouping->responses, &storage->responses_capacity, model->response_items,
			sizeof(*grouping->responses)) ||
	    model__grow(&grouping->rows, &storage->rows_capacity, model->row_items,
			sizeof(*grouping->rows)) ||
	    model__grow(&grouping->rpcs, &storage->rpcs_capacity, model->rpc_items,
			sizeof(*grouping->rpcs)) ||
	    model__grow(&grouping->series, &storage->series_capacity, model->series_items,
			sizeof(*grouping->series)))
		return -ENOMEM;
	return 0;
}

struct order {
	const struct model *model;
	unsigned int mask;
};

static int compare_sources(const void *a, const void *b, void *ctx)
{
	const struct order *order = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int by_labels = model_labels__compare(&order->model->source[x].labels,
					      &order->model->source[y].labels, order->mask);

	return by_labels ? by_labels : (x > y) - (x < y);
}

/* By owner and status, then in the order of reading, which qsort does not keep by itself. */
static int compare_responses(const void *a, const void *b)
{
	const struct model_responses *x = a, *y = b;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->status != y->status)
		return x->status < y->status ? -1 : 1;
	return (x->by_method > y->by_method) - (x->by_method < y->by_method);
}

static int compare_rows(const void *a, const void *b)
{
	const struct model_rows *x = a, *y = b;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->status != y->status)
		return x->status < y->status ? -1 : 1;
	if (x->method != y->method) { /* both have one, as the statuses are equal */
		int order = strcmp(x->method, y->method);

		if (order)
			return order;
	}
	return (x->row > y->row) - (x->row < y->row);
}

static int compare_rpcs(const void *a, const void *b)
{
	const struct model_rpc *x = a, *y = b;
	int order;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	order = strcmp(x->method, y->method);
	return order ? order : (x->by_code > y->by_code) - (x->by_code < y->by_code);
}

static int compare_series(const void *a, const void *b)
{
	const struct model_series *x = a, *y = b;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return series__compare(x->kind, x->name, y->name);
}

static void add_source(struct model_entity *entity, const struct model_source *source)
{
	for (int i = 0; i < INSTANCE_COUNTS; i++) {
		uint64_t count = source->count[i];

		if (!count_is_gauge(i))
			entity->count[i] += count;
		else if (source->live && count > entity->count[i])
			entity->count[i] = count;
	}
	entity->in_flight += source->in_flight;
	entity->upgraded += source->upgraded;
}

static void make_entities(struct grouping_storage *storage, const struct model *model)
{
	struct order order = { model, storage->grouping.mask };
	bool tells_instances = storage->grouping.mask & ~MODEL_APP_LABELS;
	struct model_entity *entity = NULL;
	uint32_t members = 0;

	storage->grouping.entity_count = 0;
	for (uint32_t i = 0; i < model->sources; i++) {
		storage->entity_of[i] = NO_SOURCE;
		if (!model->source[i].app_only || !tells_instances)
			storage->member[members++] = i;
	}
	qsort_r(storage->member, members, sizeof(storage->member[0]), compare_sources, &order);
	for (uint32_t i = 0; i < members; i++) {
		const struct model_source *source = &model->source[storage->member[i]];

		if (!entity || model_labels__compare(entity->labels, &source->labels, order.mask)) {
			entity = &storage->grouping.entity[storage->grouping.entity_count++];
			*entity = (struct model_entity){ .labels = &source->labels };
		}
		storage->entity_of[storage->member[i]] = storage->grouping.entity_count - 1;
		add_source(entity, source);
	}
}

/* Copies the items that belong to an entity, with the entity as owner; returns how many. */
#define TAKE_ITEMS(to, from, count, entity_of)                                                     \
	({                                                                                         \
		uint32_t taken = 0;                                                                \
		for (uint32_t i = 0; i < (count); i++) {                                           \
			if ((entity_of)[(from)[i].owner] == NO_SOURCE)                             \
				continue;                                                          \
			(to)[taken] = (from)[i];                                                   \
			(to)[taken++].owner = (entity_of)[(from)[i].owner];                        \
		}                                                                                  \
		taken;                                                                             \
	})

/* Tells each entity its range of ordered items. */
#define SET_RANGES(grouping, items, count, first, end)                                             \
	do {                                                                                       \
		uint32_t at = 0;                                                                   \
		for (uint32_t e = 0; e < (grouping)->entity_count; e++) {                          \
			(grouping)->entity[e].first = at;                                          \
			while (at < (count) && (items)[at].owner == e)                             \
				at++;                                                              \
			(grouping)->entity[e].end = at;                                            \
		}                                                                                  \
	} while (0)

/* Makes one of those with the same owner and names; returns how many are left. */
static uint32_t merge_series(struct model_series *series, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!kept || compare_series(&series[kept - 1], &series[i])) {
			series[kept++] = series[i];
			continue;
		}
		for (int c = 0; c < SERIES_COUNTS; c++)
			series[kept - 1].count[c] += series[i].count[c];
	}
	return kept;
}

static void place_items(struct grouping_storage *storage, const struct model *model)
{
	struct model_grouping *grouping = &storage->grouping;
	uint32_t count;

	count = TAKE_ITEMS(grouping->responses, model->responses, model->response_items,
			   storage->entity_of);
	qsort(grouping->responses, count, sizeof(grouping->responses[0]), compare_responses);
	SET_RANGES(grouping, grouping->responses, count, first_responses, end_responses);

	count = TAKE_ITEMS(grouping->rows, model->rows, model->row_items, storage->entity_of);
	qsort(grouping->rows, count, sizeof(grouping->rows[0]), compare_rows);
	SET_RANGES(grouping, grouping->rows, count, first_rows, end_rows);

	count = TAKE_ITEMS(grouping->rpcs, model->rpcs, model->rpc_items, storage->entity_of);
	qsort(grouping->rpcs, count, sizeof(grouping->rpcs[0]), compare_rpcs);
	SET_RANGES(grouping, grouping->rpcs, count, first_rpc, end_rpc);

	count = TAKE_ITEMS(grouping->series, model->series, model->series_items,
			   storage->entity_of);
	qsort(grouping->series, count, sizeof(grouping->series[0]), compare_series);
	count = merge_series(grouping->series, count);
	SET_RANGES(grouping, grouping->series, count, first_series, end_series);
}

static unsigned int roles_of(const struct model_grouping *grouping,
			     const struct model_entity *entity)
{
	unsigned int roles = 0;

	for (int i = 0; i < INSTANCE_COUNTS; i++) {
		if (!entity->count[i] || i == COUNT_OOM_KILLS || i == COUNT_RUN_DELAY_NS)
			continue;
		roles |= i >= COUNT_OUTBOUND_CONNECTS && i <= COUNT_OUTBOUND_RETRANSMITS
				 ? ROLE_CLIENT
				 : ROLE_SERVER;
	}
	for (uint32_t i = entity->first_responses; i < entity->end_responses; i++)
		for (int m = 0; m < METHOD_N; m++)
			if (grouping->responses[i].by_method[m])
				roles |= ROLE_SERVER;
	if (entity->count[COUNT_UPGRADES])
		roles |= ROLE_UPGRADER;
	return roles;
}

int model__group_by(struct model *model, unsigned int mask,
		    const struct model_grouping **ret_grouping)
{
	struct grouping_storage *storage;
	int err;

	for (int i = 0; i < MODEL_GROUPINGS; i++) {
		if (model->groupings[i].valid && model->groupings[i].grouping.mask == mask) {
			*ret_grouping = &model->groupings[i].grouping;
			return 0;
		}
	}
	storage = &model->groupings[model->next_grouping];
	model->next_grouping = (model->next_grouping + 1) % MODEL_GROUPINGS;
	storage->valid = false;
	err = reserve(storage, model);
	if (err)
		return err;

	storage->grouping.mask = mask;
	make_entities(storage, model);
	place_items(storage, model);
	for (uint32_t e = 0; e < storage->grouping.entity_count; e++)
		storage->grouping.entity[e].roles =
			roles_of(&storage->grouping, &storage->grouping.entity[e]);
	storage->valid = true;
	*ret_grouping = &storage->grouping;
	return 0;
}
