// SPDX-License-Identifier: Apache-2.0
#include "probes/turns.h"

#include <errno.h>
#include <stdlib.h>

#define NOBODY UINT16_MAX

struct waiting {
	struct serving serving;
	uint16_t next; /* of the same owner; or free */
};

/* Those of one owner; free while nobody waits. */
struct line {
	uint64_t owner;
	uint64_t turn; /* the last one; 0: none yet */
	uint32_t count;
	uint16_t first;
	uint16_t last;
};

struct turns {
	struct waiting waiting[TURNS_MAX];
	struct line line[TURNS_OWNERS];
	uint16_t free;
	uint32_t count;
	uint64_t turn;
};

_Static_assert(TURNS_MAX < NOBODY, "an index for each");

int turns__new(struct turns **ret_turns)
{
	struct turns *turns = calloc(1, sizeof(*turns));

	if (!turns)
		return -ENOMEM;
	for (size_t i = 0; i < TURNS_MAX; i++)
		turns->waiting[i].next = i + 1 < TURNS_MAX ? (uint16_t)(i + 1) : NOBODY;
	*ret_turns = turns;
	return 0;
}

void turns__free(struct turns *turns)
{
	free(turns);
}

uint32_t turns__count(const struct turns *turns)
{
	return turns->count;
}

/* The line of this owner, or a free one; NULL if there is none. */
static struct line *line_of(struct turns *turns, uint64_t owner)
{
	struct line *free_line = NULL;

	for (size_t i = 0; i < TURNS_OWNERS; i++) {
		struct line *line = &turns->line[i];

		if (line->count && line->owner == owner)
			return line;
		if (!line->count && !free_line)
			free_line = line;
	}
	return free_line;
}

int turns__push(struct turns *turns, const struct serving *serving)
{
	struct line *line = line_of(turns, serving->owner);
	uint16_t i = turns->free;

	if (!line || line->count + 1 > TURNS_MAX - turns->count)
		return -ENOSPC;
	turns->free = turns->waiting[i].next;
	turns->waiting[i].serving = *serving;
	turns->waiting[i].next = NOBODY;
	if (line->count++)
		turns->waiting[line->last].next = i;
	else
		*line = (struct line){
			.owner = serving->owner, .turn = turns->turn, .count = 1, .first = i
		};
	line->last = i;
	turns->count++;
	return 0;
}

bool turns__pop(struct turns *turns, uint64_t (*cost_of)(void *ctx, uint64_t owner), void *ctx,
		struct serving *ret_serving)
{
	uint64_t least = TURNS_LATER;
	struct line *next = NULL;
	uint16_t i;

	for (size_t j = 0; j < TURNS_OWNERS; j++) {
		struct line *line = &turns->line[j];
		uint64_t cost = line->count ? cost_of(ctx, line->owner) : TURNS_LATER;

		if (cost > least || cost == TURNS_LATER ||
		    (next && cost == least && line->turn >= next->turn))
			continue;
		least = cost;
		next = line;
	}
	if (!next)
		return false;
	i = next->first;
	*ret_serving = turns->waiting[i].serving;
	next->first = turns->waiting[i].next;
	next->turn = ++turns->turn;
	next->count--;
	turns->waiting[i].next = turns->free;
	turns->free = i;
	turns->count--;
	return true;
}
