/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a process, and not for ever. Who reads /proc/PID/maps or opens map_files waits
 * for the lock of its memory map, which a process can keep by a read of its own memory that FUSE
 * does not answer; only SIGKILL ends that wait. So it is done on a thread that is left
 * alone when it takes too long. At most PATIENCE_MAX hang, of one owner no more than there is
 * room left for others, and while one does, its process is not asked again. Who is in haste waits
 * a fifth as long, and not at all for an owner of whom something hangs. Any thread.
 */
#ifndef EDGETAP_FILES_PATIENCE_H
#define EDGETAP_FILES_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PATIENCE_MAX 32

struct patience;

struct patience_work {
	void (*run)(void *ctx);	 /* on another thread */
	void (*drop)(void *ctx); /* there, too, if it came too late: ctx is its own then */
	void *ctx;
	pid_t pid;	/* what is waited for */
	uint64_t owner; /* whose process that is */
	bool is_brief;	/* in haste */
};

/* 0 or -ENOMEM. */
int patience__new(struct patience **ret_patience, uint64_t wait_ms);

/* Threads that hang keep what they need. NULL is allowed. */
void patience__free(struct patience *patience);

/*
 * 0 if it has run, and ctx is the caller's again. -ETIMEDOUT if it still runs, and ctx is gone.
 * -EBUSY if it was not begun since such a one hangs, or too many do; another negative errno
 * if there is no thread.
 */
int patience__do(struct patience *patience, const struct patience_work *work);

#endif
