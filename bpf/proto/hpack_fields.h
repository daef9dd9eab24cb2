/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The straight way through a header block, for the fields that most consist of: whole in the
 * window, with a value that does not matter, or is in a table. hpack.h takes all others, and
 * both say the same.
 */
#ifndef EDGETAP_PROTO_HPACK_FIELDS_H
#define EDGETAP_PROTO_HPACK_FIELDS_H

#include "hpack.h"

#define HPACK_FIELDS 24 /* of one look; the verifier walks each */

/* The value of a content type that stands at `at`: whatever is behind it does not matter. */
static __always_inline __u16 hpack_type_at(const struct cursor *cur, __u32 at, __u32 bytes,
					   bool huffman)
{
	__u64 text[3];

	if (bytes < 11)
		return H2_GRPC_NO;
	text[0] = cursor_load(cur, at);
	text[1] = cursor_load(cur, at + 8);
	text[2] = cursor_byte(cur, at + 16);
	return hpack_type(text, bytes, huffman);
}

/*
 * Follows one field, whole under the cursor before `end`, as hpack_step() does with nothing kept in
 * between. False, with nothing done, if it is none of those that most blocks consist of. Alone: in
 * a loop the verifier would walk each way through it for each way to it.
 */
VERIFIED_ALONE int hpack_field_whole(struct hpack *h, struct h2_block *b, struct cursor *cur,
				     __u32 end)
{
	__u32 at, next, index, most, found = HPACK_OTHER, bytes;
	__u16 value = 0;
	__u8 c;

	if (!h || !b || !cur)
		return false;
	at = cur->pos;
	next = at + 1;
	c = cursor_byte(cur, at);
	if (c & 0x80) {
		index = c & 0x7f;
		if (index == 0x7f || !index)
			return false;
		found = hpack_look_up(h, index);
		if ((__u8)found == HPACK_PATH)
			return false;
		hpack_field(b, (__u8)found, (__u16)(found >> 8));
		cur->pos = next;
		return true;
	}
	most = c & 0x40 ? 0x3f : 0x0f;
	index = c & most;
	if ((c & 0x60) == 0x20 || h->inserted == 0xffffffff)
		return false;
	if (index == most) {
		__u8 more = cursor_byte(cur, next++);

		if (more & 0x80)
			return false;
		index += more;
	}
	if (index) {
		found = hpack_look_up(h, index);
	} else {
		bytes = cursor_byte(cur, next++) & 0x7f;
		if (bytes == 0x7f || hpack_name_matters(bytes))
			return false;
		next += bytes;
	}
	if (next >= end)
		return false;
	c = cursor_byte(cur, next++);
	bytes = c & 0x7f;
	if (bytes == 0x7f || bytes > end - next)
		return false;
	if ((__u8)found == HPACK_TYPE)
		value = hpack_type_at(cur, next, bytes, c >> 7);
	else if ((__u8)found != HPACK_OTHER)
		return false;
	hpack_field(b, (__u8)found, value);
	if (most == 0x3f)
		hpack_insert(h, b, (__u8)found, value);
	cur->pos = next + bytes;
	return true;
}

/*
 * Follows the fields of a header block, n bytes of which stand at cur->pos, that hpack_field_whole()
 * takes. Returns their bytes, behind which cur->pos is; hpack_step() takes the next.
 */
static __always_inline int hpack_fields(struct hpack *h, struct h2_block *b, struct cursor *cur,
					__u32 n)
{
	__u32 begin = cur->pos;

	if (h->phase != HPACK_FIELD)
		return 0;
	for (int i = 0; i < HPACK_FIELDS && cur->pos - begin < n; i++)
		if (!hpack_field_whole(h, b, cur, begin + n))
			break;
	return (int)(cur->pos - begin);
}

#endif
