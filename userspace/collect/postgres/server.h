/* SPDX-License-Identifier: Apache-2.0 */
/* The servers that are known, and what each said last. No thread, no lock, no clock of its own. */
#ifndef EDGETAP_COLLECT_POSTGRES_SERVER_H
#define EDGETAP_COLLECT_POSTGRES_SERVER_H

#include "collect/postgres/find.h"
#include "collect/postgres/postgres.h"

#define SERVER_LABEL_BYTES 256
#define SERVER_CGROUP_BYTES 1024
#define SERVER_EXPORTERS 64

struct server {
	pid_t pid; /* 0: free */
	uint64_t start_ticks;
	char cgroup[SERVER_CGROUP_BYTES];
	bool has_labels;
	char label[MODEL_LABELS][SERVER_LABEL_BYTES];
	char role[POSTGRES_ROLE_BYTES]; /* that was let in last */
	bool is_busy;			/* is being asked */
	bool is_hidden;			/* see postgres_stats */
	bool said_hidden;
	uint64_t next_ns; /* when to ask it */
	bool was_asked;
	enum postgres_failure failure; /* of the last time */
	unsigned int failed;	       /* times in a row */
	uint64_t read_ns;	       /* when result was complete; 0: never */
	struct postgres_result result;
};

struct server_list {
	struct server server[POSTGRES_MAX_SERVERS];
	uint32_t left_out; /* since the last look */
	struct {
		char app[SERVER_LABEL_BYTES];
		uint64_t until_ns;
	} exporter[SERVER_EXPORTERS];
};

/* NULL if it is not there. */
struct server *server_list__find(struct server_list *list, pid_t pid, uint64_t start_ticks);

/* One that is new gets a place, to be asked at once; NULL if there is none. */
struct server *server_list__add(struct server_list *list, pid_t pid, uint64_t start_ticks);
void server_list__remove(struct server *server);
void server_list__free(struct server_list *list);

/* NULL labels: it has none. */
void server__set_labels(struct server *server, const struct model_labels *labels);

/*
 * What an ask has brought: takes result over. interval_ns is the time to the next when all is
 * well; one that fails is asked less often.
 */
void server__finish(struct server *server, struct postgres_result *result, uint64_t now_ns,
		    uint64_t interval_ns);

/* The first rule whose patterns fit, -1 for none; -2 if it says not to ask. */
int server__rule(const struct server *server, const struct config_postgres *rules, size_t count);

/* Whether it is to be asked now. */
bool server_list__is_due(const struct server_list *list, const struct server *server,
			 uint64_t now_ns);

/* The app's servers are neither asked nor shown until then. */
void server_list__leave(struct server_list *list, const char *app, uint64_t until_ns);
bool server_list__is_left(const struct server_list *list, const struct server *server,
			  uint64_t now_ns);

/* Marks those that share their labels with an older one, or are unproven and share them with any. */
void server_list__hide(struct server_list *list);

/* Adds the readings of one. */
void server__read(const struct server *server, struct readings *readings, uint64_t now_ns);

#endif
