/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is remembered of a TLS handshake while it is followed (see tls.h).
 */
#ifndef EDGETAP_PROTO_TLS_STATE_H
#define EDGETAP_PROTO_TLS_STATE_H

#include "event.h"
#include "http1.h"

#define TLS_HEADER 5 /* bytes of a record's header */

#define TLS_VERSION_SSL3 0x0300
#define TLS_VERSION_1_3 0x0304

enum tls_result {
	TLS_MORE,   /* go on */
	TLS_HELLO,  /* go on; the last hello_piece bytes before cur->pos are the ClientHello's */
	TLS_DONE,   /* the handshake was over at done_ns */
	TLS_FAILED, /* it will never be over: outcome, by, alert */
	TLS_NOT,    /* this is no TLS */
	TLS_LOST,   /* it is TLS that cannot be followed; nothing is known of its end */
};

enum tls_phase {
	TLS_PHASE_START,     /* before the first handshake byte */
	TLS_PHASE_HELLO,     /* inside the ClientHello */
	TLS_PHASE_ANSWER,    /* the ServerHello is awaited, or not complete */
	TLS_PHASE_FOREIGN,   /* what the client sends is no TLS; the server may say so in TLS */
	TLS_PHASE_KEYS,	     /* version and cipher suite are known */
	TLS_PHASE_TENTATIVE, /* 1.3: the client's Finished was read */
	TLS_PHASE_END,	     /* `result` is final */
};

/* What the next bytes of a hello are. */
enum tls_field {
	TLS_FIELD_MESSAGE,  /* type and length of a handshake message */
	TLS_FIELD_VERSION,  /* legacy_version */
	TLS_FIELD_RANDOM_0, /* a server's random, a word at a time */
	TLS_FIELD_RANDOM_1,
	TLS_FIELD_RANDOM_2,
	TLS_FIELD_RANDOM_3,
	TLS_FIELD_SESSION,     /* length of the session id */
	TLS_FIELD_SUITES,      /* client: length of the list of cipher suites */
	TLS_FIELD_COMPRESSION, /* client: length of the list of compression methods */
	TLS_FIELD_SUITE,       /* server: cipher suite and compression method */
	TLS_FIELD_EXTENSIONS,  /* length of all extensions */
	TLS_FIELD_EXTENSION,   /* type and length of an extension */
	TLS_FIELD_SUPPORTED,   /* server: the version of extension supported_versions */
};

#define TLS_F_CLIENT_CIPHER 0x01   /* <= 1.2: the client's ChangeCipherSpec was read */
#define TLS_F_SERVER_CIPHER 0x02   /* and the server's written */
#define TLS_F_CLIENT_FINISHED 0x04 /* and the Finished behind it */
#define TLS_F_SERVER_FINISHED 0x08 /* 1.3: a record as long as it, before the client's */
#define TLS_F_RETRY 0x10	   /* the random so far is that of a HelloRetryRequest */
#define TLS_F_EARLY 0x20	   /* the client may send early data (0-RTT) */
#define TLS_F_EARLY_END 0x40	   /* its last record was as long as an EndOfEarlyData */
#define TLS_F_ANSWERED 0x80 /* 1.3: done_ns is when the last of the client's records was read */
#define TLS_F_RESUMED 0x100 /* 1.3: the ServerHello agrees to a pre-shared key */
#define TLS_F_FLIGHT 0x200  /* 1.3: a record that may hold all of the server's flight */
#define TLS_F_SERVED 0x400  /* 1.3: the server has answered early data; done_ns: since then */
#define TLS_F_REQUEST                                                                              \
	0x800 /* 1.3: read together with the client's Finished: data, as much as a request */

/* One direction. */
struct tls_direction {
	__u8 header[TLS_HEADER]; /* of the record at hand; of an alert [3] becomes its level */
	__u8 have;		 /* bytes of the header */
	__u16 left;		 /* bytes of the record's payload that are to come */
};

/* Both directions of a connection during its handshake; all zero at its start. */
struct tls_state {
	struct tls_direction client, server;
	__u64 start_ns;	      /* the caller's */
	__u64 done_ns;	      /* TLS_DONE: when the last Finished was read or written */
	__u64 value;	      /* of the field at hand, as far as it came */
	__u32 hello;	      /* the caller's */
	__u32 hello_bytes;    /* of the ClientHello, seen so far */
	__u32 message_left;   /* bytes of the hello at hand that are to come */
	__u16 hello_piece;    /* see TLS_HELLO */
	__u16 skip;	      /* bytes to pass over before the next field */
	__u16 version;	      /* agreed on, 0x0300 (SSL 3.0) .. 0x0304; 0: not known */
	__u16 answer_version; /* of a ServerHello that is not complete yet */
	__u16 suite;
	__u16 flags; /* TLS_F_* */
	__u8 field;  /* enum tls_field */
	__u8 value_bytes;
	__u8 phase;   /* enum tls_phase */
	__u8 result;  /* enum tls_result, once the phase is TLS_PHASE_END */
	__u8 outcome; /* TLS_FAILED: enum tls_outcome */
	__u8 by;      /* TLS_FAILED: enum tls_by */
	__u8 alert;   /* TLS_FAILED: AlertDescription, or TLS_ALERT_NONE */
	__u8 pad;
};

_Static_assert(sizeof(struct tls_direction) == 8, "no padding");
_Static_assert(sizeof(struct tls_state) == 72, "no padding; shares 80 bytes with two HTTP parsers");

static __always_inline int tls_finish(struct tls_state *t, int result)
{
	t->phase = TLS_PHASE_END;
	t->result = (__u8)result;
	return result;
}

static __always_inline int tls_fail(struct tls_state *t, int outcome, int by, __u8 alert)
{
	t->outcome = (__u8)outcome;
	t->by = (__u8)by;
	t->alert = alert;
	return tls_finish(t, TLS_FAILED);
}

#endif
