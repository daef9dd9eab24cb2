// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

/* Three of four places may be kept; the rest is for who has yet to show who it is. */
static uint32_t kept_max(const struct client_table *table)
{
	return table->limits.places - table->limits.places / 4;
}

static void give_up_place(struct client_table *table, struct client *client)
{
	if (client->is_cut)
		return;
	table->used--;
	table->kept -= client->is_kept;
	client->owner->connections--;
	client->owner->kept -= client->is_kept;
	client->is_kept = false;
}

/*
 * Ends a connection: with a FIN if it was merely idle, else with a reset, as
 * otherwise the kernel would keep what a slow reader left in the send buffer
 * for minutes after the close.
 */
static void end(struct client *client)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (client->phase != CLIENT_IDLE)
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	shutdown(client->fd, SHUT_RDWR);
	client->deadline_ns = UINT64_MAX;
}

static void cut(struct client_table *table, struct client *client)
{
	end(client);
	if (client->phase == CLIENT_SEND)
		table->cut_send++;
	else if (client->phase == CLIENT_REQUEST)
		table->cut_request++;
}

/* Cuts whoever is due and returns the earliest deadline left. */
static uint64_t sweep(struct client_table *table, uint64_t now_ns)
{
	uint64_t earliest = UINT64_MAX;

	for (struct client *client = table->head; client; client = client->next) {
		if (client->deadline_ns <= now_ns)
			cut(table, client);
		if (client->deadline_ns < earliest)
			earliest = client->deadline_ns;
	}
	return earliest;
}

static void *run(void *arg)
{
	struct client_table *table = arg;
	struct timespec until;

	pthread_setname_np(pthread_self(), "http-deadline");
	pthread_mutex_lock(&table->lock);
	while (!table->stopping) {
		table->sleep_until_ns = sweep(table, clock__now_ns());
		if (table->sleep_until_ns == UINT64_MAX) {
			pthread_cond_wait(&table->wake, &table->lock);
			continue;
		}
		until.tv_sec = table->sleep_until_ns / 1000000000ULL;
		until.tv_nsec = table->sleep_until_ns % 1000000000ULL;
		pthread_cond_timedwait(&table->wake, &table->lock, &until);
	}
	pthread_mutex_unlock(&table->lock);
	return NULL;
}

int client_table__start(struct client_table *table, const struct client_limits *limits)
{
	pthread_condattr_t attr;
	int err;

	*table = (struct client_table){ .sleep_until_ns = UINT64_MAX, .limits = *limits };
	pthread_mutex_init(&table->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&table->wake, &attr);
	pthread_condattr_destroy(&attr);
	err = pthread_create(&table->thread, NULL, run, table);
	if (err)
		client_table__destroy(table);
	return -err;
}

void client_table__stop(struct client_table *table)
{
	pthread_mutex_lock(&table->lock);
	table->stopping = true;
	pthread_cond_signal(&table->wake);
	pthread_mutex_unlock(&table->lock);
	pthread_join(table->thread, NULL);
}

void client_table__destroy(struct client_table *table)
{
	pthread_cond_destroy(&table->wake);
	pthread_mutex_destroy(&table->lock);
}

/* Wakes the thread only for a deadline before the one it sleeps towards. */
static void set_deadline(struct client_table *table, struct client *client, uint64_t deadline_ns)
{
	if (client->is_cut)
		return;
	client->deadline_ns = deadline_ns;
	if (deadline_ns < table->sleep_until_ns) {
		table->sleep_until_ns = deadline_ns;
		pthread_cond_signal(&table->wake);
	}
}

static bool may_be_kept(const struct client_table *table, const struct owner *owner)
{
	uint32_t per_address = table->limits.per_address;

	return (!per_address || owner->kept < per_address) &&
	       share__has_room(table->kept, owner->kept, 1, kept_max(table));
}

static uint32_t not_kept(const struct owner *owner)
{
	return owner->connections - owner->kept;
}

/* Whether it is better to take the one's place than the other's, which is not older. */
static bool is_better_victim(const struct client *client, const struct client *other)
{
	uint32_t count = not_kept(client->owner), others = other ? not_kept(other->owner) : 0;

	if (!other || count != others)
		return count > others;
	return client->phase == CLIENT_IDLE || other->phase != CLIENT_IDLE;
}

/*
 * Of the owner that has most of the places that are not kept, or of the one that is given, an
 * idle connection, or the oldest. NULL: there is none.
 */
static struct client *most_dispensable(const struct client_table *table, const struct owner *owner)
{
	struct client *found = NULL;

	for (struct client *client = table->head; client; client = client->next)
		if (!client->is_cut && !client->is_kept && (!owner || client->owner == owner) &&
		    is_better_victim(client, found))
			found = client;
	return found;
}

/* Whose place a newcomer gets. NULL: it has no better right to any than who is there. */
static struct client *find_victim(const struct client_table *table, const struct owner *owner,
				  bool is_known)
{
	struct client *victim = most_dispensable(table, NULL);
	bool is_busy;

	if (!victim || is_known || not_kept(victim->owner) > not_kept(owner) + 1)
		return victim;
	/* As many owners as places: the last one's request comes before another one's silence. */
	is_busy = victim->phase == CLIENT_WORKING || victim->phase == CLIENT_SEND;
	return not_kept(owner) || is_busy ? NULL : victim;
}

static void displace(struct client_table *table, struct client *victim)
{
	end(victim);
	give_up_place(table, victim);
	victim->is_cut = true;
	table->displaced++;
}

bool client_table__admit(struct client_table *table, const struct owner *owner, bool is_scraper,
			 bool strangers_yield)
{
	const struct client_limits *limits = &table->limits;
	struct client *victim = NULL;
	bool is_known, has_room;

	pthread_mutex_lock(&table->lock);
	is_known = is_scraper && may_be_kept(table, owner);
	has_room = is_known || !limits->per_address || not_kept(owner) < limits->per_address;
	/* Without a limit for each all are one owner, and the library lets them wait. */
	if (!has_room && strangers_yield) {
		victim = most_dispensable(table, owner);
		has_room = victim;
	} else if (has_room && limits->per_address && table->used >= limits->places) {
		victim = find_victim(table, owner, is_known);
		has_room = victim;
	}
	if (victim)
		displace(table, victim);
	table->refused += !has_room;
	pthread_mutex_unlock(&table->lock);
	return has_room;
}

static void keep(struct client_table *table, struct client *client, bool is_known)
{
	if (client->is_cut || client->is_kept == is_known ||
	    (is_known && !may_be_kept(table, client->owner)))
		return;
	client->is_kept = is_known;
	table->kept += is_known ? 1 : -1;
	client->owner->kept += is_known ? 1 : -1;
}

void client_table__know(struct client_table *table, struct client *client, bool is_known)
{
	pthread_mutex_lock(&table->lock);
	keep(table, client, is_known || client->is_scraper);
	pthread_mutex_unlock(&table->lock);
}

struct client *client_table__add(struct client_table *table, int fd, uint64_t deadline_ns,
				 struct owner *owner, bool is_scraper)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		owner__unref(owner);
		return NULL;
	}
	client->fd = fd;
	client->owner = owner;
	client->is_scraper = is_scraper;
	client->phase = CLIENT_REQUEST;
	pthread_mutex_lock(&table->lock);
	client->next = table->head;
	if (table->head)
		table->head->prev = client;
	table->head = client;
	table->opened++;
	table->open++;
	table->used++;
	owner->connections++;
	keep(table, client, is_scraper);
	set_deadline(table, client, deadline_ns);
	pthread_mutex_unlock(&table->lock);
	return client;
}

void client_table__remove(struct client_table *table, struct client *client)
{
	pthread_mutex_lock(&table->lock);
	if (client->prev)
		client->prev->next = client->next;
	else
		table->head = client->next;
	if (client->next)
		client->next->prev = client->prev;
	table->open--;
	give_up_place(table, client);
	pthread_mutex_unlock(&table->lock);
	owner__unref(client->owner);
	free(client);
}

void client_table__enter(struct client_table *table, struct client *client, enum client_phase phase,
			 uint64_t deadline_ns)
{
	pthread_mutex_lock(&table->lock);
	if (!client->is_cut)
		client->phase = phase;
	set_deadline(table, client, phase == CLIENT_WORKING ? UINT64_MAX : deadline_ns);
	pthread_mutex_unlock(&table->lock);
}
