/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes one process the successor of another. A server that daemonizes listens,
 * forks, and ends: the one that serves has never been told of. It runs the same
 * executable, or belongs to the session or process group that the first one led.
 */
#ifndef EDGETAP_UPROBES_LINEAGE_H
#define EDGETAP_UPROBES_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "event.h"
#include "identity/identity.h"
#include "identity/names.h"
#include "uprobes/file.h"

/* One line of /proc/PID/stat (proc(5)). */
struct process_stat {
	uint64_t start; /* clock ticks since boot */
	pid_t group;	/* 0: of another PID namespace, as is the next */
	pid_t session;
	bool has_ended; /* only its exit status is left */
	char comm[EVENT_COMM_BYTES];
};

/* What outlives a process that was looked at. */
struct lineage {
	struct file_id program; /* its executable, as stat(2) has it */
	uint64_t cgroup;	/* tells its instance's cgroup */
	bool leads;		/* a session or a process group */
};

/* A process that serves, as it was told of, and the instance that it belongs to. */
struct serving {
	pid_t pid;
	uint64_t told_ns; /* when, by CLOCK_MONOTONIC; 0: it does not matter */
	enum instance_kind kind;
	char comm[EVENT_COMM_BYTES];
	char instance[LABEL_BYTES]; /* as in struct identity */
	char app[LABEL_BYTES];	    /* its name in messages */
};

/* Parses it, NUL-terminated. False if it is none. Pure. */
bool process_stat__parse(struct process_stat *ret_stat, const char *text);

/* 0; -ENOENT or -ESRCH for a process that has ended, one that nobody has waited for too. */
int process_stat__read(struct process_stat *ret_stat, pid_t pid);

/*
 * controller: the hierarchy that tells instances apart, NULL for cgroup v2. 0, or a negative
 * errno: -ENOENT or -ESRCH for a process that has ended.
 */
int lineage__read(struct lineage *ret_kin, pid_t pid, const char *controller);

/* False from the moment on from which it cannot be seen any more what it had mapped. */
bool lineage__has_memory(pid_t pid);

/* The same for the cgroup alone: differs between instances, agrees within one. 0 if unknown. */
uint64_t lineage__cgroup(pid_t pid, const char *controller);

/*
 * Who answers for what this process costs: its container or unit; of what runs outside of both, and
 * where the label says that a user made it, that user; and of root's each executable.
 */
uint64_t serving__owner(const struct serving *serving);

/* Whether a process with this stat belongs to the instance of one that nobody could look at. */
bool serving__has(const struct serving *serving, pid_t pid, const struct process_stat *stat,
		  const char *controller);

#endif
