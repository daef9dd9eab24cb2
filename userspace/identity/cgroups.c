// SPDX-License-Identifier: Apache-2.0
/* Containers and units as cgroups, whether they own a socket or not. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "identity/instance_cgroup.h"
#include "identity/table.h"

struct walk {
	const struct identity_table *table;
	int (*on_cgroup)(void *ctx, const char *path, uint64_t id, enum instance_kind kind);
	void *ctx;
};

/* The runtimes' state is looked at once for the whole walk. */
static int visit(void *ctx, const char *path, uint64_t id)
{
	const struct walk *walk = ctx;
	const struct identity_table *table = walk->table;
	struct cgroup_path class;

	if (instance_cgroup__find(table->index, table->hierarchy, path, LOOK_BEFORE, &class) < 0 ||
	    class.kind == CGROUP_SHARED || class.root_len != strlen(path))
		return 0;
	return walk->on_cgroup(walk->ctx, path, id,
			       class.kind == CGROUP_CONTAINER ? INSTANCE_CONTAINER : INSTANCE_UNIT);
}

int identity_table__walk(struct identity_table *table,
			 int (*on_cgroup)(void *ctx, const char *path, uint64_t id,
					  enum instance_kind kind),
			 void *ctx)
{
	struct walk walk = { .table = table, .on_cgroup = on_cgroup, .ctx = ctx };

	runtime_index__look(table->index);
	return cgroup_hierarchy__walk(table->hierarchy, visit, &walk);
}

/* the entry is one allocation, and what is given is its start */
_Static_assert(offsetof(struct table_entry, identity) == 0, "freed as a whole");

int identity_table__of_cgroup(struct identity_table *table, uint64_t cgroup_id, pid_t pid,
			      struct identity **ret_identity)
{
	const struct event event = {
		.kind = EVENT_INSTANCE_BORN,
		.tgid = pid > 0 ? (uint32_t)pid : 0,
		.key.cgroup_id = cgroup_id,
	};
	struct table_entry *entry;
	int err = resolve__instance(table, &event, &entry);

	if (err < 0)
		return err;
	if (err ||
	    (entry->identity.kind != INSTANCE_CONTAINER && entry->identity.kind != INSTANCE_UNIT)) {
		free(entry);
		return 1;
	}
	*ret_identity = &entry->identity;
	return 0;
}

int identity_table__of_key(struct identity_table *table, const struct instance_key *key, pid_t pid,
			   const char comm[EVENT_COMM_BYTES], struct identity **ret_identity)
{
	struct event event = {
		.kind = EVENT_INSTANCE_BORN,
		.tgid = (uint32_t)pid,
		.key = *key,
	};
	struct table_entry *entry;
	int err;

	memcpy(event.comm, comm, sizeof(event.comm));
	err = resolve__instance(table, &event, &entry);
	if (err < 0)
		return err;
	*ret_identity = &entry->identity;
	return 0;
}

const char *identity_table__host_root(const struct identity_table *table)
{
	return table->host_root;
}

const struct cgroup_mounts *identity_table__mounts(const struct identity_table *table)
{
	return &table->mounts;
}
