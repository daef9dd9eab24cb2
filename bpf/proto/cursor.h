/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes under a parser: what there is of a read or write, or the next piece
 * of it. All parsers look at bytes through this, and at nothing else.
 */
#ifndef EDGETAP_PROTO_CURSOR_H
#define EDGETAP_PROTO_CURSOR_H

#include "types.h"

#ifndef __bpf__
#include <stdbool.h>
#include <string.h>
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/*
 * In BPF a function with external linkage is verified once, by itself, instead
 * of once more for every state in which it is called.
 */
#ifdef __bpf__
#define VERIFIED_ALONE __attribute__((noinline))
#else
#define VERIFIED_ALONE static __attribute__((unused))
#endif

#define CURSOR_BYTES 1024 /* bytes looked at in one go */
#define CURSOR_MASK 2047
#define CURSOR_SLACK 40 /* loads may run past the end of the window */

/* Bytes to look at: the carry, then fresh ones. [0, bytes) are valid, pos moves. */
struct cursor {
	__u32 bytes;
	__u32 pos;
	__u8 byte[CURSOR_MASK + 1 + CURSOR_SLACK];
};

#define CURSOR_ONES 0x0101010101010101ULL
#define CURSOR_HIGHS 0x8080808080808080ULL

static __always_inline __u64 cursor_load(const struct cursor *cur, __u32 at)
{
	__u64 v;

#ifdef __bpf__
	/* the compiler would load an unaligned word byte by byte */
	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(v) : "r"(&cur->byte[at & CURSOR_MASK]));
#else
	memcpy(&v, &cur->byte[at & CURSOR_MASK], sizeof(v));
#endif
	return v;
}

/* Where `at` is, for loads of words from there up to CURSOR_SLACK - 8 bytes on. */
static __always_inline const __u8 *cursor_at(const struct cursor *cur, __u32 at)
{
	return &cur->byte[at & CURSOR_MASK];
}

#ifdef __bpf__
/* one load each, which the compiler neither splits nor moves to another register */
#define cursor_word(p, offset)                                                                     \
	({                                                                                         \
		__u64 word_;                                                                       \
		asm volatile("%0 = *(u64 *)(%1 + " #offset ")" : "=r"(word_) : "r"(p));            \
		word_;                                                                             \
	})
#else
#define cursor_word(p, offset)                                                                     \
	({                                                                                         \
		__u64 word_;                                                                       \
		memcpy(&word_, (p) + (offset), sizeof(word_));                                     \
		word_;                                                                             \
	})
#endif

static __always_inline __u8 cursor_byte(const struct cursor *cur, __u32 at)
{
	return cur->byte[at & CURSOR_MASK];
}

/* Up to eight characters as the little-endian word that a load would give. */
#define CHARS(a, b, c, d, e, f, g, h)                                                              \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* Non-zero if a byte of the word is this one; the lowest bit set tells the first. */
static __always_inline __u64 cursor_bytes_equal(__u64 word, __u8 byte)
{
	__u64 x = word ^ (CURSOR_ONES * byte);

	return (x - CURSOR_ONES) & ~x & CURSOR_HIGHS;
}

static __always_inline __u64 cursor_newlines(__u64 word)
{
	return cursor_bytes_equal(word, '\n');
}

/* Index of the byte that the lowest bit of `hit` is in: count the bytes below. */
static __always_inline __u32 cursor_first(__u64 hit)
{
	return (__u32)(((((hit & -hit) - 1) & CURSOR_ONES) * CURSOR_ONES) >> 56) - 1;
}

#endif
