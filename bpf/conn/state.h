/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is remembered of one socket. The agent's memory cgroup pays for it (memory.h),
 * so it is small.
 *
 * Who writes what: `arrival*` is written by softirq under the socket's lock
 * (arrival_tail by the reader), `request` and the request ring's head by whoever
 * reads the socket, `response` and the ring's tail by whoever writes it, `tcp` by
 * state changes. No field has two writers at once as long as an application
 * does not let two threads read, or two threads write, one connection at the
 * same time; if it does, its messages are mixed up on the wire as well. Only
 * what the connection speaks (`protocol`, `connection`) may be found out by
 * reader and writer at once, see http2_begin().
 */
#ifndef EDGETAP_CONN_STATE_H
#define EDGETAP_CONN_STATE_H

#include "../proto/http1.h"
#include "../proto/http2.h"
#include "../proto/prefix.h"
#include "../proto/tls.h"
#include "../proto/websocket.h"

#define ARRIVALS 3
#define BATCHES 3
#define PENDING 16

enum role {
	ROLE_LISTENER,
	ROLE_SERVER,
	ROLE_UNKNOWN, /* older than the agent: the first bytes will tell */
};

enum protocol {
	PROTOCOL_HTTP1, /* or not known yet: every server socket starts here */
	PROTOCOL_HTTP2,
	PROTOCOL_TLS_HANDSHAKE, /* a handshake is under way */
	PROTOCOL_TLS_DATA, /* TLS; its plain text is seen in the library that has it, or nowhere */
	PROTOCOL_WEBSOCKET,
	PROTOCOL_TUNNEL, /* after another 101, or 2xx to CONNECT */
	PROTOCOL_OTHER,	 /* neither side has spoken anything that is followed */
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

/* Which instance's account memory is on (memory.h). */
struct charge {
	__u32 slot;
	__u32 generation;
};

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
#define PENDING_METHOD(r) ((r)&15)
#define PENDING_BATCH(r) ((r) >> 4)
#define BATCH_NONE 15 /* its times could not be remembered */
#define METHOD_DOUBTFUL                                                                            \
	15 /* of METHOD_OTHER, if HTTP at all: counted as begun when it is answered */

/* TLS: the handshake, and later what is known of where its plain text is. */
struct tls_connection {
	struct tls_state handshake; /* its hello is the connection's number */
	__u16 taken;		    /* bytes read since the handshake, as far as they fit */
	__u8 unbound_reads;	    /* reads that no call of a library was seen around */
	__u8 counted;		    /* how the handshake ended is counted, or will not be known */
	__u8 refused;		    /* there was no memory for its plain text, which is counted */
	__u8 flags;		    /* TLS_CONNECTION_* */
	__u8 turns;		    /* until plain text is seen: reads behind an answer, */
	__u8 writes;		    /* and writes since the last read */
};

#define TLS_CONNECTION_SEEN 1	/* plain text has been seen */
#define TLS_CONNECTION_UNSEEN 2 /* a loss is counted, because there was none */
#define TLS_CONNECTION_GO 4	/* its object is Go's */

/* A connection that has left HTTP. */
struct upgraded {
	__u64 since_ns;
	struct websocket_direction client;
	struct websocket_direction server;
};

struct server_state {
	struct charge charge; /* a listener's, or with TCP_LIVE */
	__u32 slot;
	__u32 generation; /* of the slot, when `slot` was looked up */
	__u32 listener;	  /* id of the listening socket that this one came from; 0: none */
	__u8 role;
	__u8 protocol;
	__u8 tcp;	      /* TCP_* */
	__u8 accepted;	      /* the application has it */
	__u8 connect_counted; /* CONNECT_* */
	__u8 torn_down;	      /* nothing more is to come that counts */
	__u8 desync;
	__u8 early_answer; /* the request being read has had its response */
	__u32 in_counted;  /* sequence number up to which bytes are added to the instance */
	__u32 out_counted; /* bytes_acked up to which they are, modulo 2^32 */

	__u32 begin;	    /* sequence number of the first byte */
	__u32 read_next;    /* sequence number of the next byte to be read */
	__u32 written;	    /* what the socket had taken (write_seq) at the last write */
	__u32 arrival_seen; /* end of what has arrived */
	__u32 arrival_skip; /* up to here no request can start */
	__u32 arrival_end[ARRIVALS];
	__u32 status_index; /* of the last response's status entry */
	__u64 arrival_ns[ARRIVALS];
	__u8 arrival_head;
	__u8 arrival_tail;
	__u8 arrival_full; /* arrivals were not remembered since the ring was last empty */
	__u8 request_open; /* batch[batch_last] belongs to the request being read */

	__u8 pending_head; /* counts modulo 256 */
	__u8 pending_tail;
	__u8 batch_last;
	__u8 answers;		/* a final response is being written: ANSWERS_* */
	__u8 first_byte_unseen; /* its first byte's time is not known */
	__u8 answers_method;
	__u8 unclear;	     /* reads while it is not clear what is spoken */
	__u16 status_cached; /* status of status_index; 0: none */
	struct batch batch[BATCHES];
	__u8 pending[PENDING];

	__u64 first_byte_ns; /* of the response being written; 0: not written yet.
			      * Before accept: when the handshake was completed. */
	__u64 last_write_ns;
	__u32 connection; /* PROTOCOL_HTTP2: key of http2_by_connection, by who finds out first */
	__u32 overflow_head; /* requests beyond the ring, modulo 2^32 */
	__u32 overflow_tail;
	struct prefix prefix; /* what the PROXY protocol says of the client */
	union {
		struct {
			struct http_parser request; /* PROTOCOL_HTTP1 */
			struct http_parser response;
		};
		struct tls_connection tls; /* PROTOCOL_TLS_HANDSHAKE, PROTOCOL_TLS_DATA */
		struct upgraded upgraded;  /* PROTOCOL_WEBSOCKET, PROTOCOL_TUNNEL */
	};
};

/* What a response being written belongs to. */
enum answers {
	ANSWERS_NONE,
	ANSWERS_REQUEST,  /* the oldest request in the ring */
	ANSWERS_EARLY,	  /* the request whose header is still being read */
	ANSWERS_OVERFLOW, /* a request beyond the ring: followed, not counted */
	ANSWERS_ALONE,	  /* no request at all */
	ANSWERS_OLDER,	  /* a request that was read before observation */
	ANSWERS_LOST,	  /* a request that was lost sight of */
};

#define MANY_ARRIVALS 108 /* about as many as a server allows streams, in a page with the rest */

/*
 * Arrivals of an HTTP/2 connection, or of ciphertext. Written by softirq under the
 * socket's lock; `tail` by the reader.
 */
struct arrivals {
	__u64 ns[MANY_ARRIVALS];
	__u32 end[MANY_ARRIVALS];
	__u32 head; /* positions run over twice the ring, so that full and empty differ */
	__u32 tail;
	__u32 full; /* some were not remembered since the ring was last empty */
	__u32 pad;
};

/* The plain text of a TLS connection, as a TLS library gives and takes it. */
struct plain {
	struct server_state s;	  /* of the plain text; its socket's facts are the socket's */
	struct arrivals arrivals; /* of ciphertext */
	struct charge charge;
	__u64 arrived_ns; /* when the ciphertext arrived that the next plain bytes come from */
	__u64 object;	  /* the library's, and whose it is */
	__u32 tgid;
	__u32 connection; /* its number */
	__u8 fresh;	  /* arrived_ns has not been used yet */
	__u8 seen;	  /* plain bytes have come */
	__u8 go;	  /* the object is Go's */
	__u8 whole;	  /* all of its plain bytes are seen */
	__u32 writing;	  /* the socket was written to in a call that has not returned */
	__u32 over;	  /* PLAIN_*: the socket is gone, the call is to end what it left */
	__u32 sent; /* Go: what the socket had taken (write_seq) when it was last written to */
	__u32 sent_at_read; /* and when ciphertext was last read from it */

	/* until it has an object: see candidate.h */
	__u64 candidate_ns;
	__u64 likely;	       /* the object that has been its reader's next call once */
	__u32 reader;	       /* the thread that has last read ciphertext outside of a call */
	__u32 candidate_bytes; /* so much */
	__u8 candidate_hello;  /* a part of the ClientHello */
	__u8 contradicted;     /* it has once been another: none is believed */
	__u8 pad[6];
};

#define PLAIN_OVER 1
#define PLAIN_CLIENT_LEFT 2
#define PLAIN_RESET 4
#define PLAIN_TAKEN 8 /* somebody is ending it */

#define STREAM_ANSWERED 1 /* the final response has begun */
#define STREAM_RPC 2	  /* a gRPC call */
#define STREAM_CONNECT 4  /* a tunnel: no latency */

struct stream {
	__u64 arrived_ns;
	__u64 read_ns;
	__u64 first_ns;
	__u16 status;
	__u8 method;
	__u8 flags;	  /* STREAM_* */
	__u32 rpc;	  /* index of the rpc entry */
	__u8 grpc_status; /* as in struct h2_block */
	__u8 reset;	  /* by the client, in the read that brought the request */
	__u8 pad[2];
	__u32 id; /* its number; 0: the place is free, STREAM_TAKEN: about to be somebody's */
};

#define STREAM_TAKEN (~0U)
#define STREAM_PLACES 100 /* in a page with the rest */

/* Streams of a connection that are open at once, each in the place that its number gives. */
struct streams {
	struct charge charge;
	struct stream place[STREAM_PLACES];
};

#define RESETS 8 /* of streams, during one write */

struct http2 {
	struct charge charge;
	struct h2_parser request; /* what the client sends */
	struct h2_parser response;
	struct arrivals arrivals; /* unless it is inside TLS */
	__u64 block_ns;		  /* when the header block being read arrived; 0: not known */
	__u32 last_stream;	  /* the highest that a request has opened */
	__u32 waiting;		  /* streams without a byte of their response */
	__u32 answering;	  /* streams with a part of it */
	__u32 followed;	     /* what the socket had taken (write_seq) at the last write's end */
	__u32 reset[RESETS]; /* streams that a write's end decides about, see stream_reset() */
	__u32 reset_head;    /* counts on, by the reader; modulo RESETS it is the place */
	__u32 reset_tail;    /* by the writer, or the connection's end */
	__u32 reset_from;    /* the first of those that were read with their reset; 0: none */
	__u32 last_promised; /* as last_stream, of those that the server opens */
	__u32 lost_stream;   /* up to here streams are no longer followed */
	__u32 lost_promised;
	__u32 unseen_from;   /* requests between these two numbers were not seen */
	__u32 unseen_to;     /* 0: there are none; UNSEEN_STILL: none has been seen since */
	__u32 unseen;	     /* of them, those that were not answered */
	__u32 last_unseen;   /* the highest that was answered */
	struct stream first; /* one that is open; others are in streams_by_connection */
	__u32 streams;	     /* STREAMS_*: whether they are */
	__u32 beyond;	     /* those that are in stream_by_id, for want of a place */
	__u8 older;	     /* picked up in its midst */
	__u8 request_begun;  /* request has what was read of the preface as HTTP/1.x */
	__u8 pad[6];
};

enum { STREAMS_NONE, STREAMS_MADE, STREAMS_REFUSED };

#define UNSEEN_STILL (~0U)

struct client_state {
	struct charge charge; /* with TCP_LIVE */
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

_Static_assert(sizeof(struct tls_connection) <= 80, "in the parsers' place");
_Static_assert(sizeof(struct upgraded) <= 80, "in the parsers' place");

#endif
