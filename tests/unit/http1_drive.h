/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.x parser of the BPF programs, driven as they drive it, over a byte
 * stream cut into any pieces; and a naive parser of the same framing to compare
 * it with. For the unit tests and the fuzz target.
 */
#ifndef EDGETAP_TESTS_HTTP1_DRIVE_H
#define EDGETAP_TESTS_HTTP1_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/http1.h"

#define DRIVE_EVENTS 256
#define DRIVE_CHUNK_WINDOW 128

/* What is known of a stream: the end of each header section and of each message, and how it
 * stopped. */
struct drive_event {
	int result;	 /* HTTP_HEAD or HTTP_DONE */
	uint16_t token;	 /* of HTTP_HEAD */
	uint8_t flags;	 /* HTTP_F_MESSAGE bits of HTTP_HEAD */
	size_t offset;	 /* of the byte behind */
	uint64_t length; /* of HTTP_HEAD with a Content-Length that counts */
};

struct drive_trace {
	struct drive_event event[DRIVE_EVENTS];
	size_t events;
	int verdict; /* HTTP_NOT, HTTP_BAD, or HTTP_MORE */
};

static inline void drive_add(struct drive_trace *t, struct drive_event event)
{
	if (t->events < DRIVE_EVENTS)
		t->event[t->events++] = event;
}

static inline bool drive_same_event(const struct drive_event *a, const struct drive_event *b)
{
	return a->result == b->result && a->token == b->token && a->flags == b->flags &&
	       a->offset == b->offset && a->length == b->length;
}

static inline bool drive_same(const struct drive_trace *a, const struct drive_trace *b)
{
	if (a->events != b->events || a->verdict != b->verdict)
		return false;
	for (size_t i = 0; i < a->events; i++)
		if (!drive_same_event(&a->event[i], &b->event[i]))
			return false;
	return true;
}

/* No more of this stream can be told once its content ends with the connection. */
static inline int drive_phase_after_head(const struct http_parser *p)
{
	bool response = p->flags & HTTP_F_RESPONSE;

	if (response && p->token < 200)
		return HTTP_START;
	if (response && (p->token == 204 || p->token == 304))
		return HTTP_START;
	if (p->flags & HTTP_F_CHUNKED)
		return HTTP_CHUNK_SIZE;
	if (p->flags & HTTP_F_CODING)
		return HTTP_BODY_CLOSE;
	if (p->flags & HTTP_F_LENGTH)
		return p->body_left ? HTTP_BODY_LENGTH : HTTP_START;
	return response ? HTTP_BODY_CLOSE : HTTP_START;
}

struct drive {
	struct http_parser parser;
	struct cursor cursor;
	struct drive_trace trace;
	size_t offset;
	uint8_t stale; /* what the window holds behind its bytes */
};

static inline void drive_begin(struct drive *d, bool response, uint8_t stale)
{
	memset(&d->parser, 0, sizeof(d->parser));
	d->parser.flags = response ? HTTP_F_RESPONSE : 0;
	d->trace.events = 0;
	d->trace.verdict = HTTP_MORE;
	d->offset = 0;
	d->stale = stale;
}

/* One look at no more than `n` bytes; returns how many are done with. */
static inline size_t drive_step(struct drive *d, const uint8_t *data, size_t n)
{
	struct http_parser *p = &d->parser;
	uint32_t carry = p->carry_bytes, used;
	size_t most = p->phase == HTTP_CHUNK_SIZE ? DRIVE_CHUNK_WINDOW : CURSOR_BYTES;
	int result;

	if (p->phase == HTTP_BODY_CLOSE)
		return n;
	if (p->phase == HTTP_BODY_LENGTH || p->phase == HTTP_CHUNK_DATA) {
		if (n > p->body_left)
			n = p->body_left;
		p->body_left -= n;
		if (!p->body_left && p->phase == HTTP_BODY_LENGTH) {
			p->phase = HTTP_START;
			drive_add(&d->trace, (struct drive_event){ .result = HTTP_DONE,
								   .offset = d->offset + n });
		} else if (!p->body_left) {
			p->phase = HTTP_CHUNK_SIZE;
		}
		return n;
	}
	if (n > most)
		n = most;
	if (carry > HTTP_CARRY)
		abort();
	memset(d->cursor.byte, d->stale, sizeof(d->cursor.byte));
	memcpy(d->cursor.byte, p->carry, carry);
	memcpy(d->cursor.byte + carry, data, n);
	d->cursor.pos = 0;
	d->cursor.bytes = carry + (uint32_t)n;
	result = http_scan(p, &d->cursor);
	if (d->cursor.pos > d->cursor.bytes || d->cursor.pos <= carry)
		abort(); /* beyond what was given, or no progress: the caller would not end */
	used = d->cursor.pos - carry;
	switch (result) {
	case HTTP_HEAD:
		p->phase = (uint8_t)drive_phase_after_head(p);
		drive_add(&d->trace, (struct drive_event){ .result = HTTP_HEAD,
							   .token = p->token,
							   .flags = p->flags & HTTP_F_MESSAGE,
							   .offset = d->offset + used,
							   .length = p->phase == HTTP_BODY_LENGTH
									     ? p->body_left
									     : 0 });
		break;
	case HTTP_DONE:
		drive_add(&d->trace,
			  (struct drive_event){ .result = HTTP_DONE, .offset = d->offset + used });
		break;
	case HTTP_NOT:
	case HTTP_PREFACE:
	case HTTP_BAD:
		d->trace.verdict = result;
	}
	return used;
}

/* One read or write of the stream. */
static inline void drive_piece(struct drive *d, const uint8_t *data, size_t n)
{
	while (n && d->trace.verdict == HTTP_MORE) {
		size_t used = drive_step(d, data, n);

		if (!used)
			abort();
		d->offset += used;
		data += used;
		n -= used;
	}
}

/* ---- the naive parser: a line at a time, from a stream that is there as a whole ---- */

struct naive {
	const uint8_t *data;
	size_t bytes, at;
	const char *line; /* without its end */
	size_t length;
};

static inline bool naive_line(struct naive *n)
{
	size_t end = n->at;

	while (end < n->bytes && n->data[end] != '\n')
		end++;
	if (end == n->bytes)
		return false;
	n->line = (const char *)n->data + n->at;
	n->length = end - n->at;
	if (n->length && n->line[n->length - 1] == '\r')
		n->length--;
	n->at = end + 1;
	return true;
}

static inline bool naive_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool naive_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The value if the line is a field of this lower-case name, without blanks around it. */
static inline bool naive_field(const struct naive *n, const char *name, const char **value,
			       size_t *length)
{
	size_t named = strlen(name);

	if (n->length < named + 1 || n->line[named] != ':')
		return false;
	for (size_t i = 0; i < named; i++) {
		char c = n->line[i];

		if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != name[i])
			return false;
	}
	*value = n->line + named + 1;
	*length = n->length - named - 1;
	while (*length && naive_blank(**value)) {
		++*value;
		--*length;
	}
	while (*length && naive_blank((*value)[*length - 1]))
		--*length;
	return true;
}

/* The method that a request line names, behind no more blanks than the parser skips. */
static inline int naive_method(const struct naive *n)
{
	static const struct {
		const char *name;
		int method;
	} methods[] = { { "GET", METHOD_GET },	       { "HEAD", METHOD_HEAD },
			{ "POST", METHOD_POST },       { "PUT", METHOD_PUT },
			{ "DELETE", METHOD_DELETE },   { "CONNECT", METHOD_CONNECT },
			{ "OPTIONS", METHOD_OPTIONS }, { "TRACE", METHOD_TRACE },
			{ "PATCH", METHOD_PATCH } };
	size_t at = 0;

	while (at < n->length && at < HTTP_BLANKS && naive_blank(n->line[at]))
		at++;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		size_t named = strlen(methods[i].name);

		if (n->length > at + named && naive_blank(n->line[at + named]) &&
		    !memcmp(methods[i].name, n->line + at, named))
			return methods[i].method;
	}
	return METHOD_OTHER;
}

/* The method of a request line, or -1 if it is none; and what else is known of it. */
static inline int naive_request(const struct naive *n, uint8_t *flags)
{
	size_t end = n->length;

	*flags = 0;
	if ((uint8_t)n->line[0] < ' ' && n->line[0] != '\t')
		return -1;
	while (end && n->length - end < HTTP_BLANKS && naive_blank(n->line[end - 1]))
		end--;
	if (end >= 10 && naive_blank(n->line[end - 9]) &&
	    !memcmp(n->line + end - 8, "HTTP/1.", 7) && naive_digit(n->line[end - 1]))
		return naive_method(n);
	*flags = end >= 5 && !memcmp(n->line, "GET /", 5) ? HTTP_F_SIMPLE : HTTP_F_ODD;
	return METHOD_OTHER;
}

static inline int naive_status(const struct naive *n)
{
	const char *l = n->line;

	if (n->length < 12 || memcmp(l, "HTTP/1.", 7) || !naive_digit(l[7]) || l[8] != ' ' ||
	    !naive_digit(l[9]) || l[9] == '0' || !naive_digit(l[10]) || !naive_digit(l[11]) ||
	    (n->length > 12 && l[12] != ' '))
		return -1;
	return (l[9] - '0') * 100 + (l[10] - '0') * 10 + l[11] - '0';
}

/* A Content-Length, whose lines are looked at one by one. */
struct naive_length {
	bool named; /* the header has a value */
	uint64_t value;
	bool wanted; /* an element is to come */
};

/*
 * The part [at, length) of such a line: elements between commas, all of them the same. False for
 * anything but digits that make a number that can be counted down.
 */
static inline bool naive_elements(struct naive_length *l, const struct naive *n, size_t at)
{
	uint64_t v = 0;
	bool digits = false, ended = false;

	/* a limit of the parser: so many bytes of a line */
	if (n->length - at > 44)
		return false;
	for (; at <= n->length; at++) {
		char c = at < n->length ? n->line[at] : ',';

		if (at < n->length && naive_blank(c)) {
			ended |= digits;
		} else if (c == ',' && digits) {
			if (l->named && v != l->value)
				return false;
			l->named = true;
			l->value = v;
			l->wanted = at < n->length;
			digits = ended = false;
			v = 0;
		} else if (at == n->length) {
			break; /* the next line may have it */
		} else if (c == ',' && l->named && !l->wanted) {
			l->wanted = true; /* behind an element of the line before */
		} else {
			if (!naive_digit(c) || ended || !l->wanted || v > 1ULL << 58)
				return false;
			digits = true;
			v = v * 10 + (uint64_t)(c - '0');
		}
	}
	return true;
}

/*
 * Is the last word of a list this one? Two limits of the parser: up to 7 blanks may
 * follow the word, and a colon before it always passes for that of the name.
 */
static inline bool naive_last(const struct naive *n, const char *word)
{
	size_t end = n->length, bytes = strlen(word);
	const char *last;

	while (end && n->length - end < HTTP_BLANKS && naive_blank(n->line[end - 1]))
		end--;
	last = n->line + end - bytes;
	if (end <= bytes || strncasecmp(last, word, bytes))
		return false;
	return naive_blank(last[-1]) || last[-1] == ',' || last[-1] == ':';
}

static inline bool naive_is_blank(const struct naive *n)
{
	for (size_t i = 0; i < n->length; i++)
		if (!naive_blank(n->line[i]))
			return false;
	return n->length <= HTTP_BLANKS; /* a limit of the parser */
}

/* A line of a Transfer-Encoding. */
static inline void naive_coding(const struct naive *n, uint8_t *flags)
{
	if (naive_last(n, "identity"))
		return;
	*flags |= HTTP_F_CODING | HTTP_F_CHUNKED;
	if (!naive_last(n, "chunked"))
		*flags &= (uint8_t)~HTTP_F_CHUNKED;
}

/* Size of the chunk whose line this is, or -1. */
static inline int64_t naive_chunk(const struct naive *n)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < n->length; i++) {
		char c = n->line[i], digit;

		if (c == ';' || naive_blank(c))
			break;
		if (naive_digit(c))
			digit = (char)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (char)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			digit = (char)(c - 'A' + 10);
		else
			return -1;
		if (i == 23 || size >> 56) /* a limit of the parser */
			return -1;
		size = size << 4 | (uint64_t)digit;
	}
	return i ? (int64_t)size : -1;
}

static inline bool naive_skip(struct naive *n, uint64_t bytes)
{
	if (n->bytes - n->at < bytes) {
		n->at = n->bytes;
		return false;
	}
	n->at += bytes;
	return true;
}

/* The chunked body at hand. HTTP_DONE, HTTP_BAD, or HTTP_MORE at the end of the stream. */
static inline int naive_chunks(struct naive *n)
{
	for (;;) {
		int64_t size;

		if (!naive_line(n))
			return HTTP_MORE;
		size = naive_chunk(n);
		if (size < 0)
			return HTTP_BAD;
		if (!size)
			break;
		if (!naive_skip(n, (uint64_t)size + 2))
			return HTTP_MORE;
	}
	while (naive_line(n))
		if (!n->length)
			return HTTP_DONE;
	return HTTP_MORE;
}

/* What a line of a response 101 says of the protocol that follows. */
static inline uint8_t naive_upgrade(const struct naive *n)
{
	size_t at = 8;

	if (n->length < at || strncasecmp(n->line, "upgrade:", at))
		return 0;
	/* limits of the parser: so many blanks before the name, which may go on */
	while (at < n->length && at < 8 + HTTP_BLANKS && naive_blank(n->line[at]))
		at++;
	if (n->length >= at + 8 && !strncasecmp(n->line + at, "websocke", 8))
		return HTTP_F_WEBSOCKET;
	if (n->length >= at + 3 && !strncasecmp(n->line + at, "h2c", 3))
		return HTTP_F_H2C;
	return 0;
}

/* The header section at hand: HTTP_HEAD, HTTP_BAD, or HTTP_MORE at the end of the stream. */
static inline int naive_header(struct naive *n, int token, uint8_t *flags, uint64_t *length)
{
	enum { OTHER, LENGTH, CODING } field = OTHER;
	struct naive_length l = { 0 };

	*length = 0;
	while (naive_line(n)) {
		const char *value;
		size_t bytes;

		if (n->length && naive_blank(n->line[0]) && field != OTHER) {
			if (field == LENGTH && !naive_elements(&l, n, 0))
				return HTTP_BAD;
			if (field == CODING && !naive_is_blank(n))
				naive_coding(n, flags);
			continue;
		}
		if (field == LENGTH && l.wanted)
			return HTTP_BAD;
		field = OTHER;
		if (l.named)
			*flags |= HTTP_F_LENGTH;
		*length = l.value;
		if (!n->length)
			return HTTP_HEAD;
		if (naive_field(n, "content-length", &value, &bytes)) {
			l.wanted = true;
			if (!naive_elements(&l, n, strlen("content-length:")))
				return HTTP_BAD;
			field = LENGTH;
		} else if (naive_field(n, "transfer-encoding", &value, &bytes)) {
			naive_coding(n, flags);
			field = CODING;
		} else if (token == 101) {
			*flags |= naive_upgrade(n);
		}
	}
	return HTTP_MORE;
}

static inline void naive_parse(struct drive_trace *t, bool response, const uint8_t *data,
			       size_t bytes)
{
	struct naive n = { .data = data, .bytes = bytes };
	struct drive_event head;
	uint64_t length;
	int token, result;

	t->events = 0;
	t->verdict = HTTP_MORE;
	while (naive_line(&n)) {
		if (!n.length)
			continue;
		if (!response && n.length == 14 && !memcmp(n.line, "PRI * HTTP/2.0", 14)) {
			t->verdict = HTTP_PREFACE;
			return;
		}
		head = (struct drive_event){ .result = HTTP_HEAD };
		token = response ? naive_status(&n) : naive_request(&n, &head.flags);
		if (token < 0) {
			t->verdict = HTTP_NOT;
			return;
		}
		head.token = (uint16_t)token;
		result = naive_header(&n, token, &head.flags, &length);
		if (result == HTTP_BAD)
			t->verdict = HTTP_BAD;
		if (result != HTTP_HEAD)
			return;
		head.offset = n.at;
		if (response && (token < 200 || token == 204 || token == 304)) {
			drive_add(t, head);
			continue;
		}
		if (head.flags & HTTP_F_CHUNKED) {
			drive_add(t, head);
			result = naive_chunks(&n);
			if (result == HTTP_BAD)
				t->verdict = HTTP_BAD;
			if (result != HTTP_DONE)
				return;
		} else if ((head.flags & HTTP_F_LENGTH) && !(head.flags & HTTP_F_CODING)) {
			head.length = length;
			drive_add(t, head);
			if (!length)
				continue;
			if (!naive_skip(&n, length))
				return;
		} else {
			drive_add(t, head);
			if (response || (head.flags & HTTP_F_CODING))
				return;
			continue;
		}
		drive_add(t, (struct drive_event){ .result = HTTP_DONE, .offset = n.at });
	}
}

/*
 * True if the parser said what the naive one says. It may be ahead by a verdict
 * on a last line that is not complete yet; that one must hold when it is.
 */
static inline bool drive_agrees(const struct drive_trace *parser, bool response,
				const uint8_t *data, size_t bytes)
{
	struct drive_trace naive;
	uint8_t *more;
	bool same;

	naive_parse(&naive, response, data, bytes);
	if (drive_same(parser, &naive))
		return true;
	if (parser->verdict == HTTP_MORE || naive.verdict != HTTP_MORE)
		return false;
	more = malloc(bytes + 1);
	if (!more)
		abort();
	memcpy(more, data, bytes);
	more[bytes] = '\n';
	naive_parse(&naive, response, more, bytes + 1);
	same = drive_same(parser, &naive);
	free(more);
	return same;
}

static inline void drive_print(const char *who, const struct drive_trace *t)
{
	fprintf(stderr, "%s: verdict %d\n", who, t->verdict);
	for (size_t i = 0; i < t->events; i++)
		fprintf(stderr, "  %s at %zu token %u flags %#x length %llu\n",
			t->event[i].result == HTTP_HEAD ? "head" : "done", t->event[i].offset,
			t->event[i].token, t->event[i].flags,
			(unsigned long long)t->event[i].length);
}

#endif
