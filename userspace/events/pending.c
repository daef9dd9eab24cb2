/* SPDX-License-Identifier: Apache-2.0 */
#include "events/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "events/chain.h"

#define BUCKETS 4096

enum state {
	STATE_PARTIAL,
	STATE_KNOWN, /* the name, or that there is none */
	STATE_LOST,  /* it never will be known; further pieces mean nothing */
};

struct entry {
	uint32_t id;
	uint32_t have;	 /* bytes, while partial */
	uint64_t number; /* tells which of two entries is older */
	char *name;	 /* NULL: none */
	uint8_t *buffer; /* of the whole message; NULL until its length is known */
	uint8_t header[TLS_HANDSHAKE_HEADER];
	uint8_t state;
};

struct tls_pending {
	struct entry entry[TLS_PENDING_MAX];
	struct tls_link link[TLS_PENDING_MAX]; /* in `partial` or `others` */
	uint16_t next[TLS_PENDING_MAX];	       /* in a bucket, or free */
	uint16_t bucket[BUCKETS];
	uint16_t free;
	struct tls_list partial;
	struct tls_list others;
	uint64_t numbers;
	size_t partial_bytes;
	size_t name_bytes;
	struct tls_pending_counts counts;
};

_Static_assert(TLS_PENDING_MAX < TLS_NONE, "indices fit");

/* Ids are given one after the other, so their low bits are as good as any hash. */
static uint16_t *bucket_of(struct tls_pending *p, uint32_t id)
{
	return &p->bucket[id % BUCKETS];
}

static uint16_t find(struct tls_pending *p, uint32_t id)
{
	uint16_t i = *bucket_of(p, id);

	while (i != TLS_NONE && p->entry[i].id != id)
		i = p->next[i];
	return i;
}

static void free_buffer(struct tls_pending *p, struct entry *e)
{
	if (!e->buffer)
		return;
	p->partial_bytes -= tls_hello__message_bytes(e->header);
	free(e->buffer);
	e->buffer = NULL;
}

static void remove_entry(struct tls_pending *p, uint16_t i)
{
	struct entry *e = &p->entry[i];

	tls_list__remove(e->state == STATE_PARTIAL ? &p->partial : &p->others, p->link, i);
	tls_chain__remove(bucket_of(p, e->id), p->next, i);
	free_buffer(p, e);
	if (e->name)
		p->name_bytes -= strlen(e->name) + 1;
	free(e->name);
	e->name = NULL;
	tls_chain__add(&p->free, p->next, i);
	p->counts.now--;
}

static void evict(struct tls_pending *p, uint16_t i)
{
	p->counts.evicted += p->entry[i].state != STATE_LOST;
	remove_entry(p, i);
}

/* The first of both lists is its oldest. */
static void evict_oldest(struct tls_pending *p)
{
	uint16_t a = p->partial.first, b = p->others.first;

	if (a == TLS_NONE || (b != TLS_NONE && p->entry[b].number < p->entry[a].number))
		a = b;
	evict(p, a);
}

static uint16_t add_entry(struct tls_pending *p, uint32_t id)
{
	uint16_t i;

	if (p->free == TLS_NONE)
		evict_oldest(p);
	i = p->free;
	p->free = p->next[i];
	p->entry[i] = (struct entry){ .id = id, .number = p->numbers++, .state = STATE_PARTIAL };
	tls_chain__add(bucket_of(p, id), p->next, i);
	tls_list__add(&p->partial, p->link, i);
	p->counts.now++;
	return i;
}

/* No more pieces are wanted. Its age counts from here. */
static void settle(struct tls_pending *p, uint16_t i, enum state state)
{
	struct entry *e = &p->entry[i];

	free_buffer(p, e);
	tls_list__remove(&p->partial, p->link, i);
	tls_list__add(&p->others, p->link, i);
	e->number = p->numbers++;
	e->state = state;
}

static void settle_broken(struct tls_pending *p, uint16_t i)
{
	settle(p, i, STATE_LOST);
	p->counts.broken++;
}

/* The oldest give way; those that only wait for their end if they hold a name. */
static bool keep_name(struct tls_pending *p, uint16_t i, const char *name)
{
	size_t bytes = strlen(name) + 1;

	if (bytes == 1)
		return true;
	while (p->name_bytes + bytes > TLS_PENDING_NAME_BYTES && p->others.first != TLS_NONE)
		evict(p, p->others.first);
	p->entry[i].name = strdup(name);
	if (!p->entry[i].name)
		return false;
	p->name_bytes += bytes;
	return true;
}

/* What the message says, as far as it is there; it need not be in the entry's buffer. */
static enum tls_piece look(struct tls_pending *p, uint16_t i, const uint8_t *bytes, size_t n,
			   enum tls_alpn *ret_alpn)
{
	struct tls_hello hello;

	switch (tls_hello__parse(&hello, bytes, n)) {
	case TLS_HELLO_MORE:
		return TLS_PIECE_NOTHING;
	case TLS_HELLO_DONE:
		break;
	case TLS_HELLO_NOT:
	case TLS_HELLO_BAD:
		settle(p, i, STATE_KNOWN);
		p->counts.bad++;
		return TLS_PIECE_BAD;
	}
	*ret_alpn = tls_hello__alpn(&hello);
	p->counts.nameless += hello.server_name_invalid;
	if (keep_name(p, i, hello.server_name))
		settle(p, i, STATE_KNOWN);
	else
		settle_broken(p, i);
	return TLS_PIECE_HELLO;
}

/* Room for the message whose header is there. The oldest that are not complete give way. */
static bool make_buffer(struct tls_pending *p, uint16_t i)
{
	struct entry *e = &p->entry[i];
	size_t bytes = tls_hello__message_bytes(e->header);
	uint16_t next;

	if (bytes > TLS_PENDING_HELLO_MAX)
		return false;
	for (uint16_t old = p->partial.first;
	     old != TLS_NONE && p->partial_bytes + bytes > TLS_PENDING_PARTIAL_BYTES; old = next) {
		next = p->link[old].after;
		if (p->entry[old].buffer)
			evict(p, old);
	}
	e->buffer = malloc(bytes);
	if (!e->buffer)
		return false;
	p->partial_bytes += bytes;
	memcpy(e->buffer, e->header, sizeof(e->header));
	return true;
}

/* Bytes behind the message belong to another one. */
static void append(struct entry *e, const uint8_t *bytes, size_t n)
{
	size_t room = tls_hello__message_bytes(e->header) - e->have;

	if (n > room)
		n = room;
	memcpy(e->buffer + e->have, bytes, n);
	e->have += (uint32_t)n;
}

static enum tls_piece add_piece(struct tls_pending *p, uint16_t i, const uint8_t *bytes, size_t n,
				enum tls_alpn *ret_alpn)
{
	struct entry *e = &p->entry[i];
	enum tls_piece piece;

	if (!e->have) {
		piece = look(p, i, bytes, n, ret_alpn);
		if (e->state != STATE_PARTIAL)
			return piece;
	}
	while (e->have < sizeof(e->header) && n) {
		e->header[e->have++] = *bytes++;
		n--;
	}
	if (e->have < sizeof(e->header))
		return TLS_PIECE_NOTHING;
	if (!e->buffer && !make_buffer(p, i)) {
		settle_broken(p, i);
		return TLS_PIECE_NOTHING;
	}
	append(e, bytes, n);
	return look(p, i, e->buffer, e->have, ret_alpn);
}

enum tls_piece tls_pending__add(struct tls_pending *p, uint32_t id, uint32_t offset,
				const uint8_t *bytes, size_t n, enum tls_alpn *ret_alpn)
{
	uint16_t i = find(p, id);
	size_t again;

	if (i == TLS_NONE)
		i = add_entry(p, id);
	if (p->entry[i].state != STATE_PARTIAL)
		return TLS_PIECE_NOTHING;
	if (offset > p->entry[i].have) {
		settle_broken(p, i);
		return TLS_PIECE_NOTHING;
	}
	again = p->entry[i].have - offset;
	if (n <= again)
		return TLS_PIECE_NOTHING;
	return add_piece(p, i, bytes + again, n - again, ret_alpn);
}

bool tls_pending__take(struct tls_pending *p, uint32_t id, char *ret_name)
{
	uint16_t i = find(p, id);
	bool known;

	if (i == TLS_NONE)
		return false;
	known = p->entry[i].state == STATE_KNOWN;
	if (known)
		strcpy(ret_name, p->entry[i].name ? p->entry[i].name : "");
	remove_entry(p, i);
	return known;
}

const struct tls_pending_counts *tls_pending__counts(const struct tls_pending *p)
{
	return &p->counts;
}

int tls_pending__new(struct tls_pending **ret_pending)
{
	struct tls_pending *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	tls_chain__init(p->bucket, BUCKETS);
	p->free = TLS_NONE;
	for (int i = TLS_PENDING_MAX - 1; i >= 0; i--)
		tls_chain__add(&p->free, p->next, (uint16_t)i);
	tls_list__init(&p->partial);
	tls_list__init(&p->others);
	*ret_pending = p;
	return 0;
}

void tls_pending__free(struct tls_pending *p)
{
	if (!p)
		return;
	for (int i = 0; i < TLS_PENDING_MAX; i++) {
		free(p->entry[i].name);
		free(p->entry[i].buffer);
	}
	free(p);
}
