/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HTTP/1.x message framing (RFC 9112), for one direction of one connection.
 *
 * The parser sees a message as lines and bodies. It wants whole lines, but the
 * bytes come in whatever pieces the program reads or writes, so the start of an
 * unfinished line is carried to the next piece; of a line longer than the carry
 * only what its kind still needs is kept. Lines are found eight bytes at a time
 * (a byte loop costs more than everything else together), and of the header
 * only Content-Length and Transfer-Encoding are looked at. Bodies are counted,
 * never read, but for the chunk sizes.
 *
 * Pure: takes bytes, returns values, touches no map. It compiles natively too;
 * unit tests and the fuzzer run this very code.
 */
#ifndef EDGETAP_PROTO_HTTP1_H
#define EDGETAP_PROTO_HTTP1_H

#include "cursor.h"
#include "instance.h"

#define HTTP_CARRY 24 /* bytes of an unfinished line that are kept */
#define HTTP_VALUE 44 /* bytes of a Content-Length that are followed, padding included */
#define HTTP_BLANKS 7 /* blanks around a value: for more the tail and the carry have no room */
#define HTTP_STEPS 96 /* lines and triples of words looked at in one go; the verifier walks each */
#define HTTP_START_WORDS 16 /* words in which a start line's end is looked for at once */

_Static_assert(HTTP_CARRY + CURSOR_BYTES <= CURSOR_MASK, "indices are masked");

enum http_phase {
	HTTP_START,	  /* before or inside the start line */
	HTTP_HEADER,	  /* inside the header section */
	HTTP_BODY_LENGTH, /* body_left bytes of content follow */
	HTTP_BODY_CLOSE,  /* content ends with the connection */
	HTTP_CHUNK_SIZE,  /* inside a chunk-size line */
	HTTP_CHUNK_DATA,  /* body_left bytes of chunk and its CRLF follow */
	HTTP_TRAILER,	  /* inside the trailer section */
	HTTP_RESYNC,	  /* position lost: a message may start with the next piece */
	HTTP_PREFIX,	  /* inside a header of the PROXY protocol: the caller's (prefix.h) */
};

/* What is known of an unfinished line that is longer than the carry. */
enum http_line_kind {
	HTTP_LINE_WHOLE,  /* nothing: all of it so far is in the carry */
	HTTP_LINE_SKIP,	  /* of no interest; of a chunk-size line the size is in body_left */
	HTTP_LINE_START,  /* start line, its first token is in `token` */
	HTTP_LINE_LENGTH, /* Content-Length, inside the digits, value so far in body_left */
	HTTP_LINE_CODING, /* Transfer-Encoding: its last word matters */
	/* nothing of this line, but it may go on with the one before (RFC 9112, 5.2) */
	HTTP_LINE_LENGTH_OVER,
	HTTP_LINE_CODING_OVER,
};

#define HTTP_F_RESPONSE 0x01  /* parses responses; never changes */
#define HTTP_F_LENGTH 0x02    /* Content-Length seen, in body_left */
#define HTTP_F_CHUNKED 0x04   /* last transfer coding is chunked */
#define HTTP_F_CODING 0x08    /* Transfer-Encoding seen */
#define HTTP_F_WEBSOCKET 0x10 /* response 101: Upgrade to that */
#define HTTP_F_H2C 0x20	      /* response 101: to HTTP/2 */
#define HTTP_F_FIRST 0x10     /* request: nothing has come before it on the connection */
#define HTTP_F_STRICT 0x20    /* request: only a line that is certainly one starts it */
#define HTTP_F_ODD 0x40	      /* request: nothing says that it is one of HTTP */
#define HTTP_F_SIMPLE 0x80    /* request: begins as one of HTTP/0.9 does */
#define HTTP_F_MESSAGE ((__u8)~HTTP_F_RESPONSE)

enum http_result {
	HTTP_MORE,    /* all that was given belongs to the message, and more is to come */
	HTTP_HEAD,    /* the header section is complete; the caller sets the next phase */
	HTTP_DONE,    /* the message is complete */
	HTTP_PREFACE, /* this is the first line of an HTTP/2 connection (RFC 9113, 3.4) */
	HTTP_NOT,     /* this is no HTTP/1.x start line; this and what follows are refusals */
	HTTP_PROXY,   /* maybe a header of the PROXY protocol; nothing else was in this window */
	HTTP_BAD,     /* framing that cannot be followed */
};

/* How far the value of a Content-Length has been followed. */
#define HTTP_VALUE_BEGUN 0x01  /* a digit was seen */
#define HTTP_VALUE_ENDED 0x02  /* and then a blank */
#define HTTP_VALUE_RETURN 0x04 /* the last piece ended with CR: only a newline may follow */
#define HTTP_VALUE_SECOND 0x08 /* there was another one before; its value is in the carry */

struct http_parser {
	__u64 body_left;
	__u8 carry[HTTP_CARRY];
	__u16 token; /* request: enum http_method; response: status code */
	__u8 phase;
	__u8 line_kind;
	__u8 flags;
	__u8 carry_bytes;
	__u8 value_bytes; /* of a Content-Length line: seen so far */
	__u8 value_state; /* HTTP_VALUE_* */
};

_Static_assert(sizeof(struct http_parser) == 40, "two of them live in a socket's state");

/* Moves pos to the first newline; false, and behind what it looked at, if that is none. */
static __always_inline bool http_newline(const struct cursor *cur, __u32 *pos, __u32 bytes)
{
	for (int i = 0; i < HTTP_START_WORDS && *pos < bytes; i++) {
		__u64 hit = cursor_newlines(cursor_load(cur, *pos));

		if (hit) {
			*pos += cursor_first(hit);
			return *pos < bytes;
		}
		*pos += 8;
	}
	return false;
}

/* The end of the line [at, newline), without the CR before the newline. */
static __always_inline __u32 http_line_end(const struct cursor *cur, __u32 at, __u32 newline)
{
	return newline > at && cursor_byte(cur, newline - 1) == '\r' ? newline - 1 : newline;
}

/*
 * True if the bytes begin as usual methods do, with upper-case letters, and '-' and '_' behind the
 * first, up to a space or to where they end.
 */
static __always_inline bool http_usual(const struct cursor *cur, __u32 at, __u32 end)
{
	for (__u32 i = 0; i < 20; i++) {
		__u8 c = cursor_byte(cur, at + i);

		if (at + i >= end || c == ' ')
			return i > 0;
		if (!((c >= 'A' && c <= 'Z') || (i > 0 && (c == '-' || c == '_'))))
			return false;
	}
	return false;
}

/* The method that eight bytes begin with, and a space behind it; -1 if that is none of the known.
 */
static __always_inline int http_method_of(__u64 v)
{
	__u32 v4 = (__u32)v;

	if (v4 == (__u32)CHARS('G', 'E', 'T', ' ', 0, 0, 0, 0))
		return METHOD_GET;
	if (v4 == (__u32)CHARS('P', 'O', 'S', 'T', 0, 0, 0, 0) && (__u8)(v >> 32) == ' ')
		return METHOD_POST;
	if (v4 == (__u32)CHARS('H', 'E', 'A', 'D', 0, 0, 0, 0) && (__u8)(v >> 32) == ' ')
		return METHOD_HEAD;
	if (v4 == (__u32)CHARS('P', 'U', 'T', ' ', 0, 0, 0, 0))
		return METHOD_PUT;
	if ((v & 0xffffffffffffffULL) == CHARS('D', 'E', 'L', 'E', 'T', 'E', ' ', 0))
		return METHOD_DELETE;
	if (v == CHARS('O', 'P', 'T', 'I', 'O', 'N', 'S', ' '))
		return METHOD_OPTIONS;
	if ((v & 0xffffffffffffULL) == CHARS('P', 'A', 'T', 'C', 'H', ' ', 0, 0))
		return METHOD_PATCH;
	if (v == CHARS('C', 'O', 'N', 'N', 'E', 'C', 'T', ' '))
		return METHOD_CONNECT;
	if ((v & 0xffffffffffffULL) == CHARS('T', 'R', 'A', 'C', 'E', ' ', 0, 0))
		return METHOD_TRACE;
	return -1;
}

/* Status code of the status line that starts at `at`, or -1. */
static __always_inline int http_status(const struct cursor *cur, __u32 at, __u32 end)
{
	__u64 version = cursor_load(cur, at), code = cursor_load(cur, at + 8);
	__u32 a = (__u8)(code >> 8) - '0', b = (__u8)(code >> 16) - '0',
	      c = (__u8)(code >> 24) - '0';

	if ((version & 0xffffffffffffffULL) != CHARS('H', 'T', 'T', 'P', '/', '1', '.', 0) ||
	    (version >> 56) - '0' > 9)
		return -1;
	if (end - at < 12 || (__u8)code != ' ' || a < 1 || a > 9 || b > 9 || c > 9)
		return -1;
	if (end - at > 12 && (__u8)(code >> 32) != ' ')
		return -1;
	return (int)(a * 100 + b * 10 + c);
}

/* An element of a Content-Length is complete. RFC 9112, 6.3: differing lengths are an error. */
static __always_inline int http_length_end(struct http_parser *p)
{
	if (!(p->value_state & HTTP_VALUE_BEGUN))
		return HTTP_BAD;
	if ((p->value_state & HTTP_VALUE_SECOND) && *(__u64 *)p->carry != p->body_left)
		return HTTP_BAD;
	p->value_state &= HTTP_VALUE_BEGUN;
	p->flags |= HTTP_F_LENGTH;
	return HTTP_MORE;
}

/*
 * Adds the digits in [at, end) to body_left, from where value_* say the last
 * piece ended. HTTP_BAD for anything but digits with padding around, or a list of such.
 */
VERIFIED_ALONE int http_digits(struct http_parser *p, const struct cursor *cur, __u32 at, __u32 end)
{
	__u32 seen;

	if (!p || !cur)
		return HTTP_BAD;
	seen = p->value_bytes;
	/* the value stays in memory: what is in a register the verifier walks by its history */
	for (__u32 i = 0; i <= HTTP_VALUE; i++) {
		__u8 c = cursor_byte(cur, at + i);

		if (at + i >= end) {
			p->value_bytes = (__u8)(seen + i);
			return HTTP_MORE;
		}
		if (seen + i >= HTTP_VALUE)
			return HTTP_BAD;
		if (c == ' ' || c == '\t') {
			if (p->value_state & HTTP_VALUE_BEGUN)
				p->value_state |= HTTP_VALUE_ENDED;
			continue;
		}
		if (c == ',') {
			if (http_length_end(p) == HTTP_BAD)
				return HTTP_BAD;
			p->value_state = 0;
			continue;
		}
		if (c < '0' || c > '9' || (p->value_state & HTTP_VALUE_ENDED))
			return HTTP_BAD;
		if (!(p->value_state & HTTP_VALUE_BEGUN)) {
			p->value_state = HTTP_VALUE_BEGUN;
			if (p->flags & HTTP_F_LENGTH)
				p->value_state |= HTTP_VALUE_SECOND;
			*(__u64 *)p->carry = p->body_left;
			p->body_left = 0;
		}
		if (p->body_left > (1ULL << 58))
			return HTTP_BAD;
		p->body_left = p->body_left * 10 + (c - '0');
	}
	return HTTP_BAD;
}

#define HTTP_FOLD_LETTERS 0x2020202020202020ULL

static __always_inline bool http_is_length(const struct cursor *cur, __u32 at)
{
	/* "content-" and "length:", letters folded, punctuation exact */
	return (cursor_load(cur, at) | 0x0020202020202020ULL) ==
		       CHARS('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
	       ((cursor_load(cur, at + 8) | 0x0000202020202020ULL) & 0xffffffffffffffULL) ==
		       CHARS('l', 'e', 'n', 'g', 't', 'h', ':', 0);
}

static __always_inline bool http_is_coding(const struct cursor *cur, __u32 at)
{
	/* "transfer", "-encodin" and "g:" */
	return (cursor_load(cur, at) | HTTP_FOLD_LETTERS) ==
		       CHARS('t', 'r', 'a', 'n', 's', 'f', 'e', 'r') &&
	       (cursor_load(cur, at + 8) | 0x2020202020202000ULL) ==
		       CHARS('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n') &&
	       ((cursor_load(cur, at + 16) | 0x20) & 0xffff) == CHARS('g', ':', 0, 0, 0, 0, 0, 0);
}

static __always_inline bool http_is_blank(__u8 c)
{
	return c == ' ' || c == '\t';
}

/* Whether a line of text may begin with it: other protocols are told by their first byte. */
static __always_inline bool http_is_text(__u8 c)
{
	return c >= ' ' || c == '\t';
}

static __always_inline bool http_is_version(__u64 v)
{
	return (v & 0xffffffffffffffULL) == CHARS('H', 'T', 'T', 'P', '/', '1', '.', 0) &&
	       (v >> 56) - '0' <= 9;
}

/* The start line is that of a message, whose header section follows. */
static __always_inline int http_begun(struct http_parser *p, int token)
{
	p->token = (__u16)token;
	p->flags &= (__u8)~HTTP_F_MESSAGE;
	p->body_left = 0;
	p->phase = HTTP_HEADER;
	return HTTP_MORE;
}

/*
 * With these bytes, [at, end), a connection may begin that has a header of the PROXY protocol:
 * version 1, or version 2 behind what looks like two empty lines.
 */
static __always_inline bool http_is_prefix(const struct http_parser *p, const struct cursor *cur,
					   __u32 at, __u32 end)
{
	__u64 v = cursor_load(cur, at);

	if (!(p->flags & HTTP_F_FIRST))
		return false;
	return !(__u8)v || (end - at >= 8 && (v == CHARS('P', 'R', 'O', 'X', 'Y', ' ', 'T', 'C') ||
					      v == CHARS('P', 'R', 'O', 'X', 'Y', ' ', 'U', 'N')));
}

/*
 * What the start of a request line, of which [at, end) is there, says of it: its method, and
 * whether it is one of HTTP should no version follow. Servers take blanks for a space (RFC 9112,
 * 3), and skip some before the line.
 */
static __always_inline int http_odd_start(struct http_parser *p, const struct cursor *cur, __u32 at,
					  __u32 end)
{
	__u64 v = cursor_load(cur, at), tab;

	p->flags &= (__u8) ~(HTTP_F_ODD | HTTP_F_SIMPLE);
	if (end - at >= 5 && (v & 0xffffffffffULL) == CHARS('G', 'E', 'T', ' ', '/', 0, 0, 0))
		p->flags |= HTTP_F_SIMPLE;
	if (!http_usual(cur, at, end))
		p->flags |= HTTP_F_ODD;
	for (int i = 0; i < HTTP_BLANKS && http_is_blank((__u8)v); i++)
		v = cursor_load(cur, ++at);
	/* the first tab as a space */
	tab = cursor_bytes_equal(v, '\t');
	v ^= ((tab & -tab) >> 7) * ('\t' ^ ' ');
	return http_method_of(v);
}

/*
 * A request line that is not as most are: a method that is not known, or written in another way,
 * blanks where none should be, no version or another one. Servers serve some of these, and answer
 * the others: with its header section it is a request as any other. Alone, because it is rare.
 */
VERIFIED_ALONE int http_odd_line(struct http_parser *p, const struct cursor *cur, __u32 at,
				 __u32 end)
{
	__u8 flags;
	int method;

	if (!p || !cur)
		return HTTP_BAD;
	method = p->token;
	if (p->line_kind == HTTP_LINE_WHOLE) {
		if (end - at == 14 &&
		    cursor_load(cur, at) == CHARS('P', 'R', 'I', ' ', '*', ' ', 'H', 'T') &&
		    cursor_load(cur, at + 6) == CHARS('H', 'T', 'T', 'P', '/', '2', '.', '0'))
			return HTTP_PREFACE;
		if (http_is_prefix(p, cur, at, end))
			return HTTP_PROXY;
		if (!http_is_text(cursor_byte(cur, at)))
			return HTTP_NOT;
		method = http_odd_start(p, cur, at, end);
	}
	flags = p->flags;
	for (int i = 0; i < HTTP_BLANKS && end > at && http_is_blank(cursor_byte(cur, end - 1));
	     i++)
		end--;
	if (end - at >= 10 && http_is_version(cursor_load(cur, end - 8)) &&
	    http_is_blank(cursor_byte(cur, end - 9))) {
		if ((flags & HTTP_F_STRICT) && (flags & HTTP_F_ODD))
			return HTTP_NOT;
		return http_begun(p, method < 0 ? METHOD_OTHER : method);
	}
	if (flags & HTTP_F_STRICT)
		return HTTP_NOT;
	http_begun(p, METHOD_OTHER);
	p->flags |= flags & HTTP_F_SIMPLE ? HTTP_F_SIMPLE : HTTP_F_ODD;
	return HTTP_MORE;
}

/* The start line [at, end) is complete; of a long one `at` is the start of its tail. */
static __always_inline int http_start_line(struct http_parser *p, const struct cursor *cur,
					   __u32 at, __u32 end)
{
	int token = p->token;

	/* RFC 9112, 2.2: ignore an empty line before a request; clients do so before a response */
	if (end == at && p->line_kind == HTTP_LINE_WHOLE)
		return HTTP_MORE;
	if (p->flags & HTTP_F_RESPONSE) {
		if (p->line_kind == HTTP_LINE_WHOLE)
			token = http_status(cur, at, end);
		return token < 0 ? HTTP_NOT : http_begun(p, token);
	}
	if (p->line_kind == HTTP_LINE_WHOLE) {
		token = http_method_of(cursor_load(cur, at));
	}
	if (token < 0 || end - at < 10 || !http_is_version(cursor_load(cur, end - 8)) ||
	    cursor_byte(cur, end - 9) != ' ')
		return http_odd_line(p, cur, at, end);
	return http_begun(p, token);
}

/*
 * The line of a field is complete, of which the next one may be a part: `kind` says which field.
 * Mostly it is there, and is none.
 */
static __always_inline int http_field_over(struct http_parser *p, const struct cursor *cur,
					   __u32 newline, __u8 kind)
{
	p->line_kind = kind;
	if (newline + 1 >= cur->bytes || http_is_blank(cursor_byte(cur, newline + 1)))
		return HTTP_MORE;
	p->line_kind = HTTP_LINE_WHOLE;
	return kind == HTTP_LINE_LENGTH_OVER && !(p->value_state & HTTP_VALUE_BEGUN) ? HTTP_BAD
										     : HTTP_MORE;
}

/* The line of a Content-Length is complete with its digits in [at, end). */
static __always_inline int http_length_line(struct http_parser *p, const struct cursor *cur,
					    __u32 at, __u32 end, __u32 newline)
{
	if (http_digits(p, cur, at, end) == HTTP_BAD)
		return HTTP_BAD;
	if ((p->value_state & HTTP_VALUE_BEGUN) && http_length_end(p) == HTTP_BAD)
		return HTTP_BAD;
	p->value_state &= HTTP_VALUE_BEGUN;
	p->value_bytes = 0;
	return http_field_over(p, cur, newline, HTTP_LINE_LENGTH_OVER);
}

/* The window ends in a value: its part [at, end). */
static __always_inline int http_length_part(struct http_parser *p, const struct cursor *cur,
					    __u32 at, __u32 end)
{
	bool ends_with_return = cursor_byte(cur, end - 1) ==
				'\r'; /* maybe split before the newline */

	if (http_digits(p, cur, at, ends_with_return ? end - 1 : end) == HTTP_BAD)
		return HTTP_BAD;
	if (ends_with_return)
		p->value_state |= HTTP_VALUE_RETURN;
	return HTTP_MORE;
}

/* The end of a line that ends in blanks, without them. Rare, so that a call costs nothing. */
VERIFIED_ALONE __u32 http_trim(const struct cursor *cur, __u32 end)
{
	if (!cur)
		return end;
	for (int i = 0; i < HTTP_BLANKS && http_is_blank(cursor_byte(cur, end - 1)); i++)
		end--;
	return end;
}

/* Whether a word of a list may begin behind it. */
static __always_inline bool http_is_before_word(__u8 c)
{
	return c == ' ' || c == ',' || c == ':' || c == '\t';
}

/*
 * A Transfer-Encoding line is complete: is "chunked" its last word? "identity" is no coding, and
 * no longer in RFC 9112; who names it means that there is none.
 */
static __always_inline int http_coding_line(struct http_parser *p, const struct cursor *cur,
					    __u32 at, __u32 end, __u32 newline)
{
	__u64 last;

	if (http_is_blank(cursor_byte(cur, end - 1)))
		end = http_trim(cur, end);
	last = cursor_load(cur, end - 8);
	if (end <= at ||
	    ((last | HTTP_FOLD_LETTERS) == CHARS('i', 'd', 'e', 'n', 't', 'i', 't', 'y') &&
	     http_is_before_word(cursor_byte(cur, end - 9))))
		return http_field_over(p, cur, newline, HTTP_LINE_CODING_OVER);
	p->flags |= HTTP_F_CODING;
	if (((last >> 8) | 0x20202020202020ULL) == CHARS('c', 'h', 'u', 'n', 'k', 'e', 'd', 0) &&
	    http_is_before_word((__u8)last))
		p->flags |= HTTP_F_CHUNKED;
	else
		p->flags &= (__u8)~HTTP_F_CHUNKED;
	return http_field_over(p, cur, newline, HTTP_LINE_CODING_OVER);
}

/*
 * The size that the line [at, end), or the start of it, begins with; -1 if there is none.
 * Alone, because each line that http_scan() comes to would have the verifier walk all sizes.
 */
VERIFIED_ALONE __s64 http_chunk_size(const struct cursor *cur, __u32 at, __u32 end)
{
	__u64 size = 0;
	__u32 i;

	if (!cur)
		return -1;
	for (i = 0; i < HTTP_CARRY; i++) {
		__u8 c = cursor_byte(cur, at + i);
		__u8 digit;

		if (at + i >= end)
			break;
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20) - 'a' + 10;
		else if (c == ';' || c == ' ' || c == '\t')
			break;
		else
			return -1;
		if (size >> 56)
			return -1; /* so that a size is far from overflow */
		size = size << 4 | digit;
	}
	return i == 0 || i == HTTP_CARRY ? -1 : (__s64)size;
}

static __always_inline int http_chunk_line(struct http_parser *p, const struct cursor *cur,
					   __u32 at, __u32 end)
{
	__s64 size;

	size = p->line_kind == HTTP_LINE_SKIP ? (__s64)p->body_left : http_chunk_size(cur, at, end);
	if (size < 0)
		return HTTP_BAD;
	if (size == 0) {
		p->phase = HTTP_TRAILER;
	} else {
		p->body_left = (__u64)size + 2;
		p->phase = HTTP_CHUNK_DATA;
	}
	return HTTP_MORE;
}

/* "upgrade:" of a response 101, and what follows it up to the end of the line. */
static __always_inline int http_upgrade_line(struct http_parser *p, const struct cursor *cur,
					     __u32 at)
{
	__u64 protocol;

	if ((cursor_load(cur, at) | 0x0020202020202020ULL) !=
	    CHARS('u', 'p', 'g', 'r', 'a', 'd', 'e', ':'))
		return HTTP_MORE;
	at += 8;
	for (int i = 0; i < HTTP_BLANKS && http_is_blank(cursor_byte(cur, at)); i++)
		at++;
	protocol = cursor_load(cur, at);
	if ((protocol | HTTP_FOLD_LETTERS) == CHARS('w', 'e', 'b', 's', 'o', 'c', 'k', 'e'))
		p->flags |= HTTP_F_WEBSOCKET;
	else if (((protocol | 0x200020) & 0xffffff) == CHARS('h', '2', 'c', 0, 0, 0, 0, 0))
		p->flags |= HTTP_F_H2C;
	return HTTP_MORE;
}

/*
 * One complete line, newline at `newline`. Of a long one only the tail is in the window.
 * Alone: few lines of a message need it, and http_scan() would have the verifier walk it for each.
 */
VERIFIED_ALONE int http_line(struct http_parser *p, const struct cursor *cur, __u32 at,
			     __u32 newline)
{
	__u32 end;
	__u8 first;

	if (!p || !cur)
		return HTTP_BAD;
	end = http_line_end(cur, at, newline);
	if (p->phase == HTTP_START)
		return http_start_line(p, cur, at, end);
	if (p->phase == HTTP_CHUNK_SIZE)
		return http_chunk_line(p, cur, at, end);

	switch (p->line_kind) {
	case HTTP_LINE_SKIP:
		return HTTP_MORE;
	case HTTP_LINE_LENGTH:
		if ((p->value_state & HTTP_VALUE_RETURN) && newline != at)
			return HTTP_BAD;
		return http_length_line(p, cur, at, end, newline);
	case HTTP_LINE_CODING:
		return http_coding_line(p, cur, at, end, newline);
	case HTTP_LINE_LENGTH_OVER:
		if (http_is_blank(cursor_byte(cur, at)))
			return http_length_line(p, cur, at, end, newline);
		if (!(p->value_state & HTTP_VALUE_BEGUN))
			return HTTP_BAD;
		break;
	case HTTP_LINE_CODING_OVER:
		if (http_is_blank(cursor_byte(cur, at)))
			return http_coding_line(p, cur, at, end, newline);
		break;
	}
	p->line_kind = HTTP_LINE_WHOLE;
	if (end == at) {
		if (p->phase == HTTP_HEADER)
			return HTTP_HEAD;
		p->phase = HTTP_START;
		return HTTP_DONE;
	}
	if (p->phase == HTTP_TRAILER)
		return HTTP_MORE;
	first = cursor_byte(cur, at) | 0x20;
	if (first == 'c') {
		if (end - at >= 15 && http_is_length(cur, at)) {
			p->value_bytes = 0;
			p->value_state = 0;
			return http_length_line(p, cur, at + 15, end, newline);
		}
	} else if (first == 't') {
		if (end - at >= 18 && http_is_coding(cur, at))
			return http_coding_line(p, cur, at, end, newline);
	} else if (first == 'u' && p->token == 101) {
		return http_upgrade_line(p, cur, at);
	}
	return HTTP_MORE;
}

static __always_inline void http_keep(struct http_parser *p, const struct cursor *cur, __u32 at,
				      __u32 bytes)
{
	__u64 *carry = (__u64 *)p->carry;

	carry[0] = cursor_load(cur, at);
	carry[1] = cursor_load(cur, at + 8);
	carry[2] = cursor_load(cur, at + 16);
	p->carry_bytes = (__u8)bytes;
}

/* The window ends inside a start line: could it be one, and of what? */
static __always_inline int http_start_begins(struct http_parser *p, const struct cursor *cur,
					     __u32 at, __u32 end)
{
	__u8 first = cursor_byte(cur, at);
	int token;

	if (first == '\r' && end - at <= HTTP_CARRY)
		return HTTP_MORE;
	if (p->flags & HTTP_F_RESPONSE) {
		token = end - at > HTTP_CARRY ? http_status(cur, at, end) : first == 'H' ? 0 : -1;
		if (token < 0)
			return HTTP_NOT;
	} else {
		if (http_is_prefix(p, cur, at, end))
			return HTTP_PROXY;
		if (!http_is_text(first))
			return HTTP_NOT;
		token = http_odd_start(p, cur, at, end);
		if ((p->flags & HTTP_F_STRICT) && (p->flags & HTTP_F_ODD))
			return HTTP_NOT;
		if (token < 0)
			token = METHOD_OTHER;
	}
	p->token = (__u16)token;
	return HTTP_MORE;
}

/* The window ends inside a line that starts at `at`: keep what the rest will need. */
VERIFIED_ALONE int http_unfinished(struct http_parser *p, const struct cursor *cur, __u32 at,
				   __u32 end)
{
	__u32 bytes = end - at;
	__s64 size;
	int result;

	if (!p || !cur)
		return HTTP_BAD;
	if (p->line_kind == HTTP_LINE_WHOLE && p->phase == HTTP_START) {
		result = http_start_begins(p, cur, at, end);
		if (result != HTTP_MORE)
			return result;
	}
	if (p->line_kind >= HTTP_LINE_LENGTH_OVER && !http_is_blank(cursor_byte(cur, at))) {
		if (p->line_kind == HTTP_LINE_LENGTH_OVER && !(p->value_state & HTTP_VALUE_BEGUN))
			return HTTP_BAD;
		p->line_kind = HTTP_LINE_WHOLE;
	}
	if ((p->line_kind == HTTP_LINE_WHOLE || p->line_kind >= HTTP_LINE_LENGTH_OVER) &&
	    bytes <= HTTP_CARRY) {
		http_keep(p, cur, at, bytes);
		return HTTP_MORE;
	}
	if (p->line_kind == HTTP_LINE_WHOLE) {
		switch (p->phase) {
		case HTTP_START:
			p->line_kind = HTTP_LINE_START;
			break;
		case HTTP_CHUNK_SIZE:
			size = http_chunk_size(cur, at, end);
			if (size < 0)
				return HTTP_BAD;
			p->body_left = (__u64)size; /* what is to come is an extension */
			p->line_kind = HTTP_LINE_SKIP;
			break;
		default:
			if (p->phase == HTTP_HEADER && http_is_length(cur, at)) {
				p->line_kind = HTTP_LINE_LENGTH;
				p->value_bytes = 0;
				p->value_state = 0;
				return http_length_part(p, cur, at + 15, end);
			}
			if (p->phase == HTTP_HEADER && p->token == 101)
				http_upgrade_line(p, cur, at);
			p->line_kind = p->phase == HTTP_HEADER && http_is_coding(cur, at)
					       ? HTTP_LINE_CODING
					       : HTTP_LINE_SKIP;
		}
	} else if (p->line_kind == HTTP_LINE_LENGTH_OVER) {
		p->line_kind = HTTP_LINE_LENGTH;
		return http_length_part(p, cur, at, end);
	} else if (p->line_kind == HTTP_LINE_CODING_OVER) {
		p->line_kind = HTTP_LINE_CODING;
	} else if (p->line_kind == HTTP_LINE_LENGTH) {
		if (p->value_state & HTTP_VALUE_RETURN)
			return HTTP_BAD;
		return http_length_part(p, cur, at, end);
	}
	if (p->line_kind != HTTP_LINE_SKIP) {
		if (bytes > HTTP_CARRY) {
			at = end - HTTP_CARRY;
			bytes = HTTP_CARRY;
		}
		http_keep(p, cur, at, bytes);
	}
	return HTTP_MORE;
}

/*
 * Follows the message through the window from cur->pos, which must be at its
 * first byte, the carry; the phase must be one of lines, not of content. On return cur->pos is
 * behind the last byte that belongs to what the result reports; with HTTP_MORE it may be short of
 * cur->bytes, then the caller comes again with the rest.
 */
VERIFIED_ALONE int http_scan(struct http_parser *p, struct cursor *cur)
{
	__u32 pos, bytes, line;
	int result;

	if (!p || !cur)
		return HTTP_BAD;
	pos = cur->pos;
	line = pos;
	bytes = cur->bytes;
	p->carry_bytes = 0;
	/* the usual start of a message, without a call */
	if (p->phase == HTTP_START && http_newline(cur, &pos, bytes)) {
		result = http_start_line(p, cur, line, http_line_end(cur, line, pos));
		p->line_kind = HTTP_LINE_WHOLE;
		line = ++pos;
		if (result != HTTP_MORE) {
			cur->pos = pos;
			return result;
		}
	}
	for (int i = 0; i < HTTP_STEPS; i++) {
		__u64 word, hit;
		__u32 newline;

		if (pos >= bytes)
			break;
		hit = cursor_newlines(cursor_load(cur, pos));
		if (!hit) {
			hit = cursor_newlines(cursor_load(cur, pos + 8));
			pos += 8;
		}
		if (!hit) {
			hit = cursor_newlines(cursor_load(cur, pos + 8));
			pos += 8;
		}
		if (!hit) {
			pos += 8;
			continue;
		}
		newline = pos + cursor_first(hit);
		if (newline >= bytes) {
			pos = bytes;
			break;
		}
		pos = newline + 1;
		if (p->phase == HTTP_HEADER && p->line_kind == HTTP_LINE_WHOLE) {
			/* most lines are of no interest */
			word = cursor_load(cur, line);
			if ((__u16)word == (__u16)CHARS('\r', '\n', 0, 0, 0, 0, 0, 0)) {
				cur->pos = pos;
				return HTTP_HEAD;
			}
			word |= HTTP_FOLD_LETTERS;
			if ((__u8)word > '0' &&
			    word != CHARS('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
			    word != CHARS('t', 'r', 'a', 'n', 's', 'f', 'e', 'r') &&
			    p->token != 101) {
				line = pos;
				continue;
			}
		}
		result = http_line(p, cur, line, newline);
		if (p->line_kind < HTTP_LINE_LENGTH_OVER)
			p->line_kind = HTTP_LINE_WHOLE;
		if (p->phase == HTTP_CHUNK_DATA) {
			__u64 skip = bytes - pos;

			if (skip > p->body_left)
				skip = p->body_left;
			p->body_left -= skip;
			pos += (__u32)skip;
			if (!p->body_left)
				p->phase = HTTP_CHUNK_SIZE;
		}
		line = pos;
		if (result != HTTP_MORE) {
			cur->pos = pos;
			return result;
		}
	}
	if (pos > bytes)
		pos = bytes;
	cur->pos = pos;
	if (pos > line)
		return http_unfinished(p, cur, line, pos);
	return HTTP_MORE;
}

/* True if the next bytes must be looked at, not only counted. */
static __always_inline bool http_wants_bytes(const struct http_parser *p)
{
	return p->phase != HTTP_BODY_LENGTH && p->phase != HTTP_CHUNK_DATA &&
	       p->phase != HTTP_BODY_CLOSE;
}

/* True before the first byte of a message. */
static __always_inline bool http_at_start(const struct http_parser *p)
{
	return p->phase == HTTP_START && !p->carry_bytes && p->line_kind == HTTP_LINE_WHOLE;
}

#endif
