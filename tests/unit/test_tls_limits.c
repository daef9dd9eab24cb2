// SPDX-License-Identifier: Apache-2.0
/* What clients can do to the tables of handshakes: nothing but fill their own part. */
#include <malloc.h>

#include "events/pending.h"
#include "tls_events.h"

Suite *tls_limits_suite(void);

START_TEST(made_up_names_do_not_displace_real_ones)
{
	const struct snapshot_series *e;
	size_t before = mallinfo2().uordblks;

	for (unsigned int i = 0; i < 60; i++)
		succeed(1, numbered("real", i));
	refuse(1, numbered("real", 0), 48);
	for (unsigned int i = 0; i < 100000; i++)
		refuse(1, numbered("r", i), 112);
	for (unsigned int i = 0; i < 60; i++)
		refuse(1, numbered("real", i), 48);

	ck_assert_uint_eq(errors(1, numbered("real", 0), "client", "unknown_ca"), 2);
	for (unsigned int i = 1; i < 60; i++)
		ck_assert_uint_eq(errors(1, numbered("real", i), "client", "unknown_ca"), 1);
	ck_assert_uint_eq(errors(1, NULL, "client", "unrecognized_name"), 100000);
	ck_assert_uint_eq(errors(1, "__other__", "client", "unrecognized_name"),
			  100000 - TLS_NAMES_MAX_UNPROVEN_OF_SLOT);
	ck_assert_uint_eq(stats().errors_overflowed, 100000 - TLS_NAMES_MAX_UNPROVEN_OF_SLOT);
	ck_assert_uint_eq(tls_names__errors(names, &e), 60 + TLS_NAMES_MAX_UNPROVEN_OF_SLOT + 1);
	/* but what was held in pieces for a moment */
	ck_assert_uint_le(mallinfo2().uordblks, before + 4096);
	expect_distinct();
}
END_TEST

START_TEST(a_name_keeps_its_series)
{
	for (unsigned int i = 0; i < TLS_NAMES_MAX_UNPROVEN_OF_SLOT; i++)
		refuse(1, numbered("n", i), 48);
	refuse(1, "late.example", 48);
	ck_assert_uint_eq(errors(1, "late.example", NULL, NULL), 0);
	succeed(1, "late.example");
	refuse(1, "late.example", 48);
	ck_assert_uint_eq(errors(1, "late.example", NULL, NULL), 1);
	/* one that is proven later makes room */
	succeed(1, numbered("n", 0));
	refuse(1, "another.example", 48);
	refuse(1, "one-more.example", 48);
	ck_assert_uint_eq(errors(1, "another.example", NULL, NULL), 1);
	ck_assert_uint_eq(errors(1, "one-more.example", NULL, NULL), 0);
	refuse(1, numbered("n", 1), 48);
	ck_assert_uint_eq(errors(1, numbered("n", 1), NULL, NULL), 2);
	/* another instance has its own room, and knows nothing of what is proven here */
	refuse(2, "late.example", 48);
	ck_assert_uint_eq(errors(2, "late.example", NULL, NULL), 1);
	/* names that pretend to be the rest are not, and have the room of any other */
	refuse(2, "__other__", 48);
	end(99999, 2, 1, TLS_OUTCOME_ALERT, TLS_BY_CLIENT, 48);
	ck_assert_uint_eq(errors(2, "__other__", "client", "unknown_ca"), 1);
	ck_assert_uint_eq(errors(2, "-__other__", "client", "unknown_ca"), 1);
	expect_distinct();
}
END_TEST

START_TEST(names_that_are_proven_are_bounded_too)
{
	/* the one that is used stays among a flood of handshakes that succeed */
	for (unsigned int i = 0; i < 20000; i++) {
		if (i % 100 == 0)
			succeed(1, "used.example");
		succeed(1, numbered("wild", i));
	}
	/* the rest of the instance's names are the last ones; an old one is not proven any more */
	for (unsigned int i = 0; i < TLS_NAMES_MAX_UNPROVEN_OF_SLOT + 2; i++)
		refuse(1, numbered("wild", i), 48);
	ck_assert_uint_eq(errors(1, "__other__", NULL, NULL), 2);
	refuse(1, numbered("wild", 19999), 48);
	ck_assert_uint_eq(errors(1, numbered("wild", 19999), NULL, NULL), 1);
	refuse(1, "used.example", 48);
	ck_assert_uint_eq(errors(1, "used.example", NULL, NULL), 1);
	for (unsigned int i = 0; i < 1000; i++) {
		succeed(1, numbered("wild", i));
		refuse(1, numbered("wild", i), 48);
	}
	refuse(1, "used.example", 48);
	ck_assert_uint_eq(errors(1, "used.example", NULL, NULL), 2);
	expect_distinct();
}
END_TEST

/* Series of a slot, or (SLOTS) of all, that have a name of their own. */
static size_t named_series(uint32_t slot)
{
	const struct snapshot_series *e;
	size_t n = tls_names__errors(names, &e), named = 0;

	for (; n--; e++)
		named += (slot == SLOTS || e->slot == slot) && *e->name[0] &&
			 strcmp(e->name[0], "__other__") != 0;
	return named;
}

/* No name that is not proven gets a series at this slot any more. */
static void fill_unproven(uint32_t slot)
{
	for (unsigned int i = 0; i <= TLS_NAMES_MAX_UNPROVEN_OF_SLOT; i++)
		refuse(slot, numbered("fill", i), 48);
}

START_TEST(what_was_proven_last_is_remembered)
{
	succeed(2, "other-instance.example");
	for (unsigned int i = 0; i < 400; i++) {
		if (i % 100 == 0 && i < 300)
			succeed(1, "used.example");
		if (i == 0)
			succeed(1, "unused.example");
		succeed(1, numbered("wild", i));
	}
	/* an instance can only displace its own */
	for (unsigned int i = 0; i < 2 * TLS_PENDING_MAX; i++)
		succeed(3, numbered("wild", i));
	for (uint32_t slot = 1; slot < 4; slot++)
		fill_unproven(slot);
	refuse(1, "used.example", 48);
	refuse(1, "unused.example", 48);
	refuse(2, "other-instance.example", 48);
	refuse(2, "used.example", 48);
	ck_assert_uint_eq(errors(1, "used.example", NULL, NULL), 1);
	ck_assert_uint_eq(errors(1, "unused.example", NULL, NULL), 0);
	ck_assert_uint_eq(errors(2, "other-instance.example", NULL, NULL), 1);
	ck_assert_uint_eq(errors(2, "used.example", NULL, NULL), 0);
}
END_TEST

START_TEST(names_are_bounded_by_instance_and_in_all)
{
	for (uint32_t slot = 1; slot <= 100; slot++)
		fill_unproven(slot);
	ck_assert_uint_eq(named_series(1), TLS_NAMES_MAX_UNPROVEN_OF_SLOT);
	ck_assert_uint_eq(named_series(100), 0);
	ck_assert_uint_eq(named_series(SLOTS), TLS_NAMES_MAX_UNPROVEN);
	for (uint32_t slot = 1; slot <= 30; slot++) {
		for (unsigned int i = 0; i < 100; i++) {
			succeed(slot, numbered("real", i));
			refuse(slot, numbered("real", i), 48);
		}
	}
	ck_assert_uint_eq(named_series(1), TLS_NAMES_MAX_OF_SLOT + TLS_NAMES_MAX_UNPROVEN_OF_SLOT);
	ck_assert_uint_eq(named_series(SLOTS), TLS_NAMES_MAX);
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL),
			  100 * (TLS_NAMES_MAX_UNPROVEN_OF_SLOT + 1) + 3000);
	expect_distinct();

	/* and so is what one instance can take of the series, with names that are all proven */
	for (uint32_t slot = 1; slot <= 100; slot++)
		tls_names__forget(names, slot, 2);
	ck_assert_uint_eq(named_series(SLOTS), 0);
	for (unsigned int i = 0; i < TLS_NAMES_MAX_OF_SLOT; i++) {
		succeed(200, numbered("real", i));
		for (__u8 alert = 40; alert < 50; alert++)
			refuse(200, numbered("real", i), alert);
	}
	ck_assert_uint_eq(named_series(200), TLS_ERRORS_MAX_OF_SLOT);
	ck_assert_uint_eq(errors(200, NULL, NULL, NULL), 10 * TLS_NAMES_MAX_OF_SLOT);
	ck_assert_uint_eq(errors(200, "__other__", "client", "__other__"),
			  10 * TLS_NAMES_MAX_OF_SLOT - TLS_ERRORS_MAX_OF_SLOT);
}
END_TEST

START_TEST(the_last_instance_loses_its_label_first)
{
	const struct snapshot_series *e;
	const uint32_t last = SLOTS - 1;

	for (uint32_t slot = 1; slot < SLOTS; slot++)
		for (__u8 alert = 40; alert < 42; alert++)
			refuse(slot, NULL, alert);
	ck_assert_uint_eq(tls_names__errors(names, &e), TLS_ERRORS_MAX - 1);
	ck_assert_uint_eq(errors(1, "", "client", NULL), 2);
	ck_assert_uint_eq(errors(last - 1, "__other__", "client", "__other__"), 2);
	ck_assert_uint_eq(errors(last, NULL, NULL, NULL), 0);
	end(0, last, 1, TLS_OUTCOME_CLOSED, TLS_BY_SERVER, 0xff);
	ck_assert_uint_eq(errors(0, "__other__", "client", "__other__"), 2);
	ck_assert_uint_eq(errors(0, "__other__", "server", "__other__"), 1);
	ck_assert_uint_eq(tls_names__errors(names, &e), TLS_ERRORS_MAX);
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL), 2 * last + 1);
	expect_distinct();
}
END_TEST

START_TEST(series_are_bounded_and_nothing_goes_uncounted)
{
	const struct snapshot_series *e;
	uint64_t n = 0;

	/* one name and every alert: its reasons end, others' do not */
	for (int alert = 0; alert < 256; alert++, n++)
		refuse(1, "a.example", (__u8)alert);
	refuse(1, "b.example", 48);
	n++;
	ck_assert_uint_eq(errors(1, "b.example", "client", "unknown_ca"), 1);
	ck_assert_uint_eq(errors(1, "a.example", "client", "__other__"),
			  256 - TLS_ERRORS_MAX_OF_NAME);
	ck_assert_uint_eq(tls_names__errors(names, &e), TLS_ERRORS_MAX_OF_NAME + 2);

	/* everything that clients can do to every instance */
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		for (unsigned int i = 0; i < 12; i++) {
			const char *name = numbered("x", i);

			if (i % 2 && slot < 100)
				succeed(slot, name);
			for (int alert = 30; alert < 54; alert++, n++)
				refuse(slot, name, (__u8)alert);
		}
	}
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL), n);
	/* the last two places are kept for slot 0 */
	ck_assert_uint_ge(tls_names__errors(names, &e), TLS_ERRORS_MAX - 2);
	/* instances that came too late have lost even their own label */
	ck_assert_uint_gt(errors(0, "__other__", "client", "__other__"), 0);
	expect_distinct();
	for (uint32_t slot = 1; slot < SLOTS; slot++)
		tls_names__forget(names, slot, 2);
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL), errors(0, NULL, NULL, NULL));
	expect_distinct();
}
END_TEST

START_TEST(stalled_hellos_do_not_displace_newer_ones)
{
	static const uint8_t begin[3] = { 1 };
	uint32_t id;

	for (int i = 0; i < TLS_PENDING_MAX; i++)
		piece(++last_id, 1, 1, 0, begin, sizeof(begin));
	id = hello(1, "whole.example");
	for (int i = 0; i < 100; i++)
		piece(++last_id, 1, 1, 0, begin, sizeof(begin));
	end(id, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(1, "whole.example", "client", "closed"), 1);
}
END_TEST

START_TEST(the_oldest_hello_goes_first)
{
	uint32_t first = hello(1, "first.example"), id = 0;

	for (int i = 0; i < TLS_PENDING_MAX; i++)
		id = hello(1, "b.example");
	ck_assert_uint_eq(stats().hellos_pending, TLS_PENDING_MAX);
	ck_assert_uint_eq(stats().hellos_evicted, 1);
	end(first, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	end(first + 1, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	end(id, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(1, "__other__", "client", "closed"), 1);
	ck_assert_uint_eq(errors(1, "b.example", "client", "closed"), 2);
	ck_assert_uint_eq(errors(1, NULL, NULL, NULL), 3);
	ck_assert_uint_eq(stats().hellos_pending, TLS_PENDING_MAX - 2);
}
END_TEST

START_TEST(half_hellos_take_bounded_memory)
{
	static uint8_t half[HELLO_BYTES], bytes[1024];
	size_t size = hello_of(half, "half.example", NULL, 16000), n, before, after;

	n = hello_of(bytes, "whole.example", NULL, 10);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int i = 0; i < 100000; i++) {
		/* with and without a header that tells how much room is wanted */
		piece(++last_id, 1, 1, 0, half, i % 3 ? size / 8 : (size_t)(i % 4));
		if (i % 1000)
			continue;
		pieces(++last_id, 2, bytes, 0, n, 30);
		end(last_id, 2, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	}
	after = mallinfo2().uordblks + mallinfo2().hblkhd;
	ck_assert_uint_le(after, before + TLS_PENDING_PARTIAL_BYTES + 4096);
	ck_assert_uint_eq(errors(2, "whole.example", "client", "closed"), 100);
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL), 100);
	ck_assert_uint_le(stats().hellos_pending, TLS_PENDING_MAX);
	ck_assert_uint_ge(stats().hellos_evicted, 90000);
}
END_TEST

/* Everything full, with names as long as they may be. */
START_TEST(memory_is_bounded)
{
	static uint8_t half[HELLO_BYTES];
	uint8_t bytes[1024];
	char name[256];
	size_t before, after;
	uint32_t kept = 0;

	tls_names__free(names);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	ck_assert_int_eq(tls_names__new(&names, SLOTS), 0);
	hello_of(half, "half.example", NULL, 2000);
	memset(name, 'n', 255);
	name[255] = '\0';
	for (unsigned int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "%u", 10000 + i);
		name[5] = 'n';
		succeed(i % 16 * 100, name);
		refuse(i % SLOTS, name, (__u8)i);
		kept = hello(i % SLOTS, name);
		piece(++last_id, 1, 1, 0, half, 1500);
		pieces(++last_id, i % SLOTS, bytes, 0,
		       hello_of(bytes, name, tls_alpn__name(i / SLOTS % TLS_ALPN_N), 0),
		       EVENT_HELLO_BYTES);
	}
	after = mallinfo2().uordblks + mallinfo2().hblkhd;
	ck_assert_uint_le(after - before, 2100 * 1024);
	end(kept, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL), 20001);
	if (getenv("V") && atoi(getenv("V")))
		printf("tls_names: %zu KiB with everything full\n", (after - before) / 1024);
}
END_TEST

Suite *tls_limits_suite(void)
{
	Suite *suite = suite_create("tls_limits");
	TCase *tc = tcase_create("names");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, made_up_names_do_not_displace_real_ones);
	tcase_add_test(tc, a_name_keeps_its_series);
	tcase_add_test(tc, names_that_are_proven_are_bounded_too);
	tcase_add_test(tc, what_was_proven_last_is_remembered);
	tcase_add_test(tc, names_are_bounded_by_instance_and_in_all);
	tcase_add_test(tc, the_last_instance_loses_its_label_first);
	tcase_add_test(tc, series_are_bounded_and_nothing_goes_uncounted);
	tcase_add_test(tc, stalled_hellos_do_not_displace_newer_ones);
	tcase_add_test(tc, the_oldest_hello_goes_first);
	tcase_add_test(tc, half_hellos_take_bounded_memory);
	tcase_add_test(tc, memory_is_bounded);
	suite_add_tcase(suite, tc);
	return suite;
}
