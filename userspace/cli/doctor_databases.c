// SPDX-License-Identifier: Apache-2.0
/* What doctor says of servers of Postgres: it asks each. */
#include <string.h>
#include <time.h>

#include "broker/broker.h"
#include "broker/capability.h"
#include "cli/doctor_databases.h"
#include "collect/postgres/child.h"
#include "collect/postgres/postgres.h"

/* The first look, then whatever the slowest server takes. */
#define REPORT_WAIT_MS 12000
#define REPORT_STEP_MS 20

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

void doctor__report_databases(struct report *report, const struct config *config)
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
