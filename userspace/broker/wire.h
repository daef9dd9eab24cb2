/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agent and broker say to each other. A request is one packet, with the
 * socket that its answer is to be written to; so answers need no order, and one
 * that is late is lost with its socket.
 */
#ifndef EDGETAP_BROKER_WIRE_H
#define EDGETAP_BROKER_WIRE_H

#include <stdint.h>
#include <sys/types.h>

#include "broker/broker.h"

enum broker_kind {
	BROKER_SOCKET,
	BROKER_POSTGRES,
	BROKER_THIN,
};

struct broker_request {
	uint32_t kind; /* enum broker_kind */
	int32_t family;
	struct broker_server server; /* or only its pid */
	char device[BROKER_DEVICE_BYTES];
};

/* One packet; a descriptor comes with it if that was asked for. */
struct broker_reply {
	int32_t err; /* 0 or a negative errno */
	uint32_t pad;
	uint64_t value[2];
};

/* How long the agent waits; the child is ended a little later. */
#define BROKER_DEADLINE_MS 2000

/* Sends bytes and, unless it is negative, a descriptor. flags as send(2). 0 or a negative errno. */
int wire__send(int socket, const void *bytes, size_t size, int fd, int flags);

/*
 * Receives a packet of exactly this size, and at most one descriptor: the caller's, -1 for
 * none. Returns 0; -EPIPE at the end; -EBADMSG for a packet of another size.
 */
int wire__receive(int socket, void *bytes, size_t size, int *ret_fd);

#endif
