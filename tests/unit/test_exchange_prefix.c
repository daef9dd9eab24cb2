// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that begin with something else, as the BPF programs count them: a header of the
 * PROXY protocol, or a first exchange in the clear and then TLS. What follows is counted as if the
 * connection had begun with it.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "exchange.h"

Suite *exchange_prefix_suite(void);

#define MS 1000000ULL
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HEADERS "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
#define LARGE 65536
#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define FOUR "\xc0\0\2\1\xc0\0\2\2\x10\0\0\x50"
#define SIX "0123456789abcdef0123456789abcdef\x10\0\0\x50"
#define HELLO "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03"

#define TEXT(s)                                                                                    \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
static const struct {
	const char *text;
	size_t n;
} prefix[] = {
	TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n"),
	TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 4000 80\r\n"),
	TEXT("PROXY UNKNOWN\r\n"),
	TEXT("PROXY UNKNOWN a line of GET / HTTP/1.1\r\n"),
	TEXT(V2 "\x21\x11\0\x0c" FOUR),
	TEXT(V2 "\x21\x21\0\x24" SIX),
	TEXT(V2 "\x20\0\0\0"),
	TEXT(V2 "\x21\x11\0\x1b" FOUR "\4\0\x0cGET / HTTP/1"),
};
#define PREFIXES (sizeof(prefix) / sizeof(prefix[0]))

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

/* Before a request, cut at every place, or alone; times are those of the request. */
START_TEST(proxy_and_request)
{
	uint64_t n = 0, queue_ns;

	for (size_t i = 0; i < PREFIXES; i++) {
		for (size_t cut = 0; cut <= prefix[i].n; cut++) {
			struct connection *c = connection__open(0xfffffff0);

			connection__arrive(c, prefix[i].text, cut);
			connection__read(c, LARGE, CALL_PLAIN);
			world__sleep(5 * MS);
			connection__arrive(c, prefix[i].text + cut, prefix[i].n - cut);
			if (cut % 2)
				connection__read(c, LARGE, CALL_PLAIN);
			world__sleep(cut % 2 ? 7 * MS : 0);
			exchange(c, HEAD, HEADERS);
			exchange(c, GET, OK);
			finish(c);
			n++;
			ck_assert_msg(world__responses(200, METHOD_HEAD) == n, "%zu cut at %zu", i,
				      cut);
		}
	}
	clean(2 * n);
	world__row(ROW_APP_QUEUE, &queue_ns);
	ck_assert_uint_eq(queue_ns, 2 * n * MS);
}
END_TEST

START_TEST(proxy_bytewise)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		struct connection *c = connection__open(7);

		for (size_t at = 0; at < prefix[i].n; at++) {
			connection__arrive(c, prefix[i].text + at, 1);
			connection__read(c, 1, CALL_PLAIN);
		}
		exchange(c, HEAD, HEADERS);
		finish(c);
	}
	clean(PREFIXES);
	ck_assert_uint_eq(world__responses(200, METHOD_HEAD), PREFIXES);
}
END_TEST

/* A balancer that looks whether the port is open. */
START_TEST(proxy_alone)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		for (size_t n = 9; n <= prefix[i].n; n++) {
			struct connection *c = connection__open(7);

			connection__arrive(c, prefix[i].text, n);
			connection__read(c, LARGE, CALL_PLAIN);
			finish(c);
		}
	}
	clean(0);
}
END_TEST

/* Before HTTP/2: the preface ends HTTP/1.x, and nothing of it is a request. */
START_TEST(proxy_and_http2)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
				      "\0\0\1\1\5\0\0\0\1\x82";

	for (size_t i = 0; i < PREFIXES; i++) {
		struct connection *c = connection__open(7);

		connection__arrive(c, prefix[i].text, prefix[i].n);
		if (i % 2)
			connection__read(c, LARGE, CALL_PLAIN);
		connection__arrive(c, preface, sizeof(preface) - 1);
		connection__read(c, LARGE, CALL_PLAIN);
		connection__write(c, "\0\0\0\4\0\0\0\0\0\0\0\1\1\5\0\0\0\1\x88", 19, CALL_PLAIN);
		finish(c);
		ck_assert_uint_eq(world__responses(200, METHOD_GET), i + 1);
	}
	clean(PREFIXES);
}
END_TEST

/* Only once, and only first. */
START_TEST(proxy_elsewhere)
{
	struct connection *c = connection__open(7);

	exchange(c, GET "PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n\r\n",
		 OK "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	finish(c);
	c = connection__open(7);
	exchange(c, "PROXY / HTTP/1.1\r\n\r\n", OK);
	exchange(c, GET, OK);
	finish(c);
	clean(4);
	ck_assert_uint_eq(world__responses(200, METHOD_OTHER), 1);
	ck_assert_uint_eq(world__responses(400, METHOD_OTHER), 1);
}
END_TEST

/* The bytes of a TLS handshake: seen if the server's refusal of the ClientHello is told of. */
static void hello_is_seen(struct connection *c)
{
	uint64_t events = world__events();

	connection__arrive(c, HELLO, sizeof(HELLO) - 1);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__write(c, "\x15\x03\x01\0\2\2\x28", 7, CALL_PLAIN);
	finish(c);
	ck_assert_uint_gt(world__events(), events);
}

START_TEST(proxy_and_tls)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		struct connection *c = connection__open(7);

		connection__arrive(c, prefix[i].text, prefix[i].n);
		if (i % 2)
			connection__read(c, LARGE, CALL_PLAIN);
		hello_is_seen(c);
	}
	clean(0);
}
END_TEST

/* First exchanges in the clear; server first where the client's is null. */
START_TEST(tls_behind_others)
{
	static const struct {
		const char *client;
		size_t client_bytes;
		const char *server;
		size_t server_bytes;
	} rows[][3] = {
#define STEP(client, server) { client, sizeof(client) - 1, server, sizeof(server) - 1 }
		{ STEP("\0\0\0\x08\x04\xd2\x16\x2f", "S") },
		{ STEP("", "J\0\0\0\x0a"
			   "8.0\0"),
		  STEP("\x20\0\0\1\x05\xae\xff\x19\0\0\0\1\xff", "") },
		{ STEP("", "220 mail ready\r\n"), STEP("EHLO a\r\n", "250-a\r\n250 STARTTLS\r\n"),
		  STEP("STARTTLS\r\n", "220 go\r\n") },
		{ STEP("", "* OK ready\r\n"), STEP("a1 STARTTLS\r\n", "a1 OK\r\n") },
		{ STEP("", "+OK ready\r\n"), STEP("STLS\r\n", "+OK\r\n") },
		{ STEP("0\x1d\2\1\1w\x18\x80\x16"
		       "1.3.6.1.4.1.1466.20037",
		       "0\x0c\2\1\1x\7\x0a\1\0\4\0\4\0") },
		{ STEP("<?xml version='1.0'?><stream:stream>", "<?xml version='1.0'?><features/>"),
		  STEP("<starttls/>", "<proceed/>") },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct connection *c = connection__open(0xfffffff0);

		for (size_t k = 0; k < 3; k++) {
			connection__arrive(c, rows[i][k].client, rows[i][k].client_bytes);
			connection__read(c, LARGE, CALL_PLAIN);
			connection__write(c, rows[i][k].server, rows[i][k].server_bytes,
					  CALL_PLAIN);
		}
		hello_is_seen(c);
	}
	clean(0);
}
END_TEST

/* But not for ever: what looks like a ClientHello later is data of a protocol that is not followed.
 */
START_TEST(tls_too_late)
{
	struct connection *c = connection__open(7);
	uint64_t events;

	write_text(c, "220 ready\r\n");
	for (int i = 0; i < 40; i++)
		exchange(c, "NOOP\r\n", "250 ok\r\n");
	events = world__events();
	connection__arrive(c, HELLO, sizeof(HELLO) - 1);
	connection__read(c, LARGE, CALL_PLAIN);
	connection__write(c, "\x15\x03\x01\0\2\2\x28", 7, CALL_PLAIN);
	finish(c);
	ck_assert_uint_eq(world__events(), events);
	clean(0);
}
END_TEST

Suite *exchange_prefix_suite(void)
{
	Suite *suite = suite_create("exchange_prefix");
	TCase *core = tcase_create("core");

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, proxy_and_request);
	tcase_add_test(core, proxy_bytewise);
	tcase_add_test(core, proxy_alone);
	tcase_add_test(core, proxy_and_http2);
	tcase_add_test(core, proxy_elsewhere);
	tcase_add_test(core, proxy_and_tls);
	tcase_add_test(core, tls_behind_others);
	tcase_add_test(core, tls_too_late);
	suite_add_tcase(suite, core);
	return suite;
}
