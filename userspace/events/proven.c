/* SPDX-License-Identifier: Apache-2.0 */
#include "events/proven.h"

#include <errno.h>
#include <stdlib.h>

#include "events/chain.h"

#define BUCKETS 4096

struct entry {
	uint64_t hash;
	uint32_t slot;
};

struct names_of_slot {
	struct tls_list list;
	uint16_t count;
};

struct tls_proven {
	struct entry entry[TLS_PROVEN_MAX];
	struct tls_link all_link[TLS_PROVEN_MAX];
	struct tls_link slot_link[TLS_PROVEN_MAX];
	uint16_t next[TLS_PROVEN_MAX]; /* in a bucket, or free */
	uint16_t bucket[BUCKETS];
	uint16_t free;
	struct tls_list all;
	struct names_of_slot of[]; /* by slot */
};

_Static_assert(TLS_PROVEN_MAX < TLS_NONE, "indices fit");

/* Names are often the same at many instances. */
static uint32_t bucket_of(uint32_t slot, uint64_t hash)
{
	return (uint32_t)((hash + slot * 0x9e3779b97f4a7c15) >> 32) % BUCKETS;
}

static uint16_t find(const struct tls_proven *p, uint32_t slot, uint64_t hash)
{
	uint16_t i = p->bucket[bucket_of(slot, hash)];

	while (i != TLS_NONE && (p->entry[i].hash != hash || p->entry[i].slot != slot))
		i = p->next[i];
	return i;
}

static void remove_entry(struct tls_proven *p, uint16_t i)
{
	const struct entry *e = &p->entry[i];
	struct names_of_slot *of = &p->of[e->slot];

	tls_list__remove(&p->all, p->all_link, i);
	tls_list__remove(&of->list, p->slot_link, i);
	of->count--;
	tls_chain__remove(&p->bucket[bucket_of(e->slot, e->hash)], p->next, i);
	tls_chain__add(&p->free, p->next, i);
}

void tls_proven__add(struct tls_proven *p, uint32_t slot, uint64_t hash)
{
	struct names_of_slot *of = &p->of[slot];
	uint16_t i = find(p, slot, hash);

	if (i != TLS_NONE)
		remove_entry(p, i); /* it comes back as the youngest */
	else if (of->count == TLS_PROVEN_MAX_OF_SLOT)
		remove_entry(p, of->list.first);
	else if (p->free == TLS_NONE)
		remove_entry(p, p->all.first);
	i = p->free;
	p->free = p->next[i];
	p->entry[i] = (struct entry){ hash, slot };
	tls_chain__add(&p->bucket[bucket_of(slot, hash)], p->next, i);
	tls_list__add(&p->all, p->all_link, i);
	tls_list__add(&of->list, p->slot_link, i);
	of->count++;
}

bool tls_proven__has(const struct tls_proven *p, uint32_t slot, uint64_t hash)
{
	return find(p, slot, hash) != TLS_NONE;
}

void tls_proven__forget(struct tls_proven *p, uint32_t slot)
{
	while (p->of[slot].count)
		remove_entry(p, p->of[slot].list.first);
}

int tls_proven__new(struct tls_proven **ret_proven, uint32_t slot_count)
{
	struct tls_proven *p = calloc(1, sizeof(*p) + slot_count * sizeof(p->of[0]));

	if (!p)
		return -ENOMEM;
	tls_chain__init(p->bucket, BUCKETS);
	p->free = TLS_NONE;
	for (int i = TLS_PROVEN_MAX - 1; i >= 0; i--)
		tls_chain__add(&p->free, p->next, (uint16_t)i);
	tls_list__init(&p->all);
	for (uint32_t slot = 0; slot < slot_count; slot++)
		tls_list__init(&p->of[slot].list);
	*ret_proven = p;
	return 0;
}

void tls_proven__free(struct tls_proven *p)
{
	free(p);
}
