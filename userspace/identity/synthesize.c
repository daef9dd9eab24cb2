// SPDX-License-Identifier: Apache-2.0
/*
 * Events that user space makes up: for slots that no event told of, for all
 * living instances when the rules have changed, and for those of which not all
 * could be found out.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "files/whole_file.h"
#include "identity/table.h"

#define COMM_MAX 64

/* Fills in a process of the instance, and its name, as the kernel would. 0: not known. */
static void name_process(struct event *event, pid_t pid)
{
	char path[32], *comm;
	size_t len;

	if (pid <= 0)
		return;
	event->tgid = (uint32_t)pid;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (whole_file__read_proc(path, COMM_MAX, &comm, &len) < 0)
		return;
	len = strcspn(comm, "\n");
	if (len >= sizeof(event->comm))
		len = sizeof(event->comm) - 1;
	memcpy(event->comm, comm, len);
	free(comm);
}

/* A process that runs the key's executable; 0 if none is found. */
static pid_t find_process(const struct instance_key *key)
{
	/* stat(2) and the kernel pack device numbers differently. */
	uint64_t dev = makedev(key->exe_dev >> 20, key->exe_dev & 0xfffff);
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	while (proc && !found && (entry = readdir(proc))) {
		struct process_exe exe;
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && pid > 0 &&
		    process__exe((pid_t)pid, &exe, NULL) == 0 && exe.dev == dev &&
		    exe.inode == key->exe_inode)
			found = (pid_t)pid;
	}
	if (proc)
		closedir(proc);
	return found;
}

int identity_table__found(struct identity_table *table, uint32_t slot, uint32_t generation,
			  const struct instance_key *key)
{
	struct event event = {
		.kind = EVENT_INSTANCE_BORN,
		.slot = slot,
		.generation = generation,
		.key = *key,
	};

	if (key__has_exe(key))
		name_process(&event, find_process(key));
	return identity_table__born(table, &event);
}

/* Finds out the labels of an instance again, if it lives. False if its runtime did not answer. */
static bool resolve_again(struct identity_table *table, uint32_t slot)
{
	struct table_entry *old = table->slot[slot], *entry;
	struct event event = { .kind = EVENT_INSTANCE_BORN, .slot = slot };

	/* The dead, and executables nobody is seen to run, can no longer be looked up. */
	if (!old || old->dead_since_ns || (key__has_exe(&old->key) && old->witness <= 0))
		return true;
	event.generation = old->generation;
	event.key = old->key;
	name_process(&event, old->witness);
	if (resolve__instance(table, &event, &entry) < 0)
		return true;
	/* It ended meanwhile: the name it had is better than none. */
	if (strcmp(names__file(entry->identity.instance), names__file(old->identity.instance)) !=
	    0) {
		free(entry);
		return true;
	}
	if (entry->identity.is_incomplete && !old->identity.is_incomplete) {
		old->identity.is_incomplete = true; /* as there may be news */
		free(entry);
		return false;
	}
	free(old);
	table->slot[slot] = entry;
	table__keep_apart(table, entry);
	return !entry->identity.is_incomplete;
}

void identity_table__apply_rules(struct identity_table *table)
{
	for (uint32_t i = 0; i < table->slot_count; i++)
		resolve_again(table, i);
}

bool identity_table__retry(struct identity_table *table)
{
	bool found = false;

	for (uint32_t n = 0; n < table->slot_count; n++) {
		uint32_t i = table->retry_cursor;

		/* behind one that failed, so that it does not keep the others waiting */
		table->retry_cursor = (i + 1) % table->slot_count;
		if (!table->slot[i] || !table->slot[i]->identity.is_incomplete)
			continue;
		if (!resolve_again(table, i))
			break;
		found = true;
	}
	return found;
}
