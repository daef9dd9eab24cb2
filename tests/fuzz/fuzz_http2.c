// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP/2 parser of the BPF programs. Input: a byte that chooses requests or
 * responses, an older connection or a new one, and how the stream is cut; then
 * the stream, without the preface. It must say the same of the stream as a
 * whole, in pieces and byte by byte, with payload shown or passed over, and
 * leave the same behind; and what it says must be in range.
 */
#include "../unit/http2_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct h2d *d, uint8_t how, uint8_t stale)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	bool response = how & 1, older = how & 2;

	h2d_begin(d, response, older, stale);
	d->all_requests = how & 4;
	if (!response && !older)
		h2d_piece(d, (const uint8_t *)preface, 24);
}

/* Pieces whose sizes follow from the seed alone. */
static void in_pieces(struct h2d *d, const uint8_t *data, size_t n, uint32_t seed)
{
	while (n) {
		size_t piece;

		seed = seed * 1103515245 + 12345;
		piece = 1 + (seed >> 16) % (seed & 0x100 ? 3 : 60);
		if (piece > n)
			piece = n;
		h2d_piece(d, data, piece);
		data += piece;
		n -= piece;
	}
}

/* What is left of text and head behind what is in use may differ: nothing depends on it. */
static bool same_state(const struct h2_parser *a, const struct h2_parser *b)
{
	const struct hpack *x = &a->hpack, *y = &b->hpack;

	return a->phase == b->phase && a->flags == b->flags && a->frame_left == b->frame_left &&
	       (a->phase != H2_FRAGMENT || a->fragment_left == b->fragment_left) &&
	       a->have == b->have && !memcmp(a->head, b->head, a->have) && x->phase == y->phase &&
	       x->inserted == y->inserted && !memcmp(x->entry, y->entry, sizeof(x->entry)) &&
	       !memcmp(&a->block, &b->block, sizeof(a->block));
}

static void in_range(const struct h2d *d)
{
	for (size_t i = 0; i < d->events; i++) {
		const struct h2_block *b = &d->event[i].block;

		if (d->event[i].result != H2_BLOCK)
			continue;
		if (b->status && b->status != H2_STATUS_UNKNOWN &&
		    (b->status < 100 || b->status > 999))
			abort();
		if (b->method >= METHOD_N && b->method != H2_METHOD_NONE &&
		    b->method != H2_METHOD_UNKNOWN)
			abort();
		if (b->grpc > H2_GRPC_UNKNOWN || b->path > H2_PATH_UNKNOWN ||
		    (b->grpc_status > 16 && b->grpc_status < H2_GRPC_STATUS_UNKNOWN))
			abort();
		if (b->path == H2_PATH_KNOWN && d->event[i].path > d->paths)
			abort();
	}
}

static void compare(const char *what, const struct h2d *a, const struct h2d *b)
{
	if (h2d_same(a, b) && (a->bad || same_state(&a->parser, &b->parser)))
		return;
	fprintf(stderr, "%s differ from the whole\n", what);
	h2d_print("whole", a);
	h2d_print(what, b);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct h2d whole, pieces, bytes;
	static struct cursor window;
	size_t n;

	if (size < 2)
		return 0;
	begin(&whole, data[0], 0);
	begin(&pieces, data[0], 0xff);
	begin(&bytes, data[0], 0x82);
	h2d_piece(&whole, data + 1, size - 1);
	in_pieces(&pieces, data + 1, size - 1, data[0]);
	for (size_t i = 1; i < size; i++)
		h2d_piece(&bytes, data + i, 1);
	compare("pieces", &whole, &pieces);
	compare("bytes", &whole, &bytes);
	in_range(&whole);
	n = size - 1 < CURSOR_BYTES ? size - 1 : CURSOR_BYTES;
	memcpy(window.byte, data + 1, n);
	window.bytes = (uint32_t)n;
	window.pos = data[0] < n ? data[0] : 0;
	h2_plausible(&window, data[0] & 1, H2_STREAM_MOST);
	return 0;
}
