/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Rare events from the kernel to the agent, through the ring buffer. */
#ifndef EDGETAP_EVENT_H
#define EDGETAP_EVENT_H

#include "instance.h"

#define EVENT_COMM_BYTES 16
#define EVENT_HELLO_BYTES 2048

/* Every event begins with its kind, which tells its type. */
enum event_kind {
	EVENT_INSTANCE_BORN,	 /* struct event: a slot was taken; all fields */
	EVENT_CGROUP_REMOVED,	 /* struct event: key.cgroup_id */
	EVENT_EXECUTABLE_EXITED, /* struct event: a process of an instance keyed by executable
				  * ended; slot, key */
	EVENT_LISTENING,	 /* struct event: a process has a listening socket; all fields */
	EVENT_TLS_UNSEEN,	 /* struct event: a process serves TLS, and its plain text has not
				  * been seen; all fields */
	EVENT_TLS_HELLO,	 /* struct event_tls_hello */
	EVENT_TLS_END,		 /* struct event_tls_end */
};

struct event {
	__u32 kind;
	__u32 slot;
	__u32 generation;
	__u32 tgid; /* a process of the instance, in the initial PID namespace */
	struct instance_key key;
	char comm[EVENT_COMM_BYTES]; /* NUL-terminated */
};

/* A piece of a ClientHello: payload of TLS records, without their headers. */
struct event_tls_hello {
	__u32 kind;
	__u32 slot;
	__u32 generation;
	__u32 hello;  /* tells the handshakes apart; never 0, unique for 2^32 of them */
	__u32 offset; /* of the piece in the handshake message */
	__u32 bytes;  /* in byte[]; the event is as long as they need */
	__u8 byte[EVENT_HELLO_BYTES];
};

/* How a handshake ended. */
enum tls_outcome {
	TLS_OUTCOME_DONE,
	TLS_OUTCOME_ALERT,	     /* a plain alert ended it: `alert` */
	TLS_OUTCOME_ENCRYPTED_ALERT, /* an alert ended it whose name is encrypted */
	TLS_OUTCOME_CLOSED,	     /* FIN, without an alert */
	TLS_OUTCOME_RESET,	     /* RST, or a close with unread data */
	TLS_OUTCOME_TIMEOUT,	     /* TCP gave up on the peer */
};

enum tls_by { TLS_BY_CLIENT, TLS_BY_SERVER };

#define TLS_ALERT_NONE 0xff

struct event_tls_end {
	__u32 kind;
	__u32 slot;
	__u32 generation;
	__u32 hello;   /* 0: it failed before a ClientHello */
	__u16 version; /* negotiated, 0x0301 .. 0x0304; 0: it did not come to that */
	__u8 outcome;  /* enum tls_outcome */
	__u8 by;       /* enum tls_by, unless done */
	__u8 alert;    /* TLS AlertDescription, or TLS_ALERT_NONE */
	__u8 pad[3];
};

_Static_assert(sizeof(struct event) == 56, "no padding");
_Static_assert(sizeof(struct event_tls_hello) == 24 + EVENT_HELLO_BYTES, "no padding");
_Static_assert(sizeof(struct event_tls_end) == 24, "no padding");

#endif
