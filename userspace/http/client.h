/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of connections. The HTTP library only knows inactivity, so a client
 * that sends or reads one byte now and then could stay for ever. Here each
 * connection has one absolute deadline; a thread that sleeps until the earliest
 * of them shuts the socket down, which the library's event loop then sees as a
 * hang-up and cleans up after.
 */
#ifndef EDGETAP_HTTP_CLIENT_H
#define EDGETAP_HTTP_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum client_phase {
	CLIENT_REQUEST, /* we wait for the rest of a request */
	CLIENT_IDLE,	/* we wait for the next request */
	CLIENT_WORKING, /* the client waits for us: no deadline */
	CLIENT_SEND,	/* the client reads */
};

struct client {
	struct client *prev, *next;
	int fd;
	enum client_phase phase;
	uint64_t deadline_ns;
	uint32_t requests; /* network thread only */
};

struct client_table {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct client *head;
	uint64_t sleep_until_ns;
	bool stopping;
	/* Below: under the lock. */
	uint64_t opened;
	uint64_t open;
	uint64_t cut_request;
	uint64_t cut_send;
};

/* Starts the thread. Returns 0 or a negative errno. */
int client_table__start(struct client_table *table);

/* Ends the thread; clients may still be removed. */
void client_table__stop(struct client_table *table);

/* After the last client was removed. */
void client_table__destroy(struct client_table *table);

/*
 * A connection was accepted. The socket stays the library's and must be open
 * until client_table__remove. Returns NULL when out of memory.
 */
struct client *client_table__add(struct client_table *table, int fd, uint64_t deadline_ns);
void client_table__remove(struct client_table *table, struct client *client);

/* Enters a phase that may last until deadline_ns (ignored for CLIENT_WORKING). */
void client_table__enter(struct client_table *table, struct client *client, enum client_phase phase,
			 uint64_t deadline_ns);

#endif
