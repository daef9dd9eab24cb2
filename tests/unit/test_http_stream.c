// SPDX-License-Identifier: Apache-2.0
/* Bodies that are written piece by piece and held compressed. */
#include <zlib.h>

#include "http/gzip.h"
#include "http_client.h"

Suite *http_stream_suite(void);

#define LINES 400000
#define LINE "edgetap_app_http_responses_total{app=\"app-%06u\"} 1\n"
#define LINE_BYTES 53
#define ROOMY (64UL * 1024 * 1024)

static struct http_server *server;
static struct http_server_options options;
static _Atomic uint64_t held;

/* Text that shrinks, or (odd sizes) noise that cannot. */
static char *make_body(size_t size)
{
	char *body = malloc(size + 1);
	uint32_t seed = 7;

	for (size_t i = 0; i < size; i++) {
		seed = seed * 1103515245 + 12345;
		body[i] = size % 2 ? (char)(seed >> 16) : "edgetap_app 1\n"[i % 14];
	}
	return body;
}

static struct gzip *pack(const char *body, size_t size, size_t step, enum gzip_use use)
{
	struct gzip *packed;

	ck_assert_int_eq(gzip__new(&packed, &held, ROOMY, UINT64_MAX, use), 0);
	for (size_t at = 0; at < size; at += step)
		ck_assert_int_eq(
			gzip__write(packed, body + at, size - at < step ? size - at : step), 0);
	ck_assert_int_eq(gzip__finish(packed), 0);
	ck_assert_uint_eq(gzip__plain_bytes(packed), size);
	return packed;
}

/* Reads all of one form in pieces; from malloc. */
static char *unpack(struct gzip *packed, ssize_t (*read)(struct gzip *, char *, size_t),
		    size_t step, size_t *ret_size)
{
	size_t room = 4 * 1024 * 1024, size = 0;
	char *out = malloc(room);
	ssize_t n;

	while ((n = read(packed, out + size, room - size < step ? room - size : step)) > 0)
		size += (size_t)n;
	ck_assert_int_eq(n, 0);
	*ret_size = size;
	return out;
}

static char *gunzip(const char *gzip, size_t size, size_t room, size_t *ret_size)
{
	char *out = malloc(room + 1);
	z_stream z = {
		.next_in = (Bytef *)gzip,
		.avail_in = (uInt)size,
		.next_out = (Bytef *)out,
		.avail_out = (uInt)room + 1,
	};

	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.avail_in, 0);
	*ret_size = z.total_out;
	inflateEnd(&z);
	return out;
}

START_TEST(both_forms_give_back_what_was_written)
{
	static const size_t sizes[] = { 0, 1, 2, 1000, 65536, 524287, 524288, 1048577, 3000000 };
	static const size_t steps[] = { 1000003, 32768, 613 };
	size_t size = sizes[_i], got, plain;

	for (size_t s = 0; s < sizeof(steps) / sizeof(*steps); s++) {
		char *body = make_body(size), *gzip, *back;
		struct gzip *packed;

		for (int use = GZIP_FOR_ANYBODY; use <= GZIP_FOR_MEMORY; use++) {
			packed = pack(body, size, steps[s], (enum gzip_use)use);
			back = unpack(packed, gzip__read_plain, steps[s], &got);
			ck_assert_uint_eq(got, size);
			ck_assert_int_eq(memcmp(back, body, size), 0);
			ck_assert_uint_eq(held, 0); /* freed while it was read */
			gzip__free(packed);
			free(back);
		}

		packed = pack(body, size, steps[s], GZIP_FOR_ANYBODY);
		gzip = unpack(packed, gzip__read_packed, steps[s], &got);
		ck_assert_uint_eq(got, gzip__packed_bytes(packed));
		back = gunzip(gzip, got, size, &plain);
		ck_assert_uint_eq(plain, size);
		ck_assert_int_eq(memcmp(back, body, size), 0);
		gzip__free(packed);
		free(back);
		free(gzip);
		free(body);
	}
	ck_assert_uint_eq(held, 0);
}
END_TEST

START_TEST(what_is_held_has_a_limit)
{
	size_t size = 1000001;
	char *noise = make_body(size);
	struct gzip *packed;

	ck_assert_int_eq(gzip__new(&packed, &held, 256 * 1024, UINT64_MAX, GZIP_FOR_ANYBODY), 0);
	ck_assert_int_eq(gzip__write(packed, noise, 100), 0);
	ck_assert_int_eq(gzip__write(packed, noise, size), -ENOBUFS);
	ck_assert_uint_le(held, 256 * 1024);
	/* The first error stays. */
	ck_assert_int_eq(gzip__write(packed, noise, 1), -ENOBUFS);
	ck_assert_int_eq(gzip__finish(packed), -ENOBUFS);
	ck_assert_int_eq(gzip__error(packed), -ENOBUFS);
	gzip__free(packed);
	ck_assert_uint_eq(held, 0);

	ck_assert_int_eq(gzip__new(&packed, &held, ROOMY, 1, GZIP_FOR_ANYBODY), 0);
	ck_assert_int_eq(gzip__write(packed, noise, 1), -ETIME);
	ck_assert_int_eq(gzip__finish(packed), -ETIME);
	gzip__free(packed);
	free(noise);
}
END_TEST

static int handle_lines(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	for (unsigned int i = 0; i < LINES; i++) {
		char line[64];
		int length = snprintf(line, sizeof(line), LINE, i);
		int err = http_reply__write(reply, request, line, (size_t)length);

		if (err)
			return err;
	}
	return 0;
}

static int handle_small(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	return http_reply__write(reply, request, "small\n", 6);
}

static int handle_noise(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	char *noise = make_body(1000001);
	int err = http_reply__write(reply, request, noise, 1000001);

	(void)ctx;
	free(noise);
	return err;
}

/* Until somebody stops it. */
static int handle_endless(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	for (;;) {
		int err = http_reply__write(reply, request, "edgetap_app 1\n", 14);

		if (err)
			return err;
	}
}

/* A failure of its own, in the middle. */
static int handle_broken(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	int err = handle_small(ctx, request, reply);

	return err ? err : -ENODEV;
}

static const struct http_route routes[] = {
	{ .path = "/lines", .handle = handle_lines },
	{ .path = "/small", .handle = handle_small, .quick = true },
	{ .path = "/noise", .handle = handle_noise },
	{ .path = "/endless", .handle = handle_endless },
	{ .path = "/broken", .handle = handle_broken },
};

static void start(void)
{
	const char *message = "";

	ck_assert_msg(!http_server__start(&server, &options, routes,
					  sizeof(routes) / sizeof(*routes), NULL, &message),
		      "%s", message);
}

static void setup(void)
{
	client__server_options(&options);
}

static void teardown(void)
{
	http_server__stop(server);
}

static void check_lines(const char *body, size_t size)
{
	char line[64];

	ck_assert_uint_eq(size, (size_t)LINES * LINE_BYTES);
	for (unsigned int i = 0; i < LINES; i += 997) {
		snprintf(line, sizeof(line), LINE, i);
		ck_assert_int_eq(memcmp(body + (size_t)i * LINE_BYTES, line, LINE_BYTES), 0);
	}
}

START_TEST(every_client_gets_the_same)
{
	struct response r;
	size_t size;
	char *body;

	start();
	r = client__fetch(server, "GET", "/lines", "");
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_null(response__field(&r, "Content-Encoding"));
	check_lines(r.body, r.size);
	response__free(&r);

	r = client__fetch(server, "GET", "/lines", "Accept-Encoding: gzip\r\n");
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(response__field(&r, "Content-Encoding"), "gzip");
	body = gunzip(r.body, r.size, (size_t)LINES * LINE_BYTES, &size);
	check_lines(body, size);
	free(body);
	response__free(&r);

	r = client__fetch(server, "HEAD", "/lines", "");
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(r.size, (size_t)LINES * LINE_BYTES);
	response__free(&r);
	server__drained(server);
}
END_TEST

START_TEST(little_is_sent_plain)
{
	struct response r;

	start();
	r = client__fetch(server, "GET", "/small", "Accept-Encoding: gzip\r\n");
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_null(response__field(&r, "Content-Encoding"));
	ck_assert_str_eq(r.body, "small\n");
	response__free(&r);
	r = client__fetch(server, "GET", "/broken", "");
	ck_assert_int_eq(r.status, 500);
	ck_assert_ptr_nonnull(strstr(r.body, "/broken: "));
	response__free(&r);
	server__drained(server);
}
END_TEST

/* Twenty megabytes of text wait for a client that does not read. */
START_TEST(a_slow_client_holds_little)
{
	struct http_server_stats stats;
	int fd;

	start();
	fd = client__connect_from(http_server__port(server), 4096);
	client__sendf(fd, "GET /lines HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_server_reaches(server, requests, 1);
	http_server__stats(server, &stats);
	ck_assert_uint_gt(stats.response_bytes, 0);
	ck_assert_uint_lt(stats.response_bytes, (size_t)LINES * LINE_BYTES / 4);
	/* Nobody else waits for it. */
	ck_assert_int_eq(client__status(server, "GET", "/noise", ""), 200);
	close(fd);
	server__drained(server);
}
END_TEST

START_TEST(memory_and_time_end_a_stream)
{
	struct http_server_stats stats;
	struct response r;

	options.max_response_bytes = 512 * 1024;
	start();
	r = client__fetch(server, "GET", "/noise", "");
	ck_assert_int_eq(r.status, 503);
	ck_assert_str_eq(response__field(&r, "Retry-After"), "1");
	response__free(&r);
	ck_assert_int_eq(client__status(server, "GET", "/small", ""), 200);
	http_server__stats(server, &stats);
	ck_assert_uint_eq(stats.refused_memory, 1);
	ck_assert_uint_eq(stats.refused_late, 0);
	server__drained(server);
	http_server__stop(server);

	options.max_response_bytes = ROOMY * 16;
	start();
	r = client__fetch(server, "GET", "/endless",
			  "X-Prometheus-Scrape-Timeout-Seconds: 0.2\r\n");
	ck_assert_int_eq(r.status, 503);
	response__free(&r);
	http_server__stats(server, &stats);
	ck_assert_uint_eq(stats.refused_late, 1);
	ck_assert_uint_eq(stats.refused_memory, 0);
	server__drained(server);
}
END_TEST

Suite *http_stream_suite(void)
{
	Suite *suite = suite_create("http_stream");
	TCase *packed = tcase_create("packed"), *tc = tcase_create("server");

	tcase_set_timeout(packed, 60);
	tcase_add_loop_test(packed, both_forms_give_back_what_was_written, 0, 9);
	tcase_add_test(packed, what_is_held_has_a_limit);
	suite_add_tcase(suite, packed);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_client_gets_the_same);
	tcase_add_test(tc, little_is_sent_plain);
	tcase_add_test(tc, a_slow_client_holds_little);
	tcase_add_test(tc, memory_and_time_end_a_stream);
	suite_add_tcase(suite, tc);
	return suite;
}
