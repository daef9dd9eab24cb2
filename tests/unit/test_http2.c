// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP/2 framing as the BPF programs follow it: whole connections between two
 * sessions of libnghttp2, cut in every way; frames that are no HTTP/2; and where
 * an older connection may be picked up.
 */
#include <check.h>
#include <nghttp2/nghttp2.h>

#include "http2_drive.h"

Suite *http2_suite(void);

#define PENDING 120

static const char *const methods[] = { "GET", "POST", "PUT", "DELETE", "PATCH", "BREW" };
static const uint8_t method_ids[] = { METHOD_GET,    METHOD_POST,  METHOD_PUT,
				      METHOD_DELETE, METHOD_PATCH, METHOD_OTHER };
static const char *const codes[] = { "200", "204", "404", "503", "201", "418", "500" };

static uint64_t seed;

static uint32_t roll(uint32_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 2685821657736338717ULL) >> 33) % below;
}

/* ---- two sessions that talk ---- */

struct bytes {
	uint8_t byte[1 << 20];
	size_t n;
};

static struct bytes request_bytes, response_bytes;

/* By stream, what was asked and answered; the numbers decide what becomes of a request. */
static struct exchange {
	uint8_t method;
	uint16_t path;
	bool grpc, reset, trailers, push;
	uint16_t status;
	uint8_t grpc_status;
	size_t request_left, response_left;
	size_t request_body, response_body;
} exchange[PENDING];

static nghttp2_session *client, *server;

static struct exchange *of(int32_t id)
{
	ck_assert_int_lt(id / 2, PENDING);
	return &exchange[id / 2];
}

static ssize_t keep(nghttp2_session *s, const uint8_t *data, size_t n, int flags, void *user)
{
	struct bytes *to = user;

	(void)s, (void)flags;
	ck_assert_uint_lt(to->n + n, sizeof(to->byte));
	memcpy(to->byte + to->n, data, n);
	to->n += n;
	return (ssize_t)n;
}

static ssize_t pad(nghttp2_session *s, const nghttp2_frame *frame, size_t most, void *user)
{
	size_t n = frame->hd.length + (roll(3) ? 0 : roll(200));

	(void)s, (void)user;
	return (ssize_t)(n < most ? n : most);
}

static void nv_set(nghttp2_nv *nv, const char *name, const char *value)
{
	*nv = (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			    strlen(value),
			    roll(6) ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX };
}

static ssize_t body(nghttp2_session *s, int32_t id, uint8_t *to, size_t most, uint32_t *flags,
		    nghttp2_data_source *source, void *user)
{
	size_t *left = source->ptr, n = *left < most ? *left : most;
	struct exchange *x = of(id);
	char code[8];
	nghttp2_nv nv;

	(void)user;
	if (n > 700)
		n = 1 + roll(700);
	memset(to, 0, n); /* reads as empty DATA frames of stream 0, if anyone looks */
	*left -= n;
	if (!*left) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s == server && x->trailers) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			snprintf(code, sizeof(code), "%u", x->grpc_status);
			nv_set(&nv, "grpc-status", code);
			ck_assert_int_eq(nghttp2_submit_trailer(s, id, &nv, 1), 0);
		}
	}
	return (ssize_t)n;
}

static void answer(int32_t id)
{
	struct exchange *x = of(id);
	nghttp2_data_provider provider = { { .ptr = &x->response_left }, body };
	char status[8];
	nghttp2_nv nv[4];

	if (x->reset) {
		ck_assert_int_eq(nghttp2_submit_rst_stream(server, 0, id, NGHTTP2_CANCEL), 0);
		return;
	}
	if (x->push) {
		int32_t promised;

		nv_set(&nv[0], ":method", "GET");
		nv_set(&nv[1], ":scheme", "https");
		nv_set(&nv[2], ":path", "/index.html");
		nv_set(&nv[3], ":authority", "example.org");
		promised = nghttp2_submit_push_promise(server, 0, id, nv, 4, NULL);
		ck_assert_int_gt(promised, 0);
		nv_set(&nv[0], ":status", "206");
		ck_assert_int_eq(nghttp2_submit_response(server, promised, nv, 1, NULL), 0);
	}
	if (!roll(4)) {
		nv_set(&nv[0], ":status", "103");
		nghttp2_submit_headers(server, 0, id, NULL, nv, 1, NULL);
	}
	snprintf(status, sizeof(status), "%u", x->status);
	nv_set(&nv[0], ":status", status);
	nv_set(&nv[1], "server", "tests");
	nv_set(&nv[2], "content-type", x->grpc ? "application/grpc" : "text/plain");
	ck_assert_int_eq(
		nghttp2_submit_response(server, id, nv, 3, x->response_body ? &provider : NULL), 0);
}

static int received(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
	(void)s, (void)user;
	if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		answer(frame->hd.stream_id);
	return 0;
}

static void ask(uint32_t i, const char *large)
{
	struct exchange *x = &exchange[i];
	nghttp2_data_provider provider = { { .ptr = &x->request_left }, body };
	nghttp2_priority_spec priority;
	uint32_t method = roll(6);
	char path[64];
	nghttp2_nv nv[8];
	size_t n = 0;

	memset(x, 0, sizeof(*x));
	x->grpc = roll(2);
	x->path = (uint16_t)roll(9);
	x->method = method_ids[method];
	x->reset = !roll(12);
	x->push = !roll(15);
	snprintf(path, sizeof(path), "/pkg.Service/Method%u", x->path);
	nv_set(&nv[n++], ":method", methods[method]);
	nv_set(&nv[n++], ":scheme", "https");
	nv_set(&nv[n++], ":authority", "example.org");
	nv_set(&nv[n++], ":path", path);
	nv_set(&nv[n++], "user-agent", "tests/1.0");
	if (!roll(20))
		nv_set(&nv[n++], "cookie", large);
	nv_set(&nv[n++], "content-type", x->grpc ? "application/grpc+proto" : "text/plain");
	x->status = (uint16_t)atoi(codes[roll(7)]);
	x->grpc_status = (uint8_t)roll(17);
	x->request_body = x->request_left = roll(2) ? roll(3000) : 0;
	x->response_body = x->response_left = roll(3) ? 1 + roll(3000) : 0;
	x->trailers = x->grpc && x->response_body;
	nghttp2_priority_spec_init(&priority, 0, 1 + (int32_t)roll(200), (int)roll(2));
	ck_assert_int_eq(nghttp2_submit_request(client, roll(2) ? &priority : NULL, nv, n,
						x->request_body ? &provider : NULL, NULL),
			 (int)(2 * i + 1));
}

static void pump(void)
{
	size_t sent = request_bytes.n, answered = response_bytes.n;

	do {
		ck_assert_int_eq(nghttp2_session_send(client), 0);
		ck_assert_int_eq(nghttp2_session_mem_recv(server, request_bytes.byte + sent,
							  request_bytes.n - sent),
				 (ssize_t)(request_bytes.n - sent));
		sent = request_bytes.n;
		ck_assert_int_eq(nghttp2_session_send(server), 0);
		ck_assert_int_eq(nghttp2_session_mem_recv(client, response_bytes.byte + answered,
							  response_bytes.n - answered),
				 (ssize_t)(response_bytes.n - answered));
		answered = response_bytes.n;
	} while (nghttp2_session_want_write(client) || nghttp2_session_want_write(server));
}

static void converse(void)
{
	static char large[50000];
	nghttp2_session_callbacks *callbacks;
	nghttp2_settings_entry settings = { NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 8192 };
	nghttp2_option *option;

	memset(large, 'l', sizeof(large) - 1);
	nghttp2_option_new(&option);
	nghttp2_option_set_max_send_header_block_length(option, 1 << 17);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_send_callback(callbacks, keep);
	nghttp2_session_callbacks_set_select_padding_callback(callbacks, pad);
	nghttp2_session_client_new2(&client, callbacks, &request_bytes, option);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, received);
	nghttp2_session_server_new2(&server, callbacks, &response_bytes, option);
	request_bytes.n = response_bytes.n = 0;
	nghttp2_submit_settings(client, 0, &settings, 1);
	nghttp2_submit_settings(server, 0, NULL, 0);
	pump();
	for (uint32_t i = 0; i < PENDING; i++) {
		ask(i, large);
		if (!roll(10)) {
			settings.value = roll(3) ? roll(4097) : 0;
			nghttp2_submit_settings(roll(2) ? client : server, 0, &settings, 1);
		}
		if (!roll(10))
			nghttp2_submit_ping(client, 0, NULL);
		if (!roll(3))
			pump();
	}
	pump();
	nghttp2_submit_goaway(server, 0, 2 * PENDING - 1, NGHTTP2_ENHANCE_YOUR_CALM, NULL, 0);
	pump();
	nghttp2_session_del(client);
	nghttp2_session_del(server);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
}

static struct h2d whole, split;

/* An id for each path, so that they can be compared. */
static void same_paths(const struct h2d *d)
{
	uint16_t number[H2D_PATHS + 1];

	memset(number, 0xff, sizeof(number));
	for (size_t i = 0; i < d->events; i++) {
		const struct h2d_event *e = &d->event[i];

		if (e->result != H2_BLOCK || !of((int32_t)e->stream)->grpc)
			continue;
		ck_assert_uint_ne(e->path, 0);
		if (number[e->path] == 0xffff)
			number[e->path] = of((int32_t)e->stream)->path;
		ck_assert_uint_eq(number[e->path], of((int32_t)e->stream)->path);
	}
}

static void check_requests(const struct h2d *d)
{
	size_t blocks = 0, ends = 0, data[PENDING] = { 0 };

	ck_assert(!d->bad);
	for (size_t i = 0; i < d->events; i++) {
		const struct h2d_event *e = &d->event[i];
		const struct exchange *x = of((int32_t)e->stream);

		switch (e->result) {
		case H2_BLOCK:
			blocks++;
			ck_assert_uint_eq(e->block.method, x->method);
			ck_assert_uint_eq(e->block.grpc, x->grpc ? H2_GRPC_YES : H2_GRPC_NO);
			ck_assert_uint_eq(e->end_stream, !x->request_body);
			ends += e->end_stream;
			break;
		case H2_DATA:
			data[e->stream / 2] += e->length;
			ends += e->end_stream;
			break;
		case H2_FRAME:
			ck_assert_uint_eq(e->end_stream, !x->request_body);
			break;
		}
	}
	for (size_t i = 0; i < PENDING; i++)
		ck_assert_uint_ge(data[i], exchange[i].request_body);
	ck_assert_uint_eq(blocks, PENDING);
	ck_assert_uint_eq(ends, PENDING);
	same_paths(d);
}

static void check_responses(const struct h2d *d)
{
	size_t ends = 0, resets = 0, pushed = 0, wanted_resets = 0, wanted_pushes = 0;

	ck_assert(!d->bad);
	for (size_t i = 0; i < d->events; i++) {
		const struct h2d_event *e = &d->event[i];
		const struct exchange *x;

		if (e->result == H2_GOAWAY) {
			ck_assert_uint_eq(e->error_code, NGHTTP2_ENHANCE_YOUR_CALM);
			ck_assert_uint_eq(e->last_stream, 2 * PENDING - 1);
			ck_assert_uint_eq(i, d->events - 1);
			continue;
		}
		if (e->promised) {
			ck_assert_uint_eq(e->block.method, METHOD_GET);
			ck_assert_uint_eq(e->block.path, H2_PATH_TEXT);
			ck_assert_uint_eq(e->block.path_bytes, e->block.path_huffman ? 8 : 11);
			ck_assert_uint_eq(e->promised % 2, 0);
			pushed++;
			continue;
		}
		if (!(e->stream & 1)) {
			if (e->result == H2_BLOCK)
				ck_assert_uint_eq(e->block.status, 206);
			continue;
		}
		x = of((int32_t)e->stream);
		ends += e->end_stream && e->result != H2_FRAME;
		if (e->result == H2_RESET) {
			ck_assert(x->reset && e->error_code == NGHTTP2_CANCEL);
			resets++;
		} else if (e->result == H2_BLOCK && e->block.status == 103) {
			ck_assert(!e->end_stream);
		} else if (e->result == H2_BLOCK && e->block.status) {
			ck_assert_uint_eq(e->block.status, x->status);
			ck_assert_uint_eq(e->block.grpc, x->grpc ? H2_GRPC_YES : H2_GRPC_NO);
			ck_assert_uint_eq(e->end_stream, !x->response_body);
		} else if (e->result == H2_BLOCK) {
			ck_assert(x->trailers && e->end_stream);
			ck_assert_uint_eq(e->block.grpc_status, x->grpc_status);
		}
	}
	for (size_t i = 0; i < PENDING; i++) {
		wanted_resets += exchange[i].reset;
		wanted_pushes += exchange[i].push && !exchange[i].reset;
	}
	ck_assert_uint_eq(resets, wanted_resets);
	ck_assert_uint_eq(pushed, wanted_pushes);
	ck_assert_uint_eq(ends, PENDING - wanted_resets);
}

static void drive(struct h2d *d, bool response, uint8_t stale, const uint8_t *data, size_t n,
		  size_t cut)
{
	h2d_begin(d, response, false, stale);
	h2d_piece(d, data, cut);
	h2d_piece(d, data + cut, n - cut);
}

static void all_splits(bool response, const uint8_t *data, size_t n, size_t every)
{
	drive(&whole, response, 0, data, n, 0);
	for (size_t cut = 1; cut < n; cut += 1 + roll((uint32_t)every)) {
		drive(&split, response, (uint8_t)cut, data, n, cut);
		ck_assert_msg(h2d_same(&whole, &split), "cut at %zu", cut);
	}
	for (uint32_t most = 1; most < 40; most++) {
		h2d_begin(&split, response, false, (uint8_t)(0xf0 + most));
		split.most = most;
		h2d_piece(&split, data, n);
		ck_assert_msg(h2d_same(&whole, &split), "windows of %u", most);
	}
}

START_TEST(sessions)
{
	for (int round = 0; round < 40; round++) {
		seed = 0x9e3779b97f4a7c15ULL + (uint64_t)round;
		converse();
		all_splits(false, request_bytes.byte, request_bytes.n, 10000);
		check_requests(&whole);
		all_splits(true, response_bytes.byte, response_bytes.n, 10000);
		check_responses(&whole);
	}
}
END_TEST

/* ---- frames by hand ---- */

static struct bytes made;

static void put(uint32_t length, uint8_t type, uint8_t flags, uint32_t id, const void *data,
		size_t n)
{
	uint8_t head[9] = { (uint8_t)(length >> 16),
			    (uint8_t)(length >> 8),
			    (uint8_t)length,
			    type,
			    flags,
			    (uint8_t)(id >> 24),
			    (uint8_t)(id >> 16),
			    (uint8_t)(id >> 8),
			    (uint8_t)id };

	memcpy(made.byte + made.n, head, 9);
	if (n)
		memcpy(made.byte + made.n + 9, data, n);
	made.n += 9 + n;
}

static void begin(bool response)
{
	made.n = 0;
	if (!response) {
		memcpy(made.byte, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
		made.n = 24;
	}
	put(0, H2_TYPE_SETTINGS, 0, 0, NULL, 0);
}

static bool follows(bool response)
{
	all_splits(response, made.byte, made.n, 1);
	return !whole.bad;
}

/* A block cut into HEADERS and CONTINUATION in every place, with padding and priority. */
START_TEST(continuation)
{
	static const char text[] = "\x83\x87\x44\x06/a.B/C\x5f\x10"
				   "application/grpc\x40\x01x\x01y";
	size_t n = sizeof(text) - 1;

	for (size_t a = 0; a <= n; a++) {
		for (size_t b = a; b <= n; b += 3) {
			uint8_t first[64] = { 4, 0x80, 0, 0, 0, 200 };

			begin(false);
			memcpy(first + 6, text, a);
			memset(first + 6 + a, 0, 4);
			put((uint32_t)a + 10, H2_TYPE_HEADERS,
			    H2_FLAG_PADDED | H2_FLAG_PRIORITY | H2_FLAG_END_STREAM, 7, first,
			    a + 10);
			put((uint32_t)(b - a), H2_TYPE_CONTINUATION, 0, 7, text + a, b - a);
			put((uint32_t)(n - b), H2_TYPE_CONTINUATION, H2_FLAG_END_HEADERS, 7,
			    text + b, n - b);
			put(1, 0x10, 0xff, 0, "p", 1); /* an unknown type */
			drive(&whole, false, 0, made.byte, made.n, 0);
			ck_assert_uint_eq(whole.events, 2);
			ck_assert_int_eq(whole.event[0].result, H2_FRAME);
			ck_assert_uint_eq(whole.event[0].offset, 24 + 9 + 9);
			ck_assert_int_eq(whole.event[1].result, H2_BLOCK);
			ck_assert_uint_eq(whole.event[1].offset, made.n - 10);
			ck_assert(whole.event[1].end_stream);
			ck_assert_uint_eq(whole.event[1].block.method, METHOD_POST);
			ck_assert_uint_eq(whole.event[1].block.grpc, H2_GRPC_YES);
			ck_assert_uint_eq(whole.event[1].path, 1);
			ck_assert_mem_eq(whole.path[0].text, "/a.B/C", 6);
			if ((a + b) % 7 == 0)
				ck_assert(follows(false));
		}
	}
}
END_TEST

/* Content that is passed over ends where it ends, also if it was never shown. */
START_TEST(data_ends)
{
	static const uint8_t zero[5000];

	begin(true);
	put(1, H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 1, "\x88", 1);
	put(5000, H2_TYPE_DATA, 0, 1, zero, 5000);
	put(0, H2_TYPE_DATA, 0, 1, NULL, 0);
	put(3, H2_TYPE_DATA, H2_FLAG_END_STREAM | H2_FLAG_PADDED, 1, "\2\0\0", 3);
	put(0, H2_TYPE_HEADERS, H2_FLAG_END_HEADERS | H2_FLAG_END_STREAM, 3, NULL, 0);
	ck_assert(follows(true));
	ck_assert_uint_eq(whole.events, 5);
	ck_assert_int_eq(whole.event[1].result, H2_DATA);
	ck_assert_uint_eq(whole.event[1].offset, 9 + 10 + 9 + 5000);
	ck_assert_uint_eq(whole.event[1].length, 5000);
	ck_assert(!whole.event[2].end_stream && whole.event[3].end_stream);
	ck_assert_int_eq(whole.event[4].result, H2_BLOCK);
	ck_assert(whole.event[4].end_stream);
}
END_TEST

static bool request_refused(uint32_t length, uint8_t type, uint8_t flags, uint32_t id,
			    const char *data)
{
	begin(false);
	put(length, type, flags, id, data, length < 64 ? length : 64);
	return !follows(false);
}

START_TEST(refused)
{
	static const char text[64] = { 0 };

	ck_assert(!request_refused(6, H2_TYPE_SETTINGS, 0, 0, text));
	ck_assert(!request_refused(8, H2_TYPE_PING, 0, 0, text));
	ck_assert(!request_refused(0xffffff, 0x77, 0xff, 3, text));
	ck_assert(!request_refused(0xffffff, H2_TYPE_DATA, 0, 3, text));
	ck_assert(request_refused(5, H2_TYPE_SETTINGS, 0, 0, text));
	ck_assert(request_refused(6, H2_TYPE_SETTINGS, 1, 0, text));
	ck_assert(request_refused(6, H2_TYPE_SETTINGS, 0, 1, text));
	ck_assert(request_refused(7, H2_TYPE_PING, 0, 0, text));
	ck_assert(request_refused(8, H2_TYPE_PING, 0, 1, text));
	ck_assert(request_refused(7, H2_TYPE_GOAWAY, 0, 0, text));
	ck_assert(request_refused(8, H2_TYPE_GOAWAY, 0, 1, text));
	ck_assert(request_refused(3, H2_TYPE_WINDOW_UPDATE, 0, 1, text));
	ck_assert(request_refused(3, H2_TYPE_RST_STREAM, 0, 1, text));
	ck_assert(request_refused(4, H2_TYPE_RST_STREAM, 0, 0, text));
	ck_assert(request_refused(4, H2_TYPE_DATA, 0, 0, text));
	ck_assert(request_refused(0, H2_TYPE_DATA, H2_FLAG_PADDED, 1, text));
	ck_assert(request_refused(1, H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 0, "\x82"));
	ck_assert(request_refused(1, H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 2, "\x82"));
	ck_assert(request_refused(4, H2_TYPE_HEADERS, H2_FLAG_PRIORITY, 1, text));
	ck_assert(request_refused(2, H2_TYPE_HEADERS, H2_FLAG_PADDED, 1, "\2\x82"));
	ck_assert(request_refused(H2_HEADERS_MOST + 1, H2_TYPE_HEADERS, 0, 1, text));
	ck_assert(request_refused(5, H2_TYPE_PUSH_PROMISE, 0, 1, text));
	ck_assert(request_refused(1, H2_TYPE_CONTINUATION, H2_FLAG_END_HEADERS, 1, "\x82"));
	/* inside a header block */
	for (uint8_t type = 0; type < 11; type++) {
		begin(false);
		put(1, H2_TYPE_HEADERS, 0, 1, "\x82", 1);
		put(0, type, H2_FLAG_END_HEADERS, 1, NULL, 0);
		ck_assert(follows(false) == (type == H2_TYPE_CONTINUATION));
	}
	begin(false);
	put(1, H2_TYPE_HEADERS, 0, 1, "\x82", 1);
	put(0, H2_TYPE_CONTINUATION, H2_FLAG_END_HEADERS, 3, NULL, 0);
	ck_assert(!follows(false));
	/* the preface, and SETTINGS first */
	begin(false);
	for (size_t i = 0; i < 24; i++) {
		made.byte[i] ^= 0x20;
		ck_assert(!follows(false));
		made.byte[i] ^= 0x20;
	}
	ck_assert(follows(false));
	made.byte[24 + 3] = H2_TYPE_PING;
	ck_assert(!follows(false));
}
END_TEST

static bool plausible(bool response)
{
	static struct cursor cur;
	bool alone;

	memset(cur.byte, 0xff, sizeof(cur.byte));
	memcpy(cur.byte, made.byte, made.n);
	cur.pos = 0;
	cur.bytes = (uint32_t)made.n;
	alone = h2_plausible(&cur, response, H2_STREAM_MOST);
	memset(cur.byte + made.n, 0, 64);
	ck_assert(h2_plausible(&cur, response, H2_STREAM_MOST) == alone);
	cur.bytes = 8;
	ck_assert(!h2_plausible(&cur, response, H2_STREAM_MOST));
	return alone;
}

START_TEST(picked_up)
{
	size_t hits = 0;

	made.n = 0;
	put(1, H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 9, "\xbe", 1);
	ck_assert(plausible(false) && plausible(true));
	put(1, H2_TYPE_HEADERS, H2_FLAG_END_HEADERS, 8, "\xbe", 1);
	ck_assert(!plausible(false) && plausible(true));
	put(100, H2_TYPE_CONTINUATION, H2_FLAG_END_HEADERS, 8, NULL, 0);
	ck_assert(!plausible(true));
	made.n = 0;
	put(100, H2_TYPE_HEADERS, 0, 9, NULL, 0);
	put(100, H2_TYPE_CONTINUATION, H2_FLAG_END_HEADERS, 9, NULL, 0);
	ck_assert(plausible(true));
	made.n = 0;
	put(H2_PLAUSIBLE_PAYLOAD + 1, H2_TYPE_DATA, 0, 9, NULL, 0);
	ck_assert(!plausible(true));
	made.n = 0;
	put(4, H2_TYPE_WINDOW_UPDATE, 0, 0, "\0\0\1\0", 4);
	ck_assert(plausible(false));
	made.byte[5] = 0x80; /* the reserved bit */
	ck_assert(!plausible(false));
	/* zeroes, text and TLS records are none, and random bytes hardly ever */
	made.n = 64;
	memset(made.byte, 0, 64);
	ck_assert(!plausible(true));
	memcpy(made.byte, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n01234567890123456789012345",
	       64);
	ck_assert(!plausible(false) && !plausible(true));
	memcpy(made.byte, "\x17\x03\x03\x00\x30\x00\x00\x00\x00", 9);
	ck_assert(!plausible(true));
	seed = 0x9e3779b97f4a7c15ULL;
	for (int round = 0; round < 100000; round++) {
		for (size_t i = 0; i < made.n; i++)
			made.byte[i] = (uint8_t)roll(256);
		hits += plausible(true);
	}
	ck_assert_uint_lt(hits, 10);
}
END_TEST

Suite *http2_suite(void)
{
	Suite *suite = suite_create("http2");
	TCase *tc = tcase_create("frames");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, sessions);
	tcase_add_test(tc, continuation);
	tcase_add_test(tc, data_ends);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, picked_up);
	suite_add_tcase(suite, tc);
	return suite;
}
