// SPDX-License-Identifier: Apache-2.0
/*
 * Which instances have died. Hints make it quick; without them it is found by
 * turns, so that a sweep costs the same however many instances there are:
 *
 *   a cgroup	    is looked at on a hint, when it is due to expire, and
 *		    LOOKS_PER_SWEEP of them by turns
 *   an executable  on a hint, when it is due to expire, and every CHECK_NS: first
 *		    the one process that is known to run it; only if that has
 *		    ended, /proc is searched for another, once for all of them
 *
 * A search of /proc makes itself rarer where there are many processes. What is
 * dead is looked at too: an empty cgroup may be filled, a program started again.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "config/config.h"
#include "identity/table.h"

#define LOOKS_PER_SWEEP 160
#define CHECK_NS (60 * 1000000000ull)
/* after a search that took t, the next one is at least this many t later: 0.025 % of a core */
#define SCAN_REST 4000
#define SCAN_REST_IN_A_HURRY 200 /* 0.5 % */

/* Executables whose known process has ended. */
struct search {
	struct table_entry **entry;
	size_t count;
	size_t missing;
};

static uint64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void mark(struct table_entry *entry, bool alive, uint64_t now_ns)
{
	if (alive)
		entry->dead_since_ns = 0;
	else if (!entry->dead_since_ns || (entry->hinted && key__has_exe(&entry->key)))
		/* an executable that had come back unnoticed has only now ended again */
		entry->dead_since_ns = now_ns ? now_ns : 1;
	entry->hinted = false;
	entry->unsure = false;
}

static bool is_running(const struct table_entry *entry, pid_t pid)
{
	struct process_exe exe;

	return pid > 0 && process__exe(pid, &exe, NULL) == 0 && exe.dev == entry->exe.dev &&
	       exe.inode == entry->exe.inode;
}

/* One process may run what several slots wait for: the same file in different cgroups. */
static void try_process(struct search *search, pid_t pid)
{
	struct process_exe exe;

	if (process__exe(pid, &exe, NULL) < 0)
		return;
	for (size_t i = 0; i < search->count; i++) {
		struct table_entry *entry = search->entry[i];

		if (!entry->witness && entry->exe.dev == exe.dev && entry->exe.inode == exe.inode) {
			entry->witness = pid;
			search->missing--;
		}
	}
}

static void search_proc(struct search *search)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	while (proc && search->missing && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && pid > 0)
			try_process(search, (pid_t)pid);
	}
	if (proc)
		closedir(proc);
}

static bool has_expired(const struct identity_table *table, const struct table_entry *entry,
			uint64_t now_ns)
{
	uint64_t retention_ns = table->config->retention_ns;

	if (table->hurries && retention_ns > IDENTITY_HURRY_NS)
		retention_ns = IDENTITY_HURRY_NS;
	return entry->dead_since_ns && now_ns - entry->dead_since_ns >= retention_ns;
}

static void check_cgroup(struct identity_table *table, struct table_entry *entry, uint64_t now_ns)
{
	enum cgroup_state state = CGROUP_GONE;

	if (entry->cgroup[0])
		state = cgroup_hierarchy__state(table->hierarchy, entry->cgroup,
						entry->key.cgroup_id, true);
	mark(entry, state == CGROUP_POPULATED, now_ns);
}

/* True if only a search can tell. */
static bool check_executable(struct identity_table *table, struct table_entry *entry, bool due,
			     uint64_t now_ns)
{
	if (!entry->hinted && !entry->unsure && !due && !has_expired(table, entry, now_ns))
		return false;
	/* its login session has ended, and with it every process of this key */
	if (entry->cgroup[0] &&
	    cgroup_hierarchy__state(table->hierarchy, entry->cgroup, entry->key.cgroup_id, false) ==
		    CGROUP_GONE) {
		mark(entry, false, now_ns);
		return false;
	}
	if (is_running(entry, entry->witness)) {
		mark(entry, true, now_ns);
		return false;
	}
	return true;
}

/* Settles what only a search can tell. */
static void check_by_search(struct search *search, uint64_t now_ns, uint64_t rest,
			    uint64_t *ret_next_ns)
{
	uint64_t start_ns = cpu_now_ns();

	for (size_t i = 0; i < search->count; i++)
		search->entry[i]->witness = 0;
	search->missing = search->count;
	search_proc(search);
	for (size_t i = 0; i < search->count; i++)
		mark(search->entry[i], search->entry[i]->witness != 0, now_ns);
	*ret_next_ns = now_ns + (cpu_now_ns() - start_ns) * rest;
}

void identity_table__hurry(struct identity_table *table, bool hurries)
{
	if (hurries && !table->hurries)
		table->next_scan_ns = 0;
	table->hurries = hurries;
}

void identity_table__sweep(struct identity_table *table, uint64_t now_ns,
			   void (*on_expired)(void *ctx, uint32_t slot), void *ctx)
{
	bool due = now_ns >= table->next_check_ns;
	bool may_search = now_ns >= table->next_scan_ns;
	struct search search = { 0 };
	uint32_t first = table->look_cursor, looks = 0;

	if (due)
		table->next_check_ns = now_ns + CHECK_NS;
	search.entry = calloc(table->slot_count ? table->slot_count : 1, sizeof(*search.entry));
	if (!search.entry)
		return;
	for (uint32_t n = 0; n < table->slot_count; n++) {
		/* round and round, so that turns go on where the last sweep stopped */
		uint32_t i = (uint32_t)(((uint64_t)first + n) % table->slot_count);
		struct table_entry *entry = table->slot[i];

		if (!entry || entry->reported)
			continue;
		if (!key__has_exe(&entry->key)) {
			if (looks < LOOKS_PER_SWEEP) {
				looks++;
				table->look_cursor = (i + 1) % table->slot_count;
			} else if (!entry->hinted && !has_expired(table, entry, now_ns)) {
				continue;
			}
			check_cgroup(table, entry, now_ns);
		} else if (check_executable(table, entry, due, now_ns)) {
			if (may_search)
				search.entry[search.count++] = entry;
			else
				entry->unsure = true;
		}
	}
	if (search.count)
		check_by_search(&search, now_ns, table->hurries ? SCAN_REST_IN_A_HURRY : SCAN_REST,
				&table->next_scan_ns);
	free(search.entry);

	for (uint32_t i = 0; i < table->slot_count; i++) {
		struct table_entry *entry = table->slot[i];

		/* one that may have come back is asked about first, in a later sweep */
		if (!entry || entry->reported || entry->unsure ||
		    !has_expired(table, entry, now_ns))
			continue;
		entry->reported = true;
		on_expired(ctx, i);
	}
}
