// SPDX-License-Identifier: Apache-2.0
#include "agent/databases.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/capability.h"
#include "cli/report.h"
#include "collect/postgres/child.h"
#include "collect/postgres/postgres.h"
#include "identity/names.h"
#include "identity/process.h"

/* Of doctor's: the first look, then whatever the slowest server takes. */
#define REPORT_WAIT_MS 12000
#define REPORT_STEP_MS 20

int databases__new(struct agent *agent)
{
	struct postgres_options options = {
		.broker = agent->broker,
		.config = &agent->config,
		.warn = log__warn,
	};

	if (!agent->config.postgres || !agent->broker)
		return 0;
	if (identity_table__hierarchy(agent->identity, &options.controller) < 0)
		options.controller = NULL;
	return postgres__new(&agent->postgres, &options);
}

void databases__start(struct agent *agent)
{
	int err;

	if (!agent->postgres || postgres__is_started(agent->postgres))
		return;
	err = postgres__start(agent->postgres);
	if (!err)
		return;
	log__warn("no thread to ask servers of Postgres: %s", strerror(-err));
	postgres__free(agent->postgres);
	agent->postgres = NULL;
}

static struct model_labels labels_of(const struct identity *identity)
{
	return (struct model_labels){ {
		[MODEL_APP] = identity->app,
		[MODEL_NAMESPACE] = identity->namespace_,
		[MODEL_INSTANCE] = identity->instance,
		[MODEL_POD] = identity->pod,
		[MODEL_CONTAINER] = identity->container,
	} };
}

void databases__listening(struct agent *agent, const struct event *event,
			  const struct identity *identity)
{
	struct model_labels labels = labels_of(identity);

	if (event->kind == EVENT_LISTENING && !identity->dropped &&
	    strcmp(event->comm, "postgres") == 0)
		postgres__listening(agent->postgres, (pid_t)event->tgid, &labels);
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
	struct agent *agent;
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
	if (identity_table__walk(finder->agent->identity, compare_cgroup, &search) || !search.id ||
	    identity_table__of_cgroup(finder->agent->identity, search.id, pid, &finder->own) ||
	    finder->own->dropped)
		return 0;
	*ret_labels = labels_of(finder->own);
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
	identity_table__each(finder->agent->identity, compare, &search);
	if (!search.found)
		return find_without_slot(finder, pid, cgroup, ret_labels);
	if (search.found->dropped)
		return 0;
	*ret_labels = labels_of(search.found);
	return 1;
}

/* Walking the hierarchy and asking a runtime takes longer, for what hardly ever changes. */
#define THOROUGH_EVERY 3

void databases__resolve(struct agent *agent)
{
	struct finder finder = {
		.agent = agent,
		.is_thorough = agent->resolved++ % THOROUGH_EVERY == 0,
	};

	postgres__resolve(agent->postgres, find_labels, &finder);
	free(finder.own);
}

void databases__counts(void *ctx, uint64_t ret_counts[DATABASE_FIELDS])
{
	const struct agent *agent = ctx;
	struct postgres_stats stats;

	postgres__stats(agent->postgres, &stats);
	ret_counts[DATABASE_SERVERS] = stats.servers;
	ret_counts[DATABASE_LEFT_OUT] = stats.left_out;
	ret_counts[DATABASE_HIDDEN] = stats.hidden;
	ret_counts[DATABASE_ASKS] = stats.asks_total;
	memcpy(&ret_counts[DATABASE_FAILURES], stats.failures_total, sizeof(stats.failures_total));
}

/* Labels do not matter to doctor, but each server has its own. */
static int find_pid(void *ctx, pid_t pid, const char *cgroup, struct model_labels *ret_labels)
{
	static char text[16];

	(void)ctx;
	(void)cgroup;
	snprintf(text, sizeof(text), "%ld", (long)pid);
	*ret_labels = (struct model_labels){ { [MODEL_INSTANCE] = text } };
	return 1;
}

static void stay_silent(const char *format, ...)
{
	(void)format;
}

static void wait_for_all(struct postgres *postgres, struct postgres_stats *ret_stats)
{
	const struct timespec step = { .tv_nsec = REPORT_STEP_MS * 1000000L };

	for (int waited_ms = 0; waited_ms < REPORT_WAIT_MS; waited_ms += REPORT_STEP_MS) {
		nanosleep(&step, NULL);
		postgres__resolve(postgres, find_pid, NULL);
		postgres__stats(postgres, ret_stats);
		/* the first look takes a moment */
		if (waited_ms >= 10 * REPORT_STEP_MS && ret_stats->asked == ret_stats->servers)
			return;
	}
}

static void report_stats(struct report *report, const struct postgres_stats *stats)
{
	char reasons[256] = "";
	size_t used = 0;

	for (int i = POSTGRES_NONE + 1; i < POSTGRES_FAILURE_KINDS; i++)
		if (stats->failures_total[i] && used < sizeof(reasons))
			used += (size_t)snprintf(reasons + used, sizeof(reasons) - used,
						 "%s%llu: %s", used ? ", " : "; ",
						 (unsigned long long)stats->failures_total[i],
						 postgres_failure__name((enum postgres_failure)i));
	report__add(report, "Postgres", stats->up == stats->servers ? GRADE_GOOD : GRADE_NOTE,
		    "%u servers run, %u of them can be asked%s", stats->servers, stats->up,
		    reasons);
}

void databases__report(struct report *report, const struct config *config)
{
	static const struct broker_options broker_options = {
		.uses = USE(POSTGRES),
		.postgres = postgres_child__run,
		.warn = stay_silent,
	};
	struct postgres_options options = { .config = config, .warn = stay_silent };
	struct postgres_stats stats = {};
	struct postgres *postgres = NULL;

	if (!config->postgres) {
		report__add(report, "Postgres", GRADE_NOTE, "postgres is false: not asked");
		return;
	}
	postgres_child__configure(config);
	if (broker__start(&options.broker, &broker_options))
		return;
	if (postgres__new(&postgres, &options) == 0 && postgres__start(postgres) == 0) {
		wait_for_all(postgres, &stats);
		report_stats(report, &stats);
	}
	postgres__free(postgres);
	broker__free(options.broker);
}
