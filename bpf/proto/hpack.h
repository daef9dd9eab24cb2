/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HPACK (RFC 7541) for one direction of one connection, as far as counting needs
 * it: which fields a header block has is followed exactly, but of all of them
 * only :status, :method, :path, content-type and grpc-status are read.
 *
 * There is no dynamic table. A reference to it says how many insertions ago the
 * entry was made (2.3.3), so insertions are only counted, from 1, and the
 * few that matter are remembered by their number. What the table evicts need not
 * be known: a valid reference never names an entry that is gone, and eviction
 * takes the oldest, which changes no distance. The same holds for an entry that
 * is larger than the table (4.4): it leaves the table empty instead of entering
 * it, but it is counted as if it had; whatever is inserted later is nearer than
 * that number, whatever was inserted before can be named no more. A change of
 * the table's size evicts, and nothing else.
 *
 * An entry has one place, by its number. One that was not remembered because it
 * did not matter is told from one that was displaced by what stands in its
 * place: only a higher number can have displaced it. A reference to a displaced
 * entry, or to one that was made before the observer came, is unknown, and so is
 * what is inserted under its name.
 *
 * Pure, as http1.h is.
 */
#ifndef EDGETAP_PROTO_HPACK_H
#define EDGETAP_PROTO_HPACK_H

#include "hpack_text.h"

#define HPACK_ENTRIES 128 /* more than a table of 4,096 bytes has (RFC 7541, 4.1) */
#define HPACK_STATIC 61	  /* entries of the static table, appendix A */
#define HPACK_NAME 12	  /* bytes of the longest name that matters */
#define HPACK_VALUE 24	  /* bytes of a value that are kept: a content type needs 17 */
#define HPACK_PATH_AT 32
#define HPACK_TEXT_MASK 127

_Static_assert(HPACK_PATH_AT + RPC_PATH_BYTES + 8 <= HPACK_TEXT_MASK + 1,
	       "a word stored at the end of a path stays inside");
_Static_assert(RPC_PATH_BYTES % 8 == 0, "cleared word by word");

enum hpack_phase {
	HPACK_FIELD, /* before a field */
	HPACK_INDEX, /* inside its index */
	HPACK_NAME_LENGTH,
	HPACK_NAME_LENGTH_MORE,
	HPACK_NAME_TEXT,
	HPACK_VALUE_LENGTH,
	HPACK_VALUE_LENGTH_MORE,
	HPACK_VALUE_TEXT,
};

/* RFC 7541, 6: what the first bits of a field say. */
enum hpack_form { HPACK_INDEXED, HPACK_INSERT, HPACK_LITERAL, HPACK_SIZE };

struct hpack_entry {
	__u32 number; /* of the insertion; 0: never used */
	__u16 value;  /* in the terms of struct h2_block; of a path, the caller's */
	__u8 kind;
	__u8 pad;
};

struct hpack {
	__u64 text[(HPACK_TEXT_MASK + 1) / 8 + 1]; /* name or value; the block's path */
	struct hpack_entry entry[HPACK_ENTRIES];   /* by number modulo HPACK_ENTRIES */
	__u32 inserted;				   /* number of the last insertion */
	__u32 integer;				   /* index or length, so far */
	__u32 bytes;				   /* of the string */
	__u32 left;				   /* of them, to come */
	__u8 phase;
	__u8 form;
	__u8 kind;
	__u8 huffman;
	__u8 shift; /* of the integer's next byte */
	__u8 kept;  /* bytes of the string that are in text */
	__u8 keep;  /* bytes of the string that are to be there */
	__u8 pad;
};

enum h2_path {
	H2_PATH_NONE,
	H2_PATH_TEXT,	 /* as on the wire: h2_path_text(), path_bytes, path_huffman */
	H2_PATH_KNOWN,	 /* path_value is what hpack_remember_path() was given */
	H2_PATH_UNKNOWN, /* not among what is known, empty, or longer than RPC_PATH_BYTES */
};

/*
 * What is known of one header block. "Unknown" is said of what did not appear
 * but may have been among the fields that are not known; so in trailers of a
 * connection that is older than the observer it may be said of a status, too.
 */
struct h2_block {
	__u32 path_number;  /* insertion that the path became; 0: none */
	__u16 status;	    /* 100 to 999; 0: none; H2_STATUS_UNKNOWN: or unreadable */
	__u16 path_value;   /* H2_PATH_KNOWN */
	__u8 path;	    /* enum h2_path */
	__u8 path_bytes;    /* H2_PATH_TEXT */
	__u8 path_huffman;  /* H2_PATH_TEXT: 1 if coded */
	__u8 method;	    /* enum http_method or H2_METHOD_* */
	__u8 grpc;	    /* enum h2_grpc */
	__u8 grpc_status;   /* 0 to 16 or H2_GRPC_STATUS_*; UNKNOWN also if unreadable */
	__u8 regular_begun; /* a field that is no :status came before */
	__u8 pad;
};

static __always_inline void hpack_block_begin(struct h2_block *b)
{
	b->path_number = 0;
	b->status = 0;
	b->path_value = 0;
	b->path = H2_PATH_NONE;
	b->path_bytes = 0;
	b->path_huffman = 0;
	b->method = H2_METHOD_NONE;
	b->grpc = H2_GRPC_NONE;
	b->grpc_status = H2_GRPC_STATUS_NONE;
	b->regular_begun = 0;
}

/* A field of unknown name: what has not been seen may be this one. */
static __always_inline void hpack_unknown(struct h2_block *b)
{
	/* RFC 9113, 8.3: pseudo-header fields come first, and a response has but this one */
	if (!b->status && !b->regular_begun)
		b->status = H2_STATUS_UNKNOWN;
	if (b->method == H2_METHOD_NONE)
		b->method = H2_METHOD_UNKNOWN;
	if (b->path == H2_PATH_NONE)
		b->path = H2_PATH_UNKNOWN;
	if (b->grpc == H2_GRPC_NONE)
		b->grpc = H2_GRPC_UNKNOWN;
	if (b->grpc_status == H2_GRPC_STATUS_NONE)
		b->grpc_status = H2_GRPC_STATUS_UNKNOWN;
}

/* A field is complete; of a path only its value is told here. */
static __always_inline void hpack_field(struct h2_block *b, __u8 kind, __u16 value)
{
	switch (kind) {
	case HPACK_STATUS:
		b->status = value;
		return;
	case HPACK_METHOD:
		b->method = (__u8)value;
		break;
	case HPACK_TYPE:
		b->grpc = (__u8)value;
		break;
	case HPACK_GRPC_STATUS:
		b->grpc_status = (__u8)value;
		break;
	case HPACK_UNKNOWN:
		hpack_unknown(b);
		break;
	}
	b->regular_begun = 1;
}

static __always_inline void hpack_path(struct h2_block *b, __u8 path, __u8 bytes, __u8 huffman)
{
	b->path = path;
	b->path_bytes = bytes;
	b->path_huffman = huffman;
	b->path_value = 0;
	b->path_number = 0;
}

/* Remembers an insertion unless a later one has its place. */
static __always_inline void hpack_remember(struct hpack *h, __u32 number, __u8 kind, __u16 value)
{
	struct hpack_entry *e = &h->entry[number % HPACK_ENTRIES];

	if (e->number > number)
		return;
	e->number = number;
	e->value = value;
	e->kind = kind;
}

/* Numbers start again: references to what was inserted before are unknown from now on. */
VERIFIED_ALONE int hpack_forget(struct hpack *h)
{
	if (!h)
		return 0;
	for (int i = 0; i < HPACK_ENTRIES; i++)
		h->entry[i].number = 0;
	h->inserted = 0;
	h->phase = HPACK_FIELD;
	return 0;
}

/* A field enters the table. Its name is always known here, if only as not known. */
static __always_inline void hpack_insert(struct hpack *h, struct h2_block *b, __u8 kind,
					 __u16 value)
{
	if (h->inserted == 0xffffffff)
		hpack_forget(h);
	h->inserted++;
	if (kind == HPACK_PATH)
		b->path_number = h->inserted; /* remembered if the caller has a use for it */
	else if (kind != HPACK_OTHER)
		hpack_remember(h, h->inserted, kind, value);
}

/* Entry of the static table: kind in the low byte, value above. */
static __always_inline __u32 hpack_static(__u32 index)
{
	switch (index) {
	case 2:
		return HPACK_METHOD | METHOD_GET << 8;
	case 3:
		return HPACK_METHOD | METHOD_POST << 8;
	case 4:
	case 5:
		return HPACK_PATH;
	case 8:
		return HPACK_STATUS | 200 << 8;
	case 9:
		return HPACK_STATUS | 204 << 8;
	case 10:
		return HPACK_STATUS | 206 << 8;
	case 11:
		return HPACK_STATUS | 304 << 8;
	case 12:
		return HPACK_STATUS | 400 << 8;
	case 13:
		return HPACK_STATUS | 404 << 8;
	case 14:
		return HPACK_STATUS | 500 << 8;
	case 31:
		return HPACK_TYPE | H2_GRPC_NO << 8;
	}
	return HPACK_OTHER;
}

/* What an index names, static or dynamic: kind in the low byte, value above. */
static __always_inline __u32 hpack_look_up(const struct hpack *h, __u32 index)
{
	__u32 distance = index - HPACK_STATIC - 1, number;
	const struct hpack_entry *e;

	if (index <= HPACK_STATIC)
		return hpack_static(index);
	if (distance >= h->inserted)
		return HPACK_UNKNOWN;
	number = h->inserted - distance;
	e = &h->entry[number % HPACK_ENTRIES];
	if (e->number == number)
		return e->kind | (__u32)e->value << 8;
	return e->number > number ? HPACK_UNKNOWN : HPACK_OTHER;
}

/* The index is complete. False if it cannot be one. */
static __always_inline bool hpack_index(struct hpack *h, struct h2_block *b)
{
	__u32 index = h->integer, found;

	h->phase = HPACK_FIELD;
	if (h->form == HPACK_SIZE)
		return true;
	if (h->form != HPACK_INDEXED && !index) {
		h->phase = HPACK_NAME_LENGTH;
		return true;
	}
	if (!index)
		return false; /* 6.1 */
	found = hpack_look_up(h, index);
	h->kind = (__u8)found;
	if (h->form != HPACK_INDEXED) {
		h->phase = HPACK_VALUE_LENGTH;
		return true;
	}
	if (h->kind == HPACK_PATH) {
		hpack_path(b, H2_PATH_KNOWN, 0, 0);
		b->path_value = (__u16)(found >> 8);
		if (index <= HPACK_STATIC) {
			hpack_path(b, H2_PATH_TEXT, index == 4 ? 1 : 11, 0);
			for (int i = 0; i < RPC_PATH_BYTES / 8; i++)
				h->text[HPACK_PATH_AT / 8 + i] = 0;
			h->text[HPACK_PATH_AT / 8] =
				index == 4 ? '/' : CHARS('/', 'i', 'n', 'd', 'e', 'x', '.', 'h');
			if (index == 5)
				h->text[HPACK_PATH_AT / 8 + 1] =
					CHARS('t', 'm', 'l', 0, 0, 0, 0, 0);
		}
	}
	hpack_field(b, h->kind, (__u16)(found >> 8));
	return true;
}

/* A value is complete, and its field with it. */
static __always_inline void hpack_value(struct hpack *h, struct h2_block *b)
{
	__u16 value = 0;

	switch (h->kind) {
	case HPACK_STATUS:
		value = hpack_status(h->text, h->bytes, h->huffman);
		break;
	case HPACK_METHOD:
		value = hpack_method(h->text, h->bytes, h->huffman);
		break;
	case HPACK_TYPE:
		value = hpack_type(h->text, h->bytes, h->huffman);
		break;
	case HPACK_GRPC_STATUS:
		value = hpack_grpc_status(h->text, h->bytes, h->huffman);
		break;
	case HPACK_PATH:
		hpack_path(b, h->keep ? H2_PATH_TEXT : H2_PATH_UNKNOWN, h->keep, h->huffman);
		break;
	}
	hpack_field(b, h->kind, value);
	if (h->form == HPACK_INSERT)
		hpack_insert(h, b, h->kind, value);
}

/* A string is complete. */
VERIFIED_ALONE int hpack_string_end(struct hpack *h, struct h2_block *b)
{
	if (!h || !b)
		return 0;
	if (h->phase == HPACK_NAME_TEXT) {
		h->kind = hpack_name(h->text, h->bytes, h->huffman);
		h->phase = HPACK_VALUE_LENGTH;
	} else {
		hpack_value(h, b);
		h->phase = HPACK_FIELD;
	}
	return 0;
}

/* The length of a string is complete: decides how much of it is kept. */
static __always_inline void hpack_string(struct hpack *h, struct h2_block *b, bool name)
{
	__u32 bytes = h->integer;

	h->bytes = bytes;
	h->left = bytes;
	h->kept = 0;
	h->keep = 0;
	h->phase = name ? HPACK_NAME_TEXT : HPACK_VALUE_TEXT;
	if (name) {
		if (bytes <= HPACK_NAME)
			h->keep = (__u8)bytes;
	} else if (h->kind == HPACK_PATH) {
		if (bytes <= RPC_PATH_BYTES)
			h->keep = (__u8)bytes;
		for (int i = 0; i < RPC_PATH_BYTES / 8; i++)
			h->text[HPACK_PATH_AT / 8 + i] = 0;
	} else if (h->kind != HPACK_OTHER && h->kind != HPACK_UNKNOWN) {
		h->keep = (__u8)(bytes < HPACK_VALUE ? bytes : HPACK_VALUE);
	}
	if (name || h->kind != HPACK_PATH) {
		h->text[0] = 0;
		h->text[1] = 0;
		h->text[2] = 0;
	}
	if (!bytes)
		hpack_string_end(h, b);
}

/* A byte of an integer behind its prefix (5.1); false if it becomes larger than 28 bits. */
static __always_inline bool hpack_integer(struct hpack *h, __u8 c)
{
	if (h->shift > 21)
		return false;
	h->integer += (__u32)(c & 0x7f) << h->shift;
	h->shift += 7;
	return true;
}

/* Stores the lowest n bytes (1 to 8) of a word, and zeroes up to a whole word. */
static __always_inline void hpack_keep(struct hpack *h, __u32 at, __u64 word, __u32 n)
{
	__u32 unused = (64 - n * 8) & 63;
	__u8 *to = (__u8 *)h->text + (at & HPACK_TEXT_MASK);

	word = word << unused >> unused;
#ifdef __bpf__
	asm volatile("*(u64 *)(%0 + 0) = %1" : : "r"(to), "r"(word) : "memory");
#else
	memcpy(to, &word, sizeof(word));
#endif
}

/* Some of the n bytes at `at` are of the string. Returns how many were taken. */
static __always_inline __u32 hpack_text(struct hpack *h, struct h2_block *b,
					const struct cursor *cur, __u32 at, __u32 n)
{
	__u32 left = h->left, kept = h->kept, more = (__u32)h->keep - kept;

	if (n > left)
		n = left;
	if (kept < h->keep) {
		if (n > more)
			n = more;
		if (n > 8)
			n = 8;
		if (h->phase == HPACK_VALUE_TEXT && h->kind == HPACK_PATH)
			hpack_keep(h, HPACK_PATH_AT + kept, cursor_load(cur, at), n);
		else
			hpack_keep(h, kept, cursor_load(cur, at), n);
		h->kept = (__u8)(kept + n);
	}
	h->left = left - n;
	if (left == n) {
		if (h->kind == HPACK_OTHER && h->phase == HPACK_VALUE_TEXT &&
		    h->form == HPACK_LITERAL) {
			/* most values: spared the call */
			b->regular_begun = 1;
			h->phase = HPACK_FIELD;
		} else {
			hpack_string_end(h, b);
		}
	}
	return n;
}

/*
 * Follows the header block by one step, over n bytes (at least one) of it that
 * stand at `at`. Returns how many are done with, or -1 for what is no HPACK.
 */
static __always_inline int hpack_step(struct hpack *h, struct h2_block *b, const struct cursor *cur,
				      __u32 at, __u32 n)
{
	__u8 c = cursor_byte(cur, at), most;

	switch (h->phase) {
	case HPACK_FIELD:
		if (c & 0x80) {
			h->form = HPACK_INDEXED;
			most = 0x7f;
		} else if (c & 0x40) {
			h->form = HPACK_INSERT;
			most = 0x3f;
		} else if (c & 0x20) {
			h->form = HPACK_SIZE;
			most = 0x1f;
		} else {
			h->form = HPACK_LITERAL;
			most = 0x0f;
		}
		h->integer = c & most;
		h->shift = 0;
		h->phase = HPACK_INDEX;
		if (h->integer == most)
			return 1;
		break;
	case HPACK_INDEX:
		if (!hpack_integer(h, c))
			return -1;
		if (c & 0x80)
			return 1;
		break;
	case HPACK_NAME_LENGTH:
	case HPACK_VALUE_LENGTH:
		h->huffman = c >> 7;
		h->integer = c & 0x7f;
		h->shift = 0;
		if (h->integer == 0x7f)
			h->phase++; /* ..._MORE */
		else
			hpack_string(h, b, h->phase == HPACK_NAME_LENGTH);
		return 1;
	case HPACK_NAME_LENGTH_MORE:
	case HPACK_VALUE_LENGTH_MORE:
		if (!hpack_integer(h, c))
			return -1;
		if (!(c & 0x80))
			hpack_string(h, b, h->phase == HPACK_NAME_LENGTH_MORE);
		return 1;
	default:
		return (int)hpack_text(h, b, cur, at, n);
	}
	return hpack_index(h, b) ? 1 : -1;
}

/* True between two fields, where alone a header block may end. */
static __always_inline bool hpack_at_field(const struct hpack *h)
{
	return h->phase == HPACK_FIELD;
}

#endif
