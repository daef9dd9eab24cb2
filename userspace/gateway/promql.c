// SPDX-License-Identifier: Apache-2.0
/*
 * The grammar, by recursive descent. Only what nests in the text recurses, and
 * that is bounded; chains of operators of one level loop.
 */
#include "gateway/promql.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/promql_functions.h"
#include "gateway/promql_parser.h"

/* Precedences, as Prometheus has them. A sign binds as tightly as MUL. */
enum {
	LEVEL_OR = 1,
	LEVEL_AND,
	LEVEL_COMPARE,
	LEVEL_ADD,
	LEVEL_MUL,
	LEVEL_POW,
};

static const char *const prometheus_aggregations[] = {
	"avg", "bottomk",  "count",  "count_values", "group", "max",
	"min", "quantile", "stddev", "stdvar",	     "sum",   "topk",
};

/* Keywords that cannot be a metric's name outside of braces. */
static const char *const no_metric[] = { "bool",       "on",	      "ignoring",
					 "group_left", "group_right", "atan2" };

static bool is_any(const struct token *token, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (token__is(token, words[i]))
			return true;
	return false;
}

#define IS_ANY(token, words) is_any(token, words, sizeof(words) / sizeof((words)[0]))

static struct node *expression(struct parser *p, int level);

/* ---- calls ---- */

static void arguments(struct parser *p, struct node *call)
{
	struct node **tail = &call->left;

	if (!parser__need(p, TOKEN_LEFT_PAREN, "'('"))
		return;
	if (parser__skip(p, TOKEN_RIGHT_PAREN))
		return;
	do {
		*tail = expression(p, LEVEL_OR);
		if (!*tail)
			return;
		tail = &(*tail)->next;
	} while (parser__skip(p, TOKEN_COMMA));
	parser__need(p, TOKEN_RIGHT_PAREN, "',' or ')'");
}

/* Returns true if there was one. */
static bool grouping(struct parser *p, struct node *call)
{
	if (parser__skip_word(p, "by"))
		call->grouping = GROUPING_BY;
	else if (parser__skip_word(p, "without"))
		call->grouping = GROUPING_WITHOUT;
	else
		return false;
	call->labels = parser__label_names(p);
	return true;
}

static struct node *call(struct parser *p, const struct token *name, bool aggregates)
{
	struct node *node = parser__node(p, NODE_CALL, name);
	bool grouped;

	if (!node)
		return NULL;
	node->text = parser__copy_token(p, name);
	grouped = aggregates && grouping(p, node);
	arguments(p, node);
	if (aggregates && !grouped)
		grouping(p, node);
	return node;
}

/* A name, and what is behind it says of what. */
static struct node *word(struct parser *p)
{
	struct token name = p->token;
	bool aggregates;

	if (IS_ANY(&name, no_metric))
		return parser__unexpected(p, "an expression");
	parser__advance(p);
	if (p->err)
		return NULL;
	aggregates = IS_ANY(&name, prometheus_aggregations) ||
		     (!name.has_colon && promql_functions__aggregates(name.text, name.length));
	if (p->token.kind == TOKEN_LEFT_PAREN) {
		if (token__is(&name, "with"))
			return parser__fail_at(p, name.text, "WITH templates are not supported");
		if (name.has_colon || token__is(&name, "and") || token__is(&name, "or") ||
		    token__is(&name, "unless") || token__is(&name, "offset") ||
		    token__is(&name, "by") || token__is(&name, "without") ||
		    token__is(&name, "start") || token__is(&name, "end"))
			return parser__unexpected(p, "an operator");
		return call(p, &name, aggregates);
	}
	if (aggregates && (token__is(&p->token, "by") || token__is(&p->token, "without")))
		return call(p, &name, true);
	return parser__selector(p, &name);
}

/* ---- what stands behind an expression ---- */

static bool takes_modifiers(const struct node *node)
{
	return node->kind == NODE_SELECTOR || node->kind == NODE_RANGE ||
	       node->kind == NODE_SUBQUERY;
}

/* Behind [. */
static struct node *bracket(struct parser *p, struct node *left, const struct token *open)
{
	struct node *node = parser__node(p, NODE_RANGE, open);

	if (!node || p->err)
		return NULL;
	node->left = left;
	node->range = parser__copy_token(p, &p->token);
	parser__advance(p);
	if (parser__skip(p, TOKEN_COLON)) {
		node->kind = NODE_SUBQUERY;
		if (!p->err && p->token.kind == TOKEN_DURATION) {
			node->step = parser__copy_token(p, &p->token);
			parser__advance(p);
		}
		if (left->kind == NODE_RANGE || left->kind == NODE_SUBQUERY)
			return parser__fail_at(p, open->text, "a subquery takes an instant vector");
		parser__need(p, TOKEN_RIGHT_BRACKET, "a duration or ']'");
		return node;
	}
	if (!parser__need(p, TOKEN_RIGHT_BRACKET, "':' or ']'"))
		return NULL;
	if (left->kind != NODE_SELECTOR)
		return parser__fail_at(p, open->text, "ranges are only allowed behind selectors");
	if (left->modifiers.offset.length || left->modifiers.at)
		return parser__fail_at(p, open->text, "no offset or @ is allowed before the range");
	return node;
}

/* Behind the word offset. */
static void offset(struct parser *p, struct node *node, const struct token *where)
{
	struct modifiers *modifiers = &node->modifiers;
	bool negative = parser__skip(p, TOKEN_SUB);

	if (p->err)
		return;
	if (p->token.kind != TOKEN_DURATION) {
		parser__unexpected(p, "a duration such as 5m");
	} else if (!takes_modifiers(node)) {
		parser__fail_at(p, where->text,
				"offset is only allowed behind selectors and subqueries");
	} else if (modifiers->offset.length) {
		parser__fail_at(p, where->text, "offset may not be set twice");
	} else {
		modifiers->offset = parser__copy_token(p, &p->token);
		modifiers->offset_negative = negative;
		parser__advance(p);
	}
}

static bool timestamp_fits(const struct token *number)
{
	char copy[40];
	double value;

	/* No longer text is needed for a time. */
	if (number->length >= sizeof(copy))
		return false;
	memcpy(copy, number->text, number->length);
	copy[number->length] = '\0';
	value = strtod(copy, NULL);
	return isfinite(value) && value < (double)INT64_MAX;
}

/* Behind the @. */
static void at(struct parser *p, struct node *node, const struct token *where)
{
	struct modifiers *modifiers = &node->modifiers;
	bool negative = parser__skip(p, TOKEN_SUB), sign = negative || parser__skip(p, TOKEN_ADD);
	enum at_kind kind = AT_NUMBER;

	if (p->err)
		return;
	if (!sign && (token__is(&p->token, "start") || token__is(&p->token, "end")))
		kind = token__is(&p->token, "start") ? AT_START : AT_END;
	else if (p->token.kind != TOKEN_NUMBER)
		parser__unexpected(p, "a time, start() or end()");
	else if (!timestamp_fits(&p->token))
		parser__fail_at(p, p->token.text, "the time behind @ is out of bounds");
	if (p->err)
		return;
	if (!takes_modifiers(node)) {
		parser__fail_at(p, where->text,
				"@ is only allowed behind selectors and subqueries");
		return;
	}
	if (modifiers->at) {
		parser__fail_at(p, where->text, "@ may not be set twice");
		return;
	}
	modifiers->at = kind;
	modifiers->at_negative = negative;
	modifiers->at_number = parser__copy_token(p, &p->token);
	parser__advance(p);
	if (kind != AT_NUMBER && parser__need(p, TOKEN_LEFT_PAREN, "'('"))
		parser__need(p, TOKEN_RIGHT_PAREN, "')'");
}

static struct node *suffixes(struct parser *p, struct node *node)
{
	while (node && !p->err) {
		struct token token = p->token;

		if (parser__skip(p, TOKEN_LEFT_BRACKET))
			node = bracket(p, node, &token);
		else if (parser__skip(p, TOKEN_AT))
			at(p, node, &token);
		else if (parser__skip_word(p, "offset"))
			offset(p, node, &token);
		else
			break;
	}
	return p->err ? NULL : node;
}

/* ---- expressions ---- */

static struct node *literal(struct parser *p)
{
	bool is_string = p->token.kind == TOKEN_STRING;
	struct node *node = parser__node(p, is_string ? NODE_STRING : NODE_NUMBER, &p->token);

	if (!node)
		return NULL;
	node->text = is_string ? parser__copy_string(p, &p->token)
			       : parser__copy_token(p, &p->token);
	parser__advance(p);
	return node;
}

static struct node *parens(struct parser *p)
{
	struct node *node = parser__node(p, NODE_PAREN, &p->token);

	if (!node)
		return NULL;
	parser__advance(p);
	node->left = expression(p, LEVEL_OR);
	parser__need(p, TOKEN_RIGHT_PAREN, "')'");
	return node;
}

static struct node *sign(struct parser *p)
{
	struct node *node = parser__node(p, NODE_UNARY, &p->token);

	if (!node)
		return NULL;
	node->text = parser__copy_token(p, &p->token);
	parser__advance(p);
	node->left = expression(p, LEVEL_POW);
	return p->err ? NULL : node;
}

static struct node *operand(struct parser *p)
{
	if (p->err)
		return NULL;
	switch (p->token.kind) {
	case TOKEN_ADD:
	case TOKEN_SUB:
		return sign(p);
	case TOKEN_NUMBER:
	case TOKEN_STRING:
		return suffixes(p, literal(p));
	case TOKEN_LEFT_PAREN:
		return suffixes(p, parens(p));
	case TOKEN_LEFT_BRACE:
		return suffixes(p, parser__selector(p, NULL));
	case TOKEN_WORD:
		return suffixes(p, word(p));
	case TOKEN_DURATION:
		return parser__fail_at(p, p->token.text, "a duration is no expression");
	default:
		return parser__unexpected(p, "an expression");
	}
}

static int operator_level(const struct token *token)
{
	switch (token->kind) {
	case TOKEN_EQLC:
	case TOKEN_NEQ:
	case TOKEN_LSS:
	case TOKEN_LTE:
	case TOKEN_GTR:
	case TOKEN_GTE:
		return LEVEL_COMPARE;
	case TOKEN_ADD:
	case TOKEN_SUB:
		return LEVEL_ADD;
	case TOKEN_MUL:
	case TOKEN_DIV:
	case TOKEN_MOD:
		return LEVEL_MUL;
	case TOKEN_POW:
		return LEVEL_POW;
	default:
		break;
	}
	if (token__is(token, "or"))
		return LEVEL_OR;
	if (token__is(token, "and") || token__is(token, "unless"))
		return LEVEL_AND;
	return token__is(token, "atan2") ? LEVEL_MUL : 0;
}

/* bool, on, ignoring, group_left and group_right behind an operator. */
static void matching(struct parser *p, struct node *node)
{
	node->is_bool = parser__skip_word(p, "bool");
	if (parser__skip_word(p, "on"))
		node->matching = MATCHING_ON;
	else if (parser__skip_word(p, "ignoring"))
		node->matching = MATCHING_IGNORING;
	else
		return;
	node->labels = parser__label_names(p);
	if (parser__skip_word(p, "group_left"))
		node->join = JOIN_LEFT;
	else if (parser__skip_word(p, "group_right"))
		node->join = JOIN_RIGHT;
	if (node->join && !p->err && p->token.kind == TOKEN_LEFT_PAREN)
		node->include = parser__label_names(p);
}

/* The longest expression here of operators that bind at least as tightly as level. */
static struct node *expression(struct parser *p, int level)
{
	struct node *left;

	if (++p->depth > PROMQL_MAX_DEPTH)
		return parser__fail_at(p, p->token.text, "the query is nested too deeply");
	left = operand(p);
	while (left && !p->err) {
		int here = operator_level(&p->token);
		struct node *node;

		if (!here || here < level)
			break;
		node = parser__node(p, NODE_BINARY, &p->token);
		if (!node)
			return NULL;
		node->text = parser__copy_token(p, &p->token);
		node->left = left;
		parser__advance(p);
		matching(p, node);
		/* Only POW groups from the right. */
		node->right = expression(p, here == LEVEL_POW ? here : here + 1);
		left = node;
	}
	p->depth--;
	return p->err ? NULL : left;
}

static int parse(struct promql **ret_query, const char *text, size_t length, bool only_selector,
		 struct promql_error *error)
{
	struct parser p = { .lexer = { .text = text, .length = length, .error = error },
			    .error = error };
	struct token first;

	if (length > PROMQL_MAX_BYTES)
		return promql_error__set(error, text, 0, "the query is longer than %d bytes",
					 PROMQL_MAX_BYTES);
	p.query = calloc(1, sizeof(*p.query));
	if (!p.query)
		return -ENOMEM;
	p.query->text = parser__copy(&p, text, length);
	parser__advance(&p);
	first = p.token;
	if (!p.err && p.token.kind == TOKEN_END)
		parser__fail_at(&p, p.token.text, "there is no expression");
	p.query->root = expression(&p, LEVEL_OR);
	if (!p.err && p.token.kind != TOKEN_END)
		parser__unexpected(&p, "an operator or the end");
	if (!p.err && only_selector &&
	    (p.query->root->kind != NODE_SELECTOR || p.query->root->modifiers.at ||
	     p.query->root->modifiers.offset.length))
		parser__fail_at(&p, first.text,
				"expected a selector such as {app=\"web\"}, and no more");
	if (p.err) {
		promql__free(p.query);
		return p.err;
	}
	*ret_query = p.query;
	return 0;
}

int promql__parse(struct promql **ret_query, const char *text, size_t length,
		  struct promql_error *error)
{
	return parse(ret_query, text, length, false, error);
}

int promql__parse_selector(struct promql **ret_query, const char *text, size_t length,
			   struct promql_error *error)
{
	return parse(ret_query, text, length, true, error);
}
