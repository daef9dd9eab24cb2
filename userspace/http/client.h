/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of connections. The HTTP library only knows inactivity, so a client
 * that sends or reads one byte now and then could stay for ever. Here each
 * connection has one absolute deadline; a thread that sleeps until the earliest
 * of them shuts the socket down, which the library's event loop then sees as a
 * hang-up and cleans up after.
 *
 * The same list decides who may connect. Where there is no place left, whoever holds the most
 * gives one up to whom has less. Some places are kept for clients that are known: by their
 * address, or since they have shown credentials. These are never taken from them by others.
 */
#ifndef EDGETAP_HTTP_CLIENT_H
#define EDGETAP_HTTP_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/owner.h"

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
	struct owner *owner;
	bool is_scraper; /* by its address */
	bool is_kept;	 /* nobody else's connection takes its place */
	bool is_cut;	 /* it has lost its place, and only has to be cleaned up after */
};

struct client_limits {
	uint32_t places;
	uint32_t per_address; /* kept ones aside; 0: one owner as good as another, all may wait */
};

struct client_table {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct client *head;
	uint64_t sleep_until_ns;
	bool stopping;
	struct client_limits limits;
	/* Below: under the lock. */
	uint32_t used; /* places: of clients that are not cut */
	uint32_t kept; /* of these */
	uint64_t opened;
	uint64_t open;
	uint64_t cut_request;
	uint64_t cut_send;
	uint64_t refused; /* found no place */
	uint64_t displaced;
};

/* Starts the thread. Returns 0 or a negative errno. */
int client_table__start(struct client_table *table, const struct client_limits *limits);

/* Ends the thread; clients may still be removed. */
void client_table__stop(struct client_table *table);

/* After the last client was removed. */
void client_table__destroy(struct client_table *table);

/*
 * Whether a connection of the owner's may come; makes a place for it if it has to.
 * strangers_yield: beyond what its address may have too, at the cost of one that has shown no
 * credentials.
 */
bool client_table__admit(struct client_table *table, const struct owner *owner, bool is_scraper,
			 bool strangers_yield);

/*
 * A connection was accepted. The socket stays the library's and must be open
 * until client_table__remove. Takes the owner's reference. Returns NULL when out of memory.
 */
struct client *client_table__add(struct client_table *table, int fd, uint64_t deadline_ns,
				 struct owner *owner, bool is_scraper);
void client_table__remove(struct client_table *table, struct client *client);

/* Enters a phase that may last until deadline_ns (ignored for CLIENT_WORKING). */
void client_table__enter(struct client_table *table, struct client *client, enum client_phase phase,
			 uint64_t deadline_ns);

/*
 * The client has shown who it is, or that it is nobody. One that is known keeps its place, as
 * long as its owner has no more than its share of those that are kept.
 */
void client_table__know(struct client_table *table, struct client *client, bool is_known);

#endif
