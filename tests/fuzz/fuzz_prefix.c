// SPDX-License-Identifier: Apache-2.0
/* Headers of the PROXY protocol: the same in one piece and byte by byte, and never beyond what
 * there is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/prefix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t parse(struct prefix *p, const uint8_t *data, size_t size, size_t piece, int *result)
{
	static struct cursor cursor;
	size_t at = 0;

	prefix_begin(p, 0, data[0]);
	*result = PREFIX_MORE;
	while (at < size && *result == PREFIX_MORE) {
		size_t n = size - at < piece ? size - at : piece, passes = prefix_passes(p);

		if (passes) {
			passes = passes < n ? passes : n;
			*result = prefix_pass(p, (uint32_t)passes);
			at += passes;
			continue;
		}
		memcpy(cursor.byte, data + at, n);
		cursor.pos = 0;
		cursor.bytes = (uint32_t)n;
		*result = prefix_scan(p, &cursor);
		if (!cursor.pos || cursor.pos > n)
			abort();
		at += cursor.pos;
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prefix whole, bytes;
	int said, again;

	if (!size)
		return 0;
	if (parse(&whole, data, size, PREFIX_WINDOW, &said) !=
		    parse(&bytes, data, size, 1, &again) ||
	    said != again || (said == PREFIX_DONE && memcmp(&whole, &bytes, sizeof(whole))))
		abort();
	return 0;
}
