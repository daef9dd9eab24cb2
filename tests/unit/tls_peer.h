/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real TLS connections inside one process: OpenSSL on both ends, and between
 * them a wire that keeps what the server read and wrote, in order. What really
 * happened is taken from OpenSSL.
 */
#ifndef EDGETAP_TESTS_TLS_PEER_H
#define EDGETAP_TESTS_TLS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_EVENTS 256
#define PEER_BYTES (1 << 18)

enum peer_certificate { PEER_GOOD, PEER_EXPIRED, PEER_UNKNOWN_CA, PEER_WRONG_NAME, PEER_ABSENT };
enum peer_name { PEER_NAME_PASSES, PEER_NAME_FATAL, PEER_NAME_WARNING };

struct peer_setup {
	const char *name;
	int client_min, client_max, server_min, server_max; /* TLS1_VERSION ..; 0: any */
	const char *client_ciphers, *server_ciphers;	    /* up to TLS 1.2; NULL: any */
	const char *suites;				    /* TLS 1.3, both */
	const char *client_groups, *server_groups;
	enum peer_certificate server_certificate;
	enum peer_certificate client_certificate; /* asked for if `client_auth` */
	bool client_auth;
	enum peer_name server_name;
	bool resume;	    /* a second connection, with what the first one left */
	bool refuse_resume; /* the server has forgotten its tickets' key */
	bool no_tickets;    /* TLS 1.3: nothing follows the handshake by itself */
	int early_bytes;    /* 0-RTT data of the second connection */
	int fragment;	    /* most bytes of a plain record; 0: 16,384 */
	bool by_record;	    /* the server reads a record at a time */
	const char *first;  /* instead of a client: these bytes, and no more */
	int first_bytes;

	/* what the follower has to say */
	int version, result, outcome;
};

struct peer_event {
	bool from_server;
	size_t at, bytes; /* in wire[] */
};

struct peer_wire {
	uint8_t byte[PEER_BYTES];
	size_t bytes;
	struct peer_event event[PEER_EVENTS];
	size_t events;
	/* of the server, by OpenSSL */
	bool done;
	size_t done_event; /* the last Finished is the end of this one */
	int version;
	bool early_accepted;
	/* the first alert that ends a connection */
	bool alerted, alert_by_server;
	int alert;
};

/*
 * Carries out what the setup says and fills in *ret_wire. A request and a response
 * follow a handshake that succeeds. Fails the test if OpenSSL cannot be set up so.
 */
void peer_run(const struct peer_setup *setup, struct peer_wire *ret_wire);

#endif
