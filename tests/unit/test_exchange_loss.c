// SPDX-License-Identifier: Apache-2.0
/*
 * What the BPF programs do where they cannot see everything: it must be counted
 * under its reason, no request may stay in flight, no time may be invented, and
 * the connection must be followed again as soon as that is possible.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "exchange_script.h"

Suite *exchange_loss_suite(void);

#define MS 1000000ULL
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
#define BODY "0123456789"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define MSG_PEEK 2
#define MSG_TRUNC 0x20
#define LARGE 65536

static void setup(void)
{
	world__begin();
}

static void setup_queues(void)
{
	world__queues(true);
	setup();
}

static void teardown(void)
{
	const char *problem = world__inconsistency();

	ck_assert_msg(!problem, "%s", problem ? problem : "");
}

static void arrive(struct connection *c, const char *text)
{
	connection__arrive(c, text, strlen(text));
}

static void write_by(struct connection *c, const char *text, enum call call)
{
	connection__write(c, text, strlen(text), call);
}

static void exchange(struct connection *c, const char *request, const char *response)
{
	arrive(c, request);
	world__sleep(1 * MS);
	connection__read(c, LARGE, CALL_PLAIN);
	world__sleep(2 * MS);
	write_by(c, response, CALL_PLAIN);
}

static void finish(struct connection *c)
{
	connection__fin(c);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__destroy(c);
}

/* So many responses, nothing aborted, so much lost and only for this reason (LOSS_N: nothing). */
static void outcome(uint64_t responses, enum loss_reason reason, uint64_t lost)
{
	ck_assert_uint_eq(world__responses(0, METHOD_N), responses);
	for (int by = 0; by < ABORT_BY_N; by++)
		for (int phase = 0; phase < ABORT_PHASE_N; phase++)
			ck_assert_uint_eq(world__aborted(by, phase), 0);
	for (int i = 0; i < LOSS_N; i++)
		ck_assert_msg(world__lost(i) == (i == (int)reason ? lost : 0),
			      "%llu lost for reason %d", (unsigned long long)world__lost(i), i);
}

/* A connection that there is no memory for is counted once, and followed when there is some. */
START_TEST(memory_for_two)
{
	struct connection *first, *second, *third;

	/* a listener and two: half of it is the server's */
	world__limit_connections(2 * 3);
	first = connection__open(1000);
	second = connection__open(2000);
	third = connection__open(3000);
	exchange(first, GET, OK);
	for (int i = 0; i < 5; i++)
		exchange(third, GET, OK);
	exchange(second, GET, OK);
	ck_assert_uint_eq(world__count(COUNT_CONNECTIONS_UNOBSERVED), 1);
	outcome(2, LOSS_SOCKETS_FULL, 1);
	finish(first);
	exchange(third, GET, OK);
	finish(second);
	finish(third);
	ck_assert_uint_eq(world__count(COUNT_CONNECTIONS_UNOBSERVED), 1);
	ck_assert_uint_eq(world__count(COUNT_EDGE_CONNECTS), 2);
	ck_assert_uint_eq(world__lost(LOSS_SOCKETS_FULL), 1);
	/* of a buffer that was met in its midst it is not known what was read before */
	ck_assert_uint_eq(world__responses(200, METHOD_GET), world__reads_queues() ? 2 : 3);
}
END_TEST

/* Beyond its share of the statuses an instance has its own `__other__`, and leaves room for others.
 */
START_TEST(statuses_are_shared)
{
	struct connection *c = connection__open(1000);
	char response[64];

	for (int i = 0; i < 40; i++) {
		snprintf(response, sizeof(response), "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n",
			 400 + i);
		exchange(c, GET, response);
	}
	finish(c);
	ck_assert_uint_eq(world__responses(0, METHOD_GET), 40);
	/* of 24: twelve are its own, and then not more are free */
	ck_assert_uint_eq(world__responses(411, METHOD_GET), 1);
	ck_assert_uint_eq(world__responses(412, METHOD_GET), 0);
	ck_assert_uint_eq(world__responses(STATUS_OTHER, METHOD_GET), 28);
	ck_assert_uint_eq(world__count(COUNT_HTTP_ELSEWHERE), 0);
	ck_assert_uint_eq(world__count(COUNT_ENTRIES_REFUSED), 28);
	ck_assert_uint_eq(world__lost(LOSS_STATUSES_FULL), 28);
}
END_TEST

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

/* The same for HTTP/2, which takes more: its bytes are counted. */
START_TEST(memory_for_http2)
{
	struct connection *c;

	world__limit_connections(2 * 3);
	c = connection__open(1000);
	for (int i = 0; i < 3; i++) {
		connection__arrive(c, PREFACE, sizeof(PREFACE) - 1);
		connection__read(c, LARGE, CALL_PLAIN);
		write_by(c, OK, CALL_PLAIN);
	}
	ck_assert_uint_eq(world__count(COUNT_BYTES_IN), 3 * (sizeof(PREFACE) - 1));
	finish(c);
	ck_assert_uint_eq(world__count(COUNT_CONNECTIONS_UNOBSERVED), 1);
	outcome(0, LOSS_CONNECTIONS_FULL, 1);
}
END_TEST

/* Takes as many bytes as it gets, one by one. Returns how many. */
static unsigned int take_all(uint32_t slot)
{
	unsigned int held = 0;

	while (world__take(slot, 1))
		held++;
	return held;
}

/* Nobody holds more than is still free, so there is always some for who comes next. */
START_TEST(memory_is_shared)
{
	unsigned int one, other;

	world__limit(world__count(GAUGE_MEMORY_BYTES) + 1000); /* beside the listener's */
	one = take_all(2);
	other = take_all(3);
	ck_assert_uint_eq(one, 500);
	ck_assert_uint_eq(other, 250);
	for (; one; one--)
		world__give(2, 1);
	for (other += take_all(3); other; other--)
		world__give(3, 1);
	ck_assert_uint_eq(take_all(3), 500);
	for (other = 500; other; other--)
		world__give(3, 1);
}
END_TEST

/* Peeking advances nothing. */
START_TEST(peek)
{
	struct connection *c = connection__open(7);

	arrive(c, GET);
	for (int i = 0; i < 3; i++)
		connection__read_flags(c, LARGE, CALL_PLAIN, MSG_PEEK);
	exchange(c, "", OK);
	finish(c);
	outcome(1, LOSS_N, 0);
}
END_TEST

/* Inside a body bytes may go unseen. */
START_TEST(unseen_content)
{
	struct connection *c = connection__open(0xfffffff0);

	arrive(c, POST BODY GET);
	connection__read(c, strlen(POST) + 2, CALL_PLAIN);
	connection__read_flags(c, 4, CALL_PLAIN, MSG_TRUNC);
	connection__splice(c, 4);
	connection__read(c, LARGE, CALL_PLAIN);
	write_by(c, OK OK, CALL_PLAIN);
	exchange(c, CHUNKED "a\r\n" BODY "\r\n0\r\n\r\n", OK);
	arrive(c, CHUNKED "a\r\n" BODY);
	connection__read(c, strlen(CHUNKED) + 3, CALL_PLAIN);
	connection__splice(c, 10);
	arrive(c, "\r\n0\r\n\r\n" GET);
	connection__read(c, LARGE, CALL_PLAIN);
	write_by(c, OK OK, CALL_PLAIN);
	finish(c);
	outcome(5, LOSS_N, 0);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 2);
}
END_TEST

/* Elsewhere the position is lost, until a read that starts a request. */
START_TEST(unseen_header)
{
	for (int how = 0; how < 3; how++) {
		struct connection *c = connection__open(7);

		arrive(c, GET GET);
		if (how == 0) {
			connection__splice(c, 5);
			connection__read(c, LARGE, CALL_PLAIN);
		} else if (how == 1) {
			connection__read_flags(c, 5, CALL_PLAIN, MSG_TRUNC);
			connection__read(c, LARGE, CALL_PLAIN);
		} else {
			connection__read(c, 5, CALL_PLAIN);
			connection__splice(c, 5);
			connection__read(c, LARGE, CALL_PLAIN);
		}
		write_by(c, OK OK, CALL_PLAIN);
		exchange(c, GET, OK);
		exchange(c, POST BODY, OK);
		finish(c);
	}
	/* bytes that are read to be dropped (MSG_TRUNC) have been in the queue */
	ck_assert_uint_eq(world__lost(LOSS_GAP), world__reads_queues() ? 2 : 3);
	ck_assert_uint_ge(world__lost(LOSS_RESYNC), world__lost(LOSS_GAP));
	ck_assert_uint_eq(world__responses(200, METHOD_POST), 3);
	ck_assert_uint_eq(world__responses(0, METHOD_N), world__reads_queues() ? 9 : 6);
}
END_TEST

START_TEST(splice_of_everything)
{
	struct connection *c = connection__open(7);

	arrive(c, GET);
	connection__splice(c, LARGE);
	write_by(c, OK, CALL_PLAIN);
	arrive(c, GET);
	connection__splice(c, LARGE);
	finish(c);
	/* nothing of the request was seen: its response tells of that, and is none of an unknown
	 * method */
	ck_assert_uint_eq(world__lost(LOSS_GAP), 1);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 0);
	ck_assert_uint_eq(world__row(ROW_APP_RESPONSE, NULL), 0);
}
END_TEST

/* Memory that cannot be read: each way has its reason, and each request its end. */
START_TEST(unreadable)
{
	static const struct {
		enum call call;
		enum loss_reason reason;
	} ways[] = { { CALL_RING, LOSS_IO_URING },
		     { CALL_FAULT, LOSS_FAULT },
		     { CALL_FILE, LOSS_SYSCALL } };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		uint64_t responses, lost;
		struct connection *c;

		world__begin();
		c = connection__open(7);
		/* the response */
		arrive(c, GET);
		connection__read(c, LARGE, CALL_PLAIN);
		write_by(c, OK, ways[i].call);
		ck_assert_int_eq(world__in_flight(), 0);
		ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 1);
		lost = world__lost(ways[i].reason);
		ck_assert_uint_ge(lost, 1);
		exchange(c, GET, OK);
		ck_assert_uint_eq(world__responses(0, METHOD_N), 1);
		/* the request */
		arrive(c, GET);
		connection__read(c, LARGE, ways[i].call);
		ck_assert_uint_gt(world__lost(ways[i].reason), lost);
		write_by(c, OK, CALL_PLAIN);
		responses = world__responses(0, METHOD_N);
		exchange(c, GET, OK);
		ck_assert_uint_eq(world__responses(0, METHOD_N), responses + 1);
		finish(c);
		teardown();
	}
}
END_TEST

/* Content is counted, never read: a sendfile of the body loses nothing. */
START_TEST(sendfile_of_the_body)
{
	static char body[30000];
	struct connection *c = connection__open(7);

	arrive(c, GET);
	connection__read(c, LARGE, CALL_PLAIN);
	write_by(c, "HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n", CALL_VECTOR);
	for (int i = 0; i < 3; i++) {
		world__sleep(1 * MS);
		connection__write(c, body, 10000, CALL_FILE);
	}
	exchange(c, GET, OK);
	finish(c);
	outcome(2, LOSS_N, 0);
}
END_TEST

START_TEST(invalid_messages)
{
	struct connection *c = connection__open(7);

	exchange(c, "POST / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\n",
		 "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
	finish(c);
	ck_assert_uint_eq(world__lost(LOSS_HEADER_INVALID), 1);
	c = connection__open(7);
	exchange(c, GET, "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nfive!");
	exchange(c, GET, OK);
	finish(c);
	ck_assert_uint_eq(world__lost(LOSS_HEADER_INVALID), 2);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 1);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 1);
}
END_TEST

/* Arrivals beyond the ring: their requests start when they are read. */
START_TEST(many_arrivals)
{
	struct connection *c = connection__open(0xffffffe0);
	uint64_t edge_ns, app_ns, unknown;

	for (int i = 0; i < 8; i++) {
		arrive(c, GET);
		world__sleep(1 * MS);
	}
	for (int i = 0; i < 8; i++) {
		connection__read(c, strlen(GET), CALL_PLAIN);
		write_by(c, OK, CALL_PLAIN);
	}
	unknown = world__lost(LOSS_ARRIVAL_UNKNOWN);
	ck_assert_uint_ge(unknown, 1);
	ck_assert_uint_lt(unknown, 8);
	world__row(ROW_EDGE_RESPONSE, &edge_ns);
	world__row(ROW_APP_RESPONSE, &app_ns);
	/* the first arrived 8 ms ago, the second 7; the rest is bounded by their number */
	ck_assert_uint_ge(edge_ns - app_ns, 8 * MS + 7 * MS);
	ck_assert_uint_le(edge_ns - app_ns, 36 * MS);
	/* once all has been read, arrivals are known again */
	for (int i = 0; i < 5; i++)
		exchange(c, GET, OK);
	finish(c);
	ck_assert_uint_eq(world__lost(LOSS_ARRIVAL_UNKNOWN), unknown);
	outcome(13, LOSS_ARRIVAL_UNKNOWN, unknown);
}
END_TEST

/* Connections older than the agent: from the first whole request on. */
START_TEST(older)
{
	struct connection *c = connection__older(7);

	/* in the middle of an exchange */
	write_by(c, "the end of some response", CALL_PLAIN);
	arrive(c, "the end of some request\r\n");
	connection__read(c, LARGE, CALL_PLAIN);
	write_by(c, OK, CALL_PLAIN);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 0);
	exchange(c, GET, OK);
	exchange(c, GET, OK);
	finish(c);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 2);
	ck_assert_uint_eq(world__lost(LOSS_STARTED_BEFORE), 1);
	/* one that never speaks HTTP */
	c = connection__older(7);
	for (int i = 0; i < 40; i++) {
		arrive(c, "POST x\r\n");
		connection__read(c, LARGE, CALL_PLAIN);
		write_by(c, "ok\r\n", CALL_PLAIN);
	}
	finish(c);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 2);
}
END_TEST

/* The instance is retired in the middle: its counts stay, the rest goes to its next slot. */
START_TEST(slot_retired)
{
	for (int when = 0; when < 6; when++) {
		struct connection *c = connection__open(7);

		exchange(c, GET, OK);
		if (when == 0)
			world__retire();
		arrive(c, GET);
		if (when == 1)
			world__retire();
		world__sleep(1 * MS);
		connection__read(c, LARGE, CALL_PLAIN);
		if (when == 2)
			world__retire();
		world__sleep(1 * MS);
		write_by(c, "HTTP/1.1 200 OK\r\n", CALL_PLAIN);
		if (when == 3)
			world__retire();
		write_by(c, "Content-Length: 5\r\n\r\nhe", CALL_PLAIN);
		if (when == 4)
			world__retire();
		write_by(c, "llo", CALL_PLAIN);
		exchange(c, GET, OK);
		finish(c);
	}
	outcome(18, LOSS_N, 0);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 18);
}
END_TEST

/* So many requests in one read: sixteen are remembered, the others counted as lost, every one. */
START_TEST(many_at_once)
{
	static const int depths[] = { 64, 200, 255, 256, 257, 272, 273, 5000 };
	uint64_t lost = 0;
	char *text = malloc(5000 * strlen(GET) + 1);

	ck_assert_ptr_nonnull(text);
	for (size_t d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
		struct connection *c = connection__open(7);
		char *end = text;

		for (int i = 0; i < depths[d]; i++)
			end = stpcpy(end, GET);
		connection__arrive(c, text, (size_t)(end - text));
		connection__read(c, (size_t)(end - text), d % 2 ? CALL_PLAIN : CALL_PIECES);
		lost += (uint64_t)depths[d] - 16;
		ck_assert_uint_eq(world__lost(LOSS_PIPELINE_FULL), lost);
		for (int i = 0; i < depths[d]; i++)
			write_by(c, OK, CALL_PLAIN);
		ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), lost);
		exchange(c, POST BODY, OK);
		finish(c);
	}
	free(text);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 8 * 16);
	ck_assert_uint_eq(world__responses(200, METHOD_POST), 8);
	outcome(8 * 17, LOSS_PIPELINE_FULL, lost);
}
END_TEST

/* The same, and the connection ends before they are answered. */
START_TEST(many_at_the_end)
{
	struct connection *c = connection__open(7);
	static char text[600 * sizeof(GET)];
	char *end = text;

	for (int i = 0; i < 600; i++)
		end = stpcpy(end, GET);
	connection__arrive(c, text, (size_t)(end - text));
	connection__read(c, sizeof(text), CALL_PLAIN);
	finish(c);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 584);
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_WAIT), 16);
}
END_TEST

/* Thousands of chunks in one write, also one of many segments. */
START_TEST(many_chunks)
{
	static char text[40000];
	struct connection *c = connection__open(7);

	for (int chunks = 1; chunks <= 3300; chunks = chunks * 3 + 1) {
		char *end = stpcpy(text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");

		for (int i = 0; i < chunks; i++)
			end = stpcpy(end, i % 7 ? "3\r\nabc\r\n" : "c;x\r\nHTTP/1.1 500\r\n");
		end = stpcpy(end, "0\r\n\r\n");
		for (int pieces = 0; pieces < 2; pieces++) {
			arrive(c, GET);
			connection__read(c, LARGE, CALL_PLAIN);
			connection__write(c, text, (size_t)(end - text),
					  pieces ? CALL_PIECES : CALL_PLAIN);
			exchange(c, POST BODY, OK);
		}
	}
	finish(c);
	outcome(32, LOSS_N, 0);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 16);
}
END_TEST

/* More than is followed in one call: counted, and understood again later. */
START_TEST(too_much_at_once)
{
	struct connection *c = connection__open(7);
	size_t n = 17000 * strlen(OK);
	char *text = malloc(n + 1), *end = text;

	ck_assert_ptr_nonnull(text);
	for (int i = 0; i < 17000; i++)
		end = stpcpy(end, OK);
	arrive(c, GET);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__write(c, text, n, CALL_PLAIN);
	free(text);
	ck_assert_uint_eq(world__lost(LOSS_BUDGET), 1);
	exchange(c, POST BODY, OK);
	finish(c);
	ck_assert_uint_eq(world__responses(200, METHOD_POST), 1);
}
END_TEST

/* Anything, in any order. */
START_TEST(random_scripts)
{
	uint64_t seed = 0x2545f4914f6cdd1dULL;
	uint8_t script[600];

	for (int round = 0; round < 6000; round++) {
		const char *problem;

		for (size_t i = 0; i < sizeof(script); i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			script[i] = (uint8_t)(seed >> 32);
		}
		problem = script_run(script, sizeof(script));
		ck_assert_msg(!problem, "round %d: %s", round, problem ? problem : "");
	}
}
END_TEST

/* The same, wherever bytes are read. */
static void add_tests(Suite *suite, const char *name, SFun begin)
{
	TCase *core = tcase_create(name);

	tcase_add_checked_fixture(core, begin, teardown);
	tcase_add_test(core, memory_for_two);
	tcase_add_test(core, memory_for_http2);
	tcase_add_test(core, memory_is_shared);
	tcase_add_test(core, statuses_are_shared);
	tcase_add_test(core, peek);
	tcase_add_test(core, unseen_content);
	tcase_add_test(core, unseen_header);
	tcase_add_test(core, splice_of_everything);
	tcase_add_test(core, sendfile_of_the_body);
	tcase_add_test(core, invalid_messages);
	tcase_add_test(core, many_arrivals);
	tcase_add_test(core, older);
	tcase_add_test(core, slot_retired);
	tcase_add_test(core, many_at_once);
	tcase_add_test(core, many_at_the_end);
	tcase_add_test(core, many_chunks);
	tcase_add_test(core, too_much_at_once);
	if (begin == setup)
		tcase_add_test(core, unreadable);
	suite_add_tcase(suite, core);
}

Suite *exchange_loss_suite(void)
{
	Suite *suite = suite_create("exchange_loss");
	TCase *random = tcase_create("random");

	tcase_set_timeout(random, 120);
	tcase_add_test(random, random_scripts);
	add_tests(suite, "core", setup);
	add_tests(suite, "core, queues", setup_queues);
	suite_add_tcase(suite, random);
	return suite;
}
