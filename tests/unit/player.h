/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays a recording to what makes expositions, as an agent would. With moment_read.c and
 * moment_write.c this is all of the tests of recordings that knows how these are made.
 */
#ifndef EDGETAP_TESTS_PLAYER_H
#define EDGETAP_TESTS_PLAYER_H

#include "moment.h"
#include "recording.h"
#include "views/views.h"

#define PLAYER_FORMATS 3

struct player_page {
	const char *name;
	const struct view *view;		      /* NULL: what instances expose */
	const struct encoder *format[PLAYER_FORMATS]; /* text first; NULL behind the last */
};

extern const struct player_page player_pages[];
extern const size_t player_page_count;

struct player;

/* Plays from the file's beginning; aborts without memory. */
struct player *player__new(FILE *file);
void player__free(struct player *player);

/* Goes on to the next event, and does what it is of. False at the end. */
bool player__next(struct player *player, enum recording_event *ret_event, uint32_t *ret_number);

/* What is known since that event. */
const struct moment *player__moment(const struct player *player);
const json_t *player__records(const struct player *player);

/* The whole page, with a NUL behind it, from malloc. */
char *player__render(struct player *player, const struct player_page *page,
		     const struct encoder *encoder, size_t *ret_length);

#endif
