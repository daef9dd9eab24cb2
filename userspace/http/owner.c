// SPDX-License-Identifier: Apache-2.0
#include "http/owner.h"

#include <stdlib.h>
#include <string.h>

#include "base/network.h"

void owner_table__init(struct owner_table *table)
{
	table->head = NULL;
	pthread_mutex_init(&table->lock, NULL);
}

void owner_table__destroy(struct owner_table *table)
{
	pthread_mutex_destroy(&table->lock);
}

/* As many as there are connections and requests: few enough to look at each. */
static struct owner *find(struct owner_table *table, const struct in6_addr *address,
			  uint64_t holder)
{
	struct owner *owner = table->head;

	while (owner &&
	       (owner->holder != holder || memcmp(&owner->address, address, sizeof(*address)) != 0))
		owner = owner->next;
	return owner;
}

struct owner *owner_table__get(struct owner_table *table, const struct in6_addr *address,
			       uint64_t holder)
{
	struct in6_addr key = network__owner(address);
	struct owner *owner;

	pthread_mutex_lock(&table->lock);
	owner = find(table, &key, holder);
	if (!owner) {
		owner = calloc(1, sizeof(*owner));
		if (owner) {
			owner->table = table;
			owner->address = key;
			owner->holder = holder;
			owner->next = table->head;
			table->head = owner;
		}
	}
	if (owner)
		owner->references++;
	pthread_mutex_unlock(&table->lock);
	return owner;
}

struct owner *owner__ref(struct owner *owner)
{
	pthread_mutex_lock(&owner->table->lock);
	owner->references++;
	pthread_mutex_unlock(&owner->table->lock);
	return owner;
}

void owner__unref(struct owner *owner)
{
	struct owner_table *table;
	struct owner **link;

	if (!owner)
		return;
	table = owner->table;
	pthread_mutex_lock(&table->lock);
	if (--owner->references == 0) {
		for (link = &table->head; *link != owner; link = &(*link)->next)
			;
		*link = owner->next;
		free(owner);
	}
	pthread_mutex_unlock(&table->lock);
}
