// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/server.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* One that fails is asked after the interval, then after twice that, and so on. */
#define MAX_DOUBLINGS 3

struct server *server_list__find(struct server_list *list, pid_t pid, uint64_t start_ticks)
{
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++)
		if (list->server[i].pid == pid && list->server[i].start_ticks == start_ticks)
			return &list->server[i];
	return NULL;
}

struct server *server_list__add(struct server_list *list, pid_t pid, uint64_t start_ticks)
{
	struct server *known = server_list__find(list, pid, start_ticks);

	if (known)
		return known;
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++) {
		struct server *server = &list->server[i];

		if (server->pid)
			continue;
		memset(server, 0, sizeof(*server));
		server->pid = pid;
		server->start_ticks = start_ticks;
		return server;
	}
	return NULL;
}

void server_list__remove(struct server *server)
{
	postgres_result__free(&server->result);
	server->pid = 0;
}

void server_list__free(struct server_list *list)
{
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++)
		if (list->server[i].pid)
			server_list__remove(&list->server[i]);
}

void server__set_labels(struct server *server, const struct model_labels *labels)
{
	server->has_labels = labels != NULL;
	if (labels) /* they are compared as a whole */
		memset(server->label, 0, sizeof(server->label));
	for (int i = 0; labels && i < MODEL_LABELS; i++)
		snprintf(server->label[i], sizeof(server->label[i]), "%s",
			 labels->value[i] ? labels->value[i] : "");
}

/* Neither will be otherwise soon, and finding that out costs the server nothing. */
static bool is_passing(enum postgres_failure failure)
{
	return failure == POSTGRES_STARTING || failure == POSTGRES_STOPPED ||
	       failure == POSTGRES_BROKER;
}

void server__finish(struct server *server, struct postgres_result *result, uint64_t now_ns,
		    uint64_t interval_ns)
{
	server->is_busy = false;
	server->was_asked = true;
	server->failure = result->failure;
	if (result->failure == POSTGRES_NONE) {
		server->failed = 0;
		server->read_ns = now_ns;
		snprintf(server->role, sizeof(server->role), "%s", result->role);
		postgres_result__free(&server->result);
		server->result = *result;
		*result = (struct postgres_result){};
	} else {
		server->failed += server->failed < MAX_DOUBLINGS + 1;
		postgres_result__free(result);
	}
	if (server->failed > 1 && !is_passing(server->failure))
		interval_ns <<= server->failed - 1;
	server->next_ns = now_ns + interval_ns;
}

static bool fits(const char *pattern, const char *text)
{
	return !pattern || !*pattern || fnmatch(pattern, text, 0) == 0;
}

int server__rule(const struct server *server, const struct config_postgres *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fits(rules[i].match_app, server->label[MODEL_APP]) &&
		    fits(rules[i].match_instance, server->label[MODEL_INSTANCE]))
			return rules[i].is_off ? -2 : (int)i;
	return -1;
}

bool server_list__is_due(const struct server_list *list, const struct server *server,
			 uint64_t now_ns)
{
	return server->pid && server->has_labels && !server->is_busy && !server->is_hidden &&
	       server->next_ns <= now_ns && !server_list__is_left(list, server, now_ns);
}

void server_list__leave(struct server_list *list, const char *app, uint64_t until_ns)
{
	int oldest = 0;

	for (int i = 0; i < SERVER_EXPORTERS; i++) {
		if (strcmp(list->exporter[i].app, app) == 0) {
			oldest = i;
			break;
		}
		if (list->exporter[i].until_ns < list->exporter[oldest].until_ns)
			oldest = i;
	}
	snprintf(list->exporter[oldest].app, sizeof(list->exporter[oldest].app), "%s", app);
	list->exporter[oldest].until_ns = until_ns;
}

bool server_list__is_left(const struct server_list *list, const struct server *server,
			  uint64_t now_ns)
{
	for (int i = 0; i < SERVER_EXPORTERS; i++)
		if (list->exporter[i].until_ns > now_ns &&
		    strcmp(list->exporter[i].app, server->label[MODEL_APP]) == 0)
			return true;
	return false;
}

/* A process of that name that is no server takes nobody's labels. */
static bool is_shown(const struct server *server)
{
	return server->pid && server->has_labels && server->failure != POSTGRES_NO_SERVER;
}

/* One that has not shown that it is the one which a rule means takes the labels from none that has.
 */
static bool is_before(const struct server *a, const struct server *b)
{
	const bool is_unproven = a->failure == POSTGRES_UNPROVEN;

	if (is_unproven != (b->failure == POSTGRES_UNPROVEN))
		return !is_unproven;
	return a->start_ticks != b->start_ticks ? a->start_ticks < b->start_ticks : a->pid < b->pid;
}

void server_list__hide(struct server_list *list)
{
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++) {
		struct server *server = &list->server[i];

		server->is_hidden = false;
		for (int k = 0; is_shown(server) && k < POSTGRES_MAX_SERVERS; k++) {
			const struct server *other = &list->server[k];

			if (k != i && is_shown(other) && is_before(other, server) &&
			    memcmp(other->label, server->label, sizeof(server->label)) == 0)
				server->is_hidden = true;
		}
	}
}

void server__read(const struct server *server, struct readings *readings, uint64_t now_ns)
{
	const struct postgres_result *result = &server->result;
	struct model_labels labels;
	int64_t owner;

	if (!is_shown(server) || !server->was_asked || server->is_hidden)
		return;
	for (int i = 0; i < MODEL_LABELS; i++)
		labels.value[i] = server->label[i];
	owner = readings__owner(readings, &labels);
	if (owner < 0)
		return;
	readings__add(readings, owner, READING_PG_UP, server->failure == POSTGRES_NONE, NULL, NULL,
		      NULL);
	if (!server->read_ns || now_ns - server->read_ns > POSTGRES_MAX_AGE_NS)
		return;
	for (size_t i = 0; i < result->count; i++) {
		const struct postgres_value *value = &result->value[i];

		readings__add(readings, owner, (enum reading_kind)value->kind, value->value,
			      result->text + value->label[0], result->text + value->label[1],
			      result->text + value->label[2]);
	}
}
