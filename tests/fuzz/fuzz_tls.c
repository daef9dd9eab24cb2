// SPDX-License-Identifier: Apache-2.0
/*
 * The TLS follower of the BPF programs. Input: reads and writes of a server, each
 * with two bytes before it: the direction and the upper bits of the length, then
 * the lower bits. A trailing piece that is shorter than it says is taken as it
 * is. However each is cut, the follower must say the same.
 */
#include "../unit/tls_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum cut { WHOLE, PIECES, BYTES };

static void replay(struct drive *d, const uint8_t *data, size_t size, enum cut cut)
{
	uint32_t seed = size ? data[size - 1] : 0;
	uint64_t now = 1000;

	while (size > 2) {
		size_t n = (size_t)(data[0] & 0x3f) << 8 | data[1];
		bool from_server = data[0] & 0x80;

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		now++;
		for (size_t at = 0, piece; at < n; at += piece) {
			seed = seed * 1103515245 + 12345;
			piece = cut == WHOLE ? n : cut == BYTES ? 1 : 1 + (seed >> 16) % 60;
			piece = piece < n - at ? piece : n - at;
			drive_piece(d, from_server, data + at, piece, now);
		}
		data += n;
		size -= n;
	}
}

static void compare(const char *what, const struct drive *a, const struct drive *b)
{
	if (drive_same(a, b))
		return;
	fprintf(stderr, "%s\n", what);
	drive_print("first", a);
	drive_print("second", b);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drive whole, pieces, bytes;

	drive_begin(&whole, false, 0x16);
	drive_begin(&pieces, true, 0x03);
	drive_begin(&bytes, true, 0);
	replay(&whole, data, size, WHOLE);
	replay(&pieces, data, size, PIECES);
	replay(&bytes, data, size, BYTES);
	compare("pieces differ from the whole", &whole, &pieces);
	compare("bytes differ from the whole", &whole, &bytes);
	drive_end(&whole, TLS_BY_CLIENT, TLS_OUTCOME_CLOSED);
	drive_end(&pieces, TLS_BY_CLIENT, TLS_OUTCOME_CLOSED);
	compare("the end differs", &whole, &pieces);
	return 0;
}
