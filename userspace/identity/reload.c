// SPDX-License-Identifier: Apache-2.0
/* The rules have changed: living instances are named anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/files.h"
#include "identity/table.h"

#define COMM_MAX 64

/* What the kernel would say about an instance if it were born now. */
static struct event event_of(const struct table_entry *entry, uint32_t slot)
{
	struct event event = {
		.kind = EVENT_INSTANCE_BORN,
		.slot = slot,
		.generation = entry->generation,
		.tgid = (uint32_t)entry->witness,
		.key = entry->key,
	};
	char path[32], *comm;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)entry->witness);
	if (entry->witness > 0 && files__read_proc(path, COMM_MAX, &comm, &len) == 0) {
		len = strcspn(comm, "\n");
		if (len >= sizeof(event.comm))
			len = sizeof(event.comm) - 1;
		memcpy(event.comm, comm, len);
		free(comm);
	}
	return event;
}

void identity_table__apply_rules(struct identity_table *table)
{
	for (uint32_t i = 0; i < table->slot_count; i++) {
		struct table_entry *old = table->slot[i], *entry;
		struct event event;

		/* The dead, and executables nobody is seen to run, can no longer be looked up. */
		if (!old || old->dead_since_ns || (key__has_exe(&old->key) && old->witness <= 0))
			continue;
		event = event_of(old, i);
		if (resolve__instance(table, &event, &entry) != 0)
			continue;
		/* It ended meanwhile: the name it had is better than none. */
		if (entry->identity.instance[0] == '\0' ||
		    strcmp(entry->identity.instance, old->identity.instance) != 0) {
			free(entry);
			continue;
		}
		free(old);
		table->slot[i] = entry;
	}
}
