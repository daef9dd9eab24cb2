// SPDX-License-Identifier: Apache-2.0
/* The parser's memory and its look at the next token, and the parts of a query that do not nest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/promql_parser.h"

#define CHUNK_BYTES (16 * 1024)

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

void *parser__fail_at(struct parser *p, const char *where, const char *reason)
{
	if (!p->err)
		p->err = promql_error__set(p->error, p->lexer.text, (size_t)(where - p->lexer.text),
					   "%s", reason);
	return NULL;
}

/* What stands here is not what fits. */
void *parser__unexpected(struct parser *p, const char *expected)
{
	char buffer[64];

	if (!p->err)
		p->err = promql_error__set(p->error, p->lexer.text,
					   (size_t)(p->token.text - p->lexer.text),
					   "unexpected %s, expected %s",
					   token__describe(&p->token, buffer), expected);
	return NULL;
}

/* Zeroed memory of the tree's; NULL after an error. */
static void *parser__allocate(struct parser *p, size_t size)
{
	struct chunk *chunk = p->query->chunks;
	void *memory;

	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;

		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk) {
			p->err = p->err ? p->err : -ENOMEM;
			return NULL;
		}
		chunk->size = room;
		chunk->next = p->query->chunks;
		p->query->chunks = chunk;
	}
	memory = (char *)chunk->bytes + chunk->used;
	chunk->used += size;
	return memory;
}

struct span parser__copy(struct parser *p, const char *bytes, size_t length)
{
	char *memory = parser__allocate(p, length + 1);

	if (!memory)
		return (struct span){ "", 0 };
	memcpy(memory, bytes, length);
	return (struct span){ memory, length };
}

struct span parser__copy_token(struct parser *p, const struct token *token)
{
	return parser__copy(p, token->text, token->length);
}

struct span parser__copy_string(struct parser *p, const struct token *token)
{
	char *memory = parser__allocate(p, token->length);

	if (!memory)
		return (struct span){ "", 0 };
	return (struct span){ memory, token__unquote(token, memory) };
}

struct node *parser__node(struct parser *p, enum node_kind kind, const struct token *token)
{
	struct node *node;

	if (p->query->nodes == PROMQL_MAX_NODES)
		return parser__fail_at(p, token->text, "the query has too many parts");
	node = parser__allocate(p, sizeof(*node));
	if (!node)
		return NULL;
	p->query->nodes++;
	node->kind = kind;
	node->position = (size_t)(token->text - p->lexer.text);
	return node;
}

void parser__advance(struct parser *p)
{
	if (p->err)
		return;
	p->token = lexer__next(&p->lexer);
	if (p->token.kind == TOKEN_ERROR)
		p->err = -EINVAL;
}

/* Whether the token was of this kind, which is then behind us. */
bool parser__skip(struct parser *p, enum token_kind kind)
{
	if (p->err || p->token.kind != kind)
		return false;
	parser__advance(p);
	return !p->err;
}

bool parser__need(struct parser *p, enum token_kind kind, const char *expected)
{
	if (!p->err && p->token.kind != kind)
		parser__unexpected(p, expected);
	return parser__skip(p, kind);
}

bool parser__skip_word(struct parser *p, const char *word)
{
	if (p->err || !token__is(&p->token, word))
		return false;
	parser__advance(p);
	return !p->err;
}

static bool matcher_op(enum token_kind kind, enum matcher_op *ret_op)
{
	switch (kind) {
	case TOKEN_EQL:
		*ret_op = MATCH_EQUAL;
		return true;
	case TOKEN_NEQ:
		*ret_op = MATCH_NOT_EQUAL;
		return true;
	case TOKEN_EQL_REGEX:
		*ret_op = MATCH_REGEX;
		return true;
	case TOKEN_NEQ_REGEX:
		*ret_op = MATCH_NOT_REGEX;
		return true;
	default:
		return false;
	}
}

static struct matcher *matcher(struct parser *p)
{
	struct matcher *matcher;

	if (p->token.kind != TOKEN_WORD)
		return parser__unexpected(p, "a label's name or '}'");
	matcher = parser__allocate(p, sizeof(*matcher));
	if (!matcher)
		return NULL;
	matcher->label = parser__copy_token(p, &p->token);
	parser__advance(p);
	if (p->err || !matcher_op(p->token.kind, &matcher->op))
		return parser__unexpected(p, "one of = != =~ !~");
	parser__advance(p);
	if (p->err || p->token.kind != TOKEN_STRING)
		return parser__unexpected(p, "a string");
	matcher->value = parser__copy_string(p, &p->token);
	parser__advance(p);
	return matcher;
}

/* Behind the opening brace. */
static void matchers(struct parser *p, struct node *selector)
{
	struct matcher **tail = &selector->matchers;

	while (!p->err && p->token.kind != TOKEN_RIGHT_BRACE) {
		*tail = matcher(p);
		if (!*tail)
			return;
		tail = &(*tail)->next;
		if (p->token.kind == TOKEN_RIGHT_BRACE)
			break;
		if (token__is(&p->token, "or")) {
			parser__fail_at(p, p->token.text, "'or' between matchers is not supported");
			return;
		}
		parser__need(p, TOKEN_COMMA, "',' or '}'");
	}
	parser__advance(p);
}

/* name is NULL in front of a brace. */
struct node *parser__selector(struct parser *p, const struct token *name)
{
	struct node *node = parser__node(p, NODE_SELECTOR, name ? name : &p->token);

	if (!node)
		return NULL;
	if (name)
		node->text = parser__copy_token(p, name);
	if (parser__skip(p, TOKEN_LEFT_BRACE))
		matchers(p, node);
	for (const struct matcher *m = node->matchers; name && m; m = m->next)
		if (m->label.length == 8 && !memcmp(m->label.bytes, "__name__", 8))
			return parser__fail_at(p, name->text, "the metric's name is given twice");
	return node;
}

/* Which words may be a label's name is what Prometheus' grammar says. */
struct label_name *parser__label_names(struct parser *p)
{
	struct label_name *head = NULL, **tail = &head;

	if (!parser__need(p, TOKEN_LEFT_PAREN, "'('"))
		return NULL;
	while (!p->err && p->token.kind != TOKEN_RIGHT_PAREN) {
		if (p->token.kind != TOKEN_WORD || p->token.has_colon ||
		    token__is(&p->token, "without"))
			return parser__unexpected(p, "a label's name");
		*tail = parser__allocate(p, sizeof(**tail));
		if (!*tail)
			return NULL;
		(*tail)->name = parser__copy_token(p, &p->token);
		tail = &(*tail)->next;
		parser__advance(p);
		if (p->token.kind != TOKEN_RIGHT_PAREN)
			parser__need(p, TOKEN_COMMA, "',' or ')'");
	}
	parser__advance(p);
	return head;
}

void promql__free(struct promql *query)
{
	if (!query)
		return;
	while (query->chunks) {
		struct chunk *chunk = query->chunks;

		query->chunks = chunk->next;
		free(chunk);
	}
	free(query);
}
