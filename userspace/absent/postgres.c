// SPDX-License-Identifier: Apache-2.0
/* In place of what a build leaves out: see PARTS in the Makefile. */
#include <stddef.h>

#include "cli/doctor_databases.h"
#include "collect/collector.h"
#include "collect/postgres/child.h"
#include "config/conninfo.h"

static int start(void **ret_state, const struct collector_env *env)
{
	(void)ret_state;
	(void)env;
	return 1;
}

const struct collector collector_postgres = { .name = "postgres", .start = start };

void postgres_child__configure(const struct config *config)
{
	(void)config;
}

void postgres_child__run(const struct broker_server *server, int socket)
{
	(void)server;
	(void)socket;
}

void doctor__report_databases(struct report *report, const struct config *config)
{
	(void)config;
	report__add(report, "Postgres", GRADE_NOTE, "this build leaves it out: not asked");
}

const char *conninfo__obstacle(const char *conninfo)
{
	(void)conninfo;
	return NULL;
}

const char *conninfo__password_obstacle(const char *conninfo)
{
	(void)conninfo;
	return NULL;
}
