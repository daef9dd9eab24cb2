/* SPDX-License-Identifier: Apache-2.0 */
/* Series of what has names: gRPC methods, TLS server names and protocols, exit codes. */
#include <string.h>

#include "exposition/internal.h"

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

static void write_codes(struct walk *walk, const char *method, const uint64_t *by_code)
{
	const struct family *family = walk->family;
	uint64_t all = 0;

	for (int c = 0; c < RPC_CODES; c++) {
		all += by_code[c];
		if (!family->label[1] || !by_code[c])
			continue;
		walk__again(walk);
		walk__label(walk, family->label[0], method);
		walk__label(walk, family->label[1], code_names[c]);
		walk__value(walk, by_code[c]);
	}
	if (family->label[1] || !all)
		return;
	walk__again(walk);
	walk__label(walk, family->label[0], method);
	walk__value(walk, all);
}

/* Whether the family shows two methods as one. */
static bool same_method(const struct family *family, const char *a, const char *b)
{
	return !family->label[0] || !strcmp(a, b);
}

void walk__rpcs(struct walk *walk, const struct model_cut *cut, const struct model_entity *entity)
{
	uint32_t i = entity->first_rpc;

	while (i < entity->end_rpc) {
		const char *method = cut->rpcs[i].method;
		uint64_t by_code[RPC_CODES] = {};

		for (;
		     i < entity->end_rpc && same_method(walk->family, cut->rpcs[i].method, method);
		     i++)
			for (int c = 0; c < RPC_CODES; c++)
				by_code[c] += cut->rpcs[i].by_code[c];
		write_codes(walk, method, by_code);
	}
}

void walk__rpc_rows(struct walk *walk, const struct model_cut *cut,
		    const struct model_entity *entity)
{
	uint32_t i = entity->first_rows;

	while (i < entity->end_rows) {
		const char *method = cut->rows[i].method;
		uint32_t first = i++;

		if (!method)
			continue;
		while (i < entity->end_rows && cut->rows[i].method &&
		       same_method(walk->family, cut->rows[i].method, method))
			i++;
		walk__again(walk);
		walk__label(walk, walk->family->label[0], method);
		walk__part_rows(walk, 1, &cut->rows[first], i - first);
	}
}

/* Whether the family shows two counts as one series. */
static bool same_names(const struct family *family, const struct model_named *a,
		       const struct model_named *b)
{
	for (int l = 0; l < NAMED_NAMES; l++)
		if (family->label[l] && strcmp(a->name[l], b->name[l]) != 0)
			return false;
	return true;
}

/* Sum over the counts that are one series with the one at `at`; false if an earlier one was. */
static bool sum_named(const struct family *family, const struct model_named *named, uint32_t count,
		      uint32_t at, uint64_t *ret_sum)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!same_names(family, &named[i], &named[at]))
			continue;
		if (i < at)
			return false;
		sum += named[i].count;
	}
	*ret_sum = sum;
	return true;
}

void walk__named(struct walk *walk, const struct model_cut *cut, const struct model_entity *entity,
		 enum named_kind kind)
{
	const char *const *label = walk->family->label;
	bool distinct = label[0] && (kind != NAMED_TLS_ERROR || (label[1] && label[2]));
	uint32_t first = entity->first_named, end;

	while (first < entity->end_named && cut->named[first].kind != kind)
		first++;
	for (end = first; end < entity->end_named && cut->named[end].kind == kind;)
		end++;
	for (uint32_t i = first; i < end; i++) {
		uint64_t sum = cut->named[i].count;

		if (!distinct &&
		    !sum_named(walk->family, &cut->named[first], end - first, i - first, &sum))
			continue;
		if (!sum)
			continue;
		walk__again(walk);
		for (int l = 0; l < NAMED_NAMES; l++)
			walk__label(walk, label[l], cut->named[i].name[l]);
		walk__value(walk, sum);
	}
}

_Static_assert(NAMED_NAMES <= FAMILY_LABELS, "each name has its label");
