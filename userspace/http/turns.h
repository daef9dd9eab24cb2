/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fair shares and turns, of whatever is scarce: places to wait, threads, memory. An owner may
 * hold no more than is still free: one alone gets half, n of them an (n + 1)th each, and who
 * comes next finds room. Of those who wait each owner has one turn in a round, however many it
 * has waiting. Pure: no locks, no memory of its own.
 */
#ifndef EDGETAP_HTTP_TURNS_H
#define EDGETAP_HTTP_TURNS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether an owner of `own` may have so many more, where `used` of `all` are held. */
bool share__has_room(uint64_t used, uint64_t own, uint64_t more, uint64_t all);

/* What waits; a part of whatever that is. */
struct turn {
	struct turn *next;
};

/* Who waits for an owner. All zeros: nobody. It must not move while somebody does. */
struct line {
	struct line *next, *prev; /* in the round; NULL while nobody waits */
	struct turn *first, *last;
	uint32_t waiting;
	uint32_t running;
};

struct turns {
	struct line *next; /* whose turn it is; NULL: nobody waits */
	uint32_t places;   /* to wait */
	uint32_t reserved; /* places beyond those, for who is known */
	uint32_t workers;  /* turns at once */
	uint32_t waiting;
	uint32_t running;
};

/* Joins the end of its owner's line. Returns 0, or -EBUSY if the owner has its share. */
int turns__wait(struct turns *turns, struct line *line, struct turn *turn, bool is_known);

/*
 * Takes out whose turn it is, until turns__end. NULL: nobody waits whose owner may have
 * another worker.
 */
struct turn *turns__next(struct turns *turns, struct line **ret_line);
void turns__end(struct turns *turns, struct line *line);

/* Takes out all who wait and fit, of every owner, which costs no turn. Returns them as a list. */
struct turn *turns__take(struct turns *turns, bool (*fits)(const struct turn *turn, const void *as),
			 const void *as);

#endif
