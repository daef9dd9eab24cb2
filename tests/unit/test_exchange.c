// SPDX-License-Identifier: Apache-2.0
/*
 * Requests and responses as the BPF programs count them, compiled natively over
 * a model of the kernel: one scenario each. After every one nothing may be in
 * flight, and no time may be longer than the test took.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "exchange.h"

Suite *exchange_suite(void);

#define MS 1000000ULL
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
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

static void write_text(struct connection *c, const char *text)
{
	connection__write(c, text, strlen(text), CALL_PLAIN);
}

/* Arrives, is read after a while, is answered after another. */
static void exchange(struct connection *c, const char *request, const char *response)
{
	arrive(c, request);
	world__sleep(1 * MS);
	connection__read(c, LARGE, CALL_PLAIN);
	world__sleep(2 * MS);
	write_text(c, response);
	world__sleep(1 * MS);
}

static void finish(struct connection *c)
{
	connection__fin(c);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__close(c);
	connection__destroy(c);
}

static void no_aborts(void)
{
	for (int by = 0; by < ABORT_BY_N; by++)
		for (int phase = 0; phase < ABORT_PHASE_N; phase++)
			ck_assert_msg(!world__aborted(by, phase), "aborted by %d in %d", by, phase);
}

static void nothing_lost(void)
{
	for (int reason = 0; reason < LOSS_N; reason++)
		ck_assert_msg(!world__lost(reason), "%llu lost for reason %d",
			      (unsigned long long)world__lost(reason), reason);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
}

/* So many responses in all, nothing aborted, nothing lost. */
static void clean(uint64_t responses)
{
	ck_assert_uint_eq(world__responses(0, METHOD_N), responses);
	ck_assert_uint_eq(world__count(COUNT_HTTP_STARTED), responses);
	no_aborts();
	nothing_lost();
}

static uint64_t sum_ns(enum http_row row)
{
	uint64_t ns;

	world__row(row, &ns);
	return ns;
}

START_TEST(keep_alive)
{
	/* sequence numbers wrap in the middle */
	struct connection *c = connection__open(0xffffff80);

	for (int i = 0; i < 10; i++)
		exchange(c, GET, OK);
	finish(c);
	clean(10);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 10);
	ck_assert_uint_eq(sum_ns(ROW_APP_QUEUE), 10 * MS);
	ck_assert_uint_eq(sum_ns(ROW_APP_RESPONSE), 20 * MS);
	ck_assert_uint_eq(sum_ns(ROW_APP_FIRST_BYTE), 20 * MS);
	ck_assert_uint_eq(sum_ns(ROW_EDGE_RESPONSE), 30 * MS);
	ck_assert_uint_eq(world__count(COUNT_BYTES_IN), 10 * strlen(GET));
	ck_assert_uint_eq(world__count(COUNT_BYTES_OUT), 10 * strlen(OK));
	ck_assert_uint_eq(world__count(COUNT_EDGE_CONNECTS), 1);
	ck_assert_uint_eq(world__count(COUNT_APP_CONNECTS), 1);
	ck_assert_uint_eq(world__count(COUNT_APP_DISCONNECTS), 0);
}
END_TEST

START_TEST(calls_and_pieces)
{
	for (int call = 0; call < CALL_N; call++) {
		for (size_t piece = 1; piece < 70; piece++) {
			struct connection *c = connection__open(100 - (uint32_t)piece);
			const char request[] = POST BODY GET, response[] = OK OK;

			for (size_t i = 0; i < strlen(request); i += piece) {
				size_t n = strlen(request) - i < piece ? strlen(request) - i
								       : piece;

				connection__arrive(c, request + i, n);
				ck_assert_uint_eq(connection__read(c, piece + 40, (enum call)call),
						  n);
				world__sleep(10);
			}
			for (size_t i = 0; i < strlen(response); i += piece) {
				size_t n = strlen(response) - i < piece ? strlen(response) - i
									: piece;

				connection__write(c, response + i, n, (enum call)call);
				world__sleep(10);
			}
			finish(c);
		}
	}
	clean((uint64_t)CALL_N * 69 * 2);
	ck_assert_uint_eq(world__responses(200, METHOD_POST), (uint64_t)CALL_N * 69);
}
END_TEST

START_TEST(pipelined)
{
	for (int depth = 2; depth <= 16; depth++) {
		struct connection *c = connection__open(7);

		for (int i = 0; i < depth; i++)
			arrive(c, GET);
		world__sleep(1 * MS);
		connection__read(c, LARGE, CALL_PLAIN);
		for (int i = 0; i < depth; i++) {
			world__sleep(1 * MS);
			write_text(c, OK);
		}
		finish(c);
	}
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 135);
	no_aborts();
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
	ck_assert_uint_eq(world__lost(LOSS_PIPELINE_FULL), 0);
}
END_TEST

/* Requests that came at many different times still count, if without their times. */
START_TEST(pipelined_over_time)
{
	for (int reads = 0; reads < 2; reads++) {
		struct connection *c = connection__open(7);

		for (int i = 0; i < 12; i++) {
			arrive(c, i % 2 ? GET : HEAD);
			world__sleep(1 * MS);
			if (reads)
				connection__read(c, LARGE, CALL_PLAIN);
		}
		connection__read(c, LARGE, CALL_PLAIN);
		for (int i = 0; i < 12; i++)
			write_text(c, i % 2 ? OK : "HTTP/1.1 404 Not Found\r\n\r\n");
		exchange(c, GET, OK);
		finish(c);
	}
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 14);
	ck_assert_uint_eq(world__responses(404, METHOD_HEAD), 12);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
	ck_assert_uint_gt(world__lost(LOSS_PIPELINE_FULL), 0);
	ck_assert_uint_eq(world__row(ROW_APP_RESPONSE, NULL) + world__lost(LOSS_PIPELINE_FULL), 26);
	no_aborts();
}
END_TEST

/* Requests that arrive and are read at one time share a batch; 16 are remembered. */
START_TEST(pipelined_too_deep)
{
	for (int depth = 17; depth <= 60; depth++) {
		struct connection *c = connection__open(7);

		for (int i = 0; i < depth; i++)
			arrive(c, GET);
		connection__read(c, LARGE, CALL_PLAIN);
		for (int i = 0; i < depth; i++)
			write_text(c, OK);
		/* the connection has recovered */
		exchange(c, HEAD, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n");
		finish(c);
	}
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 16 * 44);
	ck_assert_uint_eq(world__responses(404, METHOD_HEAD), 44);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), world__lost(LOSS_PIPELINE_FULL));
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 44 * 45 / 2);
	no_aborts();
}
END_TEST

/* More than a counter of eight bits holds, never answered. */
START_TEST(pipelined_beyond_all_measure)
{
	for (int depth = 250; depth < 600; depth += 5) {
		struct connection *c = connection__open(7);

		for (int i = 0; i < depth; i++) {
			arrive(c, GET);
			connection__read(c, LARGE, CALL_PLAIN);
		}
		for (int i = 0; i < depth && depth % 2; i++)
			write_text(c, OK);
		connection__destroy(c);
	}
}
END_TEST

/* On loopback the next request may be read before this response's event fires. */
START_TEST(next_request_first)
{
	struct connection *c = connection__open(7);

	arrive(c, GET);
	connection__read(c, LARGE, CALL_PLAIN);
	world__sleep(5 * MS);
	arrive(c, HEAD);
	connection__read(c, LARGE, CALL_PLAIN);
	write_text(c, OK);
	world__sleep(1 * MS);
	write_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
	finish(c);
	clean(2);
	ck_assert_uint_eq(world__responses(200, METHOD_HEAD), 1);
	ck_assert_uint_eq(sum_ns(ROW_APP_RESPONSE), 6 * MS);
}
END_TEST

START_TEST(early_response)
{
	struct connection *c = connection__open(7);

	arrive(c, POST "0123");
	connection__read(c, LARGE, CALL_PLAIN);
	write_text(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	arrive(c, "456789");
	connection__read(c, LARGE, CALL_PLAIN);
	exchange(c, GET, OK);
	finish(c);
	clean(2);
	ck_assert_uint_eq(world__responses(413, METHOD_POST), 1);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 1);
}
END_TEST

/* Refused before its header is complete; then the rest of it, and another request. */
START_TEST(response_within_header)
{
	struct connection *c = connection__open(7);

	arrive(c, "POST / HTTP/1.1\r\nContent-Length: 3\r\nX: ");
	world__sleep(1 * MS);
	connection__read(c, LARGE, CALL_PLAIN);
	world__sleep(1 * MS);
	write_text(c, "HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n");
	arrive(c, "y\r\n\r\nabc");
	connection__read(c, LARGE, CALL_PLAIN);
	exchange(c, GET, OK);
	finish(c);
	clean(2);
	ck_assert_uint_eq(world__responses(431, METHOD_POST), 1);
	ck_assert_uint_eq(sum_ns(ROW_APP_QUEUE), 2 * MS);
	ck_assert_uint_eq(sum_ns(ROW_APP_RESPONSE), 3 * MS);
}
END_TEST

START_TEST(interim_responses)
{
	struct connection *c = connection__open(7);

	arrive(c, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
	connection__read(c, LARGE, CALL_PLAIN);
	world__sleep(1 * MS);
	write_text(c, "HTTP/1.1 100 Continue\r\n\r\n");
	world__sleep(1 * MS);
	arrive(c, BODY);
	connection__read(c, LARGE, CALL_PLAIN);
	world__sleep(1 * MS);
	write_text(c, "HTTP/1.1 103 Early Hints\r\n\r\n" OK);
	finish(c);
	clean(1);
	ck_assert_uint_eq(sum_ns(ROW_APP_FIRST_BYTE), 3 * MS);
}
END_TEST

START_TEST(without_content)
{
	struct connection *c = connection__open(7);

	exchange(c, HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
	exchange(c, GET, "HTTP/1.1 204 No Content\r\n\r\n");
	exchange(c, GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n");
	exchange(c, HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	exchange(c, GET,
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
	finish(c);
	clean(5);
	ck_assert_uint_eq(world__responses(200, METHOD_HEAD), 2);
	ck_assert_uint_eq(world__responses(204, METHOD_GET), 1);
	ck_assert_uint_eq(world__responses(304, METHOD_GET), 1);
}
END_TEST

START_TEST(websocket)
{
	struct connection *c = connection__open(7);

	exchange(c, "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
		 "HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02hi");
	exchange(c, "\x81\x02ho", "\x81\x02ha");
	exchange(c, GET, OK);
	finish(c);
	clean(1);
	ck_assert_uint_eq(world__responses(101, METHOD_GET), 1);
}
END_TEST

/* What a client sends through a tunnel before it is open is no request of the proxy's. */
/* Bytes behind CONNECT, whatever piece of a buffer a read takes. */
START_TEST(tunnel_bytes)
{
	struct connection *c = connection__open(8);
	char bytes[150];

	memset(bytes, 'x', sizeof(bytes));
	exchange(c, "CONNECT a:80 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n");
	for (int i = 0; i < 2; i++) {
		connection__arrive(c, bytes, 100);
		connection__read(c, 30, CALL_PLAIN);
		connection__read(c, 31, CALL_PLAIN);
		connection__read(c, 100, CALL_PLAIN);
	}
	ck_assert_uint_eq(world__count(COUNT_UPGRADED_BYTES_IN), 200);
	connection__arrive(c, bytes, 150);
	connection__splice(c, 150);
	connection__arrive(c, bytes, 10);
	connection__read(c, 100, CALL_PLAIN);
	finish(c);
	/* of splice nothing is told but that it was, and what comes behind tells how much */
	ck_assert_uint_eq(world__count(COUNT_UPGRADED_BYTES_IN), 360);
	ck_assert_uint_eq(world__count(COUNT_BYTES_IN),
			  strlen("CONNECT a:80 HTTP/1.1\r\n\r\n") + 360);
}
END_TEST

START_TEST(tunnel)
{
	struct connection *c = connection__open(7);

	exchange(c, "CONNECT a:80 HTTP/1.1\r\n\r\n" GET GET, "HTTP/1.1 200 OK\r\n\r\n" OK OK);
	finish(c);
	ck_assert_uint_eq(world__responses(200, METHOD_CONNECT), 1);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 1);
	no_aborts();
	c = connection__open(7);
	exchange(c, "CONNECT a:80 HTTP/1.1\r\n\r\n",
		 "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n");
	exchange(c, GET, OK);
	finish(c);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 3);
	no_aborts();
}
END_TEST

START_TEST(until_close)
{
	struct connection *c = connection__open(7);

	arrive(c, GET);
	connection__read(c, LARGE, CALL_PLAIN);
	write_text(c, "HTTP/1.0 200 OK\r\n\r\nsome");
	world__sleep(3 * MS);
	write_text(c, "HTTP/1.1 500 this is content\r\n\r\n");
	world__sleep(3 * MS);
	connection__close(c);
	connection__destroy(c);
	clean(1);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 1);
	ck_assert_uint_eq(sum_ns(ROW_APP_RESPONSE), 3 * MS);
	ck_assert_uint_eq(world__count(COUNT_APP_DISCONNECTS), 1);

	c = connection__open(7);
	exchange(c, GET, "HTTP/1.0 200 OK\r\n\r\nsome");
	connection__reset(c);
	connection__destroy(c);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 1);
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_RESPONSE), 1);
}
END_TEST

START_TEST(aborts_by_client)
{
	for (int reset = 0; reset < 2; reset++) {
		static const char *const response[] = {
			"", "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"
		};
		static const char *const request[] = { "GET / HT", GET, GET, GET };

		for (int i = 0; i < 4; i++) {
			struct connection *c = connection__open(7);

			exchange(c, request[i], response[i]);
			if (reset)
				connection__reset(c);
			else
				connection__fin(c);
			connection__read(c, LARGE, CALL_PLAIN);
			connection__destroy(c);
		}
	}
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_REQUEST), 2);
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_WAIT), 2);
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_RESPONSE), 4);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 0);
	nothing_lost();
}
END_TEST

START_TEST(aborts_by_server)
{
	static const char *const response[] = { "", "", "HTTP/1.1 200",
						"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe" };
	static const char *const request[] = { "GET / HT", GET, GET, GET };

	for (int i = 0; i < 4; i++) {
		struct connection *c = connection__open(7);

		exchange(c, request[i], response[i]);
		connection__destroy(c);
	}
	ck_assert_uint_eq(world__aborted(ABORT_BY_SERVER, ABORT_IN_REQUEST), 1);
	ck_assert_uint_eq(world__aborted(ABORT_BY_SERVER, ABORT_IN_WAIT), 1);
	ck_assert_uint_eq(world__aborted(ABORT_BY_SERVER, ABORT_IN_RESPONSE), 2);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 0);
	nothing_lost();
}
END_TEST

/* An empty line behind a body, as old clients send it, is no request. */
START_TEST(empty_line_at_the_end)
{
	struct connection *c = connection__open(7);

	exchange(c, POST BODY "\r\n", OK);
	finish(c);
	c = connection__open(7);
	exchange(c, POST BODY, OK);
	arrive(c, "\r\n");
	connection__read(c, LARGE, CALL_PLAIN);
	finish(c);
	clean(2);
}
END_TEST

START_TEST(garbage)
{
	struct connection *c = connection__open(7);

	exchange(c, "\x16\x03\x01 hello\r\n",
		 "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	finish(c);
	clean(1);
	ck_assert_uint_eq(world__responses(400, METHOD_OTHER), 1);
	c = connection__open(7);
	exchange(c, "*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
	exchange(c, "*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
	finish(c);
	clean(1);
}
END_TEST

START_TEST(server_speaks_first)
{
	struct connection *c = connection__open(7);

	write_text(c, "220 mail.example.org ready\r\n");
	exchange(c, "HELO a\r\n", "250 hello\r\n");
	exchange(c, GET, OK);
	finish(c);
	clean(0);
	/* nothing was asked, and the time is up */
	c = connection__open(7);
	world__sleep(5 * MS);
	write_text(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
	connection__close(c);
	connection__destroy(c);
	clean(1);
	ck_assert_uint_eq(world__responses(408, METHOD_OTHER), 1);
}
END_TEST

START_TEST(large_writes)
{
	static char body[40000];
	int at = sprintf(body, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 30000);
	struct connection *c = connection__open(7);

	/* stamped, not taken; stamped again, taken */
	arrive(c, GET);
	connection__read(c, LARGE, CALL_PLAIN);
	world__sleep(1 * MS);
	connection__write_begins(c, 30000);
	connection__write_fails(c, -11);
	world__sleep(1 * MS);
	connection__write_begins(c, 30000);
	world__sleep(7 * MS);
	connection__write(c, body, (size_t)at + 30000, CALL_PLAIN);
	ck_assert_uint_eq(sum_ns(ROW_APP_FIRST_BYTE), 2 * MS);
	ck_assert_uint_eq(sum_ns(ROW_APP_RESPONSE), 9 * MS);
	/* not stamped: its beginning is unknown, unless it cannot block */
	exchange(c, GET, OK);
	arrive(c, GET);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__write(c, body, (size_t)at + 30000, CALL_PLAIN);
	ck_assert_uint_eq(world__count(COUNT_FIRST_BYTE_UNSEEN), 1);
	connection__nonblocking(c);
	arrive(c, GET);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__write(c, body, (size_t)at + 30000, CALL_PLAIN);
	ck_assert_uint_eq(world__count(COUNT_FIRST_BYTE_UNSEEN), 1);
	finish(c);
	clean(4);
}
END_TEST

/* The same, wherever bytes are read. */
static void add_tests(Suite *suite, const char *order_name, const char *ends_name, SFun begin)
{
	TCase *order = tcase_create(order_name), *ends = tcase_create(ends_name);

	tcase_add_checked_fixture(order, begin, teardown);
	tcase_add_checked_fixture(ends, begin, teardown);
	tcase_set_timeout(order, 60);
	tcase_add_test(order, keep_alive);
	tcase_add_test(order, calls_and_pieces);
	tcase_add_test(order, pipelined);
	tcase_add_test(order, pipelined_over_time);
	tcase_add_test(order, pipelined_too_deep);
	tcase_add_test(order, pipelined_beyond_all_measure);
	tcase_add_test(order, next_request_first);
	tcase_add_test(order, early_response);
	tcase_add_test(order, response_within_header);
	tcase_add_test(order, interim_responses);
	tcase_add_test(order, without_content);
	tcase_add_test(order, large_writes);
	tcase_add_test(ends, websocket);
	tcase_add_test(ends, tunnel_bytes);
	tcase_add_test(ends, tunnel);
	tcase_add_test(ends, until_close);
	tcase_add_test(ends, aborts_by_client);
	tcase_add_test(ends, aborts_by_server);
	tcase_add_test(ends, empty_line_at_the_end);
	tcase_add_test(ends, garbage);
	tcase_add_test(ends, server_speaks_first);
	suite_add_tcase(suite, order);
	suite_add_tcase(suite, ends);
}

Suite *exchange_suite(void)
{
	Suite *suite = suite_create("exchange");

	add_tests(suite, "order", "ends", setup);
	add_tests(suite, "order, queues", "ends, queues", setup_queues);
	return suite;
}
