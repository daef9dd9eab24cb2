// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "clock.h"

/*
 * Ends a connection: with a FIN if it was merely idle, else with a reset, as
 * otherwise the kernel would keep what a slow reader left in the send buffer
 * for minutes after the close.
 */
static void cut(struct client_table *table, struct client *client)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (client->phase != CLIENT_IDLE)
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	shutdown(client->fd, SHUT_RDWR);
	client->deadline_ns = UINT64_MAX;
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

int client_table__start(struct client_table *table)
{
	pthread_condattr_t attr;
	int err;

	*table = (struct client_table){ .sleep_until_ns = UINT64_MAX };
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
	client->deadline_ns = deadline_ns;
	if (deadline_ns < table->sleep_until_ns) {
		table->sleep_until_ns = deadline_ns;
		pthread_cond_signal(&table->wake);
	}
}

struct client *client_table__add(struct client_table *table, int fd, uint64_t deadline_ns)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->fd = fd;
	client->phase = CLIENT_REQUEST;
	pthread_mutex_lock(&table->lock);
	client->next = table->head;
	if (table->head)
		table->head->prev = client;
	table->head = client;
	table->opened++;
	table->open++;
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
	pthread_mutex_unlock(&table->lock);
	free(client);
}

void client_table__enter(struct client_table *table, struct client *client, enum client_phase phase,
			 uint64_t deadline_ns)
{
	pthread_mutex_lock(&table->lock);
	client->phase = phase;
	set_deadline(table, client, phase == CLIENT_WORKING ? UINT64_MAX : deadline_ns);
	pthread_mutex_unlock(&table->lock);
}
