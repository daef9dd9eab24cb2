// SPDX-License-Identifier: Apache-2.0
/* From the tree back to text, as both Prometheus and VictoriaMetrics read it. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "gateway/promql_functions.h"
#include "gateway/promql_lexer.h"
#include "gateway/promql_tree.h"

struct printer {
	struct buffer *out;
	const struct promql_filter *filter;
};

/* Words with a meaning of their own in front of an expression, in PromQL or MetricsQL. */
static const char *const keywords[] = {
	"and",
	"atan2",
	"bool",
	"by",
	"default",
	"end",
	"group_left",
	"group_right",
	"if",
	"ifnot",
	"ignoring",
	"inf",
	"keep_metric_names",
	"limit",
	"nan",
	"offset",
	"on",
	"or",
	"start",
	"unless",
	"with",
	"without",
	"union",
	"alias",
	"ru",
	"ttf",
};

static void put(struct printer *p, const char *text)
{
	buffer__append_text(p->out, text);
}

static void put_span(struct printer *p, struct span span)
{
	buffer__append(p->out, span.bytes, span.length);
}

/* In lower case: keywords and operators have no case in PromQL. */
static void put_lower(struct printer *p, struct span span)
{
	for (size_t i = 0; i < span.length; i++) {
		char c = span.bytes[i];

		buffer__append_char(p->out, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
	}
}

/* A string that reads the same by the rules of Prometheus and of Go: printable ASCII only. */
static void put_string(struct printer *p, const char *bytes, size_t length)
{
	static const char hex[] = "0123456789abcdef";

	buffer__append_char(p->out, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '"' || c == '\\') {
			buffer__append_char(p->out, '\\');
			buffer__append_char(p->out, (char)c);
		} else if (c >= ' ' && c < 0x7f) {
			buffer__append_char(p->out, (char)c);
		} else {
			put(p, "\\x");
			buffer__append_char(p->out, hex[c >> 4]);
			buffer__append_char(p->out, hex[c & 15]);
		}
	}
	buffer__append_char(p->out, '"');
}

static bool is_keyword(struct span name)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strlen(keywords[i]) == name.length &&
		    !strncasecmp(keywords[i], name.bytes, name.length))
			return true;
	return promql_functions__aggregates(name.bytes, name.length);
}

static void print_selector(struct printer *p, const struct node *node)
{
	static const char *const ops[] = { "=", "!=", "=~", "!~" };
	const char *separator = "";
	bool plain = node->text.length && !is_keyword(node->text);

	if (plain)
		put_span(p, node->text);
	if (plain && !node->matchers && !p->filter)
		return;
	put(p, "{");
	if (node->text.length && !plain) {
		put(p, "__name__=");
		put_string(p, node->text.bytes, node->text.length);
		separator = ",";
	}
	for (const struct matcher *m = node->matchers; m; m = m->next, separator = ",") {
		put(p, separator);
		put_span(p, m->label);
		put(p, ops[m->op]);
		put_string(p, m->value.bytes, m->value.length);
	}
	if (p->filter) {
		put(p, separator);
		put(p, p->filter->label);
		put(p, p->filter->operator);
		put_string(p, p->filter->value, strlen(p->filter->value));
	}
	put(p, "}");
}

static void print_labels(struct printer *p, const struct label_name *label)
{
	put(p, " (");
	for (; label; label = label->next) {
		put_span(p, label->name);
		if (label->next)
			put(p, ", ");
	}
	put(p, ")");
}

static void print_modifiers(struct printer *p, const struct modifiers *modifiers)
{
	if (modifiers->at == AT_START)
		put(p, " @ start()");
	if (modifiers->at == AT_END)
		put(p, " @ end()");
	if (modifiers->at == AT_NUMBER) {
		put(p, modifiers->at_negative ? " @ -" : " @ ");
		put_span(p, modifiers->at_number);
	}
	if (modifiers->offset.length) {
		put(p, modifiers->offset_negative ? " offset -" : " offset ");
		put_span(p, modifiers->offset);
	}
}

static void print_node(struct printer *p, struct node *node);

static void print_call(struct printer *p, const struct node *node)
{
	if (promql_functions__aggregates(node->text.bytes, node->text.length))
		put_lower(p, node->text);
	else
		put_span(p, node->text);
	if (node->grouping) {
		put(p, node->grouping == GROUPING_BY ? " by" : " without");
		print_labels(p, node->labels);
		put(p, " ");
	}
	put(p, "(");
	for (struct node *argument = node->left; argument; argument = argument->next) {
		print_node(p, argument);
		if (argument->next)
			put(p, ", ");
	}
	put(p, ")");
}

static void print_operator(struct printer *p, const struct node *node)
{
	put(p, " ");
	put_lower(p, node->text);
	if (node->is_bool)
		put(p, " bool");
	if (node->matching) {
		put(p, node->matching == MATCHING_ON ? " on" : " ignoring");
		print_labels(p, node->labels);
	}
	if (node->join) {
		put(p, node->join == JOIN_LEFT ? " group_left" : " group_right");
		print_labels(p, node->include);
	}
	put(p, " ");
}

/*
 * A chain of operators hangs down to the left and may be as long as the query:
 * down by the links, up by links laid on the way.
 */
static void print_chain(struct printer *p, struct node *top)
{
	struct node *above = NULL, *node = top;

	while (node->kind == NODE_BINARY) {
		struct node *left = node->left;

		node->left = above;
		above = node;
		node = left;
	}
	print_node(p, node);
	while (above) {
		struct node *up = above->left;

		print_operator(p, above);
		print_node(p, above->right);
		above->left = node;
		node = above;
		above = up;
	}
}

/* Recurses no deeper than the parser did. */
static void print_node(struct printer *p, struct node *node)
{
	if (p->out->error)
		return;
	if (p->out->length > PROMQL_MAX_PRINTED_BYTES) {
		p->out->error = -EFBIG;
		return;
	}
	switch (node->kind) {
	case NODE_NUMBER:
		put_span(p, node->text);
		break;
	case NODE_STRING:
		put_string(p, node->text.bytes, node->text.length);
		break;
	case NODE_SELECTOR:
		print_selector(p, node);
		break;
	case NODE_RANGE:
	case NODE_SUBQUERY:
		print_node(p, node->left);
		put(p, "[");
		put_span(p, node->range);
		if (node->kind == NODE_SUBQUERY)
			put(p, ":");
		put_span(p, node->step);
		put(p, "]");
		break;
	case NODE_PAREN:
		put(p, "(");
		print_node(p, node->left);
		put(p, ")");
		break;
	case NODE_UNARY:
		put_span(p, node->text);
		print_node(p, node->left);
		break;
	case NODE_BINARY:
		print_chain(p, node);
		break;
	case NODE_CALL:
		print_call(p, node);
		break;
	}
	print_modifiers(p, &node->modifiers);
}

int promql__print(const struct promql *query, const struct promql_filter *filter,
		  struct buffer *out)
{
	struct printer printer = { .out = out, .filter = filter };

	print_node(&printer, query->root);
	return out->error;
}

/* The first call, in the order of the tree, of what is not known; NULL if there is none. */
static const struct node *unknown_call(const struct node *node)
{
	const struct node *found = NULL;

	if (node->kind == NODE_CALL &&
	    !promql_functions__known(node->text.bytes, node->text.length))
		return node;
	while (node->kind == NODE_BINARY && !found) {
		found = unknown_call(node->right);
		node = node->left;
	}
	if (found || (node->kind == NODE_CALL &&
		      !promql_functions__known(node->text.bytes, node->text.length)))
		return found ? found : node;
	for (const struct node *child = node->left; child && !found; child = child->next)
		found = unknown_call(child);
	return found;
}

int promql__check_functions(const struct promql *query, struct promql_error *error)
{
	const struct node *call = unknown_call(query->root);

	if (!call)
		return 0;
	return promql_error__set(error, query->text.bytes, call->position,
				 "the function '%.*s' is not open to readers of some apps only",
				 (int)(call->text.length < 40 ? call->text.length : 40),
				 call->text.bytes);
}
