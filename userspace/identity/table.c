// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "config/config.h"
#include "defaults.h"
#include "files/whole_file.h"
#include "identity/hierarchy_choice.h"
#include "identity/names.h"
#include "identity/table.h"

#define HOST_ROOT "/proc/1/root"
#define MOUNTINFO_MAX (4 * 1024 * 1024)
/* the kernel's own set is bounded too; what does not fit is keyed by cgroup alone */
#define SHARED_MAX 65536
/* shared cgroups looked at in one sweep, by turns: a few microseconds each */
#define SHARED_LOOKS 160

__attribute__((format(printf, 2, 3))) static void describe(struct identity_table *table,
							   const char *format, ...)
{
	va_list args;
	char *line;
	int len;

	if (table->line_count == DESCRIBE_LINES_MAX)
		return;
	va_start(args, format);
	len = vasprintf(&line, format, args);
	va_end(args);
	if (len >= 0)
		table->line[table->line_count++] = line;
}

/*
 * In a container that shares the host's PID namespace, the host's files are
 * below init's root, and its hierarchies are whole there.
 */
static const char *find_host_root(void)
{
	struct stat own, init;

	if (stat("/", &own) < 0 || stat(HOST_ROOT "/", &init) < 0)
		return "";
	return own.st_dev == init.st_dev && own.st_ino == init.st_ino ? "" : HOST_ROOT;
}

static int read_mounts(struct cgroup_mounts *mounts, const char *path)
{
	char *text;
	size_t len;
	int err = whole_file__read_proc(path, MOUNTINFO_MAX, &text, &len);

	if (err)
		return err;
	cgroup_mounts__parse(text, mounts);
	free(text);
	return 0;
}

static int add_shared(struct identity_table *table, uint64_t id)
{
	for (size_t i = 0; i < table->shared_count; i++)
		if (table->shared[i] == id)
			return 0;
	if (table->shared_count == SHARED_MAX)
		return 0;
	if (table->shared_count == table->shared_room) {
		size_t room = table->shared_room ? table->shared_room * 2 : 64;
		uint64_t *shared = realloc(table->shared, room * sizeof(*shared));

		if (!shared)
			return -ENOMEM;
		table->shared = shared;
		table->shared_room = room;
	}
	table->shared[table->shared_count++] = id;
	return 0;
}

static int visit_cgroup(void *ctx, const char *path, uint64_t id)
{
	struct identity_table *table = ctx;

	/* a kubelet's cgroups are there before its pods: the labels need not change with the first */
	if (!table->has_pods) {
		struct cgroup_path class;

		cgroup_path__classify(path, &class);
		table->has_pods = class.in_kubepods;
	}
	return resolve__is_shared(table, path) ? add_shared(table, id) : 0;
}

static int prepare(struct identity_table *table, const char *host_root)
{
	struct hierarchy_choice choice;
	int err = read_mounts(&table->mounts,
			      *host_root ? "/proc/1/mountinfo" : "/proc/self/mountinfo");

	if (err) {
		log__info("cannot read the mounted cgroup hierarchies: %s", strerror(-err));
		return err;
	}
	err = runtime_index__new(&table->index, table->config, host_root, &table->mounts);
	if (!err)
		err = runtime_lookup__new(&table->lookup, table->config, host_root);
	if (err)
		return err;
	err = hierarchy_choice__make(&choice, table->config->cgroup_hierarchy, host_root,
				     &table->mounts, table->index);
	table->hierarchy = choice.hierarchy;
	if (err) {
		log__info("containers cannot be told apart: %s", choice.reason);
		return err;
	}
	table->controller = choice.controller;
	table->other_controller = choice.other;
	for (size_t i = 0; i < table->mounts.count; i++) {
		const struct cgroup_mount *mount = &table->mounts.mount[i];

		describe(table, "cgroup %s%s at %s%s", mount->v2 ? "v2" : "v1 ", mount->controllers,
			 host_root, mount->point);
	}
	err = cgroup_hierarchy__walk(table->hierarchy, visit_cgroup, table);
	if (err) {
		log__info("cannot walk the cgroup hierarchy %s: %s",
			  choice.controller ? choice.controller : "v2", strerror(-err));
		return err;
	}
	describe(table, "chosen: cgroup %s%s: %s", choice.controller ? "v1 " : "v2",
		 choice.controller ? choice.controller : "", choice.reason);
	describe(table, "cgroup ids become paths by %s",
		 cgroup_hierarchy__by_handle(table->hierarchy)
			 ? "file handle"
			 : "walking the hierarchy: CAP_DAC_READ_SEARCH is missing");
	/* the first node of every kernfs is its root */
	if (cgroup_hierarchy__id(table->hierarchy, "/") != 1)
		describe(table,
			 "only a part of that hierarchy is mounted here: containers outside it "
			 "are not recognised; edgetap needs the host's PID namespace");
	describe(table, "%zu cgroups are no container or unit; their processes go by executable",
		 table->shared_count);
	return 0;
}

int identity_table__new(struct identity_table **ret_table, const struct config *config,
			uint32_t slot_count)
{
	struct identity_table *table = calloc(1, sizeof(*table));
	const char *host_root = find_host_root();
	int err;

	if (table) {
		table->config = config;
		table->slot_count = slot_count;
		table->host_root = host_root;
		/* in every pod's environment */
		table->has_pods = getenv("KUBERNETES_SERVICE_HOST") != NULL;
		table->slot = calloc(slot_count ? slot_count : 1, sizeof(*table->slot));
		table->other = (struct identity){
			.kind = INSTANCE_OTHER,
			.app = "__other__",
			.instance = "__other__",
			.namespace_ = "",
			.pod = "",
			.container = "",
			.runtime = "",
			.metrics_path = "",
		};
	}
	if (!table || !table->slot) {
		log__info("no memory for %u instances", slot_count);
		identity_table__free(table);
		return -ENOMEM;
	}
	err = prepare(table, host_root);
	if (err) {
		if (err == -ENOMEM)
			log__info("no memory to read the cgroup hierarchies");
		identity_table__free(table);
		return err;
	}
	*ret_table = table;
	return 0;
}

void identity_table__free(struct identity_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; table->slot && i < table->slot_count; i++)
		free(table->slot[i]);
	free(table->slot);
	free(table->shared);
	for (size_t i = 0; i < table->line_count; i++)
		free(table->line[i]);
	cgroup_hierarchy__close(table->hierarchy);
	runtime_index__free(table->index);
	runtime_lookup__free(table->lookup);
	free(table);
}

int identity_table__hierarchy(const struct identity_table *table, const char **ret_controller)
{
	if (!table->controller)
		return -1;
	*ret_controller = table->controller;
	return 0;
}

size_t identity_table__describe(const struct identity_table *table, const char *const **ret_lines)
{
	*ret_lines = (const char *const *)table->line;
	return table->line_count;
}

size_t identity_table__shared_cgroups(struct identity_table *table, const uint64_t **ret_ids)
{
	*ret_ids = table->shared;
	return table->shared_count;
}

static void set_apart(struct identity *executable)
{
	/* in front of it is room, see resolve.c */
	if (names__file(executable->instance) == executable->instance)
		executable->instance -= strlen(NAMES_APART);
}

void table__keep_apart(struct identity_table *table, struct table_entry *entry)
{
	bool is_executable = entry->identity.kind == INSTANCE_EXECUTABLE;

	for (uint32_t i = 0; i < table->slot_count; i++) {
		struct table_entry *other = table->slot[i];

		if (!other || (other->identity.kind == INSTANCE_EXECUTABLE) == is_executable ||
		    strcmp(other->identity.instance, entry->identity.instance) != 0)
			continue;
		set_apart(is_executable ? &entry->identity : &other->identity);
	}
}

int identity_table__born(struct identity_table *table, const struct event *event)
{
	struct table_entry *old, *entry;
	int err;

	if (event->slot >= table->slot_count)
		return -EINVAL;
	if (event->slot == OTHER_INDEX)
		return 0;
	old = table->slot[event->slot];
	/* found in use at the start, and announced by an event that was waiting */
	if (old && old->generation == event->generation &&
	    memcmp(&old->key, &event->key, sizeof(old->key)) == 0) {
		old->dead_since_ns = 0;
		old->reported = false;
		old->hinted = true;
		return 0;
	}
	err = resolve__instance(table, event, &entry);
	if (err < 0)
		return err;
	identity_table__forget(table, event->slot);
	table->slot[event->slot] = entry;
	table__keep_apart(table, entry);
	if (err == 1 && add_shared(table, event->key.cgroup_id))
		return -ENOMEM;
	return err;
}

void identity_table__cgroup_removed(struct identity_table *table, uint64_t cgroup_id)
{
	for (uint32_t i = 0; i < table->slot_count; i++)
		if (table->slot[i] && table->slot[i]->key.cgroup_id == cgroup_id)
			table->slot[i]->hinted = true;
	for (size_t i = 0; i < table->shared_count; i++) {
		if (table->shared[i] == cgroup_id) {
			table->shared[i] = table->shared[--table->shared_count];
			break;
		}
	}
}

void identity_table__sweep_shared(struct identity_table *table,
				  void (*on_gone)(void *ctx, uint64_t cgroup_id), void *ctx)
{
	size_t looks = table->shared_count < SHARED_LOOKS ? table->shared_count : SHARED_LOOKS;
	char path[CGROUP_PATH_BYTES];

	while (looks--) {
		uint64_t id;

		if (table->shared_cursor >= table->shared_count)
			table->shared_cursor = 0;
		id = table->shared[table->shared_cursor];
		if (cgroup_hierarchy__path(table->hierarchy, id, 0, path, sizeof(path)) !=
		    -ENOENT) {
			table->shared_cursor++;
			continue;
		}
		table->shared[table->shared_cursor] = table->shared[--table->shared_count];
		on_gone(ctx, id);
	}
}

void identity_table__executable_exited(struct identity_table *table, uint32_t slot)
{
	if (slot < table->slot_count && table->slot[slot])
		table->slot[slot]->hinted = true;
}

bool identity_table__has_pods(const struct identity_table *table)
{
	return table->has_pods;
}

const struct identity *identity_table__get(const struct identity_table *table, uint32_t slot)
{
	if (slot == OTHER_INDEX)
		return &table->other;
	if (slot >= table->slot_count || !table->slot[slot])
		return NULL;
	return &table->slot[slot]->identity;
}

int identity_table__each(const struct identity_table *table,
			 int (*on_instance)(void *ctx, const struct identity_instance *instance),
			 void *ctx)
{
	for (uint32_t i = OTHER_INDEX + 1; i < table->slot_count; i++) {
		const struct table_entry *entry = table->slot[i];
		struct identity_instance instance;
		int result;

		if (!entry)
			continue;
		instance = (struct identity_instance){
			.identity = &entry->identity,
			.slot = i,
			.generation = entry->generation,
			.cgroup_id = entry->key.cgroup_id,
			.key = &entry->key,
			.cgroup = entry->cgroup,
			.is_dead = entry->dead_since_ns,
		};
		result = on_instance(ctx, &instance);
		if (result)
			return result;
	}
	return 0;
}

pid_t identity_table__process(const struct identity_table *table, uint32_t slot)
{
	const struct table_entry *entry = slot < table->slot_count ? table->slot[slot] : NULL;

	if (!entry || entry->dead_since_ns)
		return 0;
	if (entry->witness)
		return entry->witness;
	return entry->cgroup[0] ? cgroup_hierarchy__process(table->hierarchy, entry->cgroup) : 0;
}

void identity_table__forget(struct identity_table *table, uint32_t slot)
{
	if (slot >= table->slot_count)
		return;
	free(table->slot[slot]);
	table->slot[slot] = NULL;
}
