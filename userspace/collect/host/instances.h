/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers and units of this machine, found by their cgroups, and where
 * their facts are read. Finding out about one takes a while and is done between
 * scrapes, by turns; reading is done at a scrape.
 */
#ifndef EDGETAP_COLLECT_HOST_INSTANCES_H
#define EDGETAP_COLLECT_HOST_INSTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collect/host/controllers.h"
#include "collect/host/devices.h"
#include "collect/host/mounts.h"
#include "identity/identity.h"

/* A mount of a container's that is shown: its "/", or a volume at its place. */
struct instance_mount {
	uint64_t id;
	unsigned int major, minor;
	bool is_whole;	/* a file system of its own */
	bool has_quota; /* statvfs(2) tells a project's quota if there is one */
	bool is_mapped; /* by the device mapper */
	enum thin_state {
		THIN_NOT_ASKED,
		THIN_NOT,  /* or nobody may ask */
		THIN,	   /* the numbers below are of the last look */
		THIN_LOST, /* it is one, but has not answered */
	} thin;
	char *point;
	char *volume; /* its id; NULL: it is none */
	uint64_t thin_size_bytes, thin_used_bytes;
};

#define INSTANCE_MOUNTS_MAX 16

struct instance {
	uint64_t id; /* of the cgroup in identity's hierarchy */
	enum instance_kind kind;
	char *path;
	struct identity *identity; /* NULL: not found out yet; what a slot says goes first */
	bool is_stale;		   /* rules have changed since */
	bool seen;		   /* by the walk under way */
	uint64_t looked_ns;	   /* 0: never */

	/* where its files are */
	char *own_path[CONTROLLERS]; /* NULL: as path */
	uint32_t controllers;	     /* bits: it has a cgroup of its own there */
	int fd[CGROUP_FILES];	     /* -1: not kept open */
	uint32_t missing;	     /* bits: files that could not be opened */
	uint64_t limit_above;	     /* of memory, by the cgroups around it */

	/* one of its processes, as a directory that never becomes another's */
	pid_t pid;
	int proc_fd; /* -1: none */

	size_t mount_count;
	struct instance_mount *mount;
};

/*
 * Descriptors that are kept open at most, enough for 1,000 instances: each costs a page of
 * the kernel's when it was read, and saves half of the time that reading it takes.
 */
#define INSTANCES_OPEN_MAX 10240

struct instances {
	struct identity_table *identity;
	const struct controllers *controllers;
	const struct mount_list *host_mounts;
	struct devices *devices;
	struct instance **instance; /* by id, ascending */
	size_t count, room;
	size_t max;
	size_t cursor; /* where the next look goes on */
	size_t open;   /* descriptors of cgroup files that are kept */
	size_t open_max;
};

/* Frees what it holds, not itself. */
void instances__free(struct instances *instances);

/* Looks which there are: those that are gone are forgotten, new ones wait for a look. */
void instances__walk(struct instances *instances);

/*
 * Finds out about those that are due, for at most budget_ns of CLOCK_MONOTONIC, the
 * new ones first. Returns true if some are still due.
 */
bool instances__look(struct instances *instances, uint64_t now_ns, uint64_t budget_ns);

/* Labels are to be found out again. */
void instances__forget_labels(struct instances *instances);

/*
 * A process of the instance that is alive: sees to proc_fd. False if there is none (any
 * more). ret_net_dev: its net/dev (proc(5)), opened, for the caller to close; NULL: nobody
 * wants it. Opening it costs what asking whether the process is alive does.
 */
bool instance__has_process(struct instances *instances, struct instance *instance,
			   int *ret_net_dev);

/*
 * A file of one of its cgroups, opened if there is room for a descriptor more that is
 * kept, else for the caller to close. Returns the descriptor, or -ENOENT if there is none.
 */
int instance__file(struct instances *instances, struct instance *instance, enum cgroup_file file,
		   bool *ret_is_kept);

#endif
