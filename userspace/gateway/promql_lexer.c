// SPDX-License-Identifier: Apache-2.0
#include "gateway/promql_lexer.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX_BYTES 400

/* Longest range that Prometheus' durations hold: 2^63 - 1 ns. */
#define DURATION_MAX_MS (INT64_MAX / 1000000)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
	return is_alpha(c) || is_digit(c);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int promql_error__set(struct promql_error *error, const char *text, size_t offset,
		      const char *format, ...)
{
	va_list arguments;

	error->line = 1;
	error->column = 1;
	for (size_t i = 0; i < offset; i++) {
		error->column++;
		if (text[i] == '\n') {
			error->line++;
			error->column = 1;
		}
	}
	va_start(arguments, format);
	vsnprintf(error->reason, sizeof(error->reason), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* The character at an offset, or NUL behind the end; a real NUL is no valid character anywhere. */
static char peek(const struct lexer *lexer, size_t ahead)
{
	return lexer->at + ahead < lexer->length ? lexer->text[lexer->at + ahead] : '\0';
}

static struct token fail(struct lexer *lexer, size_t offset, const char *reason)
{
	promql_error__set(lexer->error, lexer->text, offset, "%s", reason);
	return (struct token){ .kind = TOKEN_ERROR, .text = lexer->text + offset };
}

static struct token fail_character(struct lexer *lexer, size_t offset, const char *where)
{
	unsigned char c = (unsigned char)lexer->text[offset];

	if (c > ' ' && c < 0x7f)
		promql_error__set(lexer->error, lexer->text, offset, "unexpected character '%c'%s",
				  c, where);
	else
		promql_error__set(lexer->error, lexer->text, offset, "unexpected byte 0x%02x%s", c,
				  where);
	return (struct token){ .kind = TOKEN_ERROR, .text = lexer->text + offset };
}

static struct token take(struct lexer *lexer, enum token_kind kind, size_t length)
{
	struct token token = { kind, lexer->text + lexer->at, length, false };

	lexer->at += length;
	return token;
}

/* Spaces, and comments to the end of their line. */
static void skip_blank(struct lexer *lexer, bool comments)
{
	for (;;) {
		char c = peek(lexer, 0);

		if (is_space(c)) {
			lexer->at++;
		} else if (comments && c == '#') {
			while (lexer->at < lexer->length && peek(lexer, 0) != '\n' &&
			       peek(lexer, 0) != '\r')
				lexer->at++;
		} else {
			return;
		}
	}
}

/* Length of the well-formed UTF-8 character at p (Unicode 15, table 3-7), 0 if there is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	unsigned char low = 0x80, high = 0xbf;

	if (length == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || length > left)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	/* Prometheus cannot tell U+FFFD from a bad byte. */
	return length == 3 && !memcmp(p, "\xef\xbf\xbd", 3) ? 0 : length;
}

struct escape {
	size_t length;	 /* backslash included */
	uint32_t value;	 /* byte or code point */
	bool is_unicode; /* a code point, not a byte */
};

/* An escape at p, which is a backslash. Returns a reason, or NULL. */
static const char *read_escape(const char *p, size_t left, char quote, struct escape *ret_escape)
{
	static const char letters[] = "abfnrtv\\", bytes[] = "\a\b\f\n\r\t\v\\";
	struct escape escape = { .length = 2 };
	int base = 16, digits;
	const char *letter;

	if (left < 2)
		return "escape sequence not terminated";
	letter = p[1] ? strchr(letters, p[1]) : NULL;
	if (letter || p[1] == quote) {
		escape.value = (unsigned char)(letter ? bytes[letter - letters] : quote);
		*ret_escape = escape;
		return NULL;
	}
	if (p[1] >= '0' && p[1] <= '7') {
		base = 8;
		digits = 3;
		escape.length = 1;
	} else {
		digits = p[1] == 'x' ? 2 : p[1] == 'u' ? 4 : p[1] == 'U' ? 8 : 0;
	}
	if (!digits)
		return "unknown escape sequence";
	for (int i = 0; i < digits; i++, escape.length++) {
		int value = escape.length < left ? hex_value(p[escape.length]) : -1;

		if (value < 0 || value >= base)
			return "illegal character in escape sequence";
		escape.value = escape.value * (uint32_t)base + (uint32_t)value;
	}
	escape.is_unicode = digits >= 4;
	if (escape.value > (escape.is_unicode ? 0x10ffffU : 255U) ||
	    (escape.value >= 0xd800 && escape.value < 0xe000))
		return "escape sequence is no valid code point";
	*ret_escape = escape;
	return NULL;
}

static struct token lex_string(struct lexer *lexer)
{
	size_t start = lexer->at, i = start + 1;
	char quote = lexer->text[start];

	while (i < lexer->length && lexer->text[i] != quote) {
		size_t length =
			utf8_length((const unsigned char *)lexer->text + i, lexer->length - i);

		if (!length)
			return fail(lexer, i, "invalid UTF-8 in a string");
		if (quote != '`' && lexer->text[i] == '\n')
			return fail(lexer, start, "unterminated quoted string");
		if (quote != '`' && lexer->text[i] == '\\') {
			struct escape escape;
			const char *reason =
				read_escape(lexer->text + i, lexer->length - i, quote, &escape);

			if (reason)
				return fail(lexer, i, reason);
			length = escape.length;
		}
		i += length;
	}
	if (i >= lexer->length)
		return fail(lexer, start, "unterminated quoted string");
	return take(lexer, TOKEN_STRING, i + 1 - start);
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (char)(0xe0 | c >> 12);
		} else {
			*out++ = (char)(0xf0 | c >> 18);
			*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

size_t token__unquote(const struct token *token, char *ret_value)
{
	const char *p = token->text + 1, *end = token->text + token->length - 1;
	char quote = token->text[0], *out = ret_value;

	while (p < end) {
		struct escape escape;

		if (quote == '`' || *p != '\\' ||
		    read_escape(p, (size_t)(end - p), quote, &escape)) {
			*out++ = *p++;
			continue;
		}
		if (escape.is_unicode)
			out = put_utf8(out, escape.value);
		else
			*out++ = (char)escape.value;
		p += escape.length;
	}
	return (size_t)(out - ret_value);
}

/* Units in their order, each at most once, in all more than nothing and less than 292 years. */
static const char *check_duration(const char *p, const char *end)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "y", 365LL * 86400 * 1000 },
		{ "w", 7LL * 86400 * 1000 },
		{ "d", 86400LL * 1000 },
		{ "h", 3600LL * 1000 },
		{ "m", 60LL * 1000 },
		{ "s", 1000 },
		{ "ms", 1 },
	};
	int64_t total = 0;
	size_t next = 0;

	while (p < end) {
		const char *digits = p, *unit;
		int64_t count = 0;

		for (; p < end && is_digit(*p); p++)
			if (count <= DURATION_MAX_MS)
				count = count * 10 + (*p - '0');
		for (unit = p; p < end && is_alpha(*p);)
			p++;
		while (next < 7 && (strlen(units[next].unit) != (size_t)(p - unit) ||
				    memcmp(units[next].unit, unit, (size_t)(p - unit))))
			next++;
		if (unit == digits || next == 7)
			return "bad duration: expected one such as 5m or 1h30m";
		if (count > (DURATION_MAX_MS - total) / units[next].ms)
			return "duration out of range";
		total += count * units[next++].ms;
	}
	return total ? NULL : "duration must be greater than 0";
}

/* What strconv.ParseInt with base 0 or ParseFloat take. */
static bool number_is_valid(const char *text, size_t length)
{
	char copy[NUMBER_MAX_BYTES];
	size_t digits = 2;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (copy[0] == '0' && (copy[1] == 'x' || copy[1] == 'X')) {
		while (hex_value(copy[digits]) >= 0)
			digits++;
		errno = 0;
		return digits > 2 && !copy[digits] && strtoll(copy, NULL, 16) >= 0 && !errno;
	}
	/* Its shape is known: only an exponent may lack its digits. */
	return is_digit(copy[length - 1]) || copy[length - 1] == '.' ? !isinf(strtod(copy, NULL))
								     : false;
}

static size_t skip_digits(const struct lexer *lexer, size_t length, bool hex)
{
	while (hex ? hex_value(peek(lexer, length)) >= 0 : is_digit(peek(lexer, length)))
		length++;
	return length;
}

static struct token lex_number(struct lexer *lexer)
{
	bool hex = peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X');
	size_t start = lexer->at, length = skip_digits(lexer, hex ? 2 : 0, hex);
	const char *reason;

	if (peek(lexer, length) == '.')
		length = skip_digits(lexer, length + 1, hex);
	if (peek(lexer, length) == 'e' || peek(lexer, length) == 'E') {
		length++;
		if (peek(lexer, length) == '+' || peek(lexer, length) == '-')
			length++;
		length = skip_digits(lexer, length, false);
	}
	if (!is_alnum(peek(lexer, length))) {
		if (!number_is_valid(lexer->text + start, length))
			return fail(lexer, start, "bad number");
		return take(lexer, TOKEN_NUMBER, length);
	}
	for (length = 0; is_alnum(peek(lexer, length)) || peek(lexer, length) == '.';)
		length++;
	reason = check_duration(lexer->text + start, lexer->text + start + length);
	if (reason)
		return fail(lexer, start, reason);
	return take(lexer, TOKEN_DURATION, length);
}

/* Behind [ stands a duration, and nothing but spaces before it. */
static struct token lex_range(struct lexer *lexer)
{
	struct token token;

	lexer->wants_duration = false;
	skip_blank(lexer, false);
	if (!is_digit(peek(lexer, 0)))
		return fail(lexer, lexer->at, "expected a duration such as 5m behind '['");
	token = lex_number(lexer);
	if (token.kind == TOKEN_NUMBER)
		return fail(lexer, (size_t)(token.text - lexer->text),
			    "missing unit in a duration");
	return token;
}

static struct token lex_word(struct lexer *lexer)
{
	struct token token = { TOKEN_WORD, lexer->text + lexer->at, 0, false };

	for (;; lexer->at++, token.length++) {
		char c = peek(lexer, 0);

		if (c == ':' && !lexer->in_braces)
			token.has_colon = true;
		else if (!is_alnum(c))
			return token;
	}
}

static struct token lex_in_braces(struct lexer *lexer)
{
	char c = peek(lexer, 0), next = peek(lexer, 1);

	if (lexer->at >= lexer->length)
		return fail(lexer, lexer->at, "unexpected end of input inside braces");
	if (is_alpha(c))
		return lex_word(lexer);
	switch (c) {
	case ',':
		return take(lexer, TOKEN_COMMA, 1);
	case '"':
	case '\'':
	case '`':
		return lex_string(lexer);
	case '=':
		return next == '~' ? take(lexer, TOKEN_EQL_REGEX, 2) : take(lexer, TOKEN_EQL, 1);
	case '!':
		if (next == '~')
			return take(lexer, TOKEN_NEQ_REGEX, 2);
		if (next == '=')
			return take(lexer, TOKEN_NEQ, 2);
		break;
	case '}':
		lexer->in_braces = false;
		return take(lexer, TOKEN_RIGHT_BRACE, 1);
	}
	return fail_character(lexer, lexer->at, " inside braces");
}

/* Operators of one or two characters; TOKEN_END if there is none. */
static struct token lex_operator(struct lexer *lexer)
{
	char next = peek(lexer, 1);

	switch (peek(lexer, 0)) {
	case '+':
		return take(lexer, TOKEN_ADD, 1);
	case '-':
		return take(lexer, TOKEN_SUB, 1);
	case '*':
		return take(lexer, TOKEN_MUL, 1);
	case '/':
		return take(lexer, TOKEN_DIV, 1);
	case '%':
		return take(lexer, TOKEN_MOD, 1);
	case '^':
		return take(lexer, TOKEN_POW, 1);
	case '=':
		if (next == '=')
			return take(lexer, TOKEN_EQLC, 2);
		return fail(lexer, lexer->at,
			    next == '~' ? "unexpected '=~' outside of braces"
					: "unexpected '=' outside of braces; equality is '=='");
	case '!':
		if (next == '=')
			return take(lexer, TOKEN_NEQ, 2);
		return fail(lexer, lexer->at, "unexpected character behind '!'");
	case '<':
		return next == '=' ? take(lexer, TOKEN_LTE, 2) : take(lexer, TOKEN_LSS, 1);
	case '>':
		return next == '=' ? take(lexer, TOKEN_GTE, 2) : take(lexer, TOKEN_GTR, 1);
	}
	return (struct token){ .kind = TOKEN_END };
}

/* Parentheses and what else separates. */
static struct token lex_bracket(struct lexer *lexer)
{
	switch (peek(lexer, 0)) {
	case ',':
		return take(lexer, TOKEN_COMMA, 1);
	case '@':
		return take(lexer, TOKEN_AT, 1);
	case '(':
		return take(lexer, TOKEN_LEFT_PAREN, 1);
	case ')':
		return take(lexer, TOKEN_RIGHT_PAREN, 1);
	case '{':
		lexer->in_braces = true;
		return take(lexer, TOKEN_LEFT_BRACE, 1);
	case '[':
		if (lexer->in_brackets)
			return fail(lexer, lexer->at, "unexpected '[' inside brackets");
		lexer->in_brackets = true;
		lexer->had_colon = false;
		lexer->wants_duration = true;
		return take(lexer, TOKEN_LEFT_BRACKET, 1);
	case ']':
		if (!lexer->in_brackets)
			return fail(lexer, lexer->at, "unexpected ']'");
		lexer->in_brackets = false;
		return take(lexer, TOKEN_RIGHT_BRACKET, 1);
	}
	return fail_character(lexer, lexer->at, "");
}

struct token lexer__next(struct lexer *lexer)
{
	struct token token;
	char c;

	if (lexer->wants_duration)
		return lex_range(lexer);
	skip_blank(lexer, true);
	if (lexer->in_braces)
		return lex_in_braces(lexer);
	if (lexer->at >= lexer->length)
		return (struct token){ .kind = TOKEN_END, .text = lexer->text + lexer->length };
	c = peek(lexer, 0);
	if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1))))
		return lex_number(lexer);
	if (c == '"' || c == '\'' || c == '`')
		return lex_string(lexer);
	if (lexer->in_brackets && c == ':' && !lexer->had_colon) {
		lexer->had_colon = true;
		return take(lexer, TOKEN_COLON, 1);
	}
	if (!lexer->in_brackets && (is_alpha(c) || c == ':')) {
		token = lex_word(lexer);
		if (token__is(&token, "inf") || token__is(&token, "nan"))
			token.kind = TOKEN_NUMBER;
		return token;
	}
	token = lex_operator(lexer);
	return token.kind == TOKEN_END ? lex_bracket(lexer) : token;
}

bool token__is(const struct token *token, const char *word)
{
	return token->kind == TOKEN_WORD && strlen(word) == token->length &&
	       !strncasecmp(token->text, word, token->length);
}

const char *token__describe(const struct token *token, char buffer[64])
{
	size_t length = token->length < 40 ? token->length : 40;

	if (token->kind == TOKEN_END)
		return "end of input";
	if (token->kind == TOKEN_STRING)
		return "a string";
	snprintf(buffer, 64, "'%.*s'", (int)length, token->text);
	return buffer;
}
