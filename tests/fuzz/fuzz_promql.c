// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a query: refused with a reason, or printed so that it reads the
 * same again, and with a filter so that every selector of it has the filter last.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/promql.h"
#include "gateway/promql_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct promql_filter filter = { "app", "=~", "a\\.b|\"c\n\x80" };

static void need(int condition)
{
	if (!condition)
		abort();
}

static size_t count_selectors(const struct node *node)
{
	size_t count = 0;

	for (; node; node = node->next)
		count += (node->kind == NODE_SELECTOR) + count_selectors(node->left) +
			 count_selectors(node->right);
	return count;
}

static void need_filters(const struct node *node)
{
	for (; node; node = node->next) {
		const struct matcher *last = node->matchers;

		while (last && last->next)
			last = last->next;
		if (node->kind == NODE_SELECTOR)
			need(last && last->op == MATCH_REGEX && last->label.length == 3 &&
			     !memcmp(last->label.bytes, "app", 3) &&
			     last->value.length == strlen(filter.value) &&
			     !memcmp(last->value.bytes, filter.value, last->value.length));
		need_filters(node->left);
		need_filters(node->right);
	}
}

/* Prints; false if that is too long. */
static int print(const struct promql *query, const struct promql_filter *with, struct buffer *out)
{
	int err = promql__print(query, with, out);

	need(!err || out->length > PROMQL_MAX_PRINTED_BYTES || err == -12);
	for (size_t i = 0; i < out->length; i++)
		need(out->data[i] >= ' ' && out->data[i] < 0x7f);
	return !err && out->length <= PROMQL_MAX_BYTES;
}

static void check(struct promql *query)
{
	struct promql *plain = NULL, *filtered = NULL;
	struct buffer first, second, third;
	struct promql_error error;
	size_t selectors = count_selectors(query->root);

	buffer__init(&first);
	buffer__init(&second);
	buffer__init(&third);
	promql__check_functions(query, &error);
	if (print(query, NULL, &first)) {
		need(!promql__parse(&plain, first.data, first.length, &error));
		need(print(plain, NULL, &second));
		need(first.length == second.length &&
		     !memcmp(first.data, second.data, first.length));
		need(count_selectors(plain->root) == selectors);
	}
	if (print(query, &filter, &third)) {
		need(!promql__parse(&filtered, third.data, third.length, &error));
		need(count_selectors(filtered->root) == selectors);
		need_filters(filtered->root);
	}
	promql__free(plain);
	promql__free(filtered);
	buffer__free(&first);
	buffer__free(&second);
	buffer__free(&third);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* In memory of its size, so that a read behind the end is seen. */
	char *text = malloc(size ? size : 1);
	struct promql_error error = { .line = 0 };
	struct promql *query;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	if (!promql__parse(&query, text, size, &error)) {
		check(query);
		promql__free(query);
	} else {
		need(error.line && error.column && error.reason[0]);
	}
	error.line = 0;
	if (!promql__parse_selector(&query, text, size, &error)) {
		need(count_selectors(query->root) == 1);
		promql__free(query);
	}
	free(text);
	return 0;
}
