/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the parser share; nobody else includes it. */
#ifndef EDGETAP_GATEWAY_PROMQL_PARSER_H
#define EDGETAP_GATEWAY_PROMQL_PARSER_H

#include "gateway/promql_lexer.h"
#include "gateway/promql_tree.h"

struct parser {
	struct lexer lexer;
	struct token token; /* the one that is looked at */
	struct promql *query;
	struct promql_error *error;
	unsigned int depth;
	int err; /* the first; everything unwinds then */
};

/*
 * Errors: the first is kept, all later calls do nothing and give NULL or false.
 * The first function names a place and a reason, the second what stands here in
 * place of what was expected. Both return NULL.
 */
void *parser__fail_at(struct parser *p, const char *where, const char *reason);
void *parser__unexpected(struct parser *p, const char *expected);

/* In zeroed memory of the tree's; NULL after an error. */
struct node *parser__node(struct parser *p, enum node_kind kind, const struct token *token);

/* Copies into the tree's memory: bytes, a token, what a string token stands for. */
struct span parser__copy(struct parser *p, const char *bytes, size_t length);
struct span parser__copy_token(struct parser *p, const struct token *token);
struct span parser__copy_string(struct parser *p, const struct token *token);

/* Goes to the next token. */
void parser__advance(struct parser *p);

/* Whether the token was of this kind, or this word, which is then behind us. */
bool parser__skip(struct parser *p, enum token_kind kind);
bool parser__skip_word(struct parser *p, const char *word);

/* The same where nothing else may stand. */
bool parser__need(struct parser *p, enum token_kind kind, const char *expected);

/* A selector: behind its name, or at its brace if name is NULL. */
struct node *parser__selector(struct parser *p, const struct token *name);

/* A list of labels in parentheses, as by and on have it. NULL is an empty one, too. */
struct label_name *parser__label_names(struct parser *p);

#endif
