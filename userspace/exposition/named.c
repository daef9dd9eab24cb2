/* SPDX-License-Identifier: Apache-2.0 */
/* Series of what has names: gRPC methods, and what is counted by key. */
#include <string.h>

#include "exposition/writer.h"
#include "metrics/series.h"

/* Status codes of gRPC, as its specification names them; the last: none that could be read. */
static const char *const code_names[RPC_CODES] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
	[RPC_CODE_UNKNOWN] = VALUE_OTHER,
};

static void write_codes(struct writer *writer, const char *method, const uint64_t *by_code)
{
	const struct family *family = writer->family;
	uint64_t all = 0;

	for (int c = 0; c < RPC_CODES; c++) {
		all += by_code[c];
		if (!family->label[1] || !by_code[c])
			continue;
		writer__again(writer);
		writer__label(writer, family->label[0], method);
		writer__label(writer, family->label[1], code_names[c]);
		writer__value(writer, by_code[c]);
	}
	if (family->label[1] || !all)
		return;
	writer__again(writer);
	writer__label(writer, family->label[0], method);
	writer__value(writer, all);
}

/* Whether the family shows two methods as one. */
static bool same_method(const struct family *family, const char *a, const char *b)
{
	return !family->label[0] || !strcmp(a, b);
}

void writer__rpcs(struct writer *writer, const struct model_grouping *grouping,
		  const struct model_entity *entity)
{
	uint32_t i = entity->first_rpc;

	while (i < entity->end_rpc) {
		const char *method = grouping->rpcs[i].method;
		uint64_t by_code[RPC_CODES] = {};

		for (; i < entity->end_rpc &&
		       same_method(writer->family, grouping->rpcs[i].method, method);
		     i++)
			for (int c = 0; c < RPC_CODES; c++)
				by_code[c] += grouping->rpcs[i].by_code[c];
		write_codes(writer, method, by_code);
	}
}

void writer__rpc_rows(struct writer *writer, const struct model_grouping *grouping,
		      const struct model_entity *entity)
{
	uint32_t i = entity->first_rows;

	while (i < entity->end_rows) {
		const char *method = grouping->rows[i].method;
		uint32_t first = i++;

		if (!method)
			continue;
		while (i < entity->end_rows && grouping->rows[i].method &&
		       same_method(writer->family, grouping->rows[i].method, method))
			i++;
		writer__again(writer);
		writer__label(writer, writer->family->label[0], method);
		writer__part_rows(writer, 1, &grouping->rows[first], i - first);
	}
}

/* Whether the family shows two of the model's as one series. */
static bool same_names(const struct family *family, const struct model_series *a,
		       const struct model_series *b)
{
	char text_a[SERIES_TEXT_BYTES], text_b[SERIES_TEXT_BYTES];

	for (unsigned int l = 0; l < series__names(a->kind); l++)
		if (family->label[l] && strcmp(series__text(a->kind, l, a->name[l], text_a),
					       series__text(b->kind, l, b->name[l], text_b)))
			return false;
	return true;
}

static void add_counts(uint64_t *to, const uint64_t *counts)
{
	for (int i = 0; i < SERIES_COUNTS; i++)
		to[i] += counts[i];
}

/* Sum over those that are one series with the one at `at`; false if an earlier one was. */
static bool sum_series(const struct family *family, const struct model_series *series,
		       uint32_t count, uint32_t at, uint64_t ret_sum[SERIES_COUNTS])
{
	uint64_t sum[SERIES_COUNTS] = {};

	for (uint32_t i = 0; i < count; i++) {
		if (!same_names(family, &series[i], &series[at]))
			continue;
		if (i < at)
			return false;
		add_counts(sum, series[i].count);
	}
	memcpy(ret_sum, sum, sizeof(sum));
	return true;
}

static void write_series(struct writer *writer, enum series_kind kind,
			 const char *const name[SERIES_NAMES], const uint64_t counts[SERIES_COUNTS])
{
	unsigned int names = series__names(kind);
	char text[SERIES_TEXT_BYTES];

	writer__again(writer);
	for (unsigned int l = 0; l < names; l++)
		writer__label(writer, writer->family->label[l],
			      series__text(kind, l, name[l], text));
	if (writer->family->part_count)
		writer__parts(writer, (int)names, counts);
	else if (counts[0])
		writer__value(writer, counts[0]);
}

/* Whether the family has a label for each name, so that none are one series. */
static bool shows_all_names(const struct family *family)
{
	for (unsigned int l = 0; l < series__names(family->series); l++)
		if (!family->label[l])
			return false;
	return true;
}

/* The entity's of the family's kind. */
static const struct model_series *series_of(const struct model_grouping *grouping,
					    const struct model_entity *entity,
					    enum series_kind kind, uint32_t *ret_count)
{
	uint32_t first = entity->first_series, end;

	while (first < entity->end_series && grouping->series[first].kind != kind)
		first++;
	for (end = first; end < entity->end_series && grouping->series[end].kind == kind;)
		end++;
	*ret_count = end - first;
	return &grouping->series[first];
}

void writer__series(struct writer *writer, const struct model_grouping *grouping,
		    const struct model_entity *entity)
{
	const struct family *family = writer->family;
	bool distinct = shows_all_names(family);
	const struct model_series *series;
	uint32_t count;

	series = series_of(grouping, entity, family->series, &count);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t sum[SERIES_COUNTS];

		if (distinct)
			write_series(writer, family->series, series[i].name, series[i].count);
		else if (sum_series(family, series, count, i, sum))
			write_series(writer, family->series, series[i].name, sum);
	}
}

_Static_assert(SERIES_NAMES <= FAMILY_LABELS, "each name has its label");
