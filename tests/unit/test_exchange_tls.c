// SPDX-License-Identifier: Apache-2.0
/*
 * Plain text inside TLS whose socket the application reads itself (memory BIOs), on connections
 * that are older than the probes: whose it is, is found out, and never wrong.
 */
#include <check.h>
#include <string.h>

#include "exchange.h"

Suite *exchange_tls_suite(void);

#define R32 "0123456789abcdef0123456789abcdef"
#define RECORD(type, bytes) type "\x03\x03\x00" bytes
#define CLIENT_HELLO                                                                               \
	RECORD("\x16", "\x2f") "\x01\x00\x00\x2b\x03\x03" R32 "\x00\x00\x02\x13\x01\x01\x00\x00\x00"
#define SERVER_HELLO RECORD("\x16", "\x2a") "\x02\x00\x00\x26\x03\x03" R32 "\x00\xc0\x2f\x00"
#define FINISHED RECORD("\x14", "\x01") "\x01" RECORD("\x16", "\x28") R32 "01234567"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define MS 1000000ULL

static void setup(void)
{
	world__begin();
	world__tls();
}

static void teardown(void)
{
	const char *problem;

	world__tls_over();
	problem = world__inconsistency();
	ck_assert_msg(!problem, "%s", problem ? problem : "");
}

static void receive(struct connection *c, const void *data, size_t n)
{
	connection__arrive(c, data, n);
	ck_assert_uint_eq(connection__read(c, n, CALL_PLAIN), n);
}

/* A connection whose handshake nobody has seen in a library: TLS 1.2, resumed. */
static struct connection *older(void)
{
	struct connection *c = connection__open(1000);

	receive(c, CLIENT_HELLO, sizeof(CLIENT_HELLO) - 1);
	connection__write(c, SERVER_HELLO FINISHED, sizeof(SERVER_HELLO FINISHED) - 1, CALL_PLAIN);
	receive(c, FINISHED, sizeof(FINISHED) - 1);
	world__sleep(1000 * MS);
	return c;
}

/* A record with so many plain bytes reaches the application. */
static void cipher(struct connection *c, size_t bytes)
{
	uint8_t record[16384 + 29] = { 0x17, 3, 3, (uint8_t)((bytes + 24) >> 8),
				       (uint8_t)(bytes + 24) };

	receive(c, record, bytes + 29);
}

static void answer(struct connection *c, uint64_t object)
{
	static const char record[sizeof(OK) + 28] = { 0x17, 3, 3, 0, sizeof(OK) + 23 };

	world__tls_write(object, OK, sizeof(OK) - 1);
	connection__write(c, record, sizeof(record), CALL_PLAIN);
}

static void plain(uint64_t object)
{
	world__tls_read(object, GET, sizeof(GET) - 1);
	world__tls_read(object, GET, -1);
}

static void exchange(struct connection *c, uint64_t object)
{
	cipher(c, sizeof(GET) - 1);
	plain(object);
	answer(c, object);
}

START_TEST(picked_up)
{
	struct connection *c = older();

	for (int i = 0; i < 10; i++)
		exchange(c, 1);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 9);
	connection__destroy(c);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 0);
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
}
END_TEST

/* One after the other, and each object is taken for its own connection's. */
START_TEST(several)
{
	struct connection *c[3] = { older(), older(), older() };

	for (int i = 0; i < 30; i++)
		exchange(c[i % 3], 1 + (uint64_t)i % 3);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 27);
	connection__destroy(c[0]);
	for (int i = 0; i < 5; i++)
		exchange(c[2], 3);
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 32);
	connection__destroy(c[1]);
	connection__destroy(c[2]);
	ck_assert_uint_eq(world__aborted(ABORT_BY_CLIENT, ABORT_IN_WAIT), 0);
}
END_TEST

/* All are read, then all are decrypted: which call is for which nobody knows. */
START_TEST(read_together)
{
	struct connection *c[2] = { older(), older() };

	for (int i = 0; i < 20; i++) {
		cipher(c[0], sizeof(GET) - 1);
		cipher(c[1], sizeof(GET) - 1);
		for (uint64_t o = 1; o <= 2; o++)
			plain(o);
		for (uint64_t o = 1; o <= 2; o++)
			answer(c[o - 1], o);
	}
	ck_assert_uint_eq(world__responses(0, METHOD_N), 0);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 2);
	connection__destroy(c[0]);
	connection__destroy(c[1]);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 2);
}
END_TEST

/* Another thread decrypts, and this one meanwhile what others have read. */
START_TEST(read_elsewhere)
{
	struct connection *c = older();

	for (uint64_t i = 0; i < 20; i++) {
		cipher(c, sizeof(GET) - 1);
		world__tls_read(10 + (i + 1) / 2, GET, sizeof(GET) - 1);
	}
	ck_assert_uint_eq(world__count(COUNT_HTTP_STARTED), 0);
	connection__destroy(c);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 1);
}
END_TEST

/* The object of another connection, which lives, comes first. */
START_TEST(bound_to_another)
{
	struct connection *one = older(), *two;

	exchange(one, 1);
	exchange(one, 1);
	two = older();
	for (int i = 0; i < 5; i++) {
		cipher(one, sizeof(GET) - 1);
		cipher(two, sizeof(GET) - 1);
		plain(1);
		plain(2);
		answer(one, 1);
		answer(two, 2);
	}
	ck_assert_uint_eq(world__responses(200, METHOD_GET), 1 + 5 + 4);
	connection__destroy(one);
	connection__destroy(two);
}
END_TEST

/* More plain bytes than were read are not of that connection. */
START_TEST(too_much)
{
	static char large[4096];
	struct connection *c = older();

	memcpy(large, GET, sizeof(GET) - 1);
	for (int i = 0; i < 20; i++) {
		cipher(c, 20);
		world__tls_read(1, large, sizeof(large));
	}
	ck_assert_uint_eq(world__count(COUNT_HTTP_STARTED), 0);
	connection__destroy(c);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 1);
}
END_TEST

/* Too long ago: the thread has done something else since. */
START_TEST(too_late)
{
	struct connection *c = older();

	for (int i = 0; i < 20; i++) {
		cipher(c, sizeof(GET) - 1);
		world__sleep(200 * MS);
		world__tls_read(1, GET, sizeof(GET) - 1);
	}
	ck_assert_uint_eq(world__count(COUNT_HTTP_STARTED), 0);
	connection__destroy(c);
}
END_TEST

static void silent_answer(struct connection *c)
{
	connection__write(c, R32, 32, CALL_PLAIN);
}

/* No library shows anything: told while the connection is open, once. */
START_TEST(unseen_while_open)
{
	struct connection *c = older();

	for (int i = 0; i < 3; i++) {
		cipher(c, 200);
		ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), i == 2);
		silent_answer(c);
	}
	for (int i = 0; i < 20; i++) {
		cipher(c, 200);
		silent_answer(c);
	}
	connection__destroy(c);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 1);

	c = older(); /* one long answer */
	cipher(c, 200);
	for (int i = 0; i < 20; i++)
		silent_answer(c);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 2);
	connection__destroy(c);

	c = older(); /* too short for a request */
	cipher(c, 2);
	silent_answer(c);
	connection__destroy(c);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 2);
}
END_TEST

#define SERVER_HELLO_1_3                                                                           \
	RECORD("\x16", "\x32")                                                                     \
	"\x02\x00\x00\x2e\x03\x03" R32 "\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"
#define FINISHED_1_3 RECORD("\x17", "\x35") R32 "01234567890123456789X"
#define REQUEST_1_3 RECORD("\x17", "\x40") R32 R32

/* The only request of a connection comes with the client's Finished, or is what shows its end. */
START_TEST(unseen_with_finished)
{
	for (int together = 0; together < 2; together++) {
		struct connection *c = connection__open(1000);

		receive(c, CLIENT_HELLO, sizeof(CLIENT_HELLO) - 1);
		connection__write(c, SERVER_HELLO_1_3, sizeof(SERVER_HELLO_1_3) - 1, CALL_PLAIN);
		if (together) {
			receive(c, FINISHED_1_3 REQUEST_1_3, sizeof(FINISHED_1_3 REQUEST_1_3) - 1);
		} else {
			receive(c, FINISHED_1_3, sizeof(FINISHED_1_3) - 1);
			world__sleep(MS);
			receive(c, REQUEST_1_3, sizeof(REQUEST_1_3) - 1);
		}
		connection__write(c, REQUEST_1_3, sizeof(REQUEST_1_3) - 1, CALL_PLAIN);
		connection__destroy(c);
		ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), together + 1);
	}
}
END_TEST

/* A record of 16 KiB in pieces, behind the tickets of the server: not unseen. */
START_TEST(slow_record)
{
	static uint8_t record[5 + 16384 + 24] = { 0x17, 3, 3, 16408 >> 8, 16408 & 0xff };
	static char body[16384];
	struct connection *c = connection__open(1000);

	connection__arrive(c, CLIENT_HELLO, sizeof(CLIENT_HELLO) - 1);
	connection__read(c, 16384, CALL_PLAIN);
	world__tls_read(1, body, -1);
	connection__write(c, SERVER_HELLO FINISHED, sizeof(SERVER_HELLO FINISHED) - 1, CALL_PLAIN);
	receive(c, FINISHED, sizeof(FINISHED) - 1);
	world__tls_read(1, body, -1);
	for (size_t at = 0; at < sizeof(record); at += 1000) {
		size_t n = sizeof(record) - at < 1000 ? sizeof(record) - at : 1000;

		receive(c, record + at, n);
		world__tls_read(1, body, -1);
		if (at == 1000)
			silent_answer(c);
	}
	memcpy(body, "POST / HTTP/1.1\r\nContent-Length: 16342\r\n\r\n", 42);
	world__tls_read(1, body, 16384);
	answer(c, 1);
	connection__destroy(c);
	ck_assert_uint_eq(world__lost(LOSS_TLS_UNSEEN), 0);
	ck_assert_uint_eq(world__responses(200, METHOD_POST), 1);
}
END_TEST

Suite *exchange_tls_suite(void)
{
	Suite *suite = suite_create("exchange_tls");
	TCase *tc = tcase_create("older");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, picked_up);
	tcase_add_test(tc, several);
	tcase_add_test(tc, read_together);
	tcase_add_test(tc, read_elsewhere);
	tcase_add_test(tc, bound_to_another);
	tcase_add_test(tc, too_much);
	tcase_add_test(tc, too_late);
	tcase_add_test(tc, unseen_while_open);
	tcase_add_test(tc, unseen_with_finished);
	tcase_add_test(tc, slow_record);
	suite_add_tcase(suite, tc);
	return suite;
}
