// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP/2 of which some bytes are not seen or not understood: each request is counted once, by
 * its response or as lost, and what comes behind is followed again.
 */
#include "http2_bytes.h"

Suite *exchange_http2_loss_suite(void);

#define MS 1000000ULL
#define LARGE 65536

static struct connection *c;
static int next; /* stream */

static void setup(void)
{
	struct bytes in = { .n = 0 };

	world__begin();
	c = connection__open(77);
	next = 1;
	ADD(&in, PREFACE SETTINGS);
	connection__arrive(c, in.at, in.n);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__write(c, SETTINGS_6, sizeof(SETTINGS_6) - 1, CALL_PLAIN);
}

static void teardown(void)
{
	const char *problem;

	connection__destroy(c);
	problem = world__inconsistency();
	ck_assert_msg(!problem, "%s", problem ? problem : "");
}

static void again(void)
{
	teardown();
	setup();
}

static void client_sends(const struct bytes *b, enum call call)
{
	connection__arrive(c, b->at, b->n);
	world__sleep(1 * MS);
	connection__read(c, LARGE, call);
}

static void server_sends(const struct bytes *b, enum call call)
{
	connection__write(c, b->at, b->n, call);
	world__sleep(1 * MS);
}

/* Reads so many requests; returns the first stream. */
static int ask(int n, enum call call)
{
	struct bytes in = { .n = 0 };
	int first = next;

	for (; n; n--, next += 2)
		add_request(&in, next);
	client_sends(&in, call);
	return first;
}

static void answer(int first, int n, enum call call)
{
	struct bytes out = { .n = 0 };

	for (; n; n--, first += 2)
		add_answer(&out, first, true);
	server_sends(&out, call);
}

static void expect(uint64_t get, uint64_t other, uint64_t lost, uint64_t aborted)
{
	uint64_t sum = 0;

	for (int by = 0; by < ABORT_BY_N; by++)
		sum += world__aborted((enum abort_by)by, ABORT_IN_WAIT) +
		       world__aborted((enum abort_by)by, ABORT_IN_RESPONSE);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), get);
	ck_assert_uint_eq(world__responses(0, METHOD_OTHER), other);
	ck_assert_uint_eq(world__responses(0, METHOD_N), get + other);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), lost);
	ck_assert_uint_eq(sum, aborted);
}

/* A request more, which has its answer, is counted. */
static void expect_followed(uint64_t get, uint64_t other, uint64_t lost)
{
	answer(ask(1, CALL_PLAIN), 1, CALL_PLAIN);
	expect(get + 1, other, lost, 0);
	ck_assert_int_eq(world__in_flight(), 0);
}

static const enum call blind[] = { CALL_FAULT, CALL_FILE, CALL_RING };

#define BLIND (sizeof(blind) / sizeof(blind[0]))

/* What is open when a write is not seen is lost, and nothing else; at once, and once. */
START_TEST(write_unseen)
{
	for (size_t i = 0; i < BLIND; i++) {
		for (int open = 0; open < 40; open += 13) {
			int first;

			again();
			answer(ask(3, CALL_PLAIN), 3, CALL_PLAIN);
			first = ask(open, CALL_PLAIN);
			answer(first, open, blind[i]);
			expect(3, 0, (unsigned int)open, 0);
			ck_assert_int_eq(world__in_flight(), 0);
			answer(first, open, CALL_PLAIN); /* had it been another's */
			expect_followed(3, 0, (unsigned int)open);
		}
	}
}
END_TEST

/* Each of the writes that are not seen may have answered what was asked before it. */
START_TEST(writes_unseen)
{
	for (int i = 0; i < 5; i++)
		answer(ask(2, CALL_PLAIN), 2, CALL_FAULT);
	expect(0, 0, 10, 0);
	expect_followed(0, 0, 10);
}
END_TEST

/* A write that begins within a frame is passed over. */
START_TEST(write_resumes_at_frame)
{
	struct bytes out = { .n = 0 };

	answer(ask(1, CALL_PLAIN), 1, CALL_FAULT);
	ask(2, CALL_PLAIN);
	add_frame(&out, 0, 0, 1, "these are some bytes of a body", 30);
	connection__write(c, out.at + 9, 30, CALL_PLAIN);
	expect(0, 0, 3, 0);
	expect_followed(0, 0, 3);
}
END_TEST

/* Content that is not seen costs nothing, whichever side sends it. */
START_TEST(content_unseen)
{
	uint8_t body[200] = { 1 };

	for (size_t i = 0; i < BLIND; i++) {
		struct bytes in = { .n = 0 }, out = { .n = 0 };

		again();
		add_frame(&in, 1, 4, 1, "\203\204\206", 3);
		add_frame(&in, 0, 0, 1, body, 200);
		connection__arrive(c, in.at, in.n);
		connection__read(c, in.n - 150, CALL_PLAIN);
		connection__read(c, 80, blind[i]);
		connection__splice(c, 30);
		connection__read_flags(c, 20, CALL_PLAIN, 0x20); /* MSG_TRUNC */
		connection__read(c, 20, CALL_PLAIN);
		add_answer(&out, 1, false);
		add_frame(&out, 0, 1, 1, body, 200);
		connection__write(c, out.at, out.n - 200, CALL_PLAIN);
		connection__write(c, out.at + out.n - 200, 120, blind[i]);
		connection__write(c, out.at + out.n - 80, 80, blind[i]);
		ck_assert_uint_eq(world__responses(200, METHOD_POST), 1);
		next = 3;
		answer(ask(1, CALL_PLAIN), 1, CALL_PLAIN);
		ck_assert_uint_eq(world__responses(200, METHOD_GET), 1);
		ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
	}
}
END_TEST

/* Requests that are not seen are counted by their answers, the next ones as ever. */
START_TEST(read_unseen)
{
	for (size_t i = 0; i < BLIND; i++) {
		int first;

		again();
		first = ask(4, blind[i]);
		expect(0, 0, 0, 0);
		answer(first, 2, CALL_PLAIN); /* before a request is seen again */
		expect(0, 2, 0, 0);
		expect_followed(0, 2, 0);
		answer(first + 4, 2, CALL_PLAIN); /* and behind */
		expect(1, 4, 0, 0);
		expect_followed(1, 4, 0);
	}
}
END_TEST

/* What was neither seen nor answered is lost at the connection's end, or with the next such. */
START_TEST(read_unseen_unanswered)
{
	ask(4, CALL_FAULT);
	expect_followed(0, 0, 0);
	ask(3, CALL_FAULT);
	expect_followed(1, 0, 4);
	teardown();
	expect(2, 0, 7, 0);
	setup();
}
END_TEST

/* A reader of which nothing is ever seen: all that is answered is counted. */
START_TEST(reader_never_seen)
{
	for (int i = 0; i < 10; i++)
		answer(ask(3, CALL_RING), 3, CALL_PLAIN);
	expect(0, 30, 0, 0);
	ck_assert_int_eq(world__in_flight(), 0);
}
END_TEST

/* Bytes that were taken by splice, within frames and between them. */
START_TEST(requests_spliced)
{
	for (size_t taken = 1; taken < 24; taken++) {
		struct bytes in = { .n = 0 };
		size_t whole = (taken + 11) / 12;

		again();
		add_request(&in, 1);
		add_request(&in, 3);
		add_request(&in, 5);
		connection__arrive(c, in.at, in.n);
		connection__splice(c, taken);
		connection__read(c, LARGE, CALL_PLAIN);
		next = 7;
		ask(1, CALL_PLAIN);
		answer(1, 4, CALL_PLAIN);
		ck_assert_uint_eq(world__responses(200, METHOD_N), 4);
		ck_assert_uint_ge(world__responses(200, METHOD_OTHER), whole);
		ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
	}
}
END_TEST

/* A request's header block that no decoder reads, cut anywhere, and what refers to it. */
START_TEST(request_block_unread)
{
	for (size_t cut = 1; cut < 20; cut++) {
		struct bytes in = { .n = 0 };

		again();
		/* behind a method that is inserted, an index that is none */
		add_frame(&in, 1, 5, 1, "\x42\x03GET\x84\x80\x86\x82\x82", 10);
		add_frame(&in, 1, 5, 3, "\xbe\x84\x86", 3);
		connection__arrive(c, in.at, in.n);
		connection__read(c, cut, CALL_PLAIN);
		connection__read(c, LARGE, CALL_PLAIN);
		answer(1, 2, CALL_PLAIN);
		expect(0, 2, 0, 0);
		next = 5;
		expect_followed(0, 2, 0);
	}
}
END_TEST

/* The same of a response: it is counted, its status is not known. */
START_TEST(response_block_unread)
{
	struct bytes out = { .n = 0 };

	ask(2, CALL_PLAIN);
	add_frame(&out, 1, 5, 1, "\x80", 1);
	add_answer(&out, 3, true);
	server_sends(&out, CALL_PLAIN);
	ck_assert_uint_eq(world__responses(STATUS_OTHER, METHOD_GET), 1);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 1);
	answer(ask(1, CALL_PLAIN), 1, CALL_PLAIN);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 2);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
}
END_TEST

/* A header block of which a part is not seen, in a frame whose end is known. */
START_TEST(block_partly_unseen)
{
	struct bytes out = { .n = 0 };

	ask(1, CALL_PLAIN);
	add_frame(&out, 1, 4, 1,
		  "\210\x0f\x0d\x01"
		  "5",
		  5);
	add_frame(&out, 0, 1, 1, "hello", 5);
	connection__write(c, out.at, 11, CALL_PLAIN);
	connection__write(c, out.at + 11, 2, CALL_FAULT);
	connection__write(c, out.at + 13, out.n - 13, CALL_PLAIN);
	ck_assert_uint_eq(world__responses(STATUS_OTHER, METHOD_GET), 1);
	answer(ask(1, CALL_PLAIN), 1, CALL_PLAIN);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 1);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
}
END_TEST

/* Frames that are none, from either side: the next read, or write, is followed again. */
START_TEST(frames_invalid)
{
	static const uint8_t bad[][9] = {
		{ 0, 0, 3, 8, 0, 0, 0, 0, 1 }, /* WINDOW_UPDATE of three bytes */
		{ 0, 0, 8, 6, 0, 0, 0, 0, 1 }, /* PING of a stream */
		{ 0, 0, 4, 0, 0, 0, 0, 0, 0 }, /* DATA of none */
		{ 0, 0, 0, 9, 4, 0, 0, 0, 1 }, /* CONTINUATION of nothing */
		{ 255, 0, 0, 1, 4, 0, 0, 0, 1 },
	};

	for (size_t i = 0; i < sizeof(bad) / 9; i++) {
		struct bytes wrong = { .n = 0 };

		again();
		add(&wrong, bad[i], 9);
		client_sends(&wrong, CALL_PLAIN);
		expect_followed(0, 0, 0);
		ask(1, CALL_PLAIN);
		server_sends(&wrong, CALL_PLAIN);
		expect_followed(1, 0, 1);
	}
}
END_TEST

/* Requests that are read together with their reset: the server's answer tells. */
START_TEST(reset_with_request)
{
	enum { N = 60 };
	struct bytes in = { .n = 0 }, ping = { .n = 0 };

	for (int i = 0; i < N; i++, next += 2) {
		add_request(&in, next);
		add_reset(&in, next);
	}
	client_sends(&in, CALL_PLAIN);
	for (int i = 0; i < N; i += 3)
		answer(2 * i + 1, 1, CALL_PLAIN);
	expect(N / 3, 0, 0, 0);
	ADD(&ping, PING);
	client_sends(&ping, CALL_PLAIN);
	expect(N / 3, 0, 0, N - N / 3);
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_WAIT), N - N / 3);
	answer(3, 1, CALL_PLAIN); /* too late */
	expect(N / 3, 0, 0, N - N / 3);
	/* and at the connection's end, which is the server's, but not the abort */
	in.n = 0;
	add_request(&in, next);
	add_reset(&in, next);
	client_sends(&in, CALL_PLAIN);
	connection__close(c);
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_WAIT), N - N / 3 + 1);
}
END_TEST

/* A reset in a later read is decided as ever. */
START_TEST(reset_behind_request)
{
	struct bytes in = { .n = 0 };

	add_reset(&in, ask(1, CALL_PLAIN));
	client_sends(&in, CALL_PLAIN);
	expect(0, 0, 0, 1);
}
END_TEST

static uint32_t roll(uint32_t below)
{
	static uint64_t seed = 88172645463325252ULL;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

static enum call any_call(void)
{
	return roll(5) ? (enum call)roll(CALL_N) : blind[roll(BLIND)];
}

/* Calls are seen or not by chance, frames are cut by chance: each request is counted once. */
START_TEST(by_chance)
{
	for (int round = 0; round < 400; round++) {
		uint64_t before, responses, lost;
		int open = 1, n;

		again();
		for (int i = 0; i < 12; i++) {
			struct bytes out = { .n = 0 };
			size_t at = 0;

			ask((int)roll(5), any_call());
			n = (int)roll((uint32_t)(next - open) / 2 + 1);
			for (; n; n--, open += 2) {
				bool content = roll(2);

				add_answer(&out, open, !content);
				if (content)
					add_frame(&out, 0, 1, open, "some content", 12);
			}
			while (at < out.n) {
				size_t some = roll(3) ? out.n - at
						      : 1 + roll((uint32_t)(out.n - at));

				connection__write(c, out.at + at, some, any_call());
				at += some;
			}
		}
		/* a request and an answer are seen, and all that is open is answered */
		answer(ask(1, CALL_PLAIN), 1, CALL_PLAIN);
		answer(open, (next - 2 - open) / 2, CALL_PLAIN);
		before = (unsigned int)(next / 2);
		connection__close(c);
		responses = world__responses(0, METHOD_N);
		lost = world__count(COUNT_HTTP_LOST);
		ck_assert_msg(responses + lost == before,
			      "round %d: %d requests, %d counted, %d lost", round, (int)before,
			      (int)responses, (int)lost);
		ck_assert_uint_gt(responses, 0);
	}
}
END_TEST

Suite *exchange_http2_loss_suite(void)
{
	Suite *suite = suite_create("exchange_http2_loss");
	TCase *core = tcase_create("core");

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, write_unseen);
	tcase_add_test(core, writes_unseen);
	tcase_add_test(core, write_resumes_at_frame);
	tcase_add_test(core, content_unseen);
	tcase_add_test(core, read_unseen);
	tcase_add_test(core, read_unseen_unanswered);
	tcase_add_test(core, reader_never_seen);
	tcase_add_test(core, requests_spliced);
	tcase_add_test(core, request_block_unread);
	tcase_add_test(core, response_block_unread);
	tcase_add_test(core, block_partly_unseen);
	tcase_add_test(core, frames_invalid);
	tcase_add_test(core, reset_with_request);
	tcase_add_test(core, reset_behind_request);
	tcase_add_test(core, by_chance);
	suite_add_tcase(suite, core);
	return suite;
}
