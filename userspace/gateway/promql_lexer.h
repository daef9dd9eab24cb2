/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of a query to tokens, by the rules of Prometheus 2.42. Pure. What
 * a character means depends on the brackets it stands in: colons belong to a
 * metric's name outside of braces and separate range from step inside of [].
 */
#ifndef EDGETAP_GATEWAY_PROMQL_LEXER_H
#define EDGETAP_GATEWAY_PROMQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/promql.h"

enum token_kind {
	TOKEN_END,
	TOKEN_ERROR, /* the error says what */
	TOKEN_WORD,  /* a name or keyword */
	TOKEN_NUMBER,
	TOKEN_DURATION,
	TOKEN_STRING, /* the quotes included */
	TOKEN_LEFT_PAREN,
	TOKEN_RIGHT_PAREN,
	TOKEN_LEFT_BRACE,
	TOKEN_RIGHT_BRACE,
	TOKEN_LEFT_BRACKET,
	TOKEN_RIGHT_BRACKET,
	TOKEN_COMMA,
	TOKEN_COLON,
	TOKEN_AT,
	TOKEN_ADD,
	TOKEN_SUB,
	TOKEN_MUL,
	TOKEN_DIV,
	TOKEN_MOD,
	TOKEN_POW,
	TOKEN_EQL,	 /* = */
	TOKEN_EQLC,	 /* == */
	TOKEN_NEQ,	 /* != */
	TOKEN_EQL_REGEX, /* =~ */
	TOKEN_NEQ_REGEX, /* !~ */
	TOKEN_LSS,
	TOKEN_LTE,
	TOKEN_GTR,
	TOKEN_GTE,
};

struct token {
	enum token_kind kind;
	const char *text; /* in the query */
	size_t length;
	bool has_colon; /* of a word */
};

struct lexer {
	const char *text;
	size_t length;
	size_t at;
	bool in_braces;
	bool in_brackets;
	bool had_colon;
	bool wants_duration; /* right behind [ */
	struct promql_error *error;
};

/* The next token, TOKEN_END again and again at the end. After TOKEN_ERROR: no further call. */
struct token lexer__next(struct lexer *lexer);

/* Whether a word is this one (in lower case), in any case. */
bool token__is(const struct token *token, const char *word);

/* "'x'", "end of input" and the like, for messages. */
const char *token__describe(const struct token *token, char buffer[64]);

/*
 * The bytes that a string token stands for, into ret_value, which has room for
 * the token's length. The token has come from lexer__next. Returns their number.
 */
size_t token__unquote(const struct token *token, char *ret_value);

/* Fills in the position in the text and the reason. Returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int promql_error__set(struct promql_error *error,
							    const char *text, size_t offset,
							    const char *format, ...);

#endif
