// SPDX-License-Identifier: Apache-2.0
#include "http/turns.h"

#include <errno.h>
#include <stddef.h>

bool share__has_room(uint64_t used, uint64_t own, uint64_t more, uint64_t all)
{
	return used <= all && own <= all - used && more <= all - used - own;
}

/* To the end of the round. */
static void enter(struct turns *turns, struct line *line)
{
	struct line *next = turns->next;

	if (!next) {
		line->next = line->prev = line;
		turns->next = line;
		return;
	}
	line->next = next;
	line->prev = next->prev;
	next->prev->next = line;
	next->prev = line;
}

static void leave(struct turns *turns, struct line *line)
{
	if (turns->next == line)
		turns->next = line->next == line ? NULL : line->next;
	line->next->prev = line->prev;
	line->prev->next = line->next;
	line->next = line->prev = NULL;
}

int turns__wait(struct turns *turns, struct line *line, struct turn *turn, bool is_known)
{
	uint64_t places = (uint64_t)turns->places + (is_known ? turns->reserved : 0);

	if (!share__has_room(turns->waiting, line->waiting, 1, places))
		return -EBUSY;
	turn->next = NULL;
	if (line->first)
		line->last->next = turn;
	else
		line->first = turn;
	line->last = turn;
	if (!line->waiting++)
		enter(turns, line);
	turns->waiting++;
	return 0;
}

/* Takes the turn behind `before`, or the first, out of its line, which may then leave the round. */
static struct turn *take_out(struct turns *turns, struct line *line, struct turn *before)
{
	struct turn **link = before ? &before->next : &line->first, *turn = *link;

	*link = turn->next;
	if (line->last == turn)
		line->last = before;
	turn->next = NULL;
	turns->waiting--;
	if (!--line->waiting)
		leave(turns, line);
	return turn;
}

struct turn *turns__next(struct turns *turns, struct line **ret_line)
{
	struct line *line = turns->next, *first = line;

	if (!line)
		return NULL;
	while (!share__has_room(turns->running, line->running, 1, turns->workers)) {
		line = line->next;
		if (line == first)
			return NULL;
	}
	turns->next = line->next;
	turns->running++;
	line->running++;
	*ret_line = line;
	return take_out(turns, line, NULL);
}

void turns__end(struct turns *turns, struct line *line)
{
	turns->running--;
	line->running--;
}

static struct turn **take_of_line(struct turns *turns, struct line *line,
				  bool (*fits)(const struct turn *turn, const void *as),
				  const void *as, struct turn **tail)
{
	struct turn *before = NULL, *turn = line->first;

	while (turn) {
		struct turn *next = turn->next;

		if (fits(turn, as)) {
			*tail = take_out(turns, line, before);
			tail = &turn->next;
		} else {
			before = turn;
		}
		turn = next;
	}
	return tail;
}

struct turn *turns__take(struct turns *turns, bool (*fits)(const struct turn *turn, const void *as),
			 const void *as)
{
	struct turn *taken = NULL, **tail = &taken;
	struct line *line = turns->next;
	struct line *last = line ? line->prev : NULL;

	while (line) {
		struct line *next = line == last ? NULL : line->next;

		tail = take_of_line(turns, line, fits, as, tail);
		line = next;
	}
	return taken;
}
