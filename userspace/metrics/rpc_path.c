/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/rpc_path.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#include "defaults.h"
#include "metrics/rollup.h"

/* RFC 7541: a literal field not added to the table (6.2.2), its name that of entry 4, :path. */
#define LITERAL_PATH 0x04
#define HUFFMAN 0x80 /* above the length of a string (5.2), which fits into the seven bits below */

_Static_assert(RPC_PATH_BYTES < 127, "a length of one byte (RFC 7541, 5.1)");

/* Decodes by a field block of this one string. Returns its length, or 0. */
static size_t decode(char *ret_text, size_t capacity, const uint8_t *path, size_t bytes)
{
	uint8_t block[2 + RPC_PATH_BYTES] = { LITERAL_PATH, (uint8_t)(HUFFMAN | bytes) };
	nghttp2_hd_inflater *inflater;
	nghttp2_nv field;
	size_t length = 0;
	int flags = 0;

	memcpy(block + 2, path, bytes);
	if (nghttp2_hd_inflate_new(&inflater))
		return 0;
	if (nghttp2_hd_inflate_hd2(inflater, &field, &flags, block, 2 + bytes, 1) ==
		    (ssize_t)(2 + bytes) &&
	    flags & NGHTTP2_HD_INFLATE_EMIT && field.valuelen < capacity) {
		memcpy(ret_text, field.value, field.valuelen);
		length = field.valuelen;
	}
	nghttp2_hd_inflate_del(inflater);
	return length;
}

static bool is_path(const char *text, size_t length)
{
	if (!length || text[0] != '/')
		return false;
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

void rpc_path__text(char ret_text[RPC_PATH_TEXT_BYTES], const struct rpc_key *key)
{
	size_t length = 0;

	if (key->bytes > RPC_PATH_BYTES) {
		length = 0;
	} else if (key->huffman) {
		length = decode(ret_text, RPC_PATH_TEXT_BYTES, key->path, key->bytes);
	} else {
		length = key->bytes;
		memcpy(ret_text, key->path, length);
	}
	if (is_path(ret_text, length))
		ret_text[length] = '\0';
	else
		strcpy(ret_text, VALUE_OTHER);
}

uint32_t rpc_group__entry(const struct row_group_key *group, const struct snapshot *snapshot)
{
	uint32_t i = group->status - STATUS_RPC(0);

	if (i >= snapshot->rpc_count || !snapshot->rpcs[i].in_use ||
	    snapshot->rpcs[i].key.slot != group->slot)
		return OTHER_INDEX;
	return i;
}
