/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a process to the files in which its plain text can be seen. What was
 * found in a file is remembered, with or without TLS, so that a hundred processes
 * with one library cost one look into it. An owner's files (probes/owners.h) never take the place
 * of others', and of its own those without TLS go first.
 */
#ifndef EDGETAP_PROBES_FIND_H
#define EDGETAP_PROBES_FIND_H

#include "probes/file.h"
#include "probes/owners.h"
#include "probes/plan.h"

/* How long a process may take to show its memory map. */
#define FIND_WAIT_MS 500

/* Files that are remembered. */
#define FIND_MAX_FILES 4096

/*
 * A file that has changed is read anew, and if it changes again within this time, it is not: it
 * costs its owner nothing to touch it.
 */
#define FIND_CALM_NS 10000000000ULL

struct find;

/* A file with a plan, of one process. All of it valid only during the call. */
struct found {
	struct file_state state;
	const struct plan *plan; /* NULL: not read now; as it was before, or not at all */
	const char *path;	 /* as the process sees it */
	int fd;			 /* by O_PATH, closed after the call */
};

/* Remembers nothing yet. owners must outlive it. 0 or -ENOMEM. NULL may be freed. */
int find__new(struct find **ret_find, struct owners *owners);
void find__free(struct find *find);

/* Files that were not looked into. */
struct find_unread {
	unsigned int errors;	 /* they could not be opened or read */
	unsigned int may_hang;	 /* they are on a file system of a server or daemon: NFS, FUSE */
	const char *may_hang_at; /* the path of one of these, valid until the next call; or NULL */
};

/* One look at a process. */
struct find_look {
	pid_t pid;
	uint64_t owner; /* whose process it is: some of an owner's may hang, see files/patience.h */
	uint16_t account;   /* of that owner */
	uint32_t libraries; /* bits 1 << (enum tls_library - 1) */
	uint64_t now_ns;
	/* After this, one more file is read, if none was. clock tells the time; NULL: no limit. */
	uint64_t until_ns;
	uint64_t (*clock)(void);
	void (*on_found)(void *ctx, const struct found *found);
	void *ctx;
};

/*
 * Calls on_found for every file mapped by the process in which one of the
 * libraries was found, usable or not, or which was not read now. Returns 0; -EAGAIN if there was no
 * time for some files; -E2BIG if the
 * process has mapped more than is looked at; -ETIMEDOUT if it does not show its memory map, or
 * -EBUSY if it did not before, or others of its owner do not, with nothing looked at; or another
 * negative errno: -ESRCH or -ENOENT if it has ended. ret_unread may be NULL.
 */
int find__process(struct find *find, const struct find_look *look, struct find_unread *ret_unread);

/* Files that were read since the start. */
uint64_t find__reads(const struct find *find);

#endif
