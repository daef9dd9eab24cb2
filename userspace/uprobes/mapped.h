/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executable files that a process has mapped, each held by a descriptor that has opened
 * nothing (files/foreign.h): what takes the process's memory map, in one piece.
 */
#ifndef EDGETAP_UPROBES_MAPPED_H
#define EDGETAP_UPROBES_MAPPED_H

#include "uprobes/maps.h"

struct mapped_file {
	struct mapping mapping; /* its path is its own */
	int fd; /* by O_PATH, or why there is none: -ESTALE if it is not there any more */
};

struct mapped {
	pid_t pid;
	int err; /* as of maps__each, or -ENOMEM; what was found until then is there */
	struct mapped_file *file;
	size_t count;
	size_t room;
};

/* Starts with pid and zeros. May hang with the process; see files/patience.h. */
void mapped__read(struct mapped *mapped);

/* Closes and frees all of it. */
void mapped__free(struct mapped *mapped);

#endif
