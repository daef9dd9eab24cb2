/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a process to the files in which its plain text can be seen. What was
 * found in a file is remembered, with or without TLS, so that a hundred processes
 * with one library cost one look into it.
 */
#ifndef EDGETAP_PROBES_FIND_H
#define EDGETAP_PROBES_FIND_H

#include "probes/file.h"
#include "probes/plan.h"

/* Files that are remembered; the longest unused of a few is forgotten for a new one. */
#define FIND_MAX_FILES 2048

struct find;

/* A file with a plan, of one process. All of it valid only during the call. */
struct found {
	struct file_state state;
	const struct plan *plan;
	const char *path; /* as the process sees it */
	int fd;		  /* open for reading, closed after the call */
};

/* Remembers nothing yet. 0 or -ENOMEM. NULL may be freed. */
int find__new(struct find **ret_find);
void find__free(struct find *find);

/*
 * Calls on_found for every file mapped by the process in which one of the
 * libraries (bits 1 << (enum tls_library - 1)) was found, usable or not. Returns 0, -E2BIG if the
 * process has mapped more than is looked at, or another negative errno: -ESRCH or -ENOENT if it has
 * ended. Files that could not be opened or read are counted in ret_unreadable (may be NULL).
 */
int find__process(struct find *find, pid_t pid, uint32_t libraries,
		  void (*on_found)(void *ctx, const struct found *found), void *ctx,
		  unsigned int *ret_unreadable);

/* Files that were read since the start. */
uint64_t find__reads(const struct find *find);

#endif
