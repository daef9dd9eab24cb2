/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics of every Postgres server on the machine, with nothing to set up:
 * a thread has the broker ask each of them at an interval, one connection at a
 * time, and keeps what they said last.
 */
#ifndef EDGETAP_COLLECT_POSTGRES_POSTGRES_H
#define EDGETAP_COLLECT_POSTGRES_POSTGRES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collect/postgres/result.h"
#include "config/config.h"
#include "metrics/readings.h"

/* Servers beyond these are counted and not asked. */
#define POSTGRES_MAX_SERVERS 64

/* What is older is not shown. */
#define POSTGRES_MAX_AGE_NS (60ULL * 1000 * 1000 * 1000)

struct broker;
struct postgres;

struct postgres_options {
	struct broker *broker;
	const struct config *config; /* its postgres_ fields; must stay */
	const char *controller;	     /* of the cgroup hierarchy; NULL: v2 */
	/* Says what is wrong with a server, once until that changes. */
	__attribute__((format(printf, 1, 2))) void (*warn)(const char *format, ...);
};

/* Nothing runs yet. Returns 0 or a negative errno. */
int postgres__new(struct postgres **ret_postgres, const struct postgres_options *options);
void postgres__free(struct postgres *postgres);

/* Starts the thread, which has the privileges of the caller as they are now. 0 or a negative errno.
 */
int postgres__start(struct postgres *postgres);
bool postgres__is_started(const struct postgres *postgres);

/*
 * All below: any thread, and a NULL postgres is one that has nothing.
 */

/* A process called "postgres" has a listening socket; it is of an instance with these labels. */
void postgres__listening(struct postgres *postgres, pid_t pid, const struct model_labels *labels);

/*
 * Calls find for every server, to tell the labels of its instance: 1; 0 if it has none, or none
 * that is served, and then it is not asked; -1 if they are as before. cgroup is the path below
 * the hierarchy's mount. What labels point to must stay until the next call.
 */
void postgres__resolve(struct postgres *postgres,
		       int (*find)(void *ctx, pid_t pid, const char *cgroup,
				   struct model_labels *ret_labels),
		       void *ctx);

/* Adds what is known to readings: PG_UP of every server that was asked, and the others. */
void postgres__read(struct postgres *postgres, struct readings *readings);

/*
 * The app exposes statistics of its own servers: for a minute from now they are neither asked nor
 * shown.
 */
void postgres__leave_to_exporter(struct postgres *postgres, const char *app);

struct postgres_stats {
	uint32_t servers;  /* found, with an instance or without */
	uint32_t up;	   /* of these: answered when asked last */
	uint32_t asked;	   /* of these: asked at least once */
	uint32_t left_out; /* beyond POSTGRES_MAX_SERVERS, now */
	uint32_t hidden;   /* share their labels with an older one, which is shown */
	uint64_t asks_total;
	uint64_t failures_total[POSTGRES_FAILURE_KINDS];
};

/* As of now. */
void postgres__stats(struct postgres *postgres, struct postgres_stats *ret_stats);

#endif
