// SPDX-License-Identifier: Apache-2.0
/* What is counted of handshakes, and for whom. */
#include "events/reason.h"
#include "tls_events.h"

Suite *tls_names_suite(void);

START_TEST(failures_are_counted_by_name_side_and_reason)
{
	const struct snapshot_series *e;

	end(hello(3, "A.example"), 3, 1, TLS_OUTCOME_ALERT, TLS_BY_CLIENT, 48);
	end(hello(3, "a.example."), 3, 1, TLS_OUTCOME_ALERT, TLS_BY_CLIENT, 48);
	end(hello(3, "a.example"), 3, 1, TLS_OUTCOME_ALERT, TLS_BY_SERVER, 48);
	end(hello(3, "a.example"), 3, 1, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER, 0xff);
	end(hello(4, "a.example"), 4, 1, TLS_OUTCOME_RESET, TLS_BY_CLIENT, 0xff);
	end(hello(3, NULL), 3, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	end(hello(3, "::1"), 3, 1, TLS_OUTCOME_TIMEOUT, TLS_BY_CLIENT, 0xff);
	end(0, 3, 1, TLS_OUTCOME_CLOSED, TLS_BY_SERVER, 0xff);
	end(12345, 3, 1, TLS_OUTCOME_RESET, TLS_BY_CLIENT, 0xff);
	end(hello(3, "a.example"), 3, 1, (enum tls_outcome)99, TLS_BY_CLIENT, 0xff);

	ck_assert_uint_eq(errors(3, "a.example", "client", "unknown_ca"), 2);
	ck_assert_uint_eq(errors(3, "a.example", "server", "unknown_ca"), 1);
	ck_assert_uint_eq(errors(3, "a.example", "server", "encrypted_alert"), 1);
	ck_assert_uint_eq(errors(4, "a.example", "client", "reset"), 1);
	ck_assert_uint_eq(errors(3, "", "client", "closed"), 1);
	ck_assert_uint_eq(errors(3, "", "client", "timeout"), 1);
	ck_assert_uint_eq(errors(3, "", "server", "closed"), 1);
	ck_assert_uint_eq(errors(3, "__other__", "client", "reset"), 1);
	ck_assert_uint_eq(errors(3, "a.example", "client", "__other__"), 1);
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL), 10);
	ck_assert_uint_eq(tls_names__errors(names, &e), 9);
	ck_assert_uint_eq(e->generation, 1);
	ck_assert_uint_eq(stats().names_invalid, 1);
	ck_assert_uint_eq(stats().errors_unknown, 1);
	ck_assert_uint_eq(stats().errors_overflowed, 0);
	ck_assert_uint_eq(stats().hellos_pending, 0);
}
END_TEST

START_TEST(alerts_have_their_registered_names)
{
	static const struct {
		__u8 alert;
		const char *name;
	} some[] = {
		{ 0, "close_notify" },
		{ 9, "alert_9" },
		{ 40, "handshake_failure" },
		{ 45, "certificate_expired" },
		{ 70, "protocol_version" },
		{ 112, "unrecognized_name" },
		{ 118, "alert_118" },
		{ 116, "certificate_required" },
		{ 255, "alert_255" },
		{ 120, "no_application_protocol" },
		{ 1, "alert_1" },
		{ 100, "no_renegotiation" },
		{ 99, "alert_99" },
		{ 200, "alert_200" },
	};

	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
		ck_assert_str_eq(tls_reason__name(TLS_OUTCOME_ALERT, some[i].alert), some[i].name);
	for (int a = 0; a < 256; a++) {
		const char *name = tls_reason__name(TLS_OUTCOME_ALERT, (__u8)a);
		char number[32];

		snprintf(number, sizeof(number), "alert_%d", a);
		ck_assert(!strcmp(name, number) || strncmp(name, "alert_", 6) != 0);
		for (int b = 0; b < a; b++)
			ck_assert_str_ne(name, tls_reason__name(TLS_OUTCOME_ALERT, (__u8)b));
	}
}
END_TEST

START_TEST(hellos_come_in_pieces)
{
	static uint8_t bytes[HELLO_BYTES];
	static const size_t fillers[] = { 0, 300, 3000, 16000 };
	uint64_t n = 0;

	for (size_t f = 0; f < sizeof(fillers) / sizeof(*fillers); f++) {
		size_t size = hello_of(bytes, "pieces.example", "h2", fillers[f]);

		for (size_t step = 1; step <= EVENT_HELLO_BYTES; step += 1 + step / 3) {
			pieces(++last_id, 1, bytes, 0, size, step);
			end(last_id, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
			n++;
		}
		/* what comes twice changes nothing, nor does what comes behind */
		pieces(++last_id, 1, bytes, 0, size / 2, 40);
		pieces(last_id, 1, bytes, 10, size, 100);
		pieces(last_id, 1, bytes, 0, size, 1000);
		piece(last_id, 1, 1, size, bytes, 50);
		end(last_id, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
		n++;
	}
	ck_assert_uint_eq(errors(1, "pieces.example", "client", "closed"), n);
	ck_assert_uint_eq(hellos(1, "h2"), n);
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL), n);
	ck_assert_uint_eq(hellos(SLOTS, NULL), n);
}
END_TEST

START_TEST(what_is_not_whole_is_unknown)
{
	static uint8_t bytes[HELLO_BYTES];
	size_t n = hello_of(bytes, "gap.example", "h2", 200);

	/* a piece is missing in the middle, at the start, at the end */
	pieces(++last_id, 1, bytes, 0, 50, 50);
	pieces(last_id, 1, bytes, 51, n, 1000);
	end(last_id, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	pieces(++last_id, 1, bytes, 10, n, 100);
	end(last_id, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(stats().hellos_incomplete, 2);
	pieces(++last_id, 1, bytes, 0, n - 1, 100);
	end(last_id, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	/* longer than is kept */
	n = hello_of(bytes, "gap.example", "h2", 17000);
	pieces(++last_id, 1, bytes, 0, n, EVENT_HELLO_BYTES);
	end(last_id, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(stats().hellos_incomplete, 3);
	ck_assert_uint_eq(errors(1, "__other__", "client", "closed"), 4);
	ck_assert_uint_eq(stats().errors_unknown, 4);
	ck_assert_uint_eq(hellos(SLOTS, NULL), 0);

	/* whole, but no hello as it should be: it has no name */
	n = hello_of(bytes, "gap.example", "h2", 0);
	bytes[n - 1] = 'x';
	bytes[n - 3] = 9;
	pieces(++last_id, 1, bytes, 0, n, 20);
	end(last_id, 1, 1, TLS_OUTCOME_ALERT, TLS_BY_SERVER, 50);
	bytes[0] = 2;
	pieces(++last_id, 1, bytes, 0, n, 20);
	end(last_id, 1, 1, TLS_OUTCOME_ALERT, TLS_BY_SERVER, 10);
	ck_assert_uint_eq(errors(1, "", "server", "decode_error"), 1);
	ck_assert_uint_eq(errors(1, "", "server", "unexpected_message"), 1);
	ck_assert_uint_eq(stats().hellos_malformed, 2);
	ck_assert_uint_eq(hellos(1, "__other__"), 2);
}
END_TEST

START_TEST(events_that_lie_about_their_length)
{
	struct event_tls_hello event = { .hello = 1, .bytes = 100, .slot = 1, .generation = 1 };

	tls_names__hello(names, &event, 23);
	tls_names__hello(names, &event, 24 + 99);
	event.bytes = EVENT_HELLO_BYTES + 1;
	tls_names__hello(names, &event, sizeof(event) + 1);
	event.bytes = UINT32_MAX;
	tls_names__hello(names, &event, sizeof(event));
	ck_assert_uint_eq(stats().events_invalid, 4);
	ck_assert_uint_eq(stats().hellos_pending, 0);
	/* slots that are none belong to nobody */
	end(0, SLOTS, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	end(0, UINT32_MAX, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(0, "", "client", "closed"), 2);
}
END_TEST

START_TEST(first_protocols_are_counted)
{
	static const struct {
		const char *offered, *counted;
	} cases[] = {
		{ "h2", "h2" },
		{ "http/1.1", "http/1.1" },
		{ "http/1.0", "http/1.0" },
		{ "acme-tls/1", "acme-tls/1" },
		{ "h3", "__other__" },
		{ "__other__", "__other__" },
		{ NULL, "" },
		{ "HTTP/1.1", "__other__" },
	};
	uint8_t bytes[1024];

	for (uint32_t slot = 0; slot < SLOTS; slot += SLOTS - 1)
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
			pieces(++last_id, slot, bytes, 0, hello_of(bytes, "a", cases[i].offered, 0),
			       EVENT_HELLO_BYTES);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_uint_eq(hellos(SLOTS - 1, cases[i].counted),
				  strcmp(cases[i].counted, "__other__") ? 1 : 3);
	ck_assert_uint_eq(hellos(0, NULL), 8);
	tls_names__forget(names, SLOTS - 1, 2);
	ck_assert_uint_eq(hellos(SLOTS - 1, NULL), 0);
	ck_assert_uint_eq(hellos(0, "__other__"), 3);
	ck_assert_uint_eq(hellos(SLOTS, NULL), 8);
}
END_TEST

START_TEST(a_slot_changes_hands)
{
	uint32_t under_way = hello(1, "a.example"), late;

	succeed(1, "a.example");
	refuse(1, "a.example", 48);
	refuse(2, "a.example", 48);
	end(under_way, 1, 2, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff); /* detached meanwhile */
	ck_assert_uint_eq(errors(1, "a.example", NULL, NULL), 2);
	late = hello(1, "a.example");
	tls_names__forget(names, 1, 2);
	ck_assert_uint_eq(errors(1, NULL, NULL, NULL), 0);
	ck_assert_uint_eq(errors(2, "a.example", NULL, NULL), 1);
	ck_assert_uint_eq(hellos(1, NULL), 0);
	/* an event of the one before */
	end(late, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(1, NULL, NULL, NULL), 0);
	ck_assert_uint_eq(errors(0, "a.example", "client", "closed"), 1);
	/* the next one starts from nothing */
	for (unsigned int i = 0; i < TLS_NAMES_MAX_UNPROVEN_OF_SLOT; i++)
		end(0, 1, 3, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(1, "", "client", "closed"), TLS_NAMES_MAX_UNPROVEN_OF_SLOT);
	end(0, 1, 2, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(0, "", "client", "closed"), 1);
	ck_assert_uint_eq(errors(1, NULL, NULL, NULL), TLS_NAMES_MAX_UNPROVEN_OF_SLOT);
	tls_names__forget(names, 0, 7);
	ck_assert_uint_eq(errors(0, NULL, NULL, NULL), 2);
	tls_names__forget(names, SLOTS, 7);
	tls_names__forget(names, 1, 4);
	/* generations may wrap */
	tls_names__forget(names, 5, UINT32_MAX);
	end(0, 5, UINT32_MAX - 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(5, NULL, NULL, NULL), 0);
	end(0, 5, 0, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(5, NULL, NULL, NULL), 1);
}
END_TEST

START_TEST(a_slot_takes_its_names_with_it)
{
	for (uint32_t life = 1; life < 1000; life += 2) {
		for (unsigned int i = 0; i <= TLS_NAMES_MAX_UNPROVEN_OF_SLOT; i++)
			end(hello(1, numbered("n", i)), 1, life, TLS_OUTCOME_RESET, TLS_BY_CLIENT,
			    0xff);
		ck_assert_uint_eq(errors(1, numbered("n", 0), "client", "reset"), 1);
		ck_assert_uint_eq(errors(1, "__other__", "client", "reset"), 1);
		/* it was proven in the first life only */
		end(hello(1, "real.example"), 1, life, TLS_OUTCOME_RESET, TLS_BY_CLIENT, 0xff);
		ck_assert_uint_eq(errors(1, "real.example", NULL, NULL), 0);
		if (life == 1)
			succeed(1, "real.example");
		tls_names__forget(names, 1, life + 1);
	}
	/* without being told: the generation says it */
	end(0, 2, 5, TLS_OUTCOME_RESET, TLS_BY_CLIENT, 0xff);
	end(0, 2, 6, TLS_OUTCOME_RESET, TLS_BY_CLIENT, 0xff);
	end(0, 2, 3, TLS_OUTCOME_RESET, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(2, NULL, NULL, NULL), 2);
	ck_assert_uint_eq(errors(0, NULL, NULL, NULL), 1);
	end(0, 2, 7, TLS_OUTCOME_RESET, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(2, NULL, NULL, NULL), 1);
}
END_TEST

/*
 * Random events on a few slots that change hands, against plain sums: whatever
 * labels they get, all failures and hellos are there, and none at a wrong instance.
 */
START_TEST(sums_are_exact_whatever_happens)
{
	enum { FEW = 6, WAITING = 64 };
	uint64_t failed[FEW] = { 0 }, offered[FEW] = { 0 }, stale = 0;
	uint32_t generation[FEW], seed = (uint32_t)_i + 1;
	struct {
		uint32_t id, slot, generation;
	} waiting[WAITING] = { 0 };
	uint8_t bytes[1024];

#define RANDOM(n) ((seed = seed * 1103515245 + 12345) >> 8) % (n)
	for (int i = 0; i < FEW; i++)
		generation[i] = 1;
	for (int step = 0; step < 30000; step++) {
		uint32_t w = RANDOM(WAITING), what = RANDOM(3000), slot;

		if (what == 0) { /* detached and given away */
			slot = 1 + RANDOM(FEW - 1);
			tls_names__forget(names, slot, generation[slot] + 1);
			generation[slot] += 2;
			failed[slot] = offered[slot] = 0;
		} else if (!waiting[w].id) {
			static const char *const alpn[] = { "h2", "x", "http/1.1", NULL };
			uint32_t k = RANDOM(4), many = RANDOM(2) ? 5 : 5000, number = RANDOM(many);
			size_t n = hello_of(bytes, numbered("s", number), alpn[k], number % 300);

			slot = RANDOM(FEW);
			waiting[w].id = ++last_id;
			waiting[w].slot = slot;
			waiting[w].generation = generation[slot];
			piece(last_id, slot, generation[slot], 0, bytes, n / 2);
			piece(last_id, slot, generation[slot], n / 2, bytes + n / 2, n - n / 2);
			offered[slot]++;
		} else {
			enum tls_outcome outcome = (enum tls_outcome)(RANDOM(6));
			__u8 alert = (__u8)(RANDOM(256));

			slot = waiting[w].slot;
			end(waiting[w].id, slot, waiting[w].generation, outcome,
			    outcome % 2 ? TLS_BY_CLIENT : TLS_BY_SERVER, alert);
			waiting[w].id = 0;
			if (outcome == TLS_OUTCOME_DONE)
				continue;
			if (waiting[w].generation != generation[slot])
				stale++;
			else
				failed[slot]++;
		}
	}
	for (uint32_t slot = 0; slot < FEW; slot++) {
		ck_assert_uint_eq(errors(slot, NULL, NULL, NULL),
				  failed[slot] + (slot ? 0 : stale));
		ck_assert_uint_eq(hellos(slot, NULL), offered[slot]);
	}
	expect_distinct();
}
END_TEST

Suite *tls_names_suite(void)
{
	Suite *suite = suite_create("tls_names");
	TCase *tc = tcase_create("names");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, failures_are_counted_by_name_side_and_reason);
	tcase_add_test(tc, alerts_have_their_registered_names);
	tcase_add_test(tc, hellos_come_in_pieces);
	tcase_add_test(tc, what_is_not_whole_is_unknown);
	tcase_add_test(tc, events_that_lie_about_their_length);
	tcase_add_test(tc, first_protocols_are_counted);
	tcase_add_test(tc, a_slot_changes_hands);
	tcase_add_test(tc, a_slot_takes_its_names_with_it);
	tcase_add_loop_test(tc, sums_are_exact_whatever_happens, 0, 10);
	suite_add_tcase(suite, tc);
	return suite;
}
