/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PromQL as Prometheus 2.42 reads it, with what MetricsQL adds and Fly.io's page
 * names: rollup functions over a selector without brackets, and functions and
 * aggregations that Prometheus does not know. Parsed to a tree, and printed from
 * that tree alone. Pure.
 *
 * Types and numbers of arguments are left to who evaluates the query. What is
 * not understood (WITH templates, `or` between matchers, numbers with units) is
 * refused, because what is not understood cannot be restricted.
 */
#ifndef EDGETAP_GATEWAY_PROMQL_H
#define EDGETAP_GATEWAY_PROMQL_H

#include <stdbool.h>
#include <stddef.h>

#include "encoders/buffer.h"

#define PROMQL_MAX_BYTES (64 * 1024)
#define PROMQL_MAX_DEPTH 100
/* Prometheus takes 9 s for a chain of 8,000 operators, and a third of one for 2,000. */
#define PROMQL_MAX_NODES 4096
#define PROMQL_MAX_PRINTED_BYTES (1024 * 1024)

struct promql_error {
	unsigned int line, column; /* from 1; the column in bytes */
	char reason[160];
};

struct promql;

/*
 * Parses an expression, or a single selector such as match[] takes (no range, no
 * offset). text need not outlive the tree. Returns 0, -EINVAL with the error
 * filled in, or -ENOMEM.
 */
int promql__parse(struct promql **ret_query, const char *text, size_t length,
		  struct promql_error *error);
int promql__parse_selector(struct promql **ret_query, const char *text, size_t length,
			   struct promql_error *error);

/* NULL is fine. */
void promql__free(struct promql *query);

/* A matcher to be added to each selector: label, operator ("=" or "=~"), value. */
struct promql_filter {
	const char *label;
	const char *operator;
	const char *value;
};

/*
 * Appends the query as text, in printable ASCII: every selector with the filter
 * (NULL: none) behind its own matchers, which it can only narrow. Names that are
 * a keyword anywhere stand as a matcher of __name__. Returns 0, -EFBIG above
 * PROMQL_MAX_PRINTED_BYTES, or -ENOMEM.
 */
int promql__print(const struct promql *query, const struct promql_filter *filter,
		  struct buffer *out);

/*
 * Whether every function and aggregation in it is one that is known to give
 * nothing but what its arguments have (promql_functions.c). If not, error names
 * the first other one. -EINVAL or 0.
 */
int promql__check_functions(const struct promql *query, struct promql_error *error);

#endif
