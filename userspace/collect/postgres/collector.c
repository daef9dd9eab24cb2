// SPDX-License-Identifier: Apache-2.0
/* Between the collectors, which know the instances, and what asks their database servers. */
#include "collect/collector.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "broker/broker.h"
#include "collect/postgres/postgres.h"
#include "config/config.h"
#include "identity/names.h"
#include "identity/process.h"

struct databases {
	struct collector_env env;
	struct postgres *postgres; /* NULL: its thread could not start */
	unsigned int resolved;	   /* times that its servers were given their labels */
};

static int start(void **ret_state, const struct collector_env *env)
{
	struct postgres_options options = {
		.broker = env->broker,
		.config = env->config,
		.warn = log__warn,
	};
	struct databases *databases;
	int err;

	if (!env->config->postgres || !env->broker)
		return 1;
	databases = calloc(1, sizeof(*databases));
	if (!databases)
		return -ENOMEM;
	databases->env = *env;
	if (identity_table__hierarchy(env->identity, &options.controller) < 0)
		options.controller = NULL;
	err = postgres__new(&databases->postgres, &options);
	if (err)
		free(databases);
	else
		*ret_state = databases;
	return err;
}

static void end(void *state)
{
	struct databases *databases = state;

	postgres__free(databases->postgres);
	free(databases);
}

static void tick(void *state, uint64_t now_ns)
{
	struct databases *databases = state;
	int err;

	(void)now_ns;
	if (!databases->postgres || postgres__is_started(databases->postgres))
		return;
	err = postgres__start(databases->postgres);
	if (!err)
		return;
	log__warn("no thread to ask servers of Postgres: %s", strerror(-err));
	postgres__free(databases->postgres);
	databases->postgres = NULL;
}

static void listening(void *state, const struct event *event, const struct identity *identity)
{
	const struct model_labels labels = model_labels__of(identity);
	struct databases *databases = state;

	if (event->kind == EVENT_LISTENING && !identity->dropped &&
	    strcmp(event->comm, "postgres") == 0)
		postgres__listening(databases->postgres, (pid_t)event->tgid, &labels);
}

/* The instance that a server is in. */
struct search {
	const char *cgroup;
	const char *exe; /* its file's name */
	const struct identity *found;
	size_t depth; /* of found: length of its cgroup's path */
};

static bool is_below(const char *path, const char *above)
{
	size_t length = strlen(above);

	return length > 1 && strncmp(path, above, length) == 0 &&
	       (path[length] == '\0' || path[length] == '/');
}

static int compare(void *ctx, const struct identity_instance *instance)
{
	const struct identity *identity = instance->identity;
	struct search *search = ctx;
	bool fits;

	if (instance->is_dead || !*instance->cgroup)
		return 0;
	if (identity->kind == INSTANCE_EXECUTABLE)
		fits = strcmp(search->cgroup, instance->cgroup) == 0 &&
		       names__is_executable(identity->instance, search->exe);
	else
		fits = is_below(search->cgroup, instance->cgroup);
	if (fits && strlen(instance->cgroup) >= search->depth) {
		search->found = identity;
		search->depth = strlen(instance->cgroup);
	}
	return 0;
}

/* The cgroup of an instance that has no slot: no TCP socket, and the kernel has no facts of it. */
struct cgroup_search {
	const char *cgroup;
	uint64_t id; /* of the deepest that it is in; 0: none */
	size_t depth;
};

static int compare_cgroup(void *ctx, const char *path, uint64_t id, enum instance_kind kind)
{
	struct cgroup_search *search = ctx;

	if (kind <= INSTANCE_UNIT && is_below(search->cgroup, path) &&
	    strlen(path) > search->depth) {
		search->id = id;
		search->depth = strlen(path);
	}
	return 0;
}

struct finder {
	const struct databases *databases;
	bool is_thorough;
	struct identity *own; /* of the last without a slot */
};

static int find_without_slot(struct finder *finder, pid_t pid, const char *cgroup,
			     struct model_labels *ret_labels)
{
	struct cgroup_search search = { .cgroup = cgroup };

	if (!finder->is_thorough)
		return -1;
	free(finder->own);
	finder->own = NULL;
	if (identity_table__walk(finder->databases->env.identity, compare_cgroup, &search) ||
	    !search.id ||
	    identity_table__of_cgroup(finder->databases->env.identity, search.id, pid,
				      &finder->own) ||
	    finder->own->dropped)
		return 0;
	*ret_labels = model_labels__of(finder->own);
	return 1;
}

static int find_labels(void *ctx, pid_t pid, const char *cgroup, struct model_labels *ret_labels)
{
	struct search search = { .cgroup = cgroup, .exe = "" };
	struct finder *finder = ctx;
	struct process_exe exe;
	char path[PATH_MAX];

	if (process__exe(pid, &exe, path) == 0)
		search.exe = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	identity_table__each(finder->databases->env.identity, compare, &search);
	if (!search.found)
		return find_without_slot(finder, pid, cgroup, ret_labels);
	if (search.found->dropped)
		return 0;
	*ret_labels = model_labels__of(search.found);
	return 1;
}

/* Walking the hierarchy and asking a runtime takes longer, for what hardly ever changes. */
#define THOROUGH_EVERY 3

static void sweep(void *state)
{
	struct databases *databases = state;
	struct finder finder = {
		.databases = databases,
		.is_thorough = databases->resolved++ % THOROUGH_EVERY == 0,
	};

	postgres__resolve(databases->postgres, find_labels, &finder);
	free(finder.own);
}

static void read_results(void *state, struct readings *readings)
{
	const struct databases *databases = state;

	postgres__read(databases->postgres, readings);
}

static void count(void *state, uint64_t counts[OWN_COUNTS])
{
	const struct databases *databases = state;
	struct postgres_stats stats;

	postgres__stats(databases->postgres, &stats);
	counts[OWN_POSTGRES_SERVERS] = stats.servers;
	counts[OWN_POSTGRES_LEFT_OUT] = stats.left_out;
	counts[OWN_POSTGRES_HIDDEN] = stats.hidden;
	counts[OWN_POSTGRES_ASKS] = stats.asks_total;
#define COUNT_FAILURE(id, name)                                                                    \
	counts[OWN_POSTGRES_FAILED_##id] = stats.failures_total[POSTGRES_##id];
	OWN_POSTGRES_FAILED(COUNT_FAILURE)
#undef COUNT_FAILURE
}

static void leave_to_exporter(void *state, const char *app)
{
	const struct databases *databases = state;

	postgres__leave_to_exporter(databases->postgres, app);
}

const struct collector collector_postgres = {
	.name = "postgres",
	.is_of_the_living = true,
	.start = start,
	.free = end,
	.tick = tick,
	.sweep = sweep,
	.read = read_results,
	.count = count,
	.listening = listening,
	.leave_to_exporter = leave_to_exporter,
};
