/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax tree, for the parser, the printer and the check of functions; nobody else includes it.
 */
#ifndef EDGETAP_GATEWAY_PROMQL_TREE_H
#define EDGETAP_GATEWAY_PROMQL_TREE_H

#include "gateway/promql.h"

/* Bytes in the tree's memory; not terminated. */
struct span {
	const char *bytes;
	size_t length;
};

enum matcher_op {
	MATCH_EQUAL,
	MATCH_NOT_EQUAL,
	MATCH_REGEX,
	MATCH_NOT_REGEX,
};

struct matcher {
	struct matcher *next;
	struct span label;
	struct span value;
	enum matcher_op op;
};

/* A name in the list of by, without, on, ignoring, group_left or group_right. */
struct label_name {
	struct label_name *next;
	struct span name;
};

enum node_kind {
	NODE_NUMBER,
	NODE_STRING,
	NODE_SELECTOR,
	NODE_RANGE,    /* left[range] */
	NODE_SUBQUERY, /* left[range:step] */
	NODE_PAREN,
	NODE_UNARY,
	NODE_BINARY,
	NODE_CALL, /* of a function or an aggregation */
};

enum at_kind {
	AT_NONE,
	AT_NUMBER,
	AT_START,
	AT_END,
};

enum grouping {
	GROUPING_NONE,
	GROUPING_BY,
	GROUPING_WITHOUT,
};

enum matching {
	MATCHING_NONE,
	MATCHING_ON,
	MATCHING_IGNORING,
};

enum join {
	JOIN_NONE,
	JOIN_LEFT,
	JOIN_RIGHT,
};

/* offset and @ behind a selector, range or subquery. */
struct modifiers {
	struct span offset; /* a duration; no bytes: none */
	bool offset_negative;
	enum at_kind at;
	bool at_negative;
	struct span at_number;
};

struct node {
	enum node_kind kind;
	size_t position;   /* in the query */
	struct node *left; /* or the only operand, or the first argument */
	struct node *right;
	struct node *next; /* argument; while a chain is printed: up to the operator above */
	struct span text;  /* number; string's value; selector's or call's name; operator */
	struct matcher *matchers;
	struct span range, step; /* step without bytes: the default */
	struct modifiers modifiers;
	bool is_bool; /* comparison that returns 0 or 1 */
	enum matching matching;
	enum join join;
	enum grouping grouping;
	struct label_name *labels;  /* of grouping or matching */
	struct label_name *include; /* of join */
};

struct chunk;

struct promql {
	struct node *root;
	struct span text;     /* what was parsed */
	struct chunk *chunks; /* where everything in the tree is */
	size_t nodes;
};

#endif
