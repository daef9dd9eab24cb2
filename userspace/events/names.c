/* SPDX-License-Identifier: Apache-2.0 */
#include "events/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/keyed_hash.h"
#include "defaults.h"
#include "events/chain.h"
#include "events/hello.h"
#include "events/pending.h"
#include "events/proven.h"
#include "events/reason.h"

#define OTHER "__other__"
#define NAME_BUCKETS 1024
#define ERROR_BUCKETS 4096

/* Names that every instance has. Those with a text of their own follow. */
enum { NAME_EMPTY, NAME_OTHER, NAMES_SHARED };

struct name {
	char text[TLS_SERVER_NAME_BYTES];
	uint64_t hash;
	uint32_t slot; /* OTHER_INDEX may have names too */
	uint16_t errors;
	bool used;
	bool proven;
};

struct error_key {
	uint16_t name; /* enum above, or NAMES_SHARED + index */
	bool by_server;
	const char *reason; /* static, so the address tells it */
};

struct of_slot {
	uint32_t generation;	  /* while known */
	uint32_t last_generation; /* of the instances before, if had_others */
	bool known;
	bool had_others;
	uint16_t names;
	uint16_t unproven;
	uint16_t errors;
	uint16_t shared_errors[NAMES_SHARED];
	uint32_t hello[TLS_ALPN_N]; /* index + 1 */
};

struct tls_names {
	uint64_t key[2];
	struct tls_pending *pending;
	struct tls_proven *proven;
	struct tls_names_stats stats;

	struct name name[TLS_NAMES_MAX];
	uint16_t name_next[TLS_NAMES_MAX]; /* in a bucket, or free */
	uint16_t name_bucket[NAME_BUCKETS];
	uint16_t name_free;
	uint16_t name_unproven;

	struct snapshot_series error[TLS_ERRORS_MAX];
	struct error_key error_key[TLS_ERRORS_MAX];
	uint16_t error_next[TLS_ERRORS_MAX];
	uint16_t error_bucket[ERROR_BUCKETS];
	uint16_t error_count;

	struct snapshot_series *hello; /* TLS_ALPN_N for each slot */
	uint32_t hello_count;

	uint32_t slot_count;
	struct of_slot of[];
};

_Static_assert(TLS_NAMES_MAX < TLS_NONE && TLS_ERRORS_MAX < TLS_NONE, "indices fit");
_Static_assert(TLS_ERRORS_RESERVED < TLS_ERRORS_MAX - TLS_ERRORS_MAX_OF_SLOT, "room is left");

static const char *text_of(const struct tls_names *t, uint16_t name)
{
	if (name == NAME_EMPTY)
		return "";
	return name == NAME_OTHER ? OTHER : t->name[name - NAMES_SHARED].text;
}

/* Counts of series of a name at a slot. */
static uint16_t *errors_of_name(struct tls_names *t, uint32_t slot, uint16_t name)
{
	if (name < NAMES_SHARED)
		return &t->of[slot].shared_errors[name];
	return &t->name[name - NAMES_SHARED].errors;
}

static uint16_t *error_bucket(struct tls_names *t, uint32_t slot, const struct error_key *key)
{
	const uint64_t word[] = { (uint64_t)slot << 32 | (uint32_t)key->name << 1 | key->by_server,
				  (uintptr_t)key->reason };

	return &t->error_bucket[keyed_hash(t->key, word, sizeof(word)) % ERROR_BUCKETS];
}

static bool error_find(struct tls_names *t, uint32_t slot, const struct error_key *key,
		       uint16_t *ret_index)
{
	uint16_t i = *error_bucket(t, slot, key);

	for (; i != TLS_NONE; i = t->error_next[i]) {
		const struct error_key *known = &t->error_key[i];

		if (t->error[i].slot == slot && known->name == key->name &&
		    known->by_server == key->by_server && known->reason == key->reason) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

/* Finds or adds a series; `limit` is how many there may be in all. */
static bool error_get(struct tls_names *t, uint32_t slot, const struct error_key *key,
		      unsigned int limit, uint16_t *ret_index)
{
	uint16_t i;

	if (error_find(t, slot, key, ret_index))
		return true;
	if (t->error_count >= limit)
		return false;
	i = t->error_count++;
	t->error[i] = (struct snapshot_series){
		.slot = slot,
		.generation = t->of[slot].generation,
		.name = { text_of(t, key->name), key->by_server ? "server" : "client",
			  key->reason },
	};
	t->error_key[i] = *key;
	tls_chain__add(error_bucket(t, slot, key), t->error_next, i);
	t->of[slot].errors++;
	++*errors_of_name(t, slot, key->name);
	*ret_index = i;
	return true;
}

/*
 * The series for a failure; see names.h for the steps. The last two are kept for
 * slot 0, one for each side, so that there always is one.
 */
static uint16_t error_place(struct tls_names *t, uint32_t slot, struct error_key key)
{
	unsigned int limit = TLS_ERRORS_MAX - TLS_ERRORS_RESERVED;
	uint16_t i;

	if (t->of[slot].errors >= TLS_ERRORS_MAX_OF_SLOT)
		limit = 0; /* only those that are there */
	if (error_get(t, slot, &key,
		      *errors_of_name(t, slot, key.name) < TLS_ERRORS_MAX_OF_NAME ? limit : 0, &i))
		return i;
	key.reason = tls_reason_other;
	if (error_get(t, slot, &key, limit, &i))
		return i;
	key.name = NAME_OTHER;
	if (error_get(t, slot, &key, TLS_ERRORS_MAX - 2, &i))
		return i;
	if (!error_get(t, OTHER_INDEX, &key, TLS_ERRORS_MAX, &i))
		abort(); /* cannot be */
	return i;
}

static uint16_t *name_bucket(struct tls_names *t, uint64_t hash)
{
	return &t->name_bucket[hash % NAME_BUCKETS];
}

static uint16_t name_find(struct tls_names *t, uint32_t slot, const char *text, uint64_t hash)
{
	uint16_t i = *name_bucket(t, hash);

	while (i != TLS_NONE && (t->name[i].hash != hash || t->name[i].slot != slot ||
				 strcmp(t->name[i].text, text) != 0))
		i = t->name_next[i];
	return i;
}

static bool name_fits(const struct tls_names *t, uint32_t slot, bool proven)
{
	const struct of_slot *of = &t->of[slot];

	if (proven)
		return of->names < TLS_NAMES_MAX_OF_SLOT;
	return of->unproven < TLS_NAMES_MAX_UNPROVEN_OF_SLOT &&
	       t->name_unproven < TLS_NAMES_MAX_UNPROVEN;
}

/* Of the two counts of a slot, and the one of all. */
static void name_account(struct tls_names *t, const struct name *name, int by)
{
	struct of_slot *of = &t->of[name->slot];

	if (name->proven) {
		of->names = (uint16_t)(of->names + by);
		return;
	}
	of->unproven = (uint16_t)(of->unproven + by);
	t->name_unproven = (uint16_t)(t->name_unproven + by);
}

static uint64_t name_hash(const struct tls_names *t, const char *text)
{
	return keyed_hash(t->key, text, strlen(text));
}

/* The name under which a failure is counted. */
static uint16_t name_get(struct tls_names *t, uint32_t slot, const char *text)
{
	uint64_t hash = name_hash(t, text);
	struct name *name;
	uint16_t i;
	bool proven;

	if (!*text)
		return NAME_EMPTY;
	i = name_find(t, slot, text, hash);
	if (i != TLS_NONE)
		return NAMES_SHARED + i;
	proven = tls_proven__has(t->proven, slot, hash);
	if (t->name_free == TLS_NONE || !name_fits(t, slot, proven))
		return NAME_OTHER;
	i = t->name_free;
	t->name_free = t->name_next[i];
	name = &t->name[i];
	*name = (struct name){ .hash = hash, .slot = slot, .used = true, .proven = proven };
	memcpy(name->text, text, strlen(text) + 1);
	name_account(t, name, 1);
	tls_chain__add(name_bucket(t, hash), t->name_next, i);
	return NAMES_SHARED + i;
}

/* A name that has series already makes room for others that are not proven. */
static void name_prove(struct tls_names *t, uint32_t slot, const char *text)
{
	uint64_t hash = name_hash(t, text);
	uint16_t i = name_find(t, slot, text, hash);

	tls_proven__add(t->proven, slot, hash);
	if (i == TLS_NONE || t->name[i].proven || !name_fits(t, slot, true))
		return;
	name_account(t, &t->name[i], -1);
	t->name[i].proven = true;
	name_account(t, &t->name[i], 1);
}

static void drop_errors(struct tls_names *t, uint32_t slot)
{
	uint16_t kept = 0;

	tls_chain__init(t->error_bucket, ERROR_BUCKETS);
	for (uint16_t i = 0; i < t->error_count; i++) {
		if (t->error[i].slot == slot)
			continue;
		t->error[kept] = t->error[i];
		t->error_key[kept] = t->error_key[i];
		tls_chain__add(error_bucket(t, t->error[kept].slot, &t->error_key[kept]),
			       t->error_next, kept);
		kept++;
	}
	t->error_count = kept;
}

static void drop_names(struct tls_names *t, uint32_t slot)
{
	for (uint16_t i = 0; i < TLS_NAMES_MAX; i++) {
		struct name *name = &t->name[i];

		if (!name->used || name->slot != slot)
			continue;
		tls_chain__remove(name_bucket(t, name->hash), t->name_next, i);
		tls_chain__add(&t->name_free, t->name_next, i);
		name_account(t, name, -1);
		name->used = false;
	}
}

/* The last takes the place of one that goes. */
static void drop_hellos(struct tls_names *t, uint32_t slot)
{
	for (int alpn = 0; alpn < TLS_ALPN_N; alpn++) {
		uint32_t place = t->of[slot].hello[alpn], last = t->hello_count;

		if (!place)
			continue;
		for (int a = 0; a < TLS_ALPN_N; a++) {
			uint32_t *index = &t->of[t->hello[last - 1].slot].hello[a];

			if (*index == last)
				*index = place;
		}
		t->hello[place - 1] = t->hello[last - 1];
		t->of[slot].hello[alpn] = 0;
		t->hello_count--;
	}
}

static void drop_slot(struct tls_names *t, uint32_t slot)
{
	struct of_slot *of = &t->of[slot];

	if (of->errors)
		drop_errors(t, slot);
	if (of->names || of->unproven)
		drop_names(t, slot);
	drop_hellos(t, slot);
	tls_proven__forget(t->proven, slot);
	*of = (struct of_slot){ .last_generation = of->last_generation,
				.had_others = of->had_others };
}

/*
 * The slot for which an event counts. Detaching a slot moves its generation by
 * one, and so does giving it away, so neighbours are the same instance.
 */
static uint32_t slot_of(struct tls_names *t, uint32_t slot, uint32_t generation)
{
	struct of_slot *of;
	int32_t ahead;

	if (slot == OTHER_INDEX || slot >= t->slot_count)
		return OTHER_INDEX;
	of = &t->of[slot];
	if (of->had_others && (int32_t)(generation - of->last_generation) <= 0)
		return OTHER_INDEX;
	if (of->known) {
		ahead = (int32_t)(generation - of->generation);
		if (ahead < -1)
			return OTHER_INDEX;
		if (ahead <= 1)
			return slot;
		drop_slot(t, slot);
	}
	of->known = true;
	of->generation = generation;
	return slot;
}

static void count_hello(struct tls_names *t, uint32_t slot, enum tls_alpn alpn)
{
	uint32_t *index = &t->of[slot].hello[alpn];

	if (!*index) {
		t->hello[t->hello_count] = (struct snapshot_series){
			.slot = slot,
			.generation = t->of[slot].generation,
			.name = { tls_alpn__name(alpn) },
		};
		*index = ++t->hello_count;
	}
	t->hello[*index - 1].count[0]++;
}

void tls_names__hello(struct tls_names *t, const struct event_tls_hello *event, size_t bytes)
{
	enum tls_alpn alpn = TLS_ALPN_OTHER;

	if (bytes < offsetof(struct event_tls_hello, byte) || event->bytes > EVENT_HELLO_BYTES ||
	    event->bytes > bytes - offsetof(struct event_tls_hello, byte) || !event->hello) {
		t->stats.events_invalid++;
		return;
	}
	if (tls_pending__add(t->pending, event->hello, event->offset, event->byte, event->bytes,
			     &alpn) != TLS_PIECE_NOTHING)
		count_hello(t, slot_of(t, event->slot, event->generation), alpn);
}

void tls_names__end(struct tls_names *t, const struct event_tls_end *event)
{
	uint32_t slot = slot_of(t, event->slot, event->generation);
	char text[TLS_SERVER_NAME_BYTES] = "";
	bool known = !event->hello || tls_pending__take(t->pending, event->hello, text);
	enum tls_outcome outcome = (enum tls_outcome)event->outcome;
	struct error_key key;
	uint16_t i;

	if (outcome == TLS_OUTCOME_DONE) {
		if (known && *text)
			name_prove(t, slot, text);
		return;
	}
	key.name = known ? name_get(t, slot, text) : NAME_OTHER;
	key.by_server = event->by == TLS_BY_SERVER;
	key.reason = tls_reason__name(outcome, event->alert);
	i = error_place(t, slot, key);
	t->error[i].count[0]++;
	if (!known)
		t->stats.errors_unknown++;
	else if (strcmp(t->error[i].name[0], text) != 0 || t->error[i].name[2] != key.reason)
		t->stats.errors_overflowed++;
}

void tls_names__forget(struct tls_names *t, uint32_t slot, uint32_t generation)
{
	if (slot == OTHER_INDEX || slot >= t->slot_count)
		return;
	drop_slot(t, slot);
	t->of[slot].last_generation = generation;
	t->of[slot].had_others = true;
}

size_t tls_names__errors(const struct tls_names *t, const struct snapshot_series **ret_errors)
{
	*ret_errors = t->error;
	return t->error_count;
}

size_t tls_names__hellos(const struct tls_names *t, const struct snapshot_series **ret_hellos)
{
	*ret_hellos = t->hello;
	return t->hello_count;
}

void tls_names__stats(const struct tls_names *t, struct tls_names_stats *ret_stats)
{
	const struct tls_pending_counts *counts = tls_pending__counts(t->pending);

	*ret_stats = t->stats;
	ret_stats->hellos_pending = counts->now;
	ret_stats->hellos_evicted = counts->evicted;
	ret_stats->hellos_incomplete = counts->broken;
	ret_stats->hellos_malformed = counts->bad;
	ret_stats->names_invalid = counts->nameless;
}

int tls_names__new(struct tls_names **ret_names, uint32_t slot_count)
{
	struct tls_names *t = calloc(1, sizeof(*t) + slot_count * sizeof(t->of[0]));
	int err = -ENOMEM;

	if (!t)
		return err;
	t->slot_count = slot_count;
	t->hello = calloc((size_t)slot_count * TLS_ALPN_N, sizeof(*t->hello));
	if (!t->hello)
		goto fail;
	err = tls_pending__new(&t->pending);
	if (!err)
		err = tls_proven__new(&t->proven, slot_count);
	if (err)
		goto fail;
	if (getrandom(t->key, sizeof(t->key), 0) != (ssize_t)sizeof(t->key)) {
		err = -EIO;
		goto fail;
	}
	tls_chain__init(t->error_bucket, ERROR_BUCKETS);
	tls_chain__init(t->name_bucket, NAME_BUCKETS);
	t->name_free = TLS_NONE;
	for (int i = TLS_NAMES_MAX - 1; i >= 0; i--)
		tls_chain__add(&t->name_free, t->name_next, (uint16_t)i);
	*ret_names = t;
	return 0;
fail:
	tls_names__free(t);
	return err;
}

void tls_names__free(struct tls_names *t)
{
	if (!t)
		return;
	tls_pending__free(t->pending);
	tls_proven__free(t->proven);
	free(t->hello);
	free(t);
}
