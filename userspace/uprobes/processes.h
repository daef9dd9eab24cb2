/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that were seen to serve: a table by pid. The lock is the caller's. */
#ifndef EDGETAP_UPROBES_PROCESSES_H
#define EDGETAP_UPROBES_PROCESSES_H

#include "uprobes/attached.h"

#define PROCESSES_PLACES (2 * ATTACHED_MAX_PROCESSES)

struct known_process {
	pid_t pid; /* 0: free */
	uint64_t start;
	uint64_t looked_ns;			  /* 0: not yet, or not to the end */
	uint16_t file[ATTACHED_FILES_OF_PROCESS]; /* indices, without repetition */
	uint8_t file_count;
	bool is_timed;	/* how long it took to look into it was counted */
	uint8_t unread; /* bits 1 << enum attached_unread: counted */
	struct lineage lineage;
	char app[LABEL_BYTES];
};

/* Open addressing. */
struct processes {
	struct known_process *place; /* PROCESSES_PLACES */
	uint32_t count;
};

/* 0 or -ENOMEM. */
int processes__init(struct processes *processes);
void processes__close(struct processes *processes);

/* The entry of this pid, or the free one for it, valid until one is removed. */
struct known_process *processes__at(const struct processes *processes, pid_t pid);

/* The entry of this very process; NULL if it has none. */
struct known_process *processes__find(const struct processes *processes, pid_t pid, uint64_t start);

/* Makes a free entry that of a process. NULL if there are too many. */
struct known_process *processes__add(struct processes *processes, pid_t pid, uint64_t start,
				     const char *app);

/* Others may move to its place. */
void processes__remove(struct processes *processes, struct known_process *process);

/* The entry at place *i or at the next that is not free, whose place is then *i; NULL: none. */
struct known_process *processes__next(const struct processes *processes, uint32_t *i);

#endif
