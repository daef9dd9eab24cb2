/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that have probes, or would have if the kernel took them: each for as long as processes
 * use it, and a while beyond. Callers hold a lock of theirs, but where none is needed: to attach
 * and detach is to wait for the kernel, for some ten milliseconds, and longer on a busy machine.
 */
#ifndef EDGETAP_UPROBES_PROBED_H
#define EDGETAP_UPROBES_PROBED_H

#include "uprobes/attached.h"
#include "uprobes/find.h"

struct probed;

/* Links that are no file's any more; link NULL: none. */
struct probed_links {
	int *link;
	uint32_t count;
};

/* What has to be done for a file that a process uses. */
struct probed_job {
	uint16_t file; /* its index */
	bool is_needed;
	bool attaches;
	struct probed_links old; /* in the wrong places, as the file was written to */
	struct probed_links made;
	int err; /* of attaching, and of which program */
	const char *program;
};

/* 0 or -ENOMEM. ops stays the caller's. */
int probed__new(struct probed **ret_probed, const struct attached_ops *ops);

/* Detaches everything. NULL is allowed. */
void probed__free(struct probed *probed);

/*
 * One process more uses this file. app is its name in messages. Returns 0 and what has to be done;
 * or, with nothing counted, -ENOSPC if there is no room, or -EAGAIN if it is brief and would not be.
 */
int probed__use(struct probed *probed, const struct found *found, const char *app, bool is_brief,
		uint64_t now_ns, struct probed_job *ret_job);

/* Does what is needed, without the lock; and takes note of it, with the lock. */
void probed__do(const struct probed *probed, const struct found *found, struct probed_job *job);
void probed__done(struct probed *probed, const struct found *found, const char *app,
		  struct probed_job *job);

/* One process less uses each of these files. */
void probed__let_go(struct probed *probed, const uint16_t *file, size_t count, uint64_t now_ns);

/* Forgets a file that nobody has used for long enough. False if there is none. */
bool probed__expire(struct probed *probed, uint64_t now_ns, struct probed_links *ret_links);

/* Detaches and frees them, without the lock. */
void probed__close(const struct probed *probed, struct probed_links *links);

/* Counts what was left out for lack of room; the first time it is said. */
void probed__say_full(struct probed *probed, const char *what);

/* Sets what it knows of. */
void probed__stats(const struct probed *probed, struct attached_stats *stats);

#endif
