// SPDX-License-Identifier: Apache-2.0
/* The thread. */
#include "collect/postgres/postgres.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/broker.h"
#include "collect/postgres/find.h"
#include "collect/postgres/result.h"
#include "collect/postgres/server.h"
#include "identity/process.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S (1000 * NS_PER_MS)

/* Servers with no TCP socket are found by looking, which costs a walk through /proc. */
#define LOOK_NS (60 * NS_PER_S)
#define EXPORTER_NS (60 * NS_PER_S)

/* The broker ends them before. */
#define ASK_NS ((BROKER_SERVER_DEADLINE_MS + 5000) * NS_PER_MS)

#define MAX_ASKS 8
#define MAX_PENDING 64
#define FIRST_BYTES 16384

struct ask_state {
	int fd; /* -1: free */
	pid_t pid;
	uint64_t start_ticks;
	uint64_t begin_ns;
	char *text;
	size_t used, room;
};

struct pending {
	pid_t pid;
	char label[MODEL_LABELS][SERVER_LABEL_BYTES];
};

struct postgres {
	struct postgres_options options;
	pthread_t thread;
	bool is_started;
	int wake_fd;

	/* the thread's own */
	struct ask_state ask[MAX_ASKS];
	uint64_t next_look_ns;

	pthread_mutex_t lock; /* of everything below */
	bool is_ending;
	struct server_list list;
	struct pending pending[MAX_PENDING];
	unsigned int pending_count;
	struct postgres_stats stats;
};

int postgres__new(struct postgres **ret_postgres, const struct postgres_options *options)
{
	struct postgres *postgres = calloc(1, sizeof(*postgres));

	if (!postgres)
		return -ENOMEM;
	postgres->options = *options;
	postgres->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (postgres->wake_fd < 0) {
		int err = -errno;

		free(postgres);
		return err;
	}
	for (int i = 0; i < MAX_ASKS; i++)
		postgres->ask[i].fd = -1;
	pthread_mutex_init(&postgres->lock, NULL);
	*ret_postgres = postgres;
	return 0;
}

static void wake(struct postgres *postgres)
{
	const uint64_t one = 1;

	/* full is as good: it wakes */
	if (write(postgres->wake_fd, &one, sizeof(one)) != sizeof(one))
		return;
}

static void say_hidden(struct postgres *postgres)
{
	server_list__hide(&postgres->list);
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++) {
		struct server *server = &postgres->list.server[i];

		if (!server->pid || !server->is_hidden || server->said_hidden)
			continue;
		server->said_hidden = true;
		postgres->options.warn("Postgres server %ld is not shown: app %s, instance %s is "
				       "that of an older server",
				       (long)server->pid, server->label[MODEL_APP],
				       server->label[MODEL_INSTANCE]);
	}
}

/* A server was found; the lock is held. */
static struct server *take_server(struct postgres *postgres, pid_t pid, uint64_t start_ticks)
{
	struct server *server = server_list__find(&postgres->list, pid, start_ticks);

	if (server)
		return server;
	server = server_list__add(&postgres->list, pid, start_ticks);
	if (!server)
		postgres->list.left_out++;
	else if (process__cgroup(pid, postgres->options.controller, server->cgroup,
				 sizeof(server->cgroup)))
		server->cgroup[0] = '\0';
	return server;
}

static void on_server(void *ctx, pid_t pid, const struct find_stat *stat)
{
	struct postgres *postgres = ctx;

	pthread_mutex_lock(&postgres->lock);
	take_server(postgres, pid, stat->start_ticks);
	pthread_mutex_unlock(&postgres->lock);
}

static void take_pending(struct postgres *postgres)
{
	pthread_mutex_lock(&postgres->lock);
	for (unsigned int i = 0; i < postgres->pending_count; i++) {
		struct pending *pending = &postgres->pending[i];
		struct model_labels labels;
		struct server *server;
		struct find_stat stat;
		pid_t pid = find__server(pending->pid, &stat);

		if (pid < 0)
			continue;
		server = take_server(postgres, pid, stat.start_ticks);
		for (int k = 0; k < MODEL_LABELS; k++)
			labels.value[k] = pending->label[k];
		if (server)
			server__set_labels(server, &labels);
	}
	if (postgres->pending_count)
		say_hidden(postgres);
	postgres->pending_count = 0;
	pthread_mutex_unlock(&postgres->lock);
}

static bool has_ended(const struct server *server)
{
	struct find_stat stat;

	return find__stat(server->pid, &stat) || stat.start_ticks != server->start_ticks ||
	       stat.state == 'Z';
}

/* The lock is held. */
static void remove_ended(struct postgres *postgres)
{
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++) {
		struct server *server = &postgres->list.server[i];

		if (server->pid && !server->is_busy && has_ended(server))
			server_list__remove(server);
	}
	say_hidden(postgres);
}

static void look(struct postgres *postgres, uint64_t now_ns)
{
	bool is_due = now_ns >= postgres->next_look_ns;

	pthread_mutex_lock(&postgres->lock);
	if (is_due) {
		postgres->list.left_out = 0;
		remove_ended(postgres);
	}
	pthread_mutex_unlock(&postgres->lock);
	if (!is_due)
		return;
	find__each(on_server, postgres);
	postgres->next_look_ns = now_ns + LOOK_NS;
}

/* Once until it changes. The lock is held. */
static void finish(struct postgres *postgres, struct server *server, struct postgres_result *result,
		   uint64_t now_ns)
{
	const bool is_new = !server->was_asked || server->failure != result->failure;
	const unsigned int missing = result->missing;

	postgres->stats.failures_total[result->failure] += result->failure != POSTGRES_NONE;
	/* every server starts, and that is over soon */
	if (is_new && result->failure != POSTGRES_NONE && result->failure != POSTGRES_STARTING)
		postgres->options.warn("Postgres of app %s, instance %s (process %ld) cannot be "
				       "asked (%s): %s",
				       server->label[MODEL_APP], server->label[MODEL_INSTANCE],
				       (long)server->pid, postgres_failure__name(result->failure),
				       result->sentence);
	else if (result->failure == POSTGRES_NONE && missing && missing != server->result.missing)
		postgres->options.warn("Postgres of app %s, instance %s (process %ld) refuses %u "
				       "queries as role %s: what they tell is missing",
				       server->label[MODEL_APP], server->label[MODEL_INSTANCE],
				       (long)server->pid, missing, result->role);
	server__finish(server, result, now_ns, postgres->options.config->postgres_interval_ns);
	say_hidden(postgres);
}

static void fail(struct postgres *postgres, struct server *server, enum postgres_failure failure,
		 const char *sentence, uint64_t now_ns)
{
	struct postgres_result result = { .failure = failure };

	strncpy(result.sentence, sentence, sizeof(result.sentence) - 1);
	finish(postgres, server, &result, now_ns);
}

static struct ask_state *free_ask(struct postgres *postgres)
{
	for (int i = 0; i < MAX_ASKS; i++)
		if (postgres->ask[i].fd < 0)
			return &postgres->ask[i];
	return NULL;
}

/* The lock is held. */
static void start_ask(struct postgres *postgres, struct server *server, uint64_t now_ns)
{
	const struct config *config = postgres->options.config;
	struct broker_server asked = { .pid = server->pid, .start_ticks = server->start_ticks };
	struct ask_state *ask = free_ask(postgres);
	struct find_stat stat;
	int fd;

	asked.rule = server__rule(server, config->postgres_rules, config->postgres_rule_count);
	if (asked.rule < -1) {
		server->next_ns = now_ns + LOOK_NS;
		return;
	}
	if (find__stat(server->pid, &stat) || stat.start_ticks != server->start_ticks ||
	    stat.state == 'Z') {
		server_list__remove(server);
		say_hidden(postgres);
		return;
	}
	if (stat.state == 'T' || stat.state == 't') {
		fail(postgres, server, POSTGRES_STOPPED, "its process is stopped", now_ns);
		return;
	}
	memcpy(asked.role, server->role, sizeof(asked.role));
	fd = broker__postgres(postgres->options.broker, &asked);
	postgres->stats.asks_total++;
	if (fd < 0) {
		fail(postgres, server, POSTGRES_BROKER, strerror(-fd), now_ns);
		return;
	}
	*ask = (struct ask_state){
		.fd = fd,
		.pid = server->pid,
		.start_ticks = server->start_ticks,
		.begin_ns = now_ns,
	};
	server->is_busy = true;
}

/* Returns when the next is due. */
static uint64_t start_due(struct postgres *postgres, uint64_t now_ns)
{
	uint64_t next_ns = postgres->next_look_ns;

	pthread_mutex_lock(&postgres->lock);
	for (int i = 0; i < POSTGRES_MAX_SERVERS && free_ask(postgres); i++) {
		struct server *server = &postgres->list.server[i];

		if (server_list__is_due(&postgres->list, server, now_ns))
			start_ask(postgres, server, now_ns);
		if (server->pid && server->has_labels && !server->is_busy && !server->is_hidden &&
		    server->next_ns > now_ns && server->next_ns < next_ns)
			next_ns = server->next_ns;
	}
	pthread_mutex_unlock(&postgres->lock);
	return next_ns;
}

/* What was read is all there will be. NULL sentence: it ended by itself. */
static void end_ask(struct postgres *postgres, struct ask_state *ask, uint64_t now_ns,
		    const char *sentence)
{
	struct postgres_result result = {};
	struct server *server;

	close(ask->fd);
	ask->fd = -1;
	if (!sentence && ask->used && postgres_result__parse(ask->text, ask->used, &result))
		sentence = "what came back cannot be read";
	pthread_mutex_lock(&postgres->lock);
	server = server_list__find(&postgres->list, ask->pid, ask->start_ticks);
	if (server && has_ended(server)) {
		server_list__remove(server);
		say_hidden(postgres);
		server = NULL;
	}
	if (!server)
		postgres_result__free(&result);
	else if (sentence)
		fail(postgres, server, POSTGRES_RESULT, sentence, now_ns);
	else if (ask->used)
		finish(postgres, server, &result, now_ns);
	else if (now_ns - ask->begin_ns > BROKER_SERVER_DEADLINE_MS / 2 * NS_PER_MS)
		fail(postgres, server, POSTGRES_TIMEOUT, "no answer in time", now_ns);
	else
		fail(postgres, server, POSTGRES_BROKER, "nobody could ask it", now_ns);
	pthread_mutex_unlock(&postgres->lock);
	free(ask->text);
	ask->text = NULL;
}

static void read_ask(struct postgres *postgres, struct ask_state *ask, uint64_t now_ns)
{
	for (;;) {
		ssize_t got;

		if (ask->used == ask->room) {
			size_t room = ask->room ? ask->room * 2 : FIRST_BYTES;
			char *text = room > POSTGRES_RESULT_MAX_BYTES ? NULL
								      : realloc(ask->text, room);

			if (!text) {
				end_ask(postgres, ask, now_ns, "too much came back");
				return;
			}
			ask->text = text;
			ask->room = room;
		}
		got = read(ask->fd, ask->text + ask->used, ask->room - ask->used);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			end_ask(postgres, ask, now_ns, NULL);
			return;
		}
		ask->used += (size_t)got;
	}
}

static void wait_for_asks(struct postgres *postgres, uint64_t next_ns)
{
	struct pollfd ready[MAX_ASKS + 1] = { { .fd = postgres->wake_fd, .events = POLLIN } };
	uint64_t now_ns = clock__now_ns(), counter;

	for (int i = 0; i < MAX_ASKS; i++) {
		ready[i + 1] = (struct pollfd){ .fd = postgres->ask[i].fd, .events = POLLIN };
		if (postgres->ask[i].fd >= 0 && postgres->ask[i].begin_ns + ASK_NS < next_ns)
			next_ns = postgres->ask[i].begin_ns + ASK_NS;
	}
	if (poll(ready, MAX_ASKS + 1,
		 next_ns > now_ns ? (int)((next_ns - now_ns) / NS_PER_MS) + 1 : 0) < 0)
		return;
	now_ns = clock__now_ns();
	if (ready[0].revents && read(postgres->wake_fd, &counter, sizeof(counter)) < 0)
		return;
	for (int i = 0; i < MAX_ASKS; i++) {
		struct ask_state *ask = &postgres->ask[i];

		if (ask->fd >= 0 && ready[i + 1].revents)
			read_ask(postgres, ask, now_ns);
		if (ask->fd >= 0 && now_ns >= ask->begin_ns + ASK_NS) {
			ask->used = 0;
			end_ask(postgres, ask, now_ns, NULL);
		}
	}
}

static void *run(void *ctx)
{
	struct postgres *postgres = ctx;
	bool is_ending = false;

	while (!is_ending) {
		uint64_t next_ns;

		take_pending(postgres);
		look(postgres, clock__now_ns());
		next_ns = start_due(postgres, clock__now_ns());
		wait_for_asks(postgres, next_ns);
		pthread_mutex_lock(&postgres->lock);
		is_ending = postgres->is_ending;
		pthread_mutex_unlock(&postgres->lock);
	}
	return NULL;
}

int postgres__start(struct postgres *postgres)
{
	int err;

	if (postgres->is_started)
		return 0;
	err = pthread_create(&postgres->thread, NULL, run, postgres);
	postgres->is_started = err == 0;
	return -err;
}

bool postgres__is_started(const struct postgres *postgres)
{
	return postgres->is_started;
}

void postgres__free(struct postgres *postgres)
{
	if (!postgres)
		return;
	if (postgres->is_started) {
		pthread_mutex_lock(&postgres->lock);
		postgres->is_ending = true;
		pthread_mutex_unlock(&postgres->lock);
		wake(postgres);
		pthread_join(postgres->thread, NULL);
	}
	for (int i = 0; i < MAX_ASKS; i++) {
		if (postgres->ask[i].fd < 0)
			continue;
		close(postgres->ask[i].fd);
		free(postgres->ask[i].text);
	}
	server_list__free(&postgres->list);
	close(postgres->wake_fd);
	pthread_mutex_destroy(&postgres->lock);
	free(postgres);
}

void postgres__listening(struct postgres *postgres, pid_t pid, const struct model_labels *labels)
{
	if (!postgres)
		return;
	pthread_mutex_lock(&postgres->lock);
	/* one too many is found at the next look */
	if (postgres->pending_count < MAX_PENDING) {
		struct pending *pending = &postgres->pending[postgres->pending_count++];

		pending->pid = pid;
		for (int i = 0; i < MODEL_LABELS; i++) {
			const char *value = labels->value[i] ? labels->value[i] : "";

			memset(pending->label[i], 0, sizeof(pending->label[i]));
			strncpy(pending->label[i], value, sizeof(pending->label[i]) - 1);
		}
	}
	pthread_mutex_unlock(&postgres->lock);
	wake(postgres);
}

void postgres__resolve(struct postgres *postgres,
		       int (*find)(void *ctx, pid_t pid, const char *cgroup,
				   struct model_labels *ret_labels),
		       void *ctx)
{
	bool is_new = false;

	if (!postgres)
		return;
	pthread_mutex_lock(&postgres->lock);
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++) {
		struct server *server = &postgres->list.server[i];
		struct model_labels labels;
		int found;

		if (!server->pid)
			continue;
		found = find(ctx, server->pid, server->cgroup, &labels);
		if (found < 0)
			continue;
		is_new |= found && !server->has_labels;
		server__set_labels(server, found ? &labels : NULL);
	}
	say_hidden(postgres);
	pthread_mutex_unlock(&postgres->lock);
	if (is_new)
		wake(postgres);
}

void postgres__read(struct postgres *postgres, struct readings *readings)
{
	uint64_t now_ns = clock__now_ns();

	if (!postgres)
		return;
	pthread_mutex_lock(&postgres->lock);
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++) {
		const struct server *server = &postgres->list.server[i];
		struct find_stat stat;

		if (!server->pid || server_list__is_left(&postgres->list, server, now_ns))
			continue;
		/* what a dead server said is no longer so */
		if (find__stat(server->pid, &stat) || stat.start_ticks != server->start_ticks)
			continue;
		server__read(server, readings, now_ns);
	}
	pthread_mutex_unlock(&postgres->lock);
}

void postgres__leave_to_exporter(struct postgres *postgres, const char *app)
{
	if (!postgres)
		return;
	pthread_mutex_lock(&postgres->lock);
	server_list__leave(&postgres->list, app, clock__now_ns() + EXPORTER_NS);
	pthread_mutex_unlock(&postgres->lock);
}

void postgres__stats(struct postgres *postgres, struct postgres_stats *ret_stats)
{
	struct postgres_stats stats = {};

	if (postgres) {
		pthread_mutex_lock(&postgres->lock);
		stats = postgres->stats;
		stats.left_out = postgres->list.left_out;
		for (int i = 0; i < POSTGRES_MAX_SERVERS; i++) {
			const struct server *server = &postgres->list.server[i];

			if (!server->pid || server->failure == POSTGRES_NO_SERVER)
				continue;
			stats.servers++;
			stats.asked += server->was_asked;
			stats.up += server->was_asked && server->failure == POSTGRES_NONE;
			stats.hidden += server->is_hidden;
		}
		pthread_mutex_unlock(&postgres->lock);
	}
	*ret_stats = stats;
}
