// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/hello.h"
#include "tls/names.h"
#include "tls/pending.h"
#include "tls/reason.h"
#include "tls/siphash.h"

Suite *tls_names_suite(void);

#define SLOTS 2048
#define HELLO_BYTES 20000

static struct tls_names *names;
static uint32_t last_id;

static void setup(void)
{
	ck_assert_int_eq(tls_names__new(&names, SLOTS), 0);
}

static void teardown(void)
{
	tls_names__free(names);
}

/* A ClientHello with this name and first protocol; NULL: without. filler: bytes of another
 * extension. */
static size_t hello_of(uint8_t *ret_bytes, const char *name, const char *alpn, size_t filler)
{
	uint8_t *p = ret_bytes, *extensions;
	size_t n;

#define PUT16(value) (*p++ = (uint8_t)((value) >> 8), *p++ = (uint8_t)(value))
	memset(p, 0, 50);
	p[0] = 1;
	p[4] = 3;
	p[5] = 3;
	p[40] = 2; /* of cipher suites, behind the random and an empty session id */
	p[43] = 1; /* of compression methods */
	p += 45;
	extensions = p;
	p += 2;
	PUT16(0xfafa);
	PUT16(filler);
	memset(p, 0, filler);
	p += filler;
	if (name) {
		n = strlen(name);
		PUT16(0);
		PUT16(n + 5);
		PUT16(n + 3);
		*p++ = 0;
		PUT16(n);
		memcpy(p, name, n);
		p += n;
	}
	if (alpn) {
		n = strlen(alpn);
		PUT16(16);
		PUT16(n + 3);
		PUT16(n + 1);
		*p++ = (uint8_t)n;
		memcpy(p, alpn, n);
		p += n;
	}
	n = (size_t)(p - extensions) - 2;
	extensions[0] = (uint8_t)(n >> 8);
	extensions[1] = (uint8_t)n;
	n = (size_t)(p - ret_bytes);
	ret_bytes[2] = (uint8_t)((n - 4) >> 8);
	ret_bytes[3] = (uint8_t)(n - 4);
	return n;
}

static void piece(uint32_t id, uint32_t slot, uint32_t generation, size_t offset,
		  const uint8_t *bytes, size_t n)
{
	struct event_tls_hello event = { .kind = EVENT_TLS_HELLO,
					 .slot = slot,
					 .generation = generation,
					 .hello = id,
					 .offset = (uint32_t)offset,
					 .bytes = (uint32_t)n };

	ck_assert_uint_le(n, EVENT_HELLO_BYTES);
	memcpy(event.byte, bytes, n);
	tls_names__hello(names, &event, offsetof(struct event_tls_hello, byte) + n);
}

/* All of a hello from `offset` on in pieces of `step` bytes. */
static void pieces(uint32_t id, uint32_t slot, const uint8_t *bytes, size_t offset, size_t n,
		   size_t step)
{
	for (; offset < n; offset += step)
		piece(id, slot, 1, offset, bytes + offset, n - offset < step ? n - offset : step);
}

static void end(uint32_t id, uint32_t slot, uint32_t generation, enum tls_outcome outcome,
		enum tls_by by, __u8 alert)
{
	tls_names__end(names, &(struct event_tls_end){ .kind = EVENT_TLS_END,
						       .slot = slot,
						       .generation = generation,
						       .hello = id,
						       .outcome = (__u8)outcome,
						       .by = (__u8)by,
						       .alert = alert });
}

/* A hello for this name, of which the end is still to come. */
static uint32_t hello(uint32_t slot, const char *name)
{
	uint8_t bytes[1024];
	size_t n = hello_of(bytes, name, NULL, 0);

	pieces(++last_id, slot, bytes, 0, n, EVENT_HELLO_BYTES);
	return last_id;
}

static void refuse(uint32_t slot, const char *name, __u8 alert)
{
	end(hello(slot, name), slot, 1, TLS_OUTCOME_ALERT, TLS_BY_CLIENT, alert);
}

static void succeed(uint32_t slot, const char *name)
{
	end(hello(slot, name), slot, 1, TLS_OUTCOME_DONE, TLS_BY_CLIENT, TLS_ALERT_NONE);
}

/* Sum over the series that are so; NULL and SLOTS: whatever. */
static uint64_t errors(uint32_t slot, const char *name, const char *by, const char *reason)
{
	const struct snapshot_tls_error *e;
	size_t n = tls_names__errors(names, &e);
	uint64_t sum = 0;

	for (; n--; e++)
		if ((slot == SLOTS || e->slot == slot) &&
		    (!name || !strcmp(e->server_name, name)) && (!by || !strcmp(e->by, by)) &&
		    (!reason || !strcmp(e->reason, reason)))
			sum += e->count;
	return sum;
}

static uint64_t hellos(uint32_t slot, const char *alpn)
{
	const struct snapshot_tls_hello *h;
	size_t n = tls_names__hellos(names, &h);
	uint64_t sum = 0;

	for (; n--; h++)
		if ((slot == SLOTS || h->slot == slot) && (!alpn || !strcmp(h->alpn, alpn)))
			sum += h->count;
	return sum;
}

static struct tls_names_stats stats(void)
{
	struct tls_names_stats ret;

	tls_names__stats(names, &ret);
	return ret;
}

static int by_labels(const void *a, const void *b)
{
	const struct snapshot_tls_error *x = a, *y = b;
	int order = (x->slot > y->slot) - (x->slot < y->slot);

	order = order ? order : strcmp(x->server_name, y->server_name);
	order = order ? order : strcmp(x->by, y->by);
	return order ? order : strcmp(x->reason, y->reason);
}

/* No two series may have the same labels. */
static void expect_distinct(void)
{
	const struct snapshot_tls_error *e;
	size_t n = tls_names__errors(names, &e);
	struct snapshot_tls_error *copy = calloc(n + 1, sizeof(*copy));

	ck_assert_uint_le(n, TLS_ERRORS_MAX);
	memcpy(copy, e, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), by_labels);
	for (size_t i = 1; i < n; i++)
		ck_assert_msg(by_labels(&copy[i - 1], &copy[i]) != 0, "twice: %s %s",
			      copy[i].server_name, copy[i].reason);
	free(copy);
}

START_TEST(failures_are_counted_by_name_side_and_reason)
{
	const struct snapshot_tls_error *e;

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

static const char *numbered(const char *prefix, unsigned long n)
{
	static char name[TLS_SERVER_NAME_BYTES];

	snprintf(name, sizeof(name), "%s%lx.example", prefix, n * 2654435761UL);
	return name;
}

START_TEST(made_up_names_do_not_displace_real_ones)
{
	const struct snapshot_tls_error *e;
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
	/* names that pretend to be the rest are the rest */
	refuse(2, "__other__", 48);
	end(99999, 2, 1, TLS_OUTCOME_ALERT, TLS_BY_CLIENT, 48);
	ck_assert_uint_eq(errors(2, "__other__", "client", "unknown_ca"), 2);
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

START_TEST(series_are_bounded_and_nothing_goes_uncounted)
{
	const struct snapshot_tls_error *e;
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
	/* the next one starts from nothing, and the name is not proven there */
	for (unsigned int i = 0; i < TLS_NAMES_MAX_UNPROVEN_OF_SLOT; i++)
		end(0, 1, 3, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(1, "", "client", "closed"), TLS_NAMES_MAX_UNPROVEN_OF_SLOT);
	tls_names__forget(names, 0, 7);
	ck_assert_uint_eq(errors(0, NULL, NULL, NULL), 1);
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
	ck_assert_uint_le(after - before, 1800 * 1024);
	end(kept, 1, 1, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, 0xff);
	ck_assert_uint_eq(errors(SLOTS, NULL, NULL, NULL), 20001);
	if (getenv("V") && atoi(getenv("V")))
		printf("tls_names: %zu KiB with everything full\n", (after - before) / 1024);
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

START_TEST(siphash_is_siphash)
{
	static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	uint8_t bytes[15];

	for (int i = 0; i < 15; i++)
		bytes[i] = (uint8_t)i;
	/* the example of its authors' paper, and of their reference for no bytes */
	ck_assert(siphash(key, bytes, 15) == 0xa129ca6149be45e5);
	ck_assert(siphash(key, bytes, 0) == 0x726fdb47dd0e0e31);
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
	tcase_add_test(tc, made_up_names_do_not_displace_real_ones);
	tcase_add_test(tc, a_name_keeps_its_series);
	tcase_add_test(tc, names_that_are_proven_are_bounded_too);
	tcase_add_test(tc, series_are_bounded_and_nothing_goes_uncounted);
	tcase_add_test(tc, a_slot_changes_hands);
	tcase_add_test(tc, the_oldest_hello_goes_first);
	tcase_add_test(tc, half_hellos_take_bounded_memory);
	tcase_add_test(tc, memory_is_bounded);
	tcase_add_loop_test(tc, sums_are_exact_whatever_happens, 0, 10);
	tcase_add_test(tc, siphash_is_siphash);
	suite_add_tcase(suite, tc);
	return suite;
}
