/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The usual header section, whole under the cursor, at a glance: what http_scan() finds out in
 * more steps, for a third of the instructions. Whatever is not usual is left to that.
 *
 * The ends of lines are found eight bytes at a time. Of text, a line's end alone has bytes below
 * 0x0e, so that subtracting 0x0e from each byte sets its highest bit: three instructions a word.
 * A byte from 0x8e on does, too, as does a tab: then this is not usual.
 *
 * Pure, as http1.h is.
 */
#ifndef EDGETAP_PROTO_HTTP1_GLANCE_H
#define EDGETAP_PROTO_HTTP1_GLANCE_H

#include "http1.h"

#define GLANCE_STEPS 72 /* lines, and stretches of 32 bytes without an end of one */
#define GLANCE_CRLF ((__u16)CHARS('\r', '\n', 0, 0, 0, 0, 0, 0))

/* Non-zero if a byte of the word may end a line; the lowest bit tells the first. */
static __always_inline __u64 glance_ends(__u64 word)
{
	return (word - CURSOR_ONES * 0x0e) & CURSOR_HIGHS;
}

/* The token of a usual start line, or -1. */
static __always_inline int glance_token(const struct cursor *cur, bool response)
{
	__u64 word = cursor_load(cur, 0);
	int status;

	if (!response) {
		__u32 four = (__u32)word;

		if (four == (__u32)CHARS('G', 'E', 'T', ' ', 0, 0, 0, 0))
			return METHOD_GET;
		if (four == (__u32)CHARS('P', 'O', 'S', 'T', 0, 0, 0, 0) &&
		    (__u8)(word >> 32) == ' ')
			return METHOD_POST;
		if (four == (__u32)CHARS('H', 'E', 'A', 'D', 0, 0, 0, 0) &&
		    (__u8)(word >> 32) == ' ')
			return METHOD_HEAD;
		if (four == (__u32)CHARS('P', 'U', 'T', ' ', 0, 0, 0, 0))
			return METHOD_PUT;
		return -1;
	}
	status = http_status(cur, 0, 13);
	return status == 101 ? -1 : status;
}

/* Content-Length at `at`, without its name. False if its form is not the usual one. */
static __always_inline bool glance_length(struct http_parser *p, const struct cursor *cur, __u32 at)
{
	__u64 word = cursor_load(cur, at + 1), value = 0;
	__u32 digits;

	if (cursor_byte(cur, at) != ' ' || (p->flags & HTTP_F_LENGTH))
		return false;
	for (digits = 0; digits < 7; digits++) {
		__u32 digit = (__u32)(__u8)word - '0';

		if (digit > 9)
			break;
		value = value * 10 + digit;
		word >>= 8;
	}
	if (!digits || (__u8)word != '\r')
		return false;
	p->flags |= HTTP_F_LENGTH;
	p->body_left = value;
	return true;
}

/* A line that may matter begins at `at`. False if the general way must look at it. Alone, as
 * http_line() is. */
VERIFIED_ALONE int glance_line(struct http_parser *p, const struct cursor *cur, __u32 at)
{
	if (!p || !cur)
		return false;
	if (http_is_length(cur, at))
		return glance_length(p, cur, at + 15);
	if (!http_is_coding(cur, at))
		return true;
	/* its only usual value */
	if (p->flags & HTTP_F_CODING ||
	    (cursor_load(cur, at + 17) | CURSOR_ONES * 0x20) !=
		    CHARS(':', ' ', 'c', 'h', 'u', 'n', 'k', 'e') ||
	    (__u32)(cursor_load(cur, at + 25) | 0x20) !=
		    (__u32)CHARS('d', '\r', '\n', 0, 0, 0, 0, 0))
		return false;
	p->flags |= HTTP_F_CODING | HTTP_F_CHUNKED;
	return true;
}

/* The request line that ends at `end` has the usual version. */
static __always_inline bool glance_version(const struct cursor *cur, __u32 end)
{
	__u64 version = cursor_load(cur, end - 8);

	return end >= 14 &&
	       (version & 0xffffffffffffffULL) == CHARS('H', 'T', 'T', 'P', '/', '1', '.', 0) &&
	       (version >> 56) - '0' < 2 && cursor_byte(cur, end - 9) == ' ';
}

/*
 * Of the first letters of lines, those that may matter, by their six low bits: "c" and "t" of
 * either case, CR, and the blanks that go on with the line before (RFC 9112, 5.2).
 */
#define GLANCE_LETTERS                                                                             \
	(1ULL << ('c' & 63) | 1ULL << ('t' & 63) | 1ULL << (('\r' | 0x20) & 63) |                  \
	 1ULL << (' ' & 63) | 1ULL << (('\t' | 0x20) & 63))

/* A line begins at `pos` with a letter that may matter. As glance_next(). */
static __always_inline int glance_letter(struct http_parser *p, struct cursor *cur, __u64 word)
{
	__u32 pos = cur->pos;

	switch ((__u8)word | 0x20) {
	case '\r' | 0x20:
		cur->pos = pos + 2;
		return (__u16)word == GLANCE_CRLF && pos + 2 <= cur->bytes ? HTTP_HEAD : HTTP_BAD;
	case 'c':
	case 't':
		return glance_line(p, cur, pos) ? HTTP_MORE : HTTP_BAD;
	case ' ':
	case '\t' | 0x20:
		return HTTP_BAD;
	}
	return HTTP_MORE;
}

/*
 * Moves cur->pos behind the next line. HTTP_MORE if one follows, HTTP_HEAD behind the last, or
 * HTTP_BAD: it is not usual, or not whole. The position is in memory, not in a register, whose
 * history the verifier would follow.
 */
static __always_inline int glance_next(struct http_parser *p, struct cursor *cur, bool start)
{
	__u32 pos = cur->pos;
	const __u8 *at = cursor_at(cur, pos);
	__u64 word, hit = glance_ends(cursor_word(at, 0));

	if (!hit) {
		hit = glance_ends(cursor_word(at, 8));
		pos += 8;
	}
	if (!hit) {
		hit = glance_ends(cursor_word(at, 16));
		pos += 8;
	}
	if (!hit) {
		hit = glance_ends(cursor_word(at, 24));
		pos += 8;
	}
	if (!hit) {
		cur->pos = pos + 8;
		/* the start line is not met again: one so long is not usual */
		return !start && pos + 8 < cur->bytes ? HTTP_MORE : HTTP_BAD;
	}
	pos += cursor_first(hit);
	at = cursor_at(cur, pos);
	word = cursor_word(at, 0);
	if ((__u16)word != GLANCE_CRLF ||
	    (start && !(p->flags & HTTP_F_RESPONSE) && !glance_version(cur, pos)))
		return HTTP_BAD;
	cur->pos = pos + 2;
	word = cursor_word(at, 2);
	if (GLANCE_LETTERS >> ((word | 0x20) & 63) & 1)
		return glance_letter(p, cur, word);
	return pos < cur->bytes ? HTTP_MORE : HTTP_BAD;
}

/*
 * Follows a message from its first byte, which is the cursor's. HTTP_HEAD with everything as
 * http_scan() leaves it; or HTTP_MORE if it is not usual, or not whole: then only what a start line
 * sets anew is spoilt.
 */
VERIFIED_ALONE int http_glance(struct http_parser *p, struct cursor *cur)
{
	int token, result;

	if (!p || !cur)
		return HTTP_MORE;
	token = glance_token(cur, p->flags & HTTP_F_RESPONSE);
	if (token < 0)
		return HTTP_MORE;
	p->token = (__u16)token;
	p->flags &= (__u8)~HTTP_F_MESSAGE;
	p->body_left = 0;
	cur->pos = 8;
	result = glance_next(p, cur, true);
	for (int i = 0; i < GLANCE_STEPS && result == HTTP_MORE; i++)
		result = glance_next(p, cur, false);
	if (result == HTTP_HEAD) {
		p->phase = HTTP_HEADER;
		return HTTP_HEAD;
	}
	cur->pos = 0;
	return HTTP_MORE;
}

#endif
