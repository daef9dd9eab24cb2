// SPDX-License-Identifier: Apache-2.0
/*
 * Header blocks as the BPF programs follow them. An encoder that uses every
 * representation at random writes them, libnghttp2's inflater says what they
 * are and what its table holds, and the parser must agree or say "unknown".
 */
#include <check.h>
#include <nghttp2/nghttp2.h>

#include "http2_drive.h"

Suite *hpack_suite(void);

#define TEXT 256
#define BLOCKS 400

/* What the blocks of a stream are, by the inflater. */
struct want {
	char path[TEXT]; /* empty: none */
	uint16_t status;
	uint8_t method, grpc, grpc_status;
};

static struct {
	uint8_t byte[1 << 20];
	size_t n;
	struct want want[BLOCKS];
	size_t frame[BLOCKS + 1]; /* where the frame of each begins */
	size_t blocks;
} stream;

static nghttp2_hd_inflater *inflater;
static uint64_t seed;

static uint32_t roll(uint32_t below)
{
	/* xorshift64*, so that a failure is the same everywhere */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 2685821657736338717ULL) >> 33) % below;
}

/* ---- Huffman's code, learnt from libnghttp2 ---- */

static struct {
	uint32_t code;
	uint32_t bits;
} huffman[128];

static void huffman_learn(void)
{
	nghttp2_hd_deflater *deflater;

	ck_assert_int_eq(nghttp2_hd_deflate_new(&deflater, 0), 0);
	for (int c = 0x20; c < 0x7f; c++) {
		uint8_t value[61], out[256];
		nghttp2_nv nv = { (uint8_t *)"x", value, 1, sizeof(value),
				  NGHTTP2_NV_FLAG_NO_INDEX };
		uint32_t ones = 0, bits;
		uint64_t head = 0;
		ssize_t n;

		/* c, then sixty times 'a', which is 00011 */
		memset(value, 'a', sizeof(value));
		value[0] = (uint8_t)c;
		n = nghttp2_hd_deflate_hd(deflater, out, sizeof(out), &nv, 1);
		for (ssize_t at = 0; at < n; at++) {
			if ((out[at] & 0x80) && (out[at] & 0x7f) == n - at - 1) {
				bits = (uint32_t)(n - at - 1) * 8;
				memmove(out, out + at + 1, bits / 8);
				n = bits / 8;
				break;
			}
		}
		bits = (uint32_t)n * 8;
		while (out[n - 1 - ones / 8] >> (ones % 8) & 1)
			ones++;
		ck_assert_uint_ge(ones, 2);
		huffman[c].bits = bits - 300 - (ones - 2);
		for (int i = 0; i < 5; i++)
			head = head << 8 | out[i];
		huffman[c].code = (uint32_t)(head >> (40 - huffman[c].bits));
	}
	nghttp2_hd_deflate_del(deflater);
	ck_assert_uint_eq(huffman['a'].bits, 5);
	ck_assert_uint_eq(huffman['&'].bits, 8);
}

static size_t huffman_code(uint8_t *to, const char *text)
{
	uint64_t bits = 0;
	uint32_t n = 0;
	size_t at = 0;

	for (; *text; text++) {
		bits = bits << huffman[(int)*text].bits | huffman[(int)*text].code;
		for (n += huffman[(int)*text].bits; n >= 8; n -= 8)
			to[at++] = (uint8_t)(bits >> (n - 8));
	}
	if (n)
		to[at++] = (uint8_t)(bits << (8 - n) | (0xff >> n));
	return at;
}

/* ---- an encoder that makes any choice ---- */

static size_t put_integer(uint8_t *to, uint8_t first, uint32_t prefix_max, uint32_t value)
{
	size_t n = 1;

	if (value < prefix_max) {
		to[0] = first | (uint8_t)value;
		return 1;
	}
	to[0] = first | (uint8_t)prefix_max;
	for (value -= prefix_max; value >= 0x80; value >>= 7)
		to[n++] = (uint8_t)(value | 0x80);
	to[n++] = (uint8_t)value;
	return n;
}

static size_t put_string(uint8_t *to, const char *text)
{
	uint8_t coded[TEXT * 4];
	size_t n, bytes = strlen(text);

	if (roll(2)) {
		bytes = huffman_code(coded, text);
		n = put_integer(to, 0x80, 0x7f, (uint32_t)bytes);
		memcpy(to + n, coded, bytes);
	} else {
		n = put_integer(to, 0, 0x7f, (uint32_t)bytes);
		memcpy(to + n, text, bytes);
	}
	return n + bytes;
}

/* Writes one field; the choice between the ways that the inflater's table allows is random. */
static size_t put_field(uint8_t *to, const char *name, const char *value)
{
	size_t entries = nghttp2_hd_inflate_get_num_table_entries(inflater), n;
	uint32_t whole = 0, by_name = 0, names = 0, form = roll(5);

	for (size_t i = 1; i <= entries; i++) {
		const nghttp2_nv *nv = nghttp2_hd_inflate_get_table_entry(inflater, i);

		if (nv->namelen != strlen(name) || memcmp(nv->name, name, nv->namelen))
			continue;
		if (!roll(++names))
			by_name = (uint32_t)i;
		if (nv->valuelen == strlen(value) && !memcmp(nv->value, value, nv->valuelen))
			whole = (uint32_t)i;
	}
	if (whole && roll(8))
		return put_integer(to, 0x80, 0x7f, whole);
	if (!roll(3))
		by_name = 0;
	if (form == 0)
		n = put_integer(to, 0x10, 0x0f, by_name);
	else if (form == 1)
		n = put_integer(to, 0x00, 0x0f, by_name);
	else
		n = put_integer(to, 0x40, 0x3f, by_name);
	if (!by_name)
		n += put_string(to + n, name);
	return n + put_string(to + n, value);
}

static uint8_t method_of(const char *text)
{
	static const char *const name[METHOD_N] = {
		"", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"
	};

	for (uint8_t i = 1; i < METHOD_N; i++)
		if (!strcmp(text, name[i]))
			return i;
	return METHOD_OTHER;
}

static void want_field(struct want *cur, const char *name, const char *value)
{
	char *end;
	long number = strtol(value, &end, 10);
	bool digits = *value >= '0' && *value <= '9' && !*end;

	if (!strcmp(name, ":status"))
		cur->status = digits && strlen(value) == 3 && number >= 100 ? (uint16_t)number
									    : H2_STATUS_UNKNOWN;
	else if (!strcmp(name, ":method"))
		cur->method = method_of(value);
	else if (!strcmp(name, ":path"))
		strcpy(cur->path, value);
	else if (!strcmp(name, "content-type"))
		cur->grpc = !strncmp(value, "application/grpc", 16) && strchr("+;", value[16])
				    ? H2_GRPC_YES
				    : H2_GRPC_NO;
	else if (!strcmp(name, "grpc-status"))
		cur->grpc_status = digits && strlen(value) <= 2 && number <= 16
					   ? (uint8_t)number
					   : H2_GRPC_STATUS_UNKNOWN;
}

/* Bytes of a block, through the inflater: they must give just this field, or none. */
static void inflate(const uint8_t *data, size_t n, const char *name, const char *value, bool last)
{
	int flags = 0, seen = 0;

	do {
		nghttp2_nv nv;
		ssize_t used = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, data, n, last);

		ck_assert_int_ge(used, 0);
		data += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			ck_assert(name && !seen++);
			ck_assert_uint_eq(nv.namelen, strlen(name));
			ck_assert_mem_eq(nv.name, name, nv.namelen);
			ck_assert_uint_eq(nv.valuelen, strlen(value));
			ck_assert_mem_eq(nv.value, value, nv.valuelen);
		}
	} while (n || flags & NGHTTP2_HD_INFLATE_EMIT);
	ck_assert_int_eq(seen, name ? 1 : 0);
	if (last)
		nghttp2_hd_inflate_end_headers(inflater);
}

static void put_frame(uint8_t type, uint8_t flags, uint32_t id, const uint8_t *data, size_t n)
{
	uint8_t head[9] = {
		(uint8_t)(n >> 16),  (uint8_t)(n >> 8),	  (uint8_t)n,	      type,	  flags,
		(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id
	};

	memcpy(stream.byte + stream.n, head, 9);
	if (n)
		memcpy(stream.byte + stream.n + 9, data, n);
	stream.n += 9 + n;
	ck_assert_uint_lt(stream.n, sizeof(stream.byte));
}

static struct {
	uint8_t byte[16384];
	size_t n;
} block;

static void block_field(const char *name, const char *value)
{
	size_t n = put_field(block.byte + block.n, name, value);

	inflate(block.byte + block.n, n, name, value, false);
	block.n += n;
	want_field(&stream.want[stream.blocks], name, value);
}

static void block_begin(void)
{
	struct want *cur = &stream.want[stream.blocks];

	block.n = 0;
	memset(cur, 0, sizeof(*cur));
	cur->method = H2_METHOD_NONE;
	cur->grpc_status = H2_GRPC_STATUS_NONE;
}

static void block_end(void)
{
	inflate(NULL, 0, NULL, NULL, true);
	stream.frame[stream.blocks] = stream.n;
	put_frame(H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, (uint32_t)(2 * stream.blocks + 1),
		  block.byte, block.n);
	stream.frame[++stream.blocks] = stream.n;
}

#define PICK(list) (list)[roll(sizeof(list) / sizeof((list)[0]))]

static const char *const methods[] = { "GET",	  "HEAD",  "POST",  "PUT",  "DELETE", "CONNECT",
				       "OPTIONS", "TRACE", "PATCH", "BREW", "GETS",   "PROPFIND" };
static const char *const types[] = { "application/grpc",
				     "application/grpc+proto",
				     "application/grpc;a=b",
				     "application/grpc-web",
				     "application/grpc-web+proto",
				     "application/grpcish",
				     "application/json",
				     "text/html; charset=utf-8",
				     "a",
				     "" };
static const char *const codes[] = { "200", "204", "206", "304", "400", "404", "500",  "503",
				     "429", "301", "999", "100", "099", "20",  "2000", "2x0" };
static const char *const grpc_codes[] = { "0",	"1",  "2",  "3",  "4",	"5",  "9", "10", "12",
					  "13", "14", "16", "17", "99", "-1", "x", "" };
static const char *const others[] = { "user-agent",   "te",    "x-request-id", "date",
				      "grpc-message", "x",     "grpc-timeout", "content-length",
				      "cookie",	      "server" };

static void other_field(uint32_t values)
{
	char name[TEXT], value[TEXT];

	snprintf(name, sizeof(name), "%s%s", PICK(others), roll(8) ? "" : "-longer");
	snprintf(value, sizeof(value), "%s%u", roll(10) ? "" : "a value of some length, with words",
		 roll(values));
	block_field(name, value);
	/* rarely one that is larger than some tables, which empties them */
	if (!roll(200)) {
		memset(value, 'v', sizeof(value) - 1);
		value[sizeof(value) - 1] = '\0';
		block_field("x-large", value);
	}
}

static bool long_paths;

static void random_path(char *to)
{
	uint32_t kind = roll(20);

	if (kind == 0)
		strcpy(to, roll(2) ? "/" : "/index.html");
	else if (kind == 1 && long_paths)
		sprintf(to, "/long/%0*u", (int)roll(200), roll(3)); /* zeroes take five bits */
	else
		sprintf(to, "/pkg.Service%u/Method%u", roll(3), roll(8));
}

/* `table`: the largest size of the dynamic table. */
static void random_stream(bool response, uint32_t table, uint32_t values)
{
	char path[TEXT * 2];

	if (inflater)
		nghttp2_hd_inflate_del(inflater);
	ck_assert_int_eq(nghttp2_hd_inflate_new(&inflater), 0);
	stream.n = 0;
	stream.blocks = 0;
	if (!response) {
		memcpy(stream.byte, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
		stream.n = 24;
	}
	put_frame(H2_TYPE_SETTINGS, 0, 0, NULL, 0);
	while (stream.blocks < BLOCKS) {
		block_begin();
		if (!stream.blocks || !roll(40)) {
			uint32_t size = stream.blocks ? roll(3) ? roll(table + 1) : table : table;
			uint8_t to[8];
			size_t n = put_integer(to, 0x20, 0x1f, size);

			ck_assert_int_eq(nghttp2_hd_inflate_change_table_size(inflater, size), 0);
			inflate(to, n, NULL, NULL, false);
			memcpy(block.byte, to, n);
			block.n = n;
		}
		if (response) {
			if (roll(4))
				block_field(":status", PICK(codes));
		} else if (roll(8)) {
			block_field(":method", PICK(methods));
			random_path(path);
			if (roll(2))
				block_field(":scheme", "https");
			block_field(":path", path);
		}
		for (uint32_t n = roll(5); n; n--)
			other_field(values);
		if (roll(2))
			block_field("content-type", PICK(types));
		for (uint32_t n = roll(3); n; n--)
			other_field(values);
		if (response && roll(2))
			block_field("grpc-status", PICK(grpc_codes));
		block_end();
	}
}

static bool is_path(const struct h2d_path *p, const char *text)
{
	uint8_t coded[TEXT * 4];
	size_t n = strlen(text);

	if (!p->huffman)
		return p->bytes == n && !memcmp(p->text, text, n);
	n = huffman_code(coded, text);
	return p->bytes == n && !memcmp(p->text, coded, n);
}

/* Blocks that said "unknown" of something that was there to know; aborts if one said anything
 * wrong. */
static size_t unknowns(const struct h2d *d, size_t first)
{
	size_t unknown = 0, at = first;

	ck_assert(!d->bad);
	for (size_t i = 0; i < d->events; i++) {
		const struct h2d_event *e = &d->event[i];
		const struct want *cur = &stream.want[at];
		const struct h2_block *b = &e->block;
		bool all = true, no_path = !e->path;

		if (e->result == H2_FRAME)
			continue;
		ck_assert_int_eq(e->result, H2_BLOCK);
		ck_assert_uint_eq(e->stream, 2 * at + 1);
		if (b->status != cur->status) {
			ck_assert_msg(b->status == H2_STATUS_UNKNOWN,
				      "block %zu: status %u, not %u", at, b->status, cur->status);
			all = false;
		}
		if (b->method != cur->method) {
			ck_assert_msg(b->method == H2_METHOD_UNKNOWN,
				      "block %zu: method %u, not %u", at, b->method, cur->method);
			all = false;
		}
		if (b->grpc != cur->grpc) {
			ck_assert_msg(b->grpc == H2_GRPC_UNKNOWN, "block %zu: grpc %u, not %u", at,
				      b->grpc, cur->grpc);
			all = false;
		}
		if (b->grpc_status != cur->grpc_status) {
			ck_assert_msg(b->grpc_status == H2_GRPC_STATUS_UNKNOWN,
				      "block %zu: grpc-status %u, not %u", at, b->grpc_status,
				      cur->grpc_status);
			all = false;
		}
		if (!no_path)
			ck_assert_msg(is_path(&d->path[e->path - 1], cur->path),
				      "block %zu: not the path %s", at, cur->path);
		else if (*cur->path && strlen(cur->path) < 60)
			all = false;
		if (!*cur->path)
			ck_assert(no_path &&
				  (b->path == H2_PATH_NONE || b->path == H2_PATH_UNKNOWN));
		unknown += !all;
		at++;
	}
	ck_assert_uint_eq(at, stream.blocks);
	return unknown;
}

static struct h2d whole, split;

static void drive(struct h2d *d, bool response, const uint8_t *data, size_t n, int how)
{
	h2d_begin(d, response, false, (uint8_t)how);
	d->all_requests = true;
	while (n) {
		size_t piece = how == 0 ? n : how == 1 ? 1 : 1 + roll(40);

		if (piece > n)
			piece = n;
		h2d_piece(d, data, piece);
		data += piece;
		n -= piece;
	}
}

START_TEST(every_representation)
{
	for (int round = 0; round < 60; round++) {
		bool response = round & 1;

		seed = 0x9e3779b97f4a7c15ULL + (uint64_t)round;
		/*
		 * At most 32 entries: none that matters is ever displaced, so all is known; but
		 * a path that is too long is not remembered, nor is its name.
		 */
		long_paths = round & 2;
		random_stream(response, 1024, 6);
		drive(&whole, response, stream.byte, stream.n, 0);
		ck_assert_uint_le(unknowns(&whole, 0), !response && long_paths ? BLOCKS / 20 : 0);
		for (int how = 1; how < 4; how++) {
			drive(&split, response, stream.byte, stream.n, how);
			ck_assert_msg(h2d_same(&whole, &split), "round %d, cut %d", round, how);
		}
	}
}
END_TEST

/* Tables of more entries than are remembered: what was displaced is unknown, and never wrong. */
START_TEST(large_tables)
{
	size_t unknown = 0;

	for (int round = 0; round < 60; round++) {
		seed = 0xd1b54a32d192ed03ULL + (uint64_t)round;
		random_stream(round & 1, 16384, 100000);
		drive(&whole, round & 1, stream.byte, stream.n, 0);
		unknown += unknowns(&whole, 0);
	}
	ck_assert_uint_gt(unknown, 0);
	ck_assert_uint_lt(unknown, 60 * BLOCKS * 3 / 4);
}
END_TEST

/* The observer comes later: old entries are unknown, never wrong, and fade away. */
START_TEST(older_connections)
{
	size_t unknown = 0;

	for (int round = 0; round < 60; round++) {
		size_t first, from;

		seed = 0xa0761d6478bd642fULL + (uint64_t)round;
		random_stream(round & 1, 4096, 50);
		first = 1 + roll(BLOCKS - 100);
		from = stream.frame[first];
		h2d_begin(&whole, round & 1, true, 0);
		whole.all_requests = true;
		h2d_piece(&whole, stream.byte + from, stream.n - from);
		unknown += unknowns(&whole, first);
	}
	ck_assert_uint_gt(unknown, 0);
	ck_assert_uint_lt(unknown, 60 * BLOCKS / 4);
}
END_TEST

/* The numbers of insertions start again after 2^32. */
START_TEST(numbers_wrap)
{
	size_t unknown = 0;

	for (int round = 0; round < 20; round++) {
		size_t preface = (round & 1 ? 0 : 24) + 9;

		seed = 0xe7037ed1a0b428dbULL + (uint64_t)round;
		random_stream(round & 1, 1024, 6);
		h2d_begin(&whole, round & 1, false, 0);
		whole.all_requests = true;
		h2d_piece(&whole, stream.byte, preface);
		whole.parser.hpack.inserted = 0xffffff00 + roll(200);
		h2d_piece(&whole, stream.byte + preface, stream.n - preface);
		unknown += unknowns(&whole, 0);
		ck_assert_uint_lt(whole.parser.hpack.inserted, 100000);
	}
	ck_assert_uint_gt(unknown, 0);
	ck_assert_uint_lt(unknown, 20 * BLOCKS / 8);
}
END_TEST

/* One request block of these bytes; false if it could not be read. */
static bool one(const void *data, size_t n)
{
	bool ok;

	stream.n = 0;
	put_frame(H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 1, data, n);
	h2d_begin(&whole, false, true, 0);
	h2d_piece(&whole, stream.byte, stream.n);
	ck_assert(!whole.bad);
	ck_assert_uint_eq(whole.events, 2);
	ok = whole.event[1].result == H2_BLOCK;
	ck_assert(ok || (whole.event[1].result == H2_BLOCK_UNREAD &&
			 whole.event[1].block.method == H2_METHOD_UNKNOWN));
	for (size_t cut = 1; cut < stream.n; cut++) {
		h2d_begin(&split, false, true, 1);
		h2d_piece(&split, stream.byte, cut);
		h2d_piece(&split, stream.byte + cut, stream.n - cut);
		ck_assert(h2d_same(&whole, &split));
	}
	return ok;
}
#define ONE(bytes) one(bytes, sizeof(bytes) - 1)

START_TEST(malformed)
{
	ck_assert(ONE(""));
	ck_assert(ONE("\x82\x86\x84"));
	ck_assert_uint_eq(whole.event[1].block.method, METHOD_GET);
	ck_assert_uint_eq(whole.event[1].block.path, H2_PATH_TEXT);
	ck_assert(!ONE("\x80"));		     /* 6.1: index 0 */
	ck_assert(!ONE("\xff\xff\xff\xff\xff\x7f")); /* an index of 35 bits */
	ck_assert(!ONE("\xff\x80\x80\x80\x80\x00")); /* zeroes without end */
	ck_assert(ONE("\xff\x80\x80\x80\x00"));	     /* 127 in a long way */
	ck_assert(!ONE("\x82\x40\x01"));	     /* ends in a name */
	ck_assert(!ONE("\x82\x41\x05 a"));	     /* ends in a value */
	ck_assert(!ONE("\x82\x41"));		     /* ends before a value */
	ck_assert(!ONE("\x82\xff"));		     /* ends in an index */
	ck_assert(ONE("\x40\x00\x00"));		     /* empty name and value */
	ck_assert(ONE("\x42\x04GET\0"));	     /* a NUL is part of the method */
	ck_assert_uint_eq(whole.event[1].block.method, METHOD_OTHER);
	ck_assert(ONE("\x44\x00")); /* an empty path */
	ck_assert_uint_eq(whole.event[1].block.path, H2_PATH_UNKNOWN);
	ck_assert(ONE("\x48\x83\x10\x00\x1f")); /* bits behind the digits that are not ones */
	ck_assert_uint_eq(whole.event[1].block.status, H2_STATUS_UNKNOWN);
	/* an entry that nobody saw, and one that is inserted under its name */
	ck_assert(ONE("\xbe\x82"));
	ck_assert_uint_eq(whole.event[1].block.method, METHOD_GET);
	ck_assert_uint_eq(whole.event[1].block.path, H2_PATH_UNKNOWN);
	ck_assert_uint_eq(whole.event[1].block.status, H2_STATUS_UNKNOWN);
	ck_assert(ONE("\x82\x7e\x01z\xbe"));
	ck_assert_uint_eq(whole.event[1].block.grpc_status, H2_GRPC_STATUS_UNKNOWN);
	ck_assert_uint_eq(whole.event[1].block.status, 0);
}
END_TEST

/* A path whose place a later insertion of the same block has taken must not take it back. */
START_TEST(place_taken)
{
	static const uint8_t again[] = { 0xbe }, path[] = { 0xff, HPACK_ENTRIES - 65 };
	uint8_t data[512];
	size_t n = 0, frame;

	memcpy(data,
	       "\x83\x44\x02/a\x5f\x10"
	       "application/grpc\x40\x0bgrpc-status\x01"
	       "5",
	       38);
	n = 38;
	/* the entry before, under its name, until an insertion has the place of the first */
	for (int i = 4; i <= HPACK_ENTRIES + 1; i++) {
		data[n++] = 0x7e;
		data[n++] = 1;
		data[n++] = i == HPACK_ENTRIES + 1 ? '7' : '6';
	}
	stream.n = 0;
	put_frame(H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 1, data, n);
	frame = stream.n;
	put_frame(H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 3, again, 1);
	put_frame(H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 5, path, sizeof(path));
	h2d_begin(&whole, false, true, 0);
	h2d_piece(&whole, stream.byte, stream.n);
	ck_assert(!whole.bad);
	ck_assert_uint_eq(whole.events, 6);
	ck_assert_uint_eq(whole.event[1].offset, frame);
	ck_assert_uint_eq(whole.event[1].path, 1);
	ck_assert_uint_eq(whole.event[1].block.path_number, 1);
	ck_assert_uint_eq(whole.event[3].block.grpc_status, 7);
	/* the first insertion: the path, which was displaced */
	ck_assert_uint_eq(whole.event[5].block.grpc_status, H2_GRPC_STATUS_UNKNOWN);
	ck_assert_uint_eq(whole.event[5].block.path, H2_PATH_UNKNOWN);
}
END_TEST

Suite *hpack_suite(void)
{
	Suite *suite = suite_create("hpack");
	TCase *tc = tcase_create("blocks");

	tcase_set_timeout(tc, 120);
	tcase_add_unchecked_fixture(tc, huffman_learn, NULL);
	tcase_add_test(tc, every_representation);
	tcase_add_test(tc, large_tables);
	tcase_add_test(tc, older_connections);
	tcase_add_test(tc, numbers_wrap);
	tcase_add_test(tc, malformed);
	tcase_add_test(tc, place_taken);
	suite_add_tcase(suite, tc);
	return suite;
}
