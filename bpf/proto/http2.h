/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HTTP/2 framing (RFC 9113), for one direction of one connection.
 *
 * Header blocks are followed field by field (hpack.h); of all other frames only
 * the header is looked at, and of the few whose end or content is reported some
 * bytes. Payload is passed over by count, so the caller need not have it. The
 * parser keeps what it needs between two windows: there is no carry, and a
 * stream may be cut anywhere.
 *
 * What it reports is the same however the stream is cut. A caller loops:
 *
 *	if h2_wants_bytes(p): fill the window, pos = 0; call h2_scan() until it
 *	returns H2_MORE (or H2_BAD); else h2_pass() what the frame has left.
 *
 * Pure, as http1.h is.
 */
#ifndef EDGETAP_PROTO_HTTP2_H
#define EDGETAP_PROTO_HTTP2_H

#include "hpack_fields.h"

#define H2_STEPS 16 /* of one look; the verifier walks each */
#define H2_PREFACE_BYTES 24
#define H2_HEADER_BYTES 9
#define H2_HEAD_MASK 31
#define H2_HEADERS_MOST (1 << 20)  /* no header block comes in larger frames */
#define H2_PLAUSIBLE_HEADERS 16384 /* encoders keep to the initial SETTINGS_MAX_FRAME_SIZE */
#define H2_PLAUSIBLE_PAYLOAD (1 << 20)
#define H2_STREAM_MOST 0x7fffffffU

/* RFC 9113, 6. */
enum h2_type {
	H2_TYPE_DATA,
	H2_TYPE_HEADERS,
	H2_TYPE_PRIORITY,
	H2_TYPE_RST_STREAM,
	H2_TYPE_SETTINGS,
	H2_TYPE_PUSH_PROMISE,
	H2_TYPE_PING,
	H2_TYPE_GOAWAY,
	H2_TYPE_WINDOW_UPDATE,
	H2_TYPE_CONTINUATION,
};

#define H2_FLAG_END_STREAM 0x01
#define H2_FLAG_ACK 0x01
#define H2_FLAG_END_HEADERS 0x04
#define H2_FLAG_PADDED 0x08
#define H2_FLAG_PRIORITY 0x20

enum h2_phase {
	H2_LOST,     /* the position is not known: h2_plausible() and h2_resume() find it again */
	H2_PREFACE,  /* inside the client's connection preface */
	H2_HEADER,   /* inside a frame's header */
	H2_PREFIX,   /* inside what stands before the fragment, or is all that matters */
	H2_FRAGMENT, /* inside a piece of a header block */
	H2_SKIP,     /* inside bytes that are only counted */
};

#define H2_F_RESPONSE 0x01 /* what the server sends; never changes */
#define H2_F_FIRST 0x02	   /* SETTINGS must come next (RFC 9113, 3.4) */
#define H2_F_BLOCK 0x04	   /* a header block is unfinished: CONTINUATION must come next */
#define H2_F_UNREAD 0x08   /* and what it says will not be known */

enum h2_result {
	H2_MORE,  /* the window is used up, and nothing is left to report */
	H2_AGAIN, /* nothing to report yet, call again with the window as it is */
	H2_FRAME, /* a request's HEADERS frame begins, H2_HEADER_BYTES before cur->pos */
	H2_BLOCK, /* a header block and its last frame are complete: stream, end_stream, block;
		     promised is the stream that a PUSH_PROMISE announces, else 0 */
	H2_BLOCK_UNREAD, /* the same, but what the block says is not known; nor what it inserted */
	H2_DATA,	 /* a DATA frame has ended: stream, end_stream, length */
	H2_RESET,	 /* RST_STREAM: stream, error_code */
	H2_GOAWAY,	 /* last_stream, error_code */
	H2_BAD,		 /* this is no HTTP/2, or cannot be followed: the position is lost */
};

struct h2_parser {
	__u64 head[5]; /* preface, frame header, or prefix, as far as it has come */
	struct hpack hpack;
	struct h2_block block;
	__u32 frame_left;    /* bytes of the frame to come */
	__u32 fragment_left; /* of them, of the header block */
	__u32 length;	     /* of the frame's payload */
	__u32 stream;
	__u32 promised;
	__u32 error_code;
	__u32 last_stream;
	__u8 phase;
	__u8 flags; /* H2_F_* */
	__u8 type;  /* of the frame; HEADERS or PUSH_PROMISE also in CONTINUATION */
	__u8 frame_flags;
	__u8 have; /* bytes in head */
	__u8 need; /* bytes that are to be there */
	__u8 end_stream;
	__u8 pad[5];
};

_Static_assert(sizeof(struct hpack_entry) == 8, "no padding");
_Static_assert(sizeof(struct h2_parser) == 40 + sizeof(struct hpack) + sizeof(struct h2_block) + 40,
	       "no padding");
_Static_assert(sizeof(struct h2_parser) % 8 == 0, "a map's value");

static __always_inline void h2_collect(struct h2_parser *p, __u8 phase, __u8 bytes)
{
	p->phase = phase;
	p->have = 0;
	p->need = bytes;
}

/* The stream goes on at a frame's header, behind bytes that were not seen. */
static __always_inline void h2_resume(struct h2_parser *p)
{
	hpack_forget(&p->hpack);
	p->flags &= H2_F_RESPONSE;
	h2_collect(p, H2_HEADER, H2_HEADER_BYTES);
}

/* The position is not known any more. */
static __always_inline void h2_lose(struct h2_parser *p)
{
	p->phase = H2_LOST;
	p->flags &= H2_F_RESPONSE;
}

/*
 * Begins a connection. `response`: it is what the server sends; otherwise the
 * stream starts with the preface. `older`: it is at a frame's header, but what
 * came before was not seen (see h2_plausible()).
 */
static __always_inline void h2_begin(struct h2_parser *p, bool response, bool older)
{
#ifndef __bpf__
	memset(p, 0, sizeof(*p)); /* in BPF it is a new entry of a map, which is zero */
#endif
	p->flags = (response ? H2_F_RESPONSE : 0) | (older ? 0 : H2_F_FIRST);
	if (response || older)
		h2_collect(p, H2_HEADER, H2_HEADER_BYTES);
	else
		h2_collect(p, H2_PREFACE, H2_PREFACE_BYTES);
}

/* True if the next bytes must be looked at, not only counted. */
static __always_inline bool h2_wants_bytes(const struct h2_parser *p)
{
	return p->phase != H2_SKIP;
}

/* The path of the block, H2_PATH_TEXT: RPC_PATH_BYTES bytes, zero behind path_bytes. Valid until
 * the next block. */
static __always_inline const __u8 *h2_path_text(const struct h2_parser *p)
{
	return (const __u8 *)&p->hpack.text[HPACK_PATH_AT / 8];
}

/*
 * Gives the path of a block just reported as H2_PATH_TEXT a value, which later
 * references to it will tell (H2_PATH_KNOWN). Nothing happens if the path was
 * not inserted into the dynamic table.
 */
static __always_inline void hpack_remember_path(struct h2_parser *p, __u16 value)
{
	if (p->block.path_number)
		hpack_remember(&p->hpack, p->block.path_number, HPACK_PATH, value);
}

static __always_inline int h2_bad(struct h2_parser *p)
{
	h2_lose(p);
	return H2_BAD;
}

/* What the header block says will not be known: what is left of it is only counted. */
static __always_inline void h2_unread(struct h2_parser *p)
{
	p->flags |= H2_F_UNREAD;
	p->phase = H2_SKIP;
}

/*
 * The next `bytes` bytes cannot be seen. True if that does not matter, or only to a header
 * block that they are inside of: then they can be passed over. False if the position would be
 * lost.
 */
static __always_inline bool h2_unseen(struct h2_parser *p, __u32 bytes)
{
	if (p->phase == H2_SKIP)
		return bytes <= p->frame_left;
	if (!(p->flags & H2_F_BLOCK) || p->phase == H2_HEADER || bytes > p->frame_left)
		return false;
	h2_unread(p);
	return true;
}

/* What a frame's header says. */
struct h2_header {
	__u32 length;
	__u32 stream;
	__u8 type;
	__u8 flags;
	bool reserved; /* the bit before the stream */
};

/* The header that the words at its bytes 0 and 8 hold. RFC 9113, 4.1. */
static __always_inline void h2_header(struct h2_header *h, __u64 word, __u64 last)
{
	__u32 stream = __builtin_bswap32((__u32)(word >> 40)) | (__u8)last;

	h->length = __builtin_bswap32((__u32)word) >> 8;
	h->type = (__u8)(word >> 24);
	h->flags = (__u8)(word >> 32);
	h->stream = stream & 0x7fffffff;
	h->reserved = stream >> 31;
}

/* Bytes that stand before the fragment of a header block, or are all that matters of a frame. */
static __always_inline __u8 h2_prefix(const struct h2_header *h)
{
	__u8 padded = h->flags & H2_FLAG_PADDED ? 1 : 0;

	switch (h->type) {
	case H2_TYPE_HEADERS:
		return padded + (h->flags & H2_FLAG_PRIORITY ? 5 : 0);
	case H2_TYPE_PUSH_PROMISE:
		return padded + 4;
	case H2_TYPE_RST_STREAM:
		return 4;
	case H2_TYPE_GOAWAY:
		return 8;
	}
	return 0;
}

/* False for what RFC 9113, 6 makes a connection error, whoever sends it. */
static __always_inline bool h2_valid(const struct h2_header *h, bool response)
{
	switch (h->type) {
	case H2_TYPE_DATA:
		return h->stream && (!(h->flags & H2_FLAG_PADDED) || h->length);
	case H2_TYPE_HEADERS:
		return h->stream && (response || h->stream & 1) && h->length >= h2_prefix(h) &&
		       h->length <= H2_HEADERS_MOST;
	case H2_TYPE_PRIORITY:
		return h->stream; /* of another length: an error of the stream alone */
	case H2_TYPE_RST_STREAM:
		return h->stream && h->length == 4;
	case H2_TYPE_SETTINGS:
		return !h->stream && h->length % 6 == 0 && !((h->flags & H2_FLAG_ACK) && h->length);
	case H2_TYPE_PUSH_PROMISE:
		return response && h->stream && h->length >= h2_prefix(h) &&
		       h->length <= H2_HEADERS_MOST;
	case H2_TYPE_PING:
		return !h->stream && h->length == 8;
	case H2_TYPE_GOAWAY:
		return !h->stream && h->length >= 8;
	case H2_TYPE_WINDOW_UPDATE:
		return h->length == 4;
	case H2_TYPE_CONTINUATION:
		return h->stream && h->length <= H2_HEADERS_MOST;
	}
	return true; /* 5.5: unknown types are ignored */
}

/* The rest of the frame is a header block's, but for the padding. */
static __always_inline void h2_fragment(struct h2_parser *p, __u32 padding)
{
	p->fragment_left = p->frame_left - padding;
	p->phase = p->fragment_left && !(p->flags & H2_F_UNREAD) ? H2_FRAGMENT : H2_SKIP;
}

/* A frame's header is complete. */
static __always_inline int h2_frame_begin(struct h2_parser *p)
{
	bool inside = p->flags & H2_F_BLOCK;
	struct h2_header h;
	__u8 prefix;

	h2_header(&h, p->head[0], p->head[1]);
	if (!h2_valid(&h, p->flags & H2_F_RESPONSE))
		return h2_bad(p);
	if (inside != (h.type == H2_TYPE_CONTINUATION) || (inside && h.stream != p->stream))
		return h2_bad(p);
	if ((p->flags & H2_F_FIRST) && (h.type != H2_TYPE_SETTINGS || (h.flags & H2_FLAG_ACK)))
		return h2_bad(p);
	p->flags &= (__u8)~H2_F_FIRST;
	p->frame_left = h.length;
	p->length = h.length;
	p->stream = h.stream;
	p->frame_flags = h.flags;
	if (inside) {
		h2_fragment(p, 0);
		return H2_MORE;
	}
	p->type = h.type;
	p->promised = 0;
	p->end_stream = (h.type == H2_TYPE_DATA || h.type == H2_TYPE_HEADERS) &&
			(h.flags & H2_FLAG_END_STREAM);
	prefix = h2_prefix(&h);
	if (prefix)
		h2_collect(p, H2_PREFIX, prefix);
	else
		p->phase = H2_SKIP;
	if (h.type != H2_TYPE_HEADERS && h.type != H2_TYPE_PUSH_PROMISE)
		return H2_MORE;
	p->flags |= H2_F_BLOCK;
	hpack_block_begin(&p->block);
	if (!prefix)
		h2_fragment(p, 0);
	return p->flags & H2_F_RESPONSE ? H2_MORE : H2_FRAME;
}

/* What stands before the fragment, or all that matters of the frame, is complete. */
static __always_inline int h2_prefix_end(struct h2_parser *p)
{
	__u64 word = p->head[0];
	__u32 padding = 0;

	p->phase = H2_SKIP;
	if (p->type == H2_TYPE_RST_STREAM) {
		p->error_code = __builtin_bswap32((__u32)word);
	} else if (p->type == H2_TYPE_GOAWAY) {
		p->last_stream = __builtin_bswap32((__u32)word) & 0x7fffffff;
		p->error_code = __builtin_bswap32((__u32)(word >> 32));
	} else {
		if (p->frame_flags & H2_FLAG_PADDED) {
			padding = (__u8)word;
			word >>= 8;
		}
		if (p->type == H2_TYPE_PUSH_PROMISE)
			p->promised = __builtin_bswap32((__u32)word) & 0x7fffffff;
		if (padding > p->frame_left)
			return h2_bad(p);
		h2_fragment(p, padding);
	}
	return H2_MORE;
}

/* What was to be collected is complete. */
static __always_inline int h2_collected(struct h2_parser *p)
{
	switch (p->phase) {
	case H2_PREFACE:
		if (p->head[0] != CHARS('P', 'R', 'I', ' ', '*', ' ', 'H', 'T') ||
		    p->head[1] != CHARS('T', 'P', '/', '2', '.', '0', '\r', '\n') ||
		    p->head[2] != CHARS('\r', '\n', 'S', 'M', '\r', '\n', '\r', '\n'))
			return h2_bad(p);
		h2_collect(p, H2_HEADER, H2_HEADER_BYTES);
		return H2_MORE;
	case H2_HEADER:
		return h2_frame_begin(p);
	}
	return h2_prefix_end(p);
}

/* A frame is complete: what there is to report of it, or H2_MORE. */
static __always_inline int h2_frame_end(struct h2_parser *p)
{
	h2_collect(p, H2_HEADER, H2_HEADER_BYTES);
	if (p->flags & H2_F_BLOCK) {
		bool unread = p->flags & H2_F_UNREAD || !hpack_at_field(&p->hpack);

		if (!(p->frame_flags & H2_FLAG_END_HEADERS))
			return H2_MORE;
		p->flags &= (__u8) ~(H2_F_BLOCK | H2_F_UNREAD);
		if (!unread)
			return H2_BLOCK;
		hpack_forget(&p->hpack);
		hpack_block_begin(&p->block);
		hpack_unknown(&p->block);
		return H2_BLOCK_UNREAD;
	}
	switch (p->type) {
	case H2_TYPE_DATA:
		return H2_DATA;
	case H2_TYPE_RST_STREAM:
		return H2_RESET;
	case H2_TYPE_GOAWAY:
		return H2_GOAWAY;
	}
	return H2_MORE;
}

/*
 * Passes over bytes that were not looked at: no more than frame_left of them, and
 * only where h2_wants_bytes() is false. Returns what there is to report, or H2_MORE.
 */
static __always_inline int h2_pass(struct h2_parser *p, __u32 bytes)
{
	p->frame_left -= bytes;
	return p->frame_left ? H2_MORE : h2_frame_end(p);
}

/* Collects some of the n bytes at `at` into head. Returns how many. */
static __always_inline __u32 h2_collect_some(struct h2_parser *p, const struct cursor *cur,
					     __u32 at, __u32 n)
{
	__u8 *to = (__u8 *)p->head + (p->have & H2_HEAD_MASK);
	__u64 word = cursor_load(cur, at);
	__u32 more = (__u32)p->need - p->have;

	if (more == H2_HEADER_BYTES && !p->have && n >= H2_HEADER_BYTES) {
		/* nearly every frame's header, whole */
		p->head[0] = word;
		p->head[1] = cursor_byte(cur, at + 8);
		p->have = H2_HEADER_BYTES;
		return H2_HEADER_BYTES;
	}
	if (n > more)
		n = more;
	if (n > 8)
		n = 8;
#ifdef __bpf__
	asm volatile("*(u64 *)(%0 + 0) = %1" : : "r"(to), "r"(word) : "memory");
#else
	memcpy(to, &word, sizeof(word));
#endif
	p->have += (__u8)n;
	return n;
}

/* One step at cur->pos, at most over n bytes of the window. */
static __always_inline int h2_step(struct h2_parser *p, struct cursor *cur, __u32 n)
{
	__u32 pos = cur->pos, left;
	int used;

	switch (p->phase) {
	case H2_FRAGMENT:
		left = p->fragment_left;
		used = n < left ? 0 : hpack_fields(&p->hpack, &p->block, cur, left);
		if (!used)
			used = hpack_step(&p->hpack, &p->block, cur, pos, n < left ? n : left);
		if (used < 0) {
			h2_unread(p);
			return H2_MORE;
		}
		p->fragment_left = left - (__u32)used;
		if (!p->fragment_left)
			p->phase = H2_SKIP;
		break;
	case H2_SKIP:
		left = p->frame_left;
		used = (int)(n < left ? n : left);
		break;
	case H2_PREFACE:
	case H2_HEADER:
	case H2_PREFIX:
		used = (int)h2_collect_some(p, cur, pos, n);
		cur->pos = pos + (__u32)used;
		if (p->phase == H2_PREFIX)
			p->frame_left -= (__u32)used;
		return p->have == p->need ? h2_collected(p) : H2_MORE;
	default:
		return H2_BAD;
	}
	cur->pos = pos + (__u32)used;
	p->frame_left -= (__u32)used;
	return H2_MORE;
}

/*
 * Follows the stream through the window from cur->pos, which it moves. Returns the
 * first thing that there is to report; the caller comes again until H2_MORE.
 * Everything between two steps is in memory, so that the verifier finds all
 * steps to be the same.
 */
VERIFIED_ALONE int h2_scan(struct h2_parser *p, struct cursor *cur)
{
	int result;

	if (!p || !cur)
		return H2_BAD;
	for (int i = 0; i < H2_STEPS; i++) {
		if (p->phase == H2_SKIP && !p->frame_left)
			result = h2_frame_end(p);
		else if (cur->pos >= cur->bytes)
			return H2_MORE;
		else
			result = h2_step(p, cur, cur->bytes - cur->pos);
		if (result != H2_MORE)
			return result;
	}
	return H2_AGAIN;
}

/* True if these may be the first bytes of a frame's header, by everything that it says. */
static __always_inline bool h2_plausible_header(const struct h2_header *h, bool response)
{
	__u8 flags = 0;

	if (h->reserved || !h2_valid(h, response) || (!response && h->stream && !(h->stream & 1)))
		return false;
	switch (h->type) {
	case H2_TYPE_DATA:
		flags = H2_FLAG_END_STREAM | H2_FLAG_PADDED;
		break;
	case H2_TYPE_HEADERS:
		flags = H2_FLAG_END_STREAM | H2_FLAG_END_HEADERS | H2_FLAG_PADDED |
			H2_FLAG_PRIORITY;
		break;
	case H2_TYPE_PRIORITY:
		if (h->length != 5)
			return false;
		break;
	case H2_TYPE_SETTINGS:
	case H2_TYPE_PING:
		flags = H2_FLAG_ACK;
		break;
	case H2_TYPE_PUSH_PROMISE:
		flags = H2_FLAG_END_HEADERS | H2_FLAG_PADDED;
		break;
	case H2_TYPE_RST_STREAM:
	case H2_TYPE_GOAWAY:
	case H2_TYPE_WINDOW_UPDATE:
		break;
	default: /* CONTINUATION: what it continues was not seen */
		return false;
	}
	return !(h->flags & ~flags) &&
	       h->length <= (h->type == H2_TYPE_DATA ? H2_PLAUSIBLE_PAYLOAD : H2_PLAUSIBLE_HEADERS);
}

/*
 * True if a connection of which not all was seen can be picked up at cur->pos: there, and behind
 * each frame that ends in the window, up to four, what may be a frame's header begins. Needs the
 * nine bytes of the first. `most` is the highest number that a stream can have.
 */
VERIFIED_ALONE int h2_plausible(const struct cursor *cur, int response, __u32 most)
{
	__u32 at, bytes;

	if (!cur)
		return 0;
	at = cur->pos;
	bytes = cur->bytes;
	if (at > bytes || bytes - at < H2_HEADER_BYTES)
		return 0;
	for (int i = 0; i < 4; i++) {
		struct h2_header h;

		h2_header(&h, cursor_load(cur, at), cursor_byte(cur, at + 8));
		if (h.stream > most || !h2_plausible_header(&h, response))
			return 0;
		if ((h.type == H2_TYPE_HEADERS || h.type == H2_TYPE_PUSH_PROMISE) &&
		    !(h.flags & H2_FLAG_END_HEADERS))
			return 1; /* CONTINUATION comes next */
		at += H2_HEADER_BYTES + h.length;
		if (at > bytes || bytes - at < H2_HEADER_BYTES)
			return 1;
	}
	return 1;
}

/*
 * The same behind bytes that were not seen, where what comes may be the midst of a frame as
 * well: the first one must be of the usual kind, so that little is passed over for it.
 */
static __always_inline bool h2_plausible_again(const struct cursor *cur, int response, __u32 most)
{
	struct h2_header h;

	if (!h2_plausible(cur, response, most))
		return false;
	h2_header(&h, cursor_load(cur, cur->pos), cursor_byte(cur, cur->pos + 8));
	if (h.type == H2_TYPE_HEADERS || h.type == H2_TYPE_PUSH_PROMISE)
		return h.flags & H2_FLAG_END_HEADERS;
	return h.length <= H2_PLAUSIBLE_HEADERS;
}

#endif
