// SPDX-License-Identifier: Apache-2.0
/*
 * Messages that are not as most are, as the BPF programs count them: each is one request with the
 * status that was sent, and what follows on the connection is right. What is no HTTP is nothing.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "exchange.h"

Suite *exchange_odd_suite(void);

#define MS 1000000ULL
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define PUT "PUT / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HEADERS "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
#define REFUSED "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
#define LARGE 65536

static void setup(void)
{
	world__begin();
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

static void exchange(struct connection *c, const char *request, const char *response)
{
	arrive(c, request);
	world__sleep(1 * MS);
	connection__read(c, LARGE, CALL_PLAIN);
	world__sleep(2 * MS);
	write_text(c, response);
}

static void finish(struct connection *c)
{
	connection__fin(c);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__destroy(c);
}

/* So many responses and not one aborted or lost request, nor anything else lost. */
static void clean(uint64_t responses)
{
	ck_assert_uint_eq(world__responses(0, METHOD_N), responses);
	ck_assert_uint_eq(world__count(COUNT_HTTP_STARTED), responses);
	for (int by = 0; by < ABORT_BY_N; by++)
		for (int phase = 0; phase < ABORT_PHASE_N; phase++)
			ck_assert_msg(!world__aborted(by, phase), "aborted by %d in %d", by, phase);
	ck_assert_uint_eq(world__lost(LOSS_N), 0);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
}

static const char *const odd_line[] = {
	"get / HTTP/1.1\r\n",
	"A-METHOD-THAT-IS-LONGER-THAN-WHAT-IS-CARRIED / HTTP/1.1\r\n",
	"G{}T / HTTP/1.1\r\n",
	"GET/ HTTP/1.1\r\n",
	"BREW \t /  \t HTTP/1.1  \r\n",
	"GET / HTTP/1.15\r\n",
	"GET / http/1.1\r\n",
	"POST / HTTP\r\n",
	"POST /\r\n",
	"no request\r\n",
	" \r\n",
	"\xc3\xa4 / HTTP/1.1\r\n",
};
#define ODD_LINES (sizeof(odd_line) / sizeof(odd_line[0]))

/* In each place of a connection, read at once and byte by byte. */
START_TEST(odd_requests)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ODD_LINES; i++) {
		for (size_t piece = 1; piece < 80; piece += 78) {
			for (int before = 0; before < 2; before++) {
				struct connection *c = connection__open(7);
				char text[200];
				int at;

				if (before)
					exchange(c, GET, OK);
				at = snprintf(text, sizeof(text), "%sContent-Length: 3\r\n\r\nabc",
					      odd_line[i]);
				for (int from = 0; from < at; from += (int)piece) {
					connection__arrive(c, text + from,
							   (size_t)(at - from) < piece
								   ? (size_t)(at - from)
								   : piece);
					connection__read(c, LARGE, CALL_PLAIN);
				}
				write_text(c, REFUSED);
				exchange(c, HEAD, HEADERS);
				exchange(c, PUT, OK);
				finish(c);
				n++;
				ck_assert_msg(world__responses(400, METHOD_OTHER) == n &&
						      world__responses(200, METHOD_HEAD) == n &&
						      world__responses(200, METHOD_PUT) == n,
					      "%s", odd_line[i]);
			}
		}
	}
	clean(3 * n + n / 2);
}
END_TEST

/* A method that is known says how the response is framed, whatever blanks there are. */
START_TEST(odd_blanks)
{
	static const char *const line[] = { "HEAD\t/\tHTTP/1.1\r\n", "HEAD / HTTP/1.1 \r\n",
					    " HEAD  /  HTTP/1.1\t \r\n" };

	for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
		struct connection *c = connection__open(7);
		char text[100];

		snprintf(text, sizeof(text), "%sHost: a\r\n\r\n", line[i]);
		exchange(c, text, HEADERS);
		exchange(c, GET, OK);
		finish(c);
	}
	clean(6);
	ck_assert_uint_eq(world__responses(200, METHOD_HEAD), 3);
}
END_TEST

/* Many in one read, of which the first might be anything. */
START_TEST(odd_pipelined)
{
	struct connection *c = connection__open(7);

	exchange(c, "POST /\r\n\r\nget / HTTP/1.1\r\n\r\n" GET "nothing\r\n\r\n" HEAD,
		 REFUSED OK OK REFUSED HEADERS);
	exchange(c, GET, OK);
	finish(c);
	clean(6);
	ck_assert_uint_eq(world__responses(400, METHOD_OTHER), 2);
	ck_assert_uint_eq(world__responses(200, METHOD_OTHER), 1);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 2);
	ck_assert_uint_eq(world__responses(200, METHOD_HEAD), 1);
}
END_TEST

/* Refused before its header section is over, or without one: the next read begins the next. */
START_TEST(odd_refused_early)
{
	static const char *const text[] = { "no request\r\n", "GET /\r\n",
					    "POST / HTTP/3\r\nA: b\r\n", "\x16\x03\x09 hello\r\n",
					    "\x01GET / HTTP/1.1\r\n\r\n" };

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		for (int before = 0; before < 2; before++) {
			struct connection *c = connection__open(7);

			if (before)
				exchange(c, GET, OK);
			exchange(c, text[i], REFUSED);
			exchange(c, HEAD, HEADERS);
			exchange(c, GET, OK);
			finish(c);
		}
	}
	ck_assert_uint_eq(world__responses(400, METHOD_OTHER), 10);
	ck_assert_uint_eq(world__responses(200, METHOD_HEAD), 10);
	clean(35);
}
END_TEST

/* Other protocols that look alike: what the server says tells, and nothing is counted. */
START_TEST(other_protocols)
{
	static const struct {
		const char *client, *server;
	} rows[] = {
		{ "OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		  "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n" },
		{ "INVITE sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\nab",
		  "SIP/2.0 100 Trying\r\n\r\n" },
		{ "CONNECT\naccept-version:1.2\n\n", "CONNECTED\nversion:1.2\n\n" },
		{ "*1\r\n$4\r\nPING\r\n", "+PONG\r\n" },
		{ "get key\r\n", "VALUE key 0 2\r\nok\r\nEND\r\n" },
		{ "EHLO a\r\n", "250 hello\r\n" },
		{ "AMQP\x01\x01\x09\x01", "AMQP\x01\x01\x09\x01" },
		{ "content-length: no\r\n\r\n", "?\r\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int answers = 0; answers < 2; answers++) {
			struct connection *c = connection__open(7);

			for (int n = 0; n < 40; n++)
				exchange(c, rows[i].client, answers ? rows[i].server : "");
			finish(c);
			clean(0);
		}
	}
}
END_TEST

/* Framing that cannot be told: the answer counts, and the next message is found again. */
START_TEST(framing_refused)
{
	static const char *const text[] = {
		"POST / HTTP/1.1\r\nContent-Length: five\r\n\r\nfive!",
		"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nfive!",
		"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nrest",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct connection *c = connection__open(7);

		exchange(c, GET, OK);
		exchange(c, text[i], REFUSED);
		exchange(c, HEAD, HEADERS);
		exchange(c, GET, OK);
		finish(c);
		ck_assert_uint_eq(world__responses(400, METHOD_POST), i + 1);
	}
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 8);
	ck_assert_uint_eq(world__responses(200, METHOD_HEAD), 4);
	ck_assert_uint_eq(world__lost(LOSS_HEADER_INVALID), 3);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
}
END_TEST

/* HTTP/0.9 is answered without a status: it is lost, and said to be. */
START_TEST(simple_requests)
{
	struct connection *c = connection__open(7);

	exchange(c, "GET /page\r\n", "<html>");
	finish(c);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 1);
	ck_assert_uint_eq(world__lost(LOSS_HEADER_INVALID), 1);
	ck_assert_uint_eq(world__responses(0, METHOD_N), 0);
}
END_TEST

/* As RFC 9112 says: folded lines, lists of equal lengths, zeros before a size, no coding. */
START_TEST(framing_as_specified)
{
	static const char *const request[] = {
		"POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nContent-Length:\r\n 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000003\r\nabc\r\n"
		"0000000000000000\r\n\r\n",
	};
	static const char *const response[] = {
		"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length:\r\n\t2\r\n\r\nok\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip,\r\n chunked\r\n\r\n"
		"000000000000000002\r\nok\r\n0\r\n\r\n",
	};
	uint64_t first_ns, n = 0;

	for (size_t i = 0; i < sizeof(request) / sizeof(request[0]); i++) {
		for (size_t k = 0; k < sizeof(response) / sizeof(response[0]); k++) {
			struct connection *c = connection__open(7);

			exchange(c, request[i], response[k]);
			exchange(c, HEAD, HEADERS);
			write_text(c, "\r\n");
			world__sleep(50 * MS);
			exchange(c, request[i], response[k]);
			finish(c);
			n++;
			ck_assert_msg(world__responses(200, METHOD_POST) == 2 * n, "%s%s",
				      request[i], response[k]);
		}
	}
	clean(3 * n);
	/* an empty line before a response is no first byte of it */
	ck_assert_uint_eq(world__row(ROW_APP_FIRST_BYTE, &first_ns), 3 * n);
	ck_assert_uint_eq(first_ns, 3 * n * 2 * MS);
}
END_TEST

Suite *exchange_odd_suite(void)
{
	Suite *suite = suite_create("exchange_odd");
	TCase *lines = tcase_create("lines");

	tcase_add_checked_fixture(lines, setup, teardown);
	tcase_add_test(lines, odd_requests);
	tcase_add_test(lines, odd_blanks);
	tcase_add_test(lines, odd_pipelined);
	tcase_add_test(lines, odd_refused_early);
	tcase_add_test(lines, other_protocols);
	tcase_add_test(lines, framing_refused);
	tcase_add_test(lines, simple_requests);
	tcase_add_test(lines, framing_as_specified);
	suite_add_tcase(suite, lines);
	return suite;
}
