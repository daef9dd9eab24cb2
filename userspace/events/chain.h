/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists and hash chains over the entries of an array, which go by their index.
 * Links are two bytes, so that tables of thousands stay small. The links of an
 * entry may stand in an array of their own or be used by one list at a time.
 */
#ifndef EDGETAP_EVENTS_CHAIN_H
#define EDGETAP_EVENTS_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#define TLS_NONE 0xffff /* no entry; arrays are shorter */

struct tls_link {
	uint16_t before, after;
};

/* In the order in which entries were added: the first is the oldest. */
struct tls_list {
	uint16_t first, last;
};

static inline void tls_list__init(struct tls_list *list)
{
	list->first = list->last = TLS_NONE;
}

static inline void tls_list__add(struct tls_list *list, struct tls_link *link, uint16_t i)
{
	link[i] = (struct tls_link){ list->last, TLS_NONE };
	if (list->last == TLS_NONE)
		list->first = i;
	else
		link[list->last].after = i;
	list->last = i;
}

static inline void tls_list__remove(struct tls_list *list, struct tls_link *link, uint16_t i)
{
	struct tls_link was = link[i];

	if (was.before == TLS_NONE)
		list->first = was.after;
	else
		link[was.before].after = was.after;
	if (was.after == TLS_NONE)
		list->last = was.before;
	else
		link[was.after].before = was.before;
}

/* Entries whose hashes are alike: `next` leads on, `head` is where the chain begins. */
static inline void tls_chain__add(uint16_t *head, uint16_t *next, uint16_t i)
{
	next[i] = *head;
	*head = i;
}

static inline void tls_chain__remove(uint16_t *head, uint16_t *next, uint16_t i)
{
	while (*head != i)
		head = &next[*head];
	*head = next[i];
}

/* Makes every chain of a table, or every link of a free list, empty. */
static inline void tls_chain__init(uint16_t *head, size_t n)
{
	for (size_t i = 0; i < n; i++)
		head[i] = TLS_NONE;
}

#endif
