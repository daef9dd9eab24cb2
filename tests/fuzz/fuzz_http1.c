// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP/1.x parser of the BPF programs. Input: a byte that chooses requests
 * or responses and how the stream is cut, then the stream. It must say the same
 * of the stream as a whole, in pieces, and as the naive parser says.
 */
#include "../unit/http1_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Pieces whose sizes follow from the seed alone. */
static void drive_in_pieces(struct drive *d, const uint8_t *data, size_t n, uint32_t seed)
{
	while (n) {
		size_t piece;

		seed = seed * 1103515245 + 12345;
		piece = 1 + (seed >> 16) % (seed & 0x100 ? 3 : 60);
		if (piece > n)
			piece = n;
		drive_piece(d, data, piece);
		data += piece;
		n -= piece;
	}
}

/* Phases in which body_left says something. */
static bool counts(const struct http_parser *p)
{
	return p->phase == HTTP_HEADER || p->phase == HTTP_BODY_LENGTH ||
	       p->phase == HTTP_CHUNK_DATA;
}

/* What is left in the parser in the middle of a stream may not depend on the pieces either. */
static bool same_state(const struct http_parser *a, const struct http_parser *b)
{
	return a->phase == b->phase && a->line_kind == b->line_kind &&
	       (!counts(a) || a->body_left == b->body_left) && a->flags == b->flags &&
	       a->carry_bytes == b->carry_bytes && !memcmp(a->carry, b->carry, a->carry_bytes);
}

static void fail(const char *what, const struct drive *a, const struct drive *b)
{
	fprintf(stderr, "%s\n", what);
	drive_print("first", &a->trace);
	drive_print("second", &b->trace);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drive whole, pieces, bytes;
	bool response;

	if (size < 2)
		return 0;
	response = data[0] & 1;
	drive_begin(&whole, response, '\n');
	drive_begin(&pieces, response, data[0]);
	drive_begin(&bytes, response, '0');
	drive_piece(&whole, data + 1, size - 1);
	drive_in_pieces(&pieces, data + 1, size - 1, data[0]);
	for (size_t i = 1; i < size; i++)
		drive_piece(&bytes, data + i, 1);
	if (!drive_same(&whole.trace, &pieces.trace))
		fail("pieces differ from the whole", &whole, &pieces);
	if (!drive_same(&whole.trace, &bytes.trace))
		fail("bytes differ from the whole", &whole, &bytes);
	if (whole.trace.verdict == HTTP_MORE && (!same_state(&whole.parser, &pieces.parser) ||
						 !same_state(&whole.parser, &bytes.parser)))
		fail("the same, but another state is left", &whole, &pieces);
	if (whole.trace.events < DRIVE_EVENTS &&
	    !drive_agrees(&whole.trace, response, data + 1, size - 1)) {
		naive_parse(&pieces.trace, response, data + 1, size - 1);
		fail("the naive parser differs", &whole, &pieces);
	}
	return 0;
}
