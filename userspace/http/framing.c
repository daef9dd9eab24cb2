// SPDX-License-Identifier: Apache-2.0
#include "http/framing.h"

#include <string.h>
#include <strings.h>

/* More digits are no length of anything. */
#define LENGTH_MAX_DIGITS 18

static void refuse(struct framing *framing, unsigned int status, const char *why)
{
	if (framing->status)
		return;
	framing->status = status;
	framing->why = why;
}

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_alphanumeric(text[i]) && (!text[i] || !strchr("!#$%&'*+-.^_`|~", text[i])))
			return false;
	return length;
}

/* Printable ASCII, bytes above it, blanks and tabs. */
static bool is_value(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return true;
}

/* Without regard to case, and with '_' for '-', as gateways to CGI read it. */
static bool is_named(const char *name, size_t length, const char *known)
{
	if (length != strlen(known))
		return false;
	for (size_t i = 0; i < length; i++)
		if (strncasecmp(name + i, known + i, 1) && (name[i] != '_' || known[i] != '-'))
			return false;
	return true;
}

/* The next word must begin where the last one with what ends it has ended. */
static void expect_at(struct framing *framing, const char *word)
{
	if (framing->head && word != framing->at)
		refuse(framing, 400, "the head has a line that can be read in two ways");
}

void framing__begin(struct framing *ret_framing, bool in_place, const char *method,
		    const char *target, size_t target_length, const char *version)
{
	struct framing framing = {
		.head = in_place ? method : NULL,
		.is_http10 = !strcmp(version, "HTTP/1.0"),
	};

	if (!is_token(method, strlen(method)))
		refuse(&framing, 400, "the method is no token");
	framing.at = method + strlen(method) + 1;
	expect_at(&framing, target);
	framing.at = target + target_length + 1;
	expect_at(&framing, version);
	framing.at = version + strlen(version) + 2;
	*ret_framing = framing;
}

static void take_length(struct framing *framing, const char *value, size_t length)
{
	uint64_t sum = 0;

	framing->lengths++;
	if (!length || length > LENGTH_MAX_DIGITS)
		refuse(framing, 400, "Content-Length is no length");
	for (size_t i = 0; i < length && i < LENGTH_MAX_DIGITS; i++) {
		if (value[i] < '0' || value[i] > '9')
			refuse(framing, 400, "Content-Length is no length");
		sum = sum * 10 + (uint64_t)(value[i] - '0');
	}
	framing->length = sum;
}

/* Whether it is a list of other codings with one "chunked" at its end. */
static bool ends_in_chunked(const char *value, size_t length)
{
	bool chunked = false;

	for (size_t at = 0, end; at <= length; at = end + 1) {
		size_t last;

		if (chunked)
			return false;
		while (at < length && (value[at] == ' ' || value[at] == '\t'))
			at++;
		for (end = at; end < length && value[end] != ',';)
			end++;
		for (last = end; last > at && (value[last - 1] == ' ' || value[last - 1] == '\t');)
			last--;
		if (!is_token(value + at, last - at))
			return false;
		chunked = is_named(value + at, last - at, "chunked");
	}
	return chunked;
}

static void take_coding(struct framing *framing, const char *value, size_t length)
{
	framing->codings++;
	framing->is_chunked = length == strlen("chunked") && !strncasecmp(value, "chunked", length);
	if (framing->is_chunked)
		return;
	if (ends_in_chunked(value, length))
		refuse(framing, 501, "no Transfer-Encoding but chunked is understood");
	else
		refuse(framing, 400, "Transfer-Encoding has no chunked at its end, or too much");
}

static size_t skip_port(const char *value, size_t at, size_t length)
{
	if (at < length && value[at] == ':')
		for (at++; at < length && value[at] >= '0' && value[at] <= '9';)
			at++;
	return at;
}

/* uri-host [ ":" port ] of RFC 3986, 3.2.2; empty where the client knows none. */
static bool is_host(const char *value, size_t length)
{
	bool literal = length && value[0] == '[';
	size_t at = literal;

	while (at < length &&
	       (is_alphanumeric(value[at]) || strchr("-._~!$&'()*+,;=%", value[at]) ||
		(literal && value[at] == ':')))
		at++;
	if (literal && (at == 1 || at == length || value[at++] != ']'))
		return false;
	return skip_port(value, at, length) == length;
}

void framing__field(struct framing *framing, const char *name, size_t name_length,
		    const char *value, size_t value_length)
{
	expect_at(framing, name);
	framing->at = value + value_length + 2;
	if (!is_token(name, name_length))
		refuse(framing, 400, "a field's name is no token");
	else if (!is_value(value, value_length))
		refuse(framing, 400, "a field's value has control characters");
	else if (memchr(name, '_', name_length) &&
		 (is_named(name, name_length, "Content-Length") ||
		  is_named(name, name_length, "Transfer-Encoding")))
		refuse(framing, 400, "a field's name is nearly that of the content's length");
	else if (is_named(name, name_length, "Content-Length"))
		take_length(framing, value, value_length);
	else if (is_named(name, name_length, "Transfer-Encoding"))
		take_coding(framing, value, value_length);
	else if (is_named(name, name_length, "Host")) {
		framing->hosts++;
		if (!is_host(value, value_length))
			refuse(framing, 400, "Host is no host");
	}
}

void framing__end(struct framing *framing, size_t head_bytes)
{
	if (framing->head)
		expect_at(framing, framing->head + head_bytes - 2);
	if (framing->lengths + framing->codings > 1)
		refuse(framing, 400, "the content's length is given more than once");
	if (framing->codings && framing->is_http10)
		refuse(framing, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (framing->hosts > 1 || (!framing->hosts && !framing->is_http10))
		refuse(framing, 400, "a request has one Host");
}

void framing__trailer(struct framing *framing, const char *name, size_t name_length,
		      const char *value, size_t value_length)
{
	static const char *const in_head[] = {
		"Content-Length", "Transfer-Encoding", "Host",	 "Content-Encoding", "Content-Type",
		"Trailer",	  "Authorization",     "Expect", "Connection"
	};

	if (!is_token(name, name_length) || !is_value(value, value_length))
		refuse(framing, 400, "a field behind the content is malformed");
	for (size_t i = 0; i < sizeof(in_head) / sizeof(*in_head); i++)
		if (is_named(name, name_length, in_head[i]))
			refuse(framing, 400, "a field behind the content belongs before it");
}
