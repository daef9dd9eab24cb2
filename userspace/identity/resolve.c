// SPDX-License-Identifier: Apache-2.0
/* From a key and one of its processes to labels. */
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "config/config.h"
#include "identity/instance_cgroup.h"
#include "identity/names.h"
#include "identity/rules.h"
#include "identity/runtime_facts.h"
#include "identity/table.h"

/* What a process without a name is called: a label must not be empty. */
#define NAMELESS "-"
/* between a process in a container and the one outside that started it */
#define ANCESTORS_MAX 8

/* Labels while they are worked out. */
struct draft {
	enum instance_kind kind;
	const char *runtime;
	char app[LABEL_BYTES];
	char instance[LABEL_BYTES];
	struct runtime_facts facts;
	char cgroup[CGROUP_PATH_BYTES];
	char exe_path[PATH_MAX];
	struct process_exe exe;
	pid_t witness;
	bool dropped;
	bool no_uprobes;
};

bool resolve__is_shared(struct identity_table *table, const char *path)
{
	struct cgroup_path class;

	cgroup_path__classify(path, &class);
	return class.kind == CGROUP_SHARED && !runtime_index__find(table->index, path);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Both from the executable, "the executable" being its file's name. */
static void name_by_executable(struct draft *draft, const char *name)
{
	draft->kind = INSTANCE_EXECUTABLE;
	draft->runtime = "";
	if (!*name)
		name = NAMELESS;
	names__clean(draft->app, name, strlen(name));
	names__executable(draft->instance, name);
}

/* stat(2) and the kernel pack device numbers differently. */
static uint64_t key_dev(const struct instance_key *key)
{
	return makedev(key->exe_dev >> 20, key->exe_dev & 0xfffff);
}

/* Another slot with the same executable (in another cgroup) knows its name. */
static const struct table_entry *find_same_exe(const struct identity_table *table,
					       const struct instance_key *key)
{
	for (uint32_t i = 0; i < table->slot_count; i++) {
		const struct table_entry *entry = table->slot[i];

		if (entry && entry->witness && entry->key.exe_inode == key->exe_inode &&
		    entry->key.exe_dev == key->exe_dev)
			return entry;
	}
	return NULL;
}

static void name_executable(const struct identity_table *table, const struct event *event,
			    const char *comm, struct draft *draft)
{
	const struct table_entry *same;
	const char *name = base_name(draft->exe_path);
	bool is_key = draft->exe.inode == event->key.exe_inode &&
		      draft->exe.dev == key_dev(&event->key);

	/*
	 * On btrfs and overlayfs the device or inode that stat(2) shows is not
	 * the one the kernel side sees. The name tells then that it is still
	 * the same program; comm is its first 15 bytes, unless it was renamed.
	 */
	if (draft->exe_path[0] && (is_key || strncmp(name, comm, EVENT_COMM_BYTES - 1) == 0)) {
		draft->witness = (pid_t)event->tgid;
		name_by_executable(draft, name);
		return;
	}
	same = find_same_exe(table, &event->key);
	if (same) {
		draft->exe = same->exe;
		draft->witness = same->witness;
		draft->kind = INSTANCE_EXECUTABLE;
		draft->runtime = "";
		snprintf(draft->instance, LABEL_BYTES, "%s", same->identity.instance);
		snprintf(draft->app, LABEL_BYTES, "%s", names__file(draft->instance));
		return;
	}
	/* it has ended, or runs another program by now */
	draft->exe =
		(struct process_exe){ .dev = key_dev(&event->key), .inode = event->key.exe_inode };
	name_by_executable(draft, comm);
	draft->exe_path[0] = '\0';
}

/* Whether a cgroup path has a component that is called as the one ending at root_len. */
static bool has_component(const char *path, const char *root, size_t root_len)
{
	size_t start = root_len, len;

	while (start && root[start - 1] != '/')
		start--;
	len = root_len - start;
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");

		if (n == len && memcmp(at, root + start, n) == 0)
			return true;
		at += n + (at[n] == '/');
	}
	return false;
}

/*
 * Who started the container: the nearest ancestor of a process in it that is outside. What is
 * inside may call itself a monitor, too. By the name of the container's cgroup, as the paths of
 * others are seen from the agent's own cgroup namespace, and begin elsewhere.
 */
static pid_t find_monitor(const struct identity_table *table, const struct cgroup_path *class,
			  const char *cgroup, pid_t pid)
{
	char path[CGROUP_PATH_BYTES];

	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		pid = process__parent(pid);
		if (pid <= 1 || process__cgroup(pid, table->controller, path, sizeof(path)) < 0)
			return 0;
		if (!has_component(path, cgroup, class->root_len))
			return pid;
	}
	return 0;
}

static void name_container(struct identity_table *table, const struct cgroup_path *class, pid_t pid,
			   struct draft *draft)
{
	struct runtime_facts *facts = &draft->facts;
	pid_t monitor = find_monitor(table, class, draft->cgroup, pid);

	draft->kind = INSTANCE_CONTAINER;
	draft->runtime = runtime_lookup__find(table->lookup, class, monitor, facts);
	table->has_pods |= class->in_kubepods || facts->pod[0];
	cgroup_path__instance(class, draft->instance);
	if (facts->app[0])
		memcpy(draft->app, facts->app, sizeof(draft->app));
	else if (facts->pod[0])
		names__pod_owner(draft->app, facts->pod, table->config->host);
	else if (facts->name[0])
		memcpy(draft->app, facts->name, sizeof(draft->app));
	else if (facts->container[0])
		memcpy(draft->app, facts->container, sizeof(draft->app));
	else
		memcpy(draft->app, draft->instance, sizeof(draft->app));
}

/*
 * A hybrid host whose runtimes do not use v2: it could not be known while
 * there was no container. Said once.
 */
static void look_elsewhere(struct identity_table *table, pid_t pid)
{
	char path[CGROUP_PATH_BYTES];
	struct cgroup_path class;

	if (!table->other_controller ||
	    process__cgroup(pid, table->other_controller, path, sizeof(path)) < 0)
		return;
	cgroup_path__classify(path, &class);
	if (class.kind != CGROUP_CONTAINER || class.is_users)
		return;
	log__warn("the container at %s is in cgroup v1 only, and is not told from others; restart "
		  "edgetap, or set cgroup_hierarchy to %s",
		  path, table->other_controller);
	table->other_controller = NULL;
}

static void apply_rules(const struct config *config, struct draft *draft)
{
	struct rules_subject subject = {
		.app = draft->app,
		.instance = draft->instance,
		.cgroup = draft->cgroup,
		.exe = draft->exe_path,
	};
	const struct config_rule *rule = rules__find(config->rules, config->rule_count, &subject);

	if (!rule)
		return;
	if (rule->set_app)
		names__clean(draft->app, rule->set_app, strlen(rule->set_app));
	draft->dropped = rule->drop;
	draft->no_uprobes = rule->no_uprobes;
}

static const char *put(char **at, const char *text)
{
	char *start = *at;
	size_t size = strlen(text) + 1;

	memcpy(start, text, size);
	*at += size;
	return start;
}

/* An executable's with room in front, so that it can be set apart. */
static const char *put_instance(char **at, const struct draft *draft)
{
	if (draft->kind == INSTANCE_EXECUTABLE) {
		memcpy(*at, NAMES_APART, strlen(NAMES_APART));
		*at += strlen(NAMES_APART);
	}
	return put(at, draft->instance);
}

static struct table_entry *make_entry(const struct draft *draft, const struct event *event)
{
	const struct runtime_facts *facts = &draft->facts;
	const char *metrics_path = "";
	uint16_t metrics_port = runtime_facts__metrics(facts, &metrics_path);
	size_t size = strlen(draft->app) + strlen(draft->instance) + strlen(facts->namespace_) +
		      strlen(facts->pod) + strlen(facts->container) + strlen(draft->cgroup) +
		      strlen(metrics_path) + strlen(NAMES_APART) + 7;
	struct table_entry *entry = calloc(1, sizeof(*entry) + size);
	char *at;

	if (!entry)
		return NULL;
	at = (char *)(entry + 1);
	entry->identity = (struct identity){
		.kind = draft->kind,
		.app = put(&at, draft->app),
		.instance = put_instance(&at, draft),
		.namespace_ = put(&at, facts->namespace_),
		.pod = put(&at, facts->pod),
		/* the label is Kubernetes' word; elsewhere the name is the app */
		.container = put(&at, facts->pod[0] ? facts->container : ""),
		.runtime = draft->runtime,
		.metrics_port = metrics_port,
		.metrics_path = put(&at, metrics_path),
		.is_incomplete = facts->is_incomplete,
		.dropped = draft->dropped,
		.no_uprobes = draft->no_uprobes,
	};
	entry->cgroup = put(&at, draft->cgroup);
	entry->key = event->key;
	entry->generation = event->generation;
	entry->exe = draft->exe;
	entry->witness = draft->witness;
	/* nobody to watch: find out soon whether it lives */
	entry->hinted = key__has_exe(&event->key) && !draft->witness;
	return entry;
}

/*
 * Where the key's cgroup is, or, if it has gone, its process: whoever makes one in a container and
 * removes it at once is still in the container. "" if both have gone.
 */
static void find_cgroup(struct identity_table *table, const struct event *event, char *path)
{
	pid_t pid = (pid_t)event->tgid;

	if (cgroup_hierarchy__path(table->hierarchy, event->key.cgroup_id, pid, path,
				   CGROUP_PATH_BYTES) == 0)
		return;
	/* not as seen from a cgroup namespace beside it */
	if (pid <= 0 || process__cgroup(pid, table->controller, path, CGROUP_PATH_BYTES) < 0 ||
	    strncmp(path, "/..", 3) == 0 || !cgroup_hierarchy__id(table->hierarchy, path))
		path[0] = '\0';
}

int resolve__instance(struct identity_table *table, const struct event *event,
		      struct table_entry **ret_entry)
{
	struct draft *draft = calloc(1, sizeof(*draft)); /* 10 KB */
	pid_t pid = (pid_t)event->tgid;
	char comm[EVENT_COMM_BYTES + 1] = { 0 };
	struct cgroup_path class;
	int shared = 0;

	if (!draft)
		return -ENOMEM;
	memcpy(comm, event->comm, EVENT_COMM_BYTES);
	find_cgroup(table, event, draft->cgroup);
	if (pid <= 0 || process__exe(pid, &draft->exe, draft->exe_path) < 0) {
		draft->exe_path[0] = '\0';
		/* that one has ended, but the cgroup lives: any of its processes will do */
		pid = 0;
		if (!key__has_exe(&event->key) && draft->cgroup[0])
			pid = cgroup_hierarchy__process(table->hierarchy, draft->cgroup);
		if (pid > 0 && process__exe(pid, &draft->exe, draft->exe_path) < 0)
			draft->exe_path[0] = '\0';
	}

	if (key__has_exe(&event->key)) {
		name_executable(table, event, comm, draft);
		look_elsewhere(table, pid);
	} else if (!draft->cgroup[0] ||
		   instance_cgroup__find(table->index, table->hierarchy, draft->cgroup, LOOK_NOW,
					 &class) < 0) {
		/* gone before anybody looked: no executable of the host is known to be this one */
		name_by_executable(draft, comm);
		snprintf(draft->instance, sizeof(draft->instance), NAMES_APART "%.*s",
			 EVENT_COMM_BYTES, draft->app);
	} else {
		if (class.kind == CGROUP_SHARED) {
			/* what is counted until the kernel knows is the first process's, mostly */
			shared = 1;
			name_by_executable(draft,
					   draft->exe_path[0] ? base_name(draft->exe_path) : comm);
		} else if (class.kind == CGROUP_CONTAINER) {
			name_container(table, &class, pid, draft);
		} else {
			draft->kind = INSTANCE_UNIT;
			draft->runtime = class.runtime;
			cgroup_path__instance(&class, draft->instance);
			names__unit_app(draft->app, class.unit);
		}
	}
	apply_rules(table->config, draft);
	*ret_entry = make_entry(draft, event);
	if (!*ret_entry)
		shared = -ENOMEM;
	free(draft);
	return shared;
}
