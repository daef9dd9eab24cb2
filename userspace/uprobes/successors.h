/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who takes the place of processes that have ended. What they leave waits here,
 * at most SUCCESSORS_MAX of them, until one look through /proc finds the successors of
 * all: 500 processes of one executable leave one thing.
 */
#ifndef EDGETAP_UPROBES_SUCCESSORS_H
#define EDGETAP_UPROBES_SUCCESSORS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "uprobes/lineage.h"

#define SUCCESSORS_MAX 64
#define SUCCESSORS_LEADERS 8  /* of one predecessor */
#define SUCCESSORS_FILES 8    /* of one predecessor; bits of a byte */
#define SUCCESSORS_YOUNGEST 8 /* processes that are looked at for one that nobody could look at */
#define SUCCESSORS_LOOKS 256  /* at processes, in one search */

/* What one process or many alike have left. */
struct predecessor {
	bool was_seen;
	char app[LABEL_BYTES]; /* name in messages */

	/* of processes that were looked at: living ones shall go on using these files */
	struct lineage lineage;
	pid_t leader[SUCCESSORS_LEADERS];
	uint8_t leader_count;
	uint8_t file_count;
	uint8_t missing; /* bits of those that no successor has yet */
	uint16_t file[SUCCESSORS_FILES];

	/* of a process that ended before it was looked at: its instance's youngest */
	struct serving serving;
	struct successor {
		pid_t pid;
		uint64_t start;
	} youngest[SUCCESSORS_YOUNGEST];
};

struct successors;

/* 0 or -ENOMEM. NULL may be freed. */
int successors__new(struct successors **ret_successors, const char *controller);
void successors__free(struct successors *successors);

/*
 * A process that was looked at has ended, with count files attached. Returns in
 * ret_kept which of them are kept for its successors (bits; the others were known already, or there
 * is no room). 0, or -ENOSPC with none kept.
 */
int successors__ended(struct successors *successors, pid_t pid, const struct lineage *lineage,
		      const char *app, const uint16_t *file, size_t count, uint8_t *ret_kept);

/* A process has ended before it was looked at. 0, or -ENOSPC if too many have. */
int successors__missed(struct successors *successors, const struct serving *serving);

/* How many dead wait for their successors to be looked for. */
size_t successors__waiting(const struct successors *successors);

struct successors_ops {
	/*
	 * A process may be an successor: looks at it, and returns which of count files it uses
	 * (bits). With count 0, only looks.
	 */
	uint8_t (*look)(void *ctx, pid_t pid, const char *app, const uint16_t *file, size_t count);
	/* The files of an predecessor are no longer kept. */
	void (*release)(void *ctx, const uint16_t *file, size_t count);
	void *ctx;
};

/*
 * begin takes all that wait for one search, in which search looks through /proc once and settles
 * them; meanwhile others may come to wait. So only begin is under the lock of all the rest.
 */
bool successors__begin(struct successors *successors);
void successors__search(struct successors *successors, const struct successors_ops *ops);

#endif
