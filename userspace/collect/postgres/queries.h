/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server is asked: the statistics views of PostgreSQL 10 and later (The
 * Cumulative Statistics System in its manual), in whole numbers of the reading's unit. Pure.
 */
#ifndef EDGETAP_COLLECT_POSTGRES_QUERIES_H
#define EDGETAP_COLLECT_POSTGRES_QUERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "metrics/readings.h"

#define POSTGRES_OLDEST_VERSION 100000 /* as PQserverVersion() has it */

/* Each with names of its own; the rest share one, "__other__". */
#define POSTGRES_MAX_DATABASES 100
#define POSTGRES_MAX_STANDBYS 64
#define POSTGRES_MAX_VALUES 8192

#define POSTGRES_QUERY_COLUMNS 20

struct postgres_query {
	const char *sql;
	int since, before;   /* versions; 0: any */
	unsigned int labels; /* columns that come first */
	bool may_fail;	     /* the rest is shown without it */
	unsigned int kinds;  /* columns that follow */
	enum reading_kind kind[POSTGRES_QUERY_COLUMNS];
};

/* All of them; those that are for a version are found by postgres_query__fits. */
size_t postgres_query__all(const struct postgres_query **ret_queries);
bool postgres_query__fits(const struct postgres_query *query, int version);

/* How many labels values of a kind have; -1 for what is no kind of Postgres'. */
int postgres_kind__labels(enum reading_kind kind);

/* By name, "PG_DATABASE_SIZE"; -1 if there is none of Postgres'. */
int postgres_kind__find(const char *name, size_t length);
const char *postgres_kind__name(enum reading_kind kind);

#endif
