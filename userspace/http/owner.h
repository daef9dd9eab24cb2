/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose connections and requests are: one address of IPv4 or 64 bits of IPv6, and for requests
 * also the credentials that came with them. What an owner holds is counted here.
 */
#ifndef EDGETAP_HTTP_OWNER_H
#define EDGETAP_HTTP_OWNER_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "http/turns.h"

enum owner_line { LINE_RENDER, LINE_SLOW, LINE_CHECK, LINE_N };

struct owner_table;

struct owner {
	struct owner_table *table;
	struct owner *next;
	struct in6_addr address;
	uint64_t holder; /* of credentials; 0: none */
	uint32_t references;

	uint32_t connections, kept;	 /* see client.h, under its lock */
	_Atomic uint64_t response_bytes; /* of bodies that it has not yet taken */
	struct line line[LINE_N];	 /* each under its queue's lock */
};

struct owner_table {
	pthread_mutex_t lock;
	struct owner *head;
};

/* Nobody holds anything yet. */
void owner_table__init(struct owner_table *table);

/* After the last reference was given back. */
void owner_table__destroy(struct owner_table *table);

/* With a reference for the caller. NULL: out of memory. */
struct owner *owner_table__get(struct owner_table *table, const struct in6_addr *address,
			       uint64_t holder);

/* Another reference. Any thread, as the rest of this. */
struct owner *owner__ref(struct owner *owner);

/* NULL is fine. */
void owner__unref(struct owner *owner);

#endif
