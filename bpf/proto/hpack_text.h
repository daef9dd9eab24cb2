/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few header fields that are read (hpack.h), and what their texts are. Every
 * text is given as its first bytes, zero behind the last, with its length on the
 * wire, plain or in HPACK's Huffman code (RFC 7541, 5.2 and appendix B). A text
 * can be coded in one way only, so coded ones are compared as they are.
 */
#ifndef EDGETAP_PROTO_HPACK_TEXT_H
#define EDGETAP_PROTO_HPACK_TEXT_H

#include "http1.h"

/* What a field is, by its name. */
enum hpack_kind {
	HPACK_OTHER, /* of no interest */
	HPACK_STATUS,
	HPACK_METHOD,
	HPACK_PATH,
	HPACK_TYPE,
	HPACK_GRPC_STATUS,
	HPACK_UNKNOWN, /* its name is an entry that is not known */
};

#define H2_STATUS_UNKNOWN 0xffff
#define H2_METHOD_NONE 0xfe
#define H2_METHOD_UNKNOWN 0xff
#define H2_GRPC_STATUS_UNKNOWN 0xfe
#define H2_GRPC_STATUS_NONE 0xff

enum h2_grpc {
	H2_GRPC_NONE,	 /* no content-type */
	H2_GRPC_NO,	 /* another one */
	H2_GRPC_YES,	 /* application/grpc, maybe with a message format behind */
	H2_GRPC_UNKNOWN, /* it may be among the fields that are not known */
};

/* Whether a name of so many bytes, coded or not, may be one of those. */
static __always_inline bool hpack_name_matters(__u32 bytes)
{
	return bytes < 16 &&
	       (1U << 4 | 1U << 5 | 1U << 7 | 1U << 8 | 1U << 9 | 1U << 11 | 1U << 12) >> bytes & 1;
}

/* Which of the names that matter the text is; each can be coded in one way only (5.2). */
static __always_inline __u8 hpack_name(const __u64 *text, __u32 bytes, bool huffman)
{
	__u64 a = text[0], b = text[1];

	if (huffman) {
		switch (bytes) {
		case 4:
			return a == 0x3fd358b9 ? HPACK_PATH : HPACK_OTHER;
		case 5:
			if (a == 0xa3368d84b8)
				return HPACK_STATUS;
			return a == 0xe4395349b9 ? HPACK_METHOD : HPACK_OTHER;
		case 8:
			return a == 0x8fda3412b2c8ca9a ? HPACK_GRPC_STATUS : HPACK_OTHER;
		case 9:
			return a == 0x59f5c94a6a49ea21 && b == 0x7f ? HPACK_TYPE : HPACK_OTHER;
		}
		return HPACK_OTHER;
	}
	switch (bytes) {
	case 5:
		return a == CHARS(':', 'p', 'a', 't', 'h', 0, 0, 0) ? HPACK_PATH : HPACK_OTHER;
	case 7:
		if (a == CHARS(':', 's', 't', 'a', 't', 'u', 's', 0))
			return HPACK_STATUS;
		return a == CHARS(':', 'm', 'e', 't', 'h', 'o', 'd', 0) ? HPACK_METHOD
									: HPACK_OTHER;
	case 11:
		return a == CHARS('g', 'r', 'p', 'c', '-', 's', 't', 'a') &&
				       b == CHARS('t', 'u', 's', 0, 0, 0, 0, 0)
			       ? HPACK_GRPC_STATUS
			       : HPACK_OTHER;
	case 12:
		return a == CHARS('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
				       b == CHARS('t', 'y', 'p', 'e', 0, 0, 0, 0)
			       ? HPACK_TYPE
			       : HPACK_OTHER;
	}
	return HPACK_OTHER;
}

/* A coded text of up to seven bytes, its length above. */
#define HPACK_CODED(word, bytes) ((word) | (__u64)(bytes) << 56)

static __always_inline __u16 hpack_method(const __u64 *text, __u32 bytes, bool huffman)
{
	__u64 a = text[0];

	if (bytes > 7)
		return METHOD_OTHER;
	/* the length goes into the word: a NUL behind a method makes it another one */
	a |= (__u64)bytes << 56;
	if (!huffman) {
		switch (a) {
		case CHARS('G', 'E', 'T', 0, 0, 0, 0, 3):
			return METHOD_GET;
		case CHARS('H', 'E', 'A', 'D', 0, 0, 0, 4):
			return METHOD_HEAD;
		case CHARS('P', 'O', 'S', 'T', 0, 0, 0, 4):
			return METHOD_POST;
		case CHARS('P', 'U', 'T', 0, 0, 0, 0, 3):
			return METHOD_PUT;
		case CHARS('D', 'E', 'L', 'E', 'T', 'E', 0, 6):
			return METHOD_DELETE;
		case CHARS('C', 'O', 'N', 'N', 'E', 'C', 'T', 7):
			return METHOD_CONNECT;
		case CHARS('O', 'P', 'T', 'I', 'O', 'N', 'S', 7):
			return METHOD_OPTIONS;
		case CHARS('T', 'R', 'A', 'C', 'E', 0, 0, 5):
			return METHOD_TRACE;
		case CHARS('P', 'A', 'T', 'C', 'H', 0, 0, 5):
			return METHOD_PATCH;
		}
		return METHOD_OTHER;
	}
	switch (a) {
	case HPACK_CODED(0x7f83c5, 3):
		return METHOD_GET;
	case HPACK_CODED(0xff1b82c7, 4):
		return METHOD_HEAD;
	case HPACK_CODED(0xff76abd7, 4):
		return METHOD_POST;
	case HPACK_CODED(0x7fc3d7, 3):
		return METHOD_PUT;
	case HPACK_CODED(0x3ff80d3e83bf, 6):
		return METHOD_DELETE;
	case HPACK_CODED(0xffb7179c4eabbd, 7):
		return METHOD_CONNECT;
	case HPACK_CODED(0x7f775a4d7eafd5, 7):
		return METHOD_OPTIONS;
	case HPACK_CODED(0x3fd81bb6df, 5):
		return METHOD_TRACE;
	case HPACK_CODED(0xffd8fb0ed7, 5):
		return METHOD_PATCH;
	}
	return METHOD_OTHER;
}

/*
 * The gRPC protocol over HTTP/2: "application/grpc", alone or before "+" and a
 * message format. A "-" is gRPC-Web, whose status is no header field.
 */
static __always_inline __u16 hpack_type(const __u64 *text, __u32 bytes, bool huffman)
{
	__u8 next, after;
	bool same;

	if (huffman) {
		/* the prefix is 88 bits, ";" 8 bits (11111011), "+" 11 bits (11111111 011) */
		same = text[0] == 0x4c3d260d62d0751d && (text[1] & 0xffffff) == 0x64654d;
		next = (__u8)(text[1] >> 24);
		after = (__u8)(text[1] >> 32);
		return same && (bytes == 11 || (bytes > 11 && next == 0xfb) ||
				(bytes > 12 && next == 0xff && after >> 5 == 3))
			       ? H2_GRPC_YES
			       : H2_GRPC_NO;
	}
	same = text[0] == CHARS('a', 'p', 'p', 'l', 'i', 'c', 'a', 't') &&
	       text[1] == CHARS('i', 'o', 'n', '/', 'g', 'r', 'p', 'c');
	next = (__u8)text[2];
	return same && (bytes == 16 || (bytes > 16 && (next == '+' || next == ';'))) ? H2_GRPC_YES
										     : H2_GRPC_NO;
}

/* The number that the text is, if it is `digits` decimal digits; -1 for anything else. */
static __always_inline int hpack_number(const __u64 *text, __u32 bytes, bool huffman, __u32 digits)
{
	__u64 word = __builtin_bswap64(text[0]); /* the first bit on top */
	__u32 bits = bytes * 8, value = 0;

	if (bytes == 0 || bytes > 3)
		return -1;
	for (__u32 i = 0; i < 3; i++) {
		__u32 digit, width;

		if (i == digits)
			break;
		if (!huffman) {
			digit = (__u32)(word >> 56) - '0';
			width = 8;
		} else if ((digit = (__u32)(word >> 59)) < 3) {
			width = 5; /* 0 to 2 */
		} else {
			digit = (__u32)(word >> 58) - 0x19 + 3;
			width = 6; /* 3 to 9 are 0x19 to 0x1f */
			if (digit < 3)
				return -1;
		}
		if (digit > 9 || bits < width)
			return -1;
		value = value * 10 + digit;
		word <<= width;
		bits -= width;
	}
	/* what is left of the last byte is ones (5.2) */
	if (bits && (!huffman || bits > 7 || word >> (64 - bits) != (1ULL << bits) - 1))
		return -1;
	return (int)value;
}

static __always_inline __u16 hpack_status(const __u64 *text, __u32 bytes, bool huffman)
{
	int n = hpack_number(text, bytes, huffman, 3);

	return n >= 100 ? (__u16)n : H2_STATUS_UNKNOWN;
}

static __always_inline __u16 hpack_grpc_status(const __u64 *text, __u32 bytes, bool huffman)
{
	int n = hpack_number(text, bytes, huffman, 1);

	if (n < 0)
		n = hpack_number(text, bytes, huffman, 2);
	return n >= 0 && n <= 16 ? (__u16)n : H2_GRPC_STATUS_UNKNOWN;
}

#endif
