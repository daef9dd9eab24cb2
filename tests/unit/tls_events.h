/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's events of TLS handshakes made by hand, and what tls_names has counted of them. */
#ifndef EDGETAP_TESTS_TLS_EVENTS_H
#define EDGETAP_TESTS_TLS_EVENTS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/hello.h"
#include "events/names.h"

#define SLOTS 2048
#define HELLO_BYTES 20000

static struct tls_names *names;
static uint32_t last_id;

static inline void setup(void)
{
	ck_assert_int_eq(tls_names__new(&names, SLOTS), 0);
}

static inline void teardown(void)
{
	tls_names__free(names);
}

/* A ClientHello with this name and first protocol; NULL: without. filler: bytes of another
 * extension. */
static inline size_t hello_of(uint8_t *ret_bytes, const char *name, const char *alpn, size_t filler)
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

static inline void piece(uint32_t id, uint32_t slot, uint32_t generation, size_t offset,
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
static inline void pieces(uint32_t id, uint32_t slot, const uint8_t *bytes, size_t offset, size_t n,
			  size_t step)
{
	for (; offset < n; offset += step)
		piece(id, slot, 1, offset, bytes + offset, n - offset < step ? n - offset : step);
}

static inline void end(uint32_t id, uint32_t slot, uint32_t generation, enum tls_outcome outcome,
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
static inline uint32_t hello(uint32_t slot, const char *name)
{
	uint8_t bytes[1024];
	size_t n = hello_of(bytes, name, NULL, 0);

	pieces(++last_id, slot, bytes, 0, n, EVENT_HELLO_BYTES);
	return last_id;
}

static inline void refuse(uint32_t slot, const char *name, __u8 alert)
{
	end(hello(slot, name), slot, 1, TLS_OUTCOME_ALERT, TLS_BY_CLIENT, alert);
}

static inline void succeed(uint32_t slot, const char *name)
{
	end(hello(slot, name), slot, 1, TLS_OUTCOME_DONE, TLS_BY_CLIENT, TLS_ALERT_NONE);
}

/* Sum over the series that are so; NULL and SLOTS: whatever. */
static inline uint64_t errors(uint32_t slot, const char *name, const char *by, const char *reason)
{
	const struct snapshot_series *e;
	size_t n = tls_names__errors(names, &e);
	uint64_t sum = 0;

	for (; n--; e++)
		if ((slot == SLOTS || e->slot == slot) && (!name || !strcmp(e->name[0], name)) &&
		    (!by || !strcmp(e->name[1], by)) && (!reason || !strcmp(e->name[2], reason)))
			sum += e->count[0];
	return sum;
}

static inline uint64_t hellos(uint32_t slot, const char *alpn)
{
	const struct snapshot_series *h;
	size_t n = tls_names__hellos(names, &h);
	uint64_t sum = 0;

	for (; n--; h++)
		if ((slot == SLOTS || h->slot == slot) && (!alpn || !strcmp(h->name[0], alpn)))
			sum += h->count[0];
	return sum;
}

static inline struct tls_names_stats stats(void)
{
	struct tls_names_stats ret;

	tls_names__stats(names, &ret);
	return ret;
}

static inline int by_labels(const void *a, const void *b)
{
	const struct snapshot_series *x = a, *y = b;
	int order = (x->slot > y->slot) - (x->slot < y->slot);

	order = order ? order : strcmp(x->name[0], y->name[0]);
	order = order ? order : strcmp(x->name[1], y->name[1]);
	return order ? order : strcmp(x->name[2], y->name[2]);
}

/* No two series may have the same labels. */
static inline void expect_distinct(void)
{
	const struct snapshot_series *e;
	size_t n = tls_names__errors(names, &e);
	struct snapshot_series *copy = calloc(n + 1, sizeof(*copy));

	ck_assert_uint_le(n, TLS_ERRORS_MAX);
	memcpy(copy, e, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), by_labels);
	for (size_t i = 1; i < n; i++)
		ck_assert_msg(by_labels(&copy[i - 1], &copy[i]) != 0, "twice: %s %s",
			      copy[i].name[0], copy[i].name[2]);
	free(copy);
}

/* A name that is as good as random. */
static inline const char *numbered(const char *prefix, unsigned long n)
{
	static char name[TLS_SERVER_NAME_BYTES];

	snprintf(name, sizeof(name), "%s%lx.example", prefix, n * 2654435761UL);
	return name;
}

#endif
