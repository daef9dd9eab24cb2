// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP/2 as the BPF programs count it where reader and writer of a connection
 * run at once, on two CPUs: each meeting of the two, one after the other.
 */
#include <check.h>
#include <string.h>

#include "http2_bytes.h"

Suite *exchange_http2_suite(void);

#define MS 1000000ULL
#define LARGE 65536
#define STREAMS 20

static struct connection *both; /* the connection that two CPUs meet at */

static void setup(void)
{
	world__begin();
	both = connection__open(1000);
}

static void setup_queues(void)
{
	world__queues(true);
	setup();
}

static void teardown(void)
{
	const char *problem;

	connection__destroy(both);
	problem = world__inconsistency();
	ck_assert_msg(!problem, "%s", problem ? problem : "");
}

/* Another world, and its connection. */
static void again(uint32_t sequence)
{
	connection__destroy(both);
	world__begin();
	both = connection__open(sequence);
}

static void arrive(const struct bytes *b)
{
	connection__arrive(both, b->at, b->n);
}

static void read_all(void)
{
	connection__read(both, LARGE, CALL_PLAIN);
}

static void client_sends(const struct bytes *b)
{
	arrive(b);
	world__sleep(1 * MS);
	read_all();
}

static void server_sends(const struct bytes *b)
{
	connection__write(both, b->at, b->n, CALL_PLAIN);
	world__sleep(1 * MS);
}

static void send_settings(void)
{
	connection__write(both, SETTINGS_6, sizeof(SETTINGS_6) - 1, CALL_PLAIN);
}

/* The connection has been made, and `streams` requests were read. */
static void begin(int streams)
{
	struct bytes in = { .n = 0 };

	ADD(&in, PREFACE SETTINGS);
	for (int i = 0; i < streams; i++)
		add_request(&in, 2 * i + 1);
	client_sends(&in);
	send_settings();
	ck_assert_uint_eq(world__count(COUNT_HTTP_STARTED), (unsigned int)streams);
}

static uint64_t aborted(void)
{
	uint64_t sum = 0;

	for (int by = 0; by < ABORT_BY_N; by++)
		for (int phase = 0; phase < ABORT_PHASE_N; phase++)
			sum += world__aborted((enum abort_by)by, (enum abort_phase)phase);
	return sum;
}

static void expect(uint64_t responses, uint64_t aborts)
{
	ck_assert_uint_eq(world__responses(200, METHOD_GET), responses);
	ck_assert_uint_eq(world__responses(0, METHOD_N), responses);
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_WAIT), aborts);
	ck_assert_uint_eq(aborted(), aborts);
	ck_assert_uint_eq(world__lost(LOSS_N), 0);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
}

/* One request more, which has its answer. */
static void one_more(int stream)
{
	struct bytes in = { .n = 0 }, out = { .n = 0 };

	add_request(&in, stream);
	client_sends(&in);
	add_answer(&out, stream, true);
	server_sends(&out);
}

/* The server's first write comes behind any part of the preface, and is cut anywhere. */
START_TEST(settings_within_preface)
{
	static const char text[] = PREFACE SETTINGS;

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		for (size_t piece = 1; piece <= sizeof(SETTINGS_6) - 1; piece++) {
			size_t rest = sizeof(SETTINGS_6) - 1 - piece;

			again((uint32_t)(cut - 20));
			connection__arrive(both, text, cut);
			read_all();
			connection__write(both, SETTINGS_6, piece, CALL_PLAIN);
			connection__write(both, SETTINGS_6 + piece, rest, CALL_PLAIN);
			connection__arrive(both, text + cut, sizeof(text) - 1 - cut);
			read_all();
			one_more(1);
			one_more(3);
			expect(2, 0);
		}
	}
}
END_TEST

/* The reader has the preface while the writer begins with its SETTINGS. */
START_TEST(reader_within_writer)
{
	static const char text[] = PREFACE SETTINGS;

	for (size_t cut = 0; cut < 16; cut++) {
		again(7);
		connection__arrive(both, text, cut);
		read_all();
		connection__arrive(both, text + cut, sizeof(text) - 1 - cut);
		world__meanwhile(read_all);
		send_settings();
		ck_assert(world__met());
		one_more(1);
		one_more(3);
		expect(2, 0);
	}
}
END_TEST

/* And the other way round. */
START_TEST(writer_within_reader)
{
	static const char text[] = PREFACE SETTINGS;

	connection__arrive(both, text, sizeof(text) - 1);
	world__meanwhile(send_settings);
	read_all();
	ck_assert(world__met());
	one_more(1);
	one_more(3);
	expect(2, 0);
}
END_TEST

/* The client has read the 101, and its preface is read, before the program of the 101 has run. */
START_TEST(preface_before_101)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
				      "Upgrade: h2c\r\n\r\n";
	static const char response[] = "HTTP/1.1 101 Switching Protocols\r\n"
				       "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

	connection__arrive(both, request, sizeof(request) - 1);
	read_all();
	connection__arrive(both, PREFACE SETTINGS, sizeof(PREFACE SETTINGS) - 1);
	world__meanwhile(read_all);
	connection__write(both, response, sizeof(response) - 1, CALL_PLAIN);
	ck_assert(world__met());
	ck_assert_uint_eq(world__responses(101, METHOD_GET), 1);
	/* what the request asked for is told from stream 1, or is counted as lost */
	ck_assert_uint_le(world__count(COUNT_HTTP_LOST), 1);
}
END_TEST

/* The client resets stream 1 while the write of its answer, `out`, is not over. */
static void reset_within_answer(struct bytes *out)
{
	struct bytes in = { .n = 0 };

	add_answer(out, 1, true);
	connection__taken(both, out->n);
	add_reset(&in, 1);
	client_sends(&in);
	expect(0, 0);
}

/* The answer's client resets the stream before the write of the answer is over. */
START_TEST(reset_behind_answer)
{
	struct bytes out = { .n = 0 };

	begin(1);
	reset_within_answer(&out);
	server_sends(&out);
	expect(1, 0);
	one_more(3);
	expect(2, 0);
}
END_TEST

/* The same in the first write of all, and whatever its sequence number is. */
START_TEST(reset_behind_first_write)
{
	for (uint32_t sequence = 0; sequence < 8; sequence++) {
		struct bytes in = { .n = 0 }, out = { .n = 0 };

		again(sequence << 29);
		ADD(&in, PREFACE SETTINGS);
		add_request(&in, 1);
		client_sends(&in);
		ADD(&out, SETTINGS_6);
		reset_within_answer(&out);
		server_sends(&out);
		expect(1, 0);
	}
}
END_TEST

/* The write that was not over was another stream's. */
START_TEST(reset_beside_write)
{
	struct bytes in = { .n = 0 };

	begin(1);
	connection__taken(both, sizeof(PING) - 1);
	add_reset(&in, 1);
	client_sends(&in);
	expect(0, 0);
	connection__write(both, PING, sizeof(PING) - 1, CALL_PLAIN);
	expect(0, 1);
	one_more(3);
	expect(1, 1);
}
END_TEST

/* No write is under way: nothing is waited for. */
START_TEST(reset_alone)
{
	struct bytes in = { .n = 0 };

	begin(2);
	add_reset(&in, 1);
	client_sends(&in);
	expect(0, 1);
	in.n = 0;
	add_reset(&in, 1); /* once more */
	add_reset(&in, 3);
	client_sends(&in);
	expect(0, 2);
	one_more(5);
	expect(1, 2);
}
END_TEST

/* Of many resets during one write some are decided at once; each stream ends once. */
START_TEST(many_resets)
{
	struct bytes in = { .n = 0 }, out = { .n = 0 };

	begin(STREAMS);
	/* the write answers the first two */
	add_answer(&out, 1, true);
	add_answer(&out, 3, true);
	connection__taken(both, out.n);
	for (int i = 0; i < STREAMS; i++)
		add_reset(&in, 2 * i + 1);
	client_sends(&in);
	server_sends(&out);
	expect(2, STREAMS - 2);
	for (int i = 0; i < STREAMS; i++)
		one_more(2 * STREAMS + 1 + 2 * i);
	expect(2 + STREAMS, STREAMS - 2);
}
END_TEST

/* The connection ends, and the write never does. */
START_TEST(end_with_reset)
{
	struct bytes out = { .n = 0 };

	begin(2);
	reset_within_answer(&out);
	connection__fin(both);
	read_all();
	connection__close(both);
	expect(0, 2);
}
END_TEST

/* More streams at once than there are places, that end in any order; with and without memory. */
START_TEST(many_streams)
{
	for (int round = 0; round < 12; round++) {
		struct bytes out = { .n = 0 };
		int step = 1 + 2 * (round % 6);
		/* prime numbers, so that every step comes by all; the table here has room for 64 */
		int many = round < 6 ? 127 : 61;

		again((uint32_t)round);
		begin(0);
		if (round >= 6)
			world__limit(1); /* streams find no places then */
		for (int i = 0; i < many; i++) {
			out.n = 0;
			add_request(&out, 2 * i + 1);
			client_sends(&out);
		}
		ck_assert_int_eq(world__in_flight(), many);
		for (int i = 0; i < many; i++) {
			out.n = 0;
			add_answer(&out, 2 * (i * step % many) + 1, i % 2);
			if (i % 2 == 0)
				add_frame(&out, 0, 1, 2 * (i * step % many) + 1, "content", 7);
			server_sends(&out);
		}
		expect(many, 0);
	}
}
END_TEST

/* The same, wherever bytes are read. */
static void add_tests(Suite *suite, const char *name, SFun before)
{
	TCase *core = tcase_create(name);

	tcase_add_checked_fixture(core, before, teardown);
	tcase_add_test(core, settings_within_preface);
	tcase_add_test(core, reader_within_writer);
	tcase_add_test(core, writer_within_reader);
	tcase_add_test(core, preface_before_101);
	tcase_add_test(core, reset_behind_answer);
	tcase_add_test(core, reset_behind_first_write);
	tcase_add_test(core, reset_beside_write);
	tcase_add_test(core, reset_alone);
	tcase_add_test(core, many_resets);
	tcase_add_test(core, many_streams);
	tcase_add_test(core, end_with_reset);
	suite_add_tcase(suite, core);
}

Suite *exchange_http2_suite(void)
{
	Suite *suite = suite_create("exchange_http2");

	add_tests(suite, "core", setup);
	add_tests(suite, "core, queues", setup_queues);
	return suite;
}
