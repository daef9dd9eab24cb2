/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is remembered of one socket. It is charged to the socket's own option
 * memory, so it is small.
 *
 * Who writes what: `arrival*` is written by softirq under the socket's lock
 * (arrival_tail by the reader), `rx` and the request ring's head by whoever
 * reads the socket, `tx` and the ring's tail by whoever writes it, `tcp` by
 * state changes. No field has two writers at once as long as an application
 * does not let two threads read, or two threads write, one connection at the
 * same time; if it does, its messages are mixed up on the wire as well.
 */
#ifndef EDGETAP_STATE_H
#define EDGETAP_STATE_H

#include "http1.h"

#define ARRIVALS 3
#define BATCHES 3
#define REQUESTS 16

enum role {
	ROLE_LISTENER,
	ROLE_SERVER,
	ROLE_UNKNOWN, /* older than the agent: the first bytes will tell */
};

enum protocol {
	PROTOCOL_HTTP1,	 /* or not known yet: every server socket starts here */
	PROTOCOL_OTHER,	 /* neither side has spoken HTTP/1.x */
	PROTOCOL_TUNNEL, /* after 101, or 2xx to CONNECT */
};

/* A connection whose connect was not counted, because it is older, has no disconnect either. */
#define CONNECT_COUNTED 1
#define CONNECT_OLDER 2

#define TCP_SENT_FIN 0x01
#define TCP_APP_FIRST 0x02 /* the application closed before the peer did */
#define TCP_GOT_RESET 0x04
#define TCP_ENDED 0x08	   /* connection facts are counted */
#define TCP_LIVE 0x10	   /* counted in live_sockets, and its sequence numbers are set */
#define TCP_PEER_GONE 0x20 /* ended by an error: a time-out, an unreachable host */

enum desync {
	SYNCED,
	DESYNC_OLDER, /* the connection is older than the agent */
	DESYNC_LOST,  /* bytes were not seen; counted when that happened */
};

/* Requests that were read together and arrived together. */
struct batch {
	__u64 arrived_ns;
	__u64 read_ns;
};

/* A request waiting for its response: method in the low bits, batch above. */
#define REQUEST_METHOD(r) ((r)&15)
#define REQUEST_BATCH(r) ((r) >> 4)
#define BATCH_NONE 15 /* its times could not be remembered */

struct server_state {
	__u32 slot;
	__u32 generation; /* of the slot, when `slot` was looked up */
	__u32 listener;	  /* id of the listening socket that this one came from; 0: none */
	__u8 role;
	__u8 protocol;
	__u8 tcp;	      /* TCP_* */
	__u8 accepted;	      /* the application has it */
	__u8 connect_counted; /* CONNECT_* */
	__u8 http_ended;      /* nothing more is to come that counts */
	__u8 rx_desync;
	__u8 early_answer; /* the request being read has had its response */
	__u32 in_counted;  /* sequence number up to which bytes are added to the instance */
	__u32 out_counted; /* bytes_acked up to which they are, modulo 2^32 */

	__u32 rx_next;	    /* sequence number of the next byte to be read */
	__u32 arrival_seen; /* end of what has arrived */
	__u32 arrival_skip; /* up to here no request can start */
	__u32 arrival_end[ARRIVALS];
	__u32 status_index; /* of the last response's status entry */
	__u64 arrival_ns[ARRIVALS];
	__u8 arrival_head;
	__u8 arrival_tail;
	__u8 arrival_full; /* arrivals were not remembered since the ring was last empty */
	__u8 request_open; /* batch[batch_last] belongs to the request being read */

	__u8 request_head; /* counts modulo 256 */
	__u8 request_tail;
	__u8 batch_last;
	__u8 overflow_head; /* requests beyond the ring, modulo 256 */
	__u8 overflow_tail;
	__u8 tx_open;	/* a final response is being written: TX_* */
	__u8 tx_unseen; /* its first byte's time is not known */
	__u8 tx_method;
	__u8 pad;
	__u16 status_cached; /* status of status_index; 0: none */
	struct batch batch[BATCHES];
	__u8 request[REQUESTS];

	__u64 first_byte_ns; /* of the response being written; 0: not written yet.
			      * Before accept: when the handshake was completed. */
	__u64 last_write_ns;
	struct http_parser rx;
	struct http_parser tx;
};

/* What a response being written belongs to. */
enum tx_open {
	TX_NONE,
	TX_REQUEST,  /* the oldest request in the ring */
	TX_EARLY,    /* the request whose header is still being read */
	TX_OVERFLOW, /* a request beyond the ring: followed, not counted */
	TX_ALONE,    /* no request at all */
	TX_OLDER,    /* a request that was read before observation */
	TX_LOST,     /* a request that was lost sight of */
};

struct client_state {
	__u32 slot;
	__u32 generation;
	__u64 start_ns;	  /* connect(); 0: established before observation */
	__u32 in_counted; /* as in server_state */
	__u32 out_counted;
	__u8 tcp; /* TCP_* */
	__u8 established;
	__u8 pad[6];
};

struct listener_owner {
	__u32 slot;
	__u32 generation;
	__u32 confirmed; /* a connection of it has been read by this slot */
	__u32 drops;	 /* sk_drops already counted */
};

_Static_assert(sizeof(struct server_state) == 256, "charged to the socket");
_Static_assert(sizeof(struct client_state) == 32, "charged to the socket");

#endif
