/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a process to the files in which its plain text can be seen. What was
 * found in a file is remembered, with or without TLS, so that a hundred processes
 * with one library cost one look into it.
 */
#ifndef EDGETAP_UPROBES_FIND_H
#define EDGETAP_UPROBES_FIND_H

#include "uprobes/file.h"
#include "uprobes/plan.h"

/* How long a process may take to show its memory map; a fifth of it in a brief look. */
#define FIND_WAIT_MS 500

/* What the files of a process may take in a brief look: time, and time on a CPU. */
#define FIND_BRIEF_NS 150000000ULL
#define FIND_BRIEF_CPU_NS 50000000ULL

/* Files that are remembered; the longest unused of a few is forgotten for a new one. */
#define FIND_MAX_FILES 2048

#define FIND_PATH_BYTES 256

struct find;

/* A file with a plan, of one process. All of it valid only during the call. */
struct found {
	struct file_state state;
	const struct plan *plan;
	const char *path; /* as the process sees it */
	int fd;		  /* by O_PATH, closed after the call */
};

/* Remembers nothing yet. 0 or -ENOMEM. NULL may be freed. */
int find__new(struct find **ret_find);
void find__free(struct find *find);

/* Files that were not looked into. */
struct find_unread {
	unsigned int errors;   /* they could not be opened or read */
	unsigned int may_hang; /* they are on a file system of a server or daemon: NFS, FUSE */
	char may_hang_at[FIND_PATH_BYTES]; /* the path of one of these, perhaps cut */
};

/* What is to be found. */
struct find_look {
	pid_t pid;
	uint64_t owner; /* whose process it is: some of an owner's may hang, see files/patience.h */
	uint32_t libraries; /* bits 1 << (enum tls_library - 1) */
	bool is_brief;	    /* others wait meanwhile: what takes long is not done */
	void (*on_found)(void *ctx, const struct found *found);
	void *ctx;
};

/*
 * Calls on_found for every file mapped by the process in which one of the libraries was found,
 * usable or not. Returns 0; -E2BIG if the process has mapped more than is looked at; -ETIMEDOUT if
 * it does not show its memory map, or -EBUSY if it did not before, or others of its owner do not,
 * with nothing looked at; -EAGAIN if a brief look has come to an end before all was read; or
 * another negative errno: -ESRCH or -ENOENT if it has ended. ret_unread may be NULL. One thread
 * may be in a brief look while another is in one that is not.
 */
int find__process(struct find *find, const struct find_look *look, struct find_unread *ret_unread);

#endif
