/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is attached: the probes of each file that an observed process has mapped.
 * A probe is in the file and so in every process that maps it; a file is attached
 * when the first observed process is seen to map it, and let go when none does any
 * more. Of a process that has ended, living ones of its executable, its session or its process
 * group are observed in its place. Every table is bounded. Two threads may use it: one that looks
 * briefly at who comes new, and one that does all the rest.
 */
#ifndef EDGETAP_UPROBES_ATTACHED_H
#define EDGETAP_UPROBES_ATTACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "uprobes/lineage.h"

#define ATTACHED_MAX_FILES 512
#define ATTACHED_MAX_LINKS 8192
#define ATTACHED_MAX_PROCESSES 8192
#define ATTACHED_FILES_OF_PROCESS 8

/*
 * A file that nobody maps stays attached for this long: processes that start and
 * end one after the other would otherwise have it detached and attached for each.
 */
#define ATTACHED_LINGER_NS 5000000000ULL

/* Why a process was not looked into. */
enum attached_unread {
	UNREAD_MEMORY_MAP,  /* it, or too many others of its instance, do not show what they map */
	UNREAD_FILE_SYSTEM, /* a file is on a file system that may hang */
	ATTACHED_UNREADS
};

/* How long after it was told of a process with TLS had been looked into. */
enum attached_delay {
	DELAY_50_MS, /* at most; these are apart, none contains another */
	DELAY_200_MS,
	DELAY_1_S,
	DELAY_LONGER,
	ATTACHED_DELAYS
};

/* How probes are made; so that a test needs no kernel. */
struct attached_ops {
	/*
	 * Attaches program to offsets in the file path. Returns the number of links
	 * written, at most count, or a negative errno, with none left.
	 */
	int (*attach)(void *ctx, const char *path, const uint64_t *offsets, size_t count,
		      const char *program, bool is_return, int *ret_links);
	void (*detach)(void *ctx, int link);
	bool (*has_program)(void *ctx, const char *program);
	/* One line for the user; format as printf. May be NULL. */
	void (*warn)(const char *format, ...) __attribute__((format(printf, 1, 2)));
	void *ctx;
	/* the cgroup hierarchy that tells instances apart, static; NULL: v2 */
	const char *controller;
};

struct attached_stats {
	uint32_t files;	    /* attached now */
	uint32_t links;	    /* of them */
	uint32_t probes;    /* places in them */
	uint32_t processes; /* that map them, or were looked at and do not */
	uint32_t refused;   /* files with TLS that cannot be attached, mapped now */
	uint64_t detached_total;
	uint64_t full_total;	   /* files or processes left out because a table was full */
	uint64_t successors_total; /* processes that were found when others had ended */
	/* processes that were not looked into, or not wholly */
	uint64_t unread_total[ATTACHED_UNREADS];
	/* processes with TLS, each once; what the kernel takes had its probes then */
	uint64_t delay_total[ATTACHED_DELAYS];
};

struct attached;

/*
 * libraries: bits 1 << (enum tls_library - 1). Returns 0 or -ENOMEM. ops is copied.
 */
int attached__new(struct attached **ret_attached, const struct attached_ops *ops,
		  uint32_t libraries);

/* Detaches everything. */
void attached__free(struct attached *attached);

/*
 * A server process was seen (again): attaches what it maps. Cheap for one that was looked at
 * less than a second ago. now_ns is CLOCK_MONOTONIC, here and below. Returns 0; -ESRCH if it has
 * ended, and others of its instance are to be looked for; -ENOSPC if there is no room for it; or
 * another negative errno.
 */
int attached__process(struct attached *attached, const struct serving *serving, uint64_t now_ns);

/*
 * The same while others wait, so that it is never for long: -EAGAIN if it would be, and
 * attached__process is to be called instead. What was known of its files, or quick to find out, has
 * its probes then.
 */
int attached__process_briefly(struct attached *attached, const struct serving *serving,
			      uint64_t now_ns);

/*
 * Looks through /proc, once for all, for the successors of processes that have ended, if there are
 * any and the last search was long enough ago. attached__due_ns: when that will be; UINT64_MAX if
 * nobody waits.
 */
void attached__inherit(struct attached *attached, uint64_t now_ns);
uint64_t attached__due_ns(struct attached *attached);

/*
 * Leaves the files of processes that have ended to their successors, looks again at some that live
 * (by turns: they may have loaded a library or become another program), detaches files without
 * a process.
 */
void attached__sweep(struct attached *attached, uint64_t now_ns);

/* Of this moment. */
void attached__stats(struct attached *attached, struct attached_stats *ret_stats);

#endif
