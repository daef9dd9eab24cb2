/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who takes the place of processes that have ended. What they leave waits here,
 * at most HEIRS_MAX of them, until one look through /proc finds the heirs of
 * all: 500 processes of one executable leave one thing.
 */
#ifndef EDGETAP_UPROBES_HEIRS_H
#define EDGETAP_UPROBES_HEIRS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "uprobes/kin.h"

#define HEIRS_MAX 64
#define HEIRS_LEADERS 8	 /* of one estate */
#define HEIRS_FILES 8	 /* of one estate; bits of a byte */
#define HEIRS_YOUNGEST 8 /* processes that are looked at for one that nobody could look at */
#define HEIRS_LOOKS 256	 /* at processes, in one search */

/* What one process or many alike have left. */
struct estate {
	bool was_seen;
	char app[LABEL_BYTES]; /* name in messages */

	/* of processes that were looked at: living ones shall go on using these files */
	struct kin kin;
	pid_t leader[HEIRS_LEADERS];
	uint8_t leader_count;
	uint8_t file_count;
	uint8_t missing; /* bits of those that no heir has yet */
	uint16_t file[HEIRS_FILES];

	/* of a process that ended before it was looked at: its instance's youngest */
	struct serving serving;
	struct heir {
		pid_t pid;
		uint64_t start;
	} youngest[HEIRS_YOUNGEST];
};

struct heirs;

/* 0 or -ENOMEM. NULL may be freed. */
int heirs__new(struct heirs **ret_heirs, const char *controller);
void heirs__free(struct heirs *heirs);

/*
 * A process that was looked at has ended, with count files attached. Returns in
 * ret_kept which of them are kept for its heirs (bits; the others were known already, or there is
 * no room). 0, or -ENOSPC with none kept.
 */
int heirs__ended(struct heirs *heirs, pid_t pid, const struct kin *kin, const char *app,
		 const uint16_t *file, size_t count, uint8_t *ret_kept);

/* A process has ended before it was looked at. 0, or -ENOSPC if too many have. */
int heirs__missed(struct heirs *heirs, const struct serving *serving);

/* How many dead wait for their heirs to be looked for. */
size_t heirs__waiting(const struct heirs *heirs);

struct heirs_ops {
	/*
	 * A process may be an heir: looks at it, and returns which of count files it uses (bits).
	 * With count 0, only looks.
	 */
	uint8_t (*look)(void *ctx, pid_t pid, const char *app, const uint16_t *file, size_t count);
	/* The files of an estate are no longer kept. */
	void (*release)(void *ctx, const uint16_t *file, size_t count);
	void *ctx;
};

/* Looks through /proc once and settles everything. */
void heirs__search(struct heirs *heirs, const struct heirs_ops *ops);

#endif
