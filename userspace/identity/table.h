/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an identity table, for the files that implement identity.h. */
#ifndef EDGETAP_IDENTITY_TABLE_H
#define EDGETAP_IDENTITY_TABLE_H

#include <sys/types.h>

#include "identity/cgroup_hierarchy.h"
#include "identity/cgroup_mounts.h"
#include "identity/identity.h"
#include "identity/process.h"
#include "identity/runtime_index.h"
#include "identity/runtime_lookup.h"

#define DESCRIBE_LINES_MAX (CGROUP_MOUNTS_MAX + 8)

/* A slot in use. One allocation: the strings follow the struct. */
struct table_entry {
	struct identity identity;
	struct instance_key key;
	uint32_t generation;
	const char *cgroup; /* path; "" if it could not be found any more */

	/* instances of an executable: its file as stat(2) shows it, and one process of it */
	struct process_exe exe;
	pid_t witness; /* 0: none known */

	uint64_t dead_since_ns; /* 0: alive */
	bool hinted;		/* something ended: look at it in the next sweep */
	bool unsure;		/* only a search can tell, and none was due yet */
	bool reported;		/* given to on_expired */
};

struct identity_table {
	const struct config *config;
	const char *host_root; /* "" or the root directory of the host's mount namespace; static */
	struct cgroup_mounts mounts;
	struct cgroup_hierarchy *hierarchy;
	const char *controller; /* of that hierarchy; NULL: v2 */
	/* hybrid hosts: where else containers could be, watched until one is seen there alone */
	const char *other_controller;
	struct runtime_index *index;
	struct runtime_lookup *lookup;
	bool has_pods;

	struct identity other; /* slot 0 */
	struct table_entry **slot;
	uint32_t slot_count;

	uint64_t *shared;
	size_t shared_count;
	size_t shared_room;

	size_t shared_cursor; /* where the next sweep of these goes on */
	uint32_t retry_cursor;
	uint32_t look_cursor; /* where the next sweep goes on looking inside cgroups */
	uint64_t next_check_ns;
	uint64_t next_scan_ns;
	bool hurries; /* there is a want of slots */

	char *line[DESCRIBE_LINES_MAX];
	size_t line_count;
};

/* True if an instance of this key is told from others by its executable. */
static inline bool key__has_exe(const struct instance_key *key)
{
	return key->exe_inode || key->exe_dev;
}

/*
 * Makes the entry of a new instance. Returns 0; 1 if its cgroup is a shared
 * one and the key names no executable, in which case the entry has the labels
 * of the process that the event names; or -ENOMEM.
 */
int resolve__instance(struct identity_table *table, const struct event *event,
		      struct table_entry **ret_entry);

/*
 * Sets executables apart whose instance label a container or unit in the table has: entry, which
 * is in it, or others that have entry's.
 */
void table__keep_apart(struct identity_table *table, struct table_entry *entry);

/* True if the cgroup at this path is neither container nor unit. */
bool resolve__is_shared(struct identity_table *table, const char *path);

#endif
