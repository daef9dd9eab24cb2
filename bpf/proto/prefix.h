/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PROXY protocol, versions 1 and 2: what a load balancer sends before the first byte of a
 * connection, to say whose it is (the specification is doc/proxy-protocol.txt of haproxy). Its
 * length is what matters here; the client's address is kept.
 *
 * Pure, as http1.h is.
 */
#ifndef EDGETAP_PROTO_PREFIX_H
#define EDGETAP_PROTO_PREFIX_H

#include "cursor.h"

#define PREFIX_LINE 107	  /* bytes of version 1 at most, with CR LF */
#define PREFIX_HEADER 16  /* bytes of version 2 before its addresses */
#define PREFIX_WINDOW 128 /* bytes looked at in one go */
#define PREFIX_NO_GAP 0xff

enum prefix_result {
	PREFIX_MORE,
	PREFIX_DONE,
	PREFIX_BAD, /* it is none */
};

/* Fields of version 1, between single spaces. */
enum prefix_field {
	PREFIX_NAME,
	PREFIX_FAMILY,
	PREFIX_SOURCE,
	PREFIX_DESTINATION,
	PREFIX_SOURCE_PORT,
	PREFIX_REST,
};

struct prefix {
	__u8 address[16]; /* the client's, as in the network; of IPv4 the first four bytes */
	__u16 port;	  /* its port */
	__u16 left;	  /* version 2: bytes to come of what the header announces */
	__u8 family;	  /* 4, 6, or 0: it names no address */
	__u8 version;	  /* 1, 2, or 0: there was no prefix */
	__u8 have;	  /* bytes of the line or header */
	__u8 at;	  /* bytes of the address, or of what follows the header */
	__u8 field;	  /* version 1: enum prefix_field; version 2: the command */
	__u8 gap;	  /* version 1: where "::" was in the address */
	__u8 digits;	  /* version 1: of the number being read */
	__u8 pad;
	__u16 value; /* that number, as hexadecimal digits */
	__u16 pad2;
};

_Static_assert(sizeof(struct prefix) == 32, "lives in a socket's state");

/* A prefix begins, of which `have` bytes have gone by, with this byte. */
static __always_inline void prefix_begin(struct prefix *p, __u8 have, __u8 first)
{
	__builtin_memset(p, 0, sizeof(*p));
	p->version = first == 'P' ? 1 : 2;
	p->have = have;
	p->gap = PREFIX_NO_GAP;
}

static __always_inline void prefix_put(struct prefix *p, __u8 byte)
{
	if (p->at < sizeof(p->address))
		p->address[p->at & 15] = byte;
	if (p->at < 0xff)
		p->at++;
}

/* A number of the address is complete: two bytes, or, of dotted ones, one. */
static __always_inline void prefix_number(struct prefix *p, bool dotted)
{
	__u16 v = p->value;

	if (!p->digits || p->digits > 4)
		p->family = 0;
	if (dotted) {
		prefix_put(p, (__u8)((v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15)));
	} else {
		prefix_put(p, (__u8)(v >> 8));
		prefix_put(p, (__u8)v);
	}
	p->value = 0;
	p->digits = 0;
}

/* The address is complete: what stands behind "::" goes to its end. */
static __always_inline void prefix_address(struct prefix *p)
{
	__u8 behind;

	if (p->digits)
		prefix_number(p, p->family == 4 || (p->at & 1));
	if (p->gap != PREFIX_NO_GAP && p->at <= 16 && p->gap <= p->at) {
		behind = p->at - p->gap;
		for (int i = 0; i < 16; i++) {
			__u8 from = p->at - 1 - (__u8)i;

			if (i >= 16 - p->gap)
				break;
			p->address[15 - i] = i < behind ? p->address[from & 15] : 0;
		}
		p->at = 16;
	}
	if (p->at != (p->family == 4 ? 4 : 16))
		p->family = 0;
}

static __always_inline void prefix_source(struct prefix *p, __u8 c)
{
	__u8 low = c | 0x20;

	if (c == '.') {
		prefix_number(p, true);
	} else if (c == ':' && p->digits) {
		prefix_number(p, false);
	} else if (c == ':') {
		p->gap = p->at;
	} else if ((c >= '0' && c <= '9') || (low >= 'a' && low <= 'f')) {
		p->value = (__u16)(p->value << 4 | (c <= '9' ? c - '0' : low - 'a' + 10));
		if (p->digits < 0xff)
			p->digits++;
	} else {
		p->family = 0;
	}
}

/* The next byte of version 1: PROXY TCP4|TCP6|UNKNOWN SOURCE DESTINATION PORT PORT CR LF. */
static __always_inline int prefix_line_byte(struct prefix *p, __u8 c)
{
	__u32 at = p->have++;

	if (c == '\n')
		return p->field > PREFIX_NAME ? PREFIX_DONE : PREFIX_BAD;
	if (p->have >= PREFIX_LINE || (c < ' ' && c != '\r'))
		return PREFIX_BAD;
	if (at < 6) {
		if (c != (__u8)(CHARS('P', 'R', 'O', 'X', 'Y', ' ', 0, 0) >> (8 * at)))
			return PREFIX_BAD;
		p->field = c == ' ' ? PREFIX_FAMILY : PREFIX_NAME;
		return PREFIX_MORE;
	}
	if (at == 9 && p->field == PREFIX_FAMILY)
		p->family = c == '4' ? 4 : c == '6' ? 6 : 0;
	if (c == ' ') {
		if (p->field == PREFIX_SOURCE)
			prefix_address(p);
		if (p->field < PREFIX_REST)
			p->field++;
	} else if (p->field == PREFIX_SOURCE && p->family) {
		prefix_source(p, c);
	} else if (p->field == PREFIX_SOURCE_PORT && p->family && c >= '0' && c <= '9') {
		p->port = (__u16)(p->port * 10 + (c - '0'));
	}
	return PREFIX_MORE;
}

/* The next byte of version 2: signature, version and command, family, length; addresses, TLVs. */
static __always_inline int prefix_block_byte(struct prefix *p, __u8 c)
{
	__u64 signature = CHARS('\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q');
	__u32 at = p->have, ports = p->family == 4 ? 8 : 32;

	if (at < PREFIX_HEADER) {
		p->have++;
		if (at >= 8)
			signature = CHARS('U', 'I', 'T', '\n', 0, 0, 0, 0);
		if (at < 12)
			return c == (__u8)(signature >> (8 * (at & 7))) ? PREFIX_MORE : PREFIX_BAD;
		if (at == 12) {
			p->field = c & 15;
			return c >> 4 == 2 && p->field <= 1 ? PREFIX_MORE : PREFIX_BAD;
		}
		if (at == 13) {
			/* LOCAL: the balancer's own; other families have no address of that form */
			if (p->field && (c >> 4 == 1 || c >> 4 == 2))
				p->family = c >> 4 == 1 ? 4 : 6;
			return PREFIX_MORE;
		}
		p->left = (__u16)(p->left << 8 | c);
		return at == 15 && !p->left ? PREFIX_DONE : PREFIX_MORE;
	}
	at = p->at;
	if (p->family && at < (p->family == 4 ? 4 : 16))
		p->address[at & 15] = c;
	if (p->family && (at == ports || at == ports + 1))
		p->port = (__u16)(p->port << 8 | c);
	if (at < 0xff)
		p->at++;
	return --p->left ? PREFIX_MORE : PREFIX_DONE;
}

/* Alone, so that the verifier walks it once. */
VERIFIED_ALONE int prefix_byte(struct prefix *p, __u32 c)
{
	if (!p)
		return PREFIX_BAD;
	return p->version == 1 ? prefix_line_byte(p, (__u8)c) : prefix_block_byte(p, (__u8)c);
}

/* Moves cur->pos behind what belongs to the prefix; with PREFIX_MORE the caller comes again. */
VERIFIED_ALONE int prefix_scan(struct prefix *p, struct cursor *cur)
{
	int result = PREFIX_MORE;

	if (!p || !cur)
		return PREFIX_BAD;
	for (int i = 0; i < PREFIX_WINDOW && cur->pos < cur->bytes; i++) {
		result = prefix_byte(p, cursor_byte(cur, cur->pos++));
		if (result != PREFIX_MORE)
			break;
	}
	return result;
}

/* Bytes that may be passed over unseen: what follows the addresses of version 2. */
static __always_inline __u32 prefix_passes(const struct prefix *p)
{
	return p->version == 2 && p->have == PREFIX_HEADER && p->at >= 36 ? p->left : 0;
}

/* So many of them have gone by. */
static __always_inline int prefix_pass(struct prefix *p, __u32 n)
{
	p->left -= (__u16)n;
	return p->left ? PREFIX_MORE : PREFIX_DONE;
}

#endif
