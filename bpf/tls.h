/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLS handshakes, followed from the ciphertext that a server reads and writes,
 * without any key: where the ClientHello is, which version was agreed on, when
 * the handshake was over, or who ended it and why.
 *
 * The two directions are streams of records, cut anywhere. Of each record the
 * header is looked at, and the payload only where it is plain and says
 * something: the ClientHello (is early data offered?), the ServerHello (version
 * and cipher suite), alerts. All else is passed over by count.
 *
 * Up to TLS 1.2 a handshake is over when both sides have sent ChangeCipherSpec
 * and, behind it, Finished (RFC 5246, 7.4.9). In TLS 1.3 all that follows the
 * ServerHello is encrypted (RFC 8446, 2), but lengths tell enough: the client's
 * Finished is as long as the hash of the cipher suite says, and an alert is
 * shorter than anything else that is sent before the end of a handshake. A server
 * may still refuse what the client sent with its Finished, so that is believed
 * only when something follows that is no alert.
 *
 * What is said of lengths rests on records without padding. Nobody pads a
 * handshake by default; with padding an alert goes unseen and is told as a close.
 *
 * Pure: takes bytes, returns values, touches no map. It compiles natively too;
 * unit tests and the fuzzer run this very code.
 */
#ifndef EDGETAP_TLS_H
#define EDGETAP_TLS_H

#include "event.h"
#include "http1.h"

#define TLS_HEADER 5		       /* bytes of a record's header */
#define TLS_PLAIN_MOST 16384	       /* bytes of a plain record, RFC 8446, 5.1 */
#define TLS_RECORD_MOST (16384 + 2048) /* and of an encrypted one, RFC 5246, 6.2.3 */
#define TLS_STEPS 512		       /* headers and fields looked at in one go */

#define TLS_VERSION_SSL3 0x0300
#define TLS_VERSION_1_3 0x0304

/* RFC 8446, B.1 */
enum tls_record {
	TLS_RECORD_CHANGE_CIPHER_SPEC = 20,
	TLS_RECORD_ALERT = 21,
	TLS_RECORD_HANDSHAKE = 22,
	TLS_RECORD_APPLICATION_DATA = 23,
	TLS_RECORD_HEARTBEAT = 24, /* RFC 6520 */
};

enum tls_result {
	TLS_MORE,   /* go on */
	TLS_HELLO,  /* go on; the last hello_piece bytes before w->pos are the ClientHello's */
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

#define TLS_F_RX_CIPHER 0x01   /* <= 1.2: the client's ChangeCipherSpec was read */
#define TLS_F_TX_CIPHER 0x02   /* and the server's written */
#define TLS_F_RX_FINISHED 0x04 /* and the Finished behind it */
#define TLS_F_TX_FINISHED 0x08
#define TLS_F_RETRY 0x10     /* the random so far is that of a HelloRetryRequest */
#define TLS_F_EARLY 0x20     /* the client may send early data (0-RTT) */
#define TLS_F_EARLY_END 0x40 /* its last record was as long as an EndOfEarlyData */
#define TLS_F_ANSWERED 0x80  /* 1.3: done_ns is when the last of the client's records was read */
#define TLS_F_RESUMED 0x100  /* 1.3: the ServerHello agrees to a pre-shared key */

/* One direction. */
struct tls_way {
	__u8 header[TLS_HEADER]; /* of the record at hand; of an alert [3] becomes its level */
	__u8 have;		 /* bytes of the header */
	__u16 left;		 /* bytes of the record's payload that are to come */
};

/* Both directions of a connection during its handshake; all zero at its start. */
struct tls_state {
	struct tls_way rx, tx;
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

_Static_assert(sizeof(struct tls_way) == 8, "no padding");
_Static_assert(sizeof(struct tls_state) == 72, "no padding; shares 80 bytes with two HTTP parsers");

/* True if the first byte of a connection may begin TLS. */
static __always_inline bool tls_may_start(__u8 first)
{
	return first == TLS_RECORD_HANDSHAKE;
}

/* True once the ClientHello was seen as a whole. */
static __always_inline bool tls_hello_complete(const struct tls_state *t)
{
	return t->hello_bytes && t->phase != TLS_PHASE_HELLO;
}

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

/* Bytes that TLS 1.3 adds to a record for its tag; 0 for a cipher suite that is not known. */
static __always_inline __u32 tls_tag_bytes(__u16 suite)
{
	switch (suite) {
	case 0x1301: /* RFC 8446, B.4: AES_128_GCM_SHA256 */
	case 0x1302: /* AES_256_GCM_SHA384 */
	case 0x1303: /* CHACHA20_POLY1305_SHA256 */
	case 0x1304: /* AES_128_CCM_SHA256 */
	case 0x00c6: /* RFC 8998: SM4_GCM_SM3 */
	case 0x00c7: /* SM4_CCM_SM3 */
		return 16;
	case 0x1305: /* AES_128_CCM_8_SHA256 */
		return 8;
	}
	return 0;
}

/* Bytes of a TLS 1.3 record with so much content: one byte tells its type, then the tag. */
static __always_inline __u32 tls_encrypted(const struct tls_state *t, __u32 content)
{
	return content + 1 + tls_tag_bytes(t->suite);
}

/* Finished is a message header and a hash. */
static __always_inline __u32 tls_finished_bytes(const struct tls_state *t)
{
	return tls_encrypted(t, 4 + (t->suite == 0x1302 ? 48 : 32));
}

/* A ServerHello is complete, or a HelloRetryRequest. */
static __always_inline int tls_server_hello(struct tls_state *t)
{
	bool again = t->version;

	if (t->field < TLS_FIELD_EXTENSIONS || t->answer_version < TLS_VERSION_SSL3 ||
	    t->answer_version > TLS_VERSION_1_3)
		return tls_finish(t, TLS_LOST);
	t->version = t->answer_version;
	if (t->flags & TLS_F_RETRY)
		return TLS_MORE;
	if (t->version == TLS_VERSION_1_3 && !tls_tag_bytes(t->suite))
		return tls_finish(t, TLS_LOST); /* lengths of its records would be guesses */
	if (again)
		t->flags &= (__u16)~TLS_F_EARLY; /* it all came before the second ClientHello */
	t->phase = TLS_PHASE_KEYS;
	return TLS_MORE;
}

/* The hello at hand is complete, as long as its header said. */
static __always_inline int tls_message_end(struct tls_state *t)
{
	int result = TLS_MORE;

	if (t->phase == TLS_PHASE_HELLO)
		t->phase = TLS_PHASE_ANSWER;
	else if (t->field != TLS_FIELD_MESSAGE)
		result = tls_server_hello(t);
	t->field = TLS_FIELD_MESSAGE;
	t->skip = 0;
	return result;
}

/* RFC 8446, 4.1.3: the random that makes a ServerHello a HelloRetryRequest, by word. */
static __always_inline __u64 tls_retry_word(__u32 i)
{
	switch (i) {
	case 0:
		return 0xcf21ad74e59a6111ULL;
	case 1:
		return 0xbe1d8c021e65b891ULL;
	case 2:
		return 0xc2a211167abb8c5eULL;
	}
	return 0x079e09e2c8a8339cULL;
}

static __always_inline __u32 tls_field_bytes(__u8 field)
{
	switch (field) {
	case TLS_FIELD_MESSAGE:
	case TLS_FIELD_EXTENSION:
		return 4;
	case TLS_FIELD_RANDOM_0:
	case TLS_FIELD_RANDOM_1:
	case TLS_FIELD_RANDOM_2:
	case TLS_FIELD_RANDOM_3:
		return 8;
	case TLS_FIELD_SESSION:
	case TLS_FIELD_COMPRESSION:
		return 1;
	case TLS_FIELD_SUITE:
		return 3;
	}
	return 2;
}

/* The four bytes before a handshake message. */
static __always_inline int tls_message(struct tls_state *t, bool from_server, __u64 value)
{
	__u8 type = (__u8)(value >> 24);

	t->message_left = value & 0xffffff;
	/* a server may say HelloRequest, which is empty, before all else (RFC 5246, 7.4.1.1) */
	if (from_server && type != 2)
		return t->message_left ? tls_finish(t, TLS_LOST) : TLS_MORE;
	t->field = TLS_FIELD_VERSION;
	return t->message_left ? TLS_MORE : tls_message_end(t);
}

/* A field of a hello is complete: what does it say, and what comes next? */
static __always_inline int tls_field(struct tls_state *t, bool from_server)
{
	__u64 value = t->value;
	__u8 field = t->field;

	t->value = 0;
	t->value_bytes = 0;
	switch (field) {
	case TLS_FIELD_MESSAGE:
		return tls_message(t, from_server, value);
	case TLS_FIELD_VERSION:
		if (from_server) {
			t->answer_version = (__u16)value;
			t->flags |= TLS_F_RETRY;
			t->field = TLS_FIELD_RANDOM_0;
		} else {
			t->skip = 32;
			t->field = TLS_FIELD_SESSION;
		}
		break;
	case TLS_FIELD_RANDOM_0:
	case TLS_FIELD_RANDOM_1:
	case TLS_FIELD_RANDOM_2:
	case TLS_FIELD_RANDOM_3:
		if (value != tls_retry_word(field - TLS_FIELD_RANDOM_0))
			t->flags &= (__u16)~TLS_F_RETRY;
		t->field = field + 1;
		break;
	case TLS_FIELD_SESSION:
		t->skip = (__u16)value;
		t->field = from_server ? TLS_FIELD_SUITE : TLS_FIELD_SUITES;
		break;
	case TLS_FIELD_SUITES:
		t->skip = (__u16)value;
		t->field = TLS_FIELD_COMPRESSION;
		break;
	case TLS_FIELD_COMPRESSION:
		t->skip = (__u16)value;
		t->field = TLS_FIELD_EXTENSIONS;
		break;
	case TLS_FIELD_SUITE:
		t->suite = (__u16)(value >> 8);
		t->field = TLS_FIELD_EXTENSIONS;
		break;
	case TLS_FIELD_EXTENSIONS:
		t->field = TLS_FIELD_EXTENSION;
		break;
	case TLS_FIELD_EXTENSION:
		t->skip = (__u16)value;
		if (from_server && value == (43 << 16 | 2)) { /* RFC 8446, 4.2.1 */
			t->skip = 0;
			t->field = TLS_FIELD_SUPPORTED;
		} else if (from_server && value >> 16 == 41) { /* RFC 8446, 4.2.11 */
			t->flags |= TLS_F_RESUMED;
		} else if (!from_server && value >> 16 == 42) { /* RFC 8446, 4.2.10 */
			t->flags |= TLS_F_EARLY;
		}
		break;
	case TLS_FIELD_SUPPORTED:
		t->answer_version = (__u16)value;
		t->field = TLS_FIELD_EXTENSION;
		break;
	}
	return TLS_MORE;
}

/* Follows a hello for up to `n` bytes of its record, which the window has; moves w->pos. */
static __always_inline int tls_hello_step(struct tls_state *t, struct http_window *w,
					  bool from_server, __u32 n)
{
	bool begun = t->field != TLS_FIELD_MESSAGE;
	__u32 pos = w->pos, used = 0, need;
	__u64 value = t->value;

	if (begun && n > t->message_left)
		n = t->message_left;
	if (t->skip) {
		used = t->skip < n ? t->skip : n;
		t->skip -= (__u16)used;
	} else {
		need = tls_field_bytes(t->field) - t->value_bytes;
		if (n > need)
			n = need;
		for (__u32 i = 0; i < 8; i++) {
			if (i >= n)
				break;
			value = value << 8 | http_byte(w, pos + i);
			used++;
		}
		t->value = value;
		t->value_bytes += (__u8)used;
	}
	w->pos = pos + used;
	if (begun)
		t->message_left -= used;
	if (!from_server) {
		if (t->phase == TLS_PHASE_START) {
			/* the very first byte */
			if (http_byte(w, pos) != 1) {
				t->phase = TLS_PHASE_FOREIGN;
				return TLS_NOT;
			}
			t->phase = TLS_PHASE_HELLO;
		}
		t->hello_bytes += used;
		t->hello_piece += (__u16)used;
	}
	if (t->value_bytes && t->value_bytes == tls_field_bytes(t->field)) {
		int result = tls_field(t, from_server);

		if (result != TLS_MORE)
			return result;
	}
	if (begun && !t->message_left) {
		t->value = 0;
		t->value_bytes = 0;
		return tls_message_end(t);
	}
	return TLS_MORE;
}

/* A plain alert. RFC 5246, 7.2: warnings other than close_notify do not end a connection. */
static __always_inline int tls_alert(struct tls_state *t, bool from_server, __u8 level,
				     __u8 description)
{
	bool ends = level == 2 || description == 0;

	/* RFC 8446, 6: in TLS 1.3 the level says nothing; user_canceled announces a close_notify */
	if (t->version == TLS_VERSION_1_3 && description != 90)
		ends = true;
	if (!ends)
		return TLS_MORE;
	return tls_fail(t, TLS_OUTCOME_ALERT, from_server ? TLS_BY_SERVER : TLS_BY_CLIENT,
			description);
}

/* A record of TLS 1.3 behind the ServerHello is complete. */
static __always_inline int tls_record_1_3(struct tls_state *t, bool from_server, __u32 length,
					  __u64 now_ns)
{
	bool early_end = t->flags & TLS_F_EARLY_END;

	if (from_server) {
		if (length == tls_encrypted(t, 2))
			return tls_fail(t, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER,
					TLS_ALERT_NONE);
		if (t->phase == TLS_PHASE_TENTATIVE || (t->flags & TLS_F_ANSWERED))
			return tls_finish(t, TLS_DONE);
		return TLS_MORE;
	}
	t->flags &= (__u16)~TLS_F_EARLY_END;
	if ((t->flags & TLS_F_EARLY) && length == tls_encrypted(t, 4)) {
		t->flags |= TLS_F_EARLY_END;
		return TLS_MORE;
	}
	/* if EndOfEarlyData comes before it, what was as long as Finished earlier was data */
	if (length == tls_finished_bytes(t) && (t->phase == TLS_PHASE_KEYS || early_end)) {
		t->phase = TLS_PHASE_TENTATIVE;
		t->done_ns = now_ns;
		if (early_end)
			t->flags &= (__u16)~TLS_F_EARLY; /* there is no more of it */
		return TLS_MORE;
	}
	if (t->phase == TLS_PHASE_TENTATIVE)
		/* what was read together with Finished does not show that the server liked it */
		return now_ns == t->done_ns ? TLS_MORE : tls_finish(t, TLS_DONE);
	if (t->flags & TLS_F_EARLY)
		return TLS_MORE; /* any other length may be data */
	if (length == tls_encrypted(t, 2))
		return tls_fail(t, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_CLIENT, TLS_ALERT_NONE);
	t->flags |= TLS_F_ANSWERED;
	t->done_ns = now_ns;
	return TLS_MORE;
}

/* A record up to TLS 1.2 behind the ServerHello is complete. */
static __always_inline int tls_record_1_2(struct tls_state *t, bool from_server, __u8 type,
					  __u64 now_ns)
{
	__u16 cipher = from_server ? TLS_F_TX_CIPHER : TLS_F_RX_CIPHER;
	__u16 finished = from_server ? TLS_F_TX_FINISHED : TLS_F_RX_FINISHED;

	if (type == TLS_RECORD_CHANGE_CIPHER_SPEC) {
		t->flags |= cipher;
		return TLS_MORE;
	}
	if (!(t->flags & cipher))
		return TLS_MORE;
	if (type == TLS_RECORD_ALERT)
		return tls_fail(t, TLS_OUTCOME_ENCRYPTED_ALERT,
				from_server ? TLS_BY_SERVER : TLS_BY_CLIENT, TLS_ALERT_NONE);
	if (type == TLS_RECORD_HANDSHAKE)
		t->flags |= finished;
	if ((t->flags & TLS_F_RX_FINISHED) && (t->flags & TLS_F_TX_FINISHED)) {
		t->done_ns = now_ns;
		return tls_finish(t, TLS_DONE);
	}
	return TLS_MORE;
}

/* The last byte of a record has passed. */
static __always_inline int tls_record_end(struct tls_state *t, struct tls_way *way,
					  bool from_server, __u64 now_ns)
{
	__u32 length = (__u32)way->header[3] << 8 | way->header[4];
	__u8 type = way->header[0];

	way->have = 0;
	if (t->phase == TLS_PHASE_KEYS || t->phase == TLS_PHASE_TENTATIVE) {
		if (t->version != TLS_VERSION_1_3)
			return tls_record_1_2(t, from_server, type, now_ns);
		if (type == TLS_RECORD_APPLICATION_DATA)
			return tls_record_1_3(t, from_server, length, now_ns);
	} else if (type == TLS_RECORD_APPLICATION_DATA && !from_server) {
		t->flags |= TLS_F_EARLY;
	}
	return TLS_MORE;
}

/* True if the alert whose record is at hand can be read. */
static __always_inline bool tls_alert_is_plain(const struct tls_state *t, bool from_server)
{
	return t->phase < TLS_PHASE_KEYS || t->version == TLS_VERSION_1_3 ||
	       !(t->flags & (from_server ? TLS_F_TX_CIPHER : TLS_F_RX_CIPHER));
}

/* What is to be done with the payload of the record at hand. */
enum tls_interest { TLS_PASS, TLS_READ_ALERT, TLS_READ_HELLO };

static __always_inline int tls_interest(const struct tls_state *t, const struct tls_way *way,
					bool from_server)
{
	__u8 type = way->header[0];

	if (type == TLS_RECORD_ALERT)
		return tls_alert_is_plain(t, from_server) ? TLS_READ_ALERT : TLS_PASS;
	if (type == TLS_RECORD_HANDSHAKE &&
	    (from_server ? t->phase == TLS_PHASE_ANSWER : t->phase <= TLS_PHASE_HELLO))
		return TLS_READ_HELLO;
	return TLS_PASS;
}

/* A record's header is complete: can this be? */
static __always_inline int tls_header(struct tls_state *t, struct tls_way *way, bool from_server,
				      __u64 now_ns)
{
	__u32 length = (__u32)way->header[3] << 8 | way->header[4];
	__u8 type = way->header[0];
	bool valid = type >= TLS_RECORD_CHANGE_CIPHER_SPEC && type <= TLS_RECORD_HEARTBEAT &&
		     way->header[1] == 3 && length <= TLS_RECORD_MOST;

	if (type == TLS_RECORD_ALERT && length != 2 && tls_alert_is_plain(t, from_server))
		valid = false;
	if (from_server) {
		/* before it has the ClientHello a server can only complain */
		if (t->phase < TLS_PHASE_ANSWER || t->phase == TLS_PHASE_FOREIGN) {
			if (!valid || type != TLS_RECORD_ALERT)
				return tls_finish(t,
						  t->phase == TLS_PHASE_HELLO ? TLS_LOST : TLS_NOT);
		} else if (t->phase == TLS_PHASE_ANSWER && type == TLS_RECORD_APPLICATION_DATA) {
			valid = false;
		}
	} else if (t->phase <= TLS_PHASE_HELLO) {
		/* the ClientHello, in one or several records and nothing in between */
		if (type != TLS_RECORD_HANDSHAKE || !length || length > TLS_PLAIN_MOST)
			valid = false;
		if (!valid && t->phase == TLS_PHASE_START) {
			t->phase = TLS_PHASE_FOREIGN;
			return TLS_NOT;
		}
	}
	if (!valid)
		return tls_finish(t, TLS_LOST);
	way->left = (__u16)length;
	return length ? TLS_MORE : tls_record_end(t, way, from_server, now_ns);
}

/* One header, alert, field or stretch of no interest, or what the window has of it. */
VERIFIED_ALONE int tls_step(struct tls_state *t, struct http_window *w, int from_server,
			    __u64 now_ns)
{
	struct tls_way *way;
	__u32 pos, n, used;
	int result = TLS_MORE;

	if (!t || !w)
		return TLS_LOST;
	way = from_server ? &t->tx : &t->rx;
	pos = w->pos;
	if (pos >= w->bytes)
		return TLS_MORE;
	n = w->bytes - pos;
	if (way->have < TLS_HEADER) {
		/* no index that varies: the verifier would have to be shown its bounds */
		for (__u32 i = 0; i < TLS_HEADER; i++) {
			__u8 c = http_byte(w, pos + i);

			if (i >= n || way->have >= TLS_HEADER)
				break;
			if (way->have == 0)
				way->header[0] = c;
			else if (way->have == 1)
				way->header[1] = c;
			else if (way->have == 2)
				way->header[2] = c;
			else if (way->have == 3)
				way->header[3] = c;
			else
				way->header[4] = c;
			way->have++;
			w->pos = pos + i + 1;
		}
		return way->have < TLS_HEADER ? TLS_MORE : tls_header(t, way, from_server, now_ns);
	}
	if (n > way->left)
		n = way->left;
	switch (tls_interest(t, way, from_server)) {
	case TLS_READ_HELLO:
		result = tls_hello_step(t, w, from_server, n);
		break;
	case TLS_READ_ALERT:
		w->pos = pos + 1;
		if (way->left == 1)
			result = tls_alert(t, from_server, way->header[3], http_byte(w, pos));
		else
			way->header[3] = http_byte(w, pos);
		break;
	default:
		w->pos = pos + n;
	}
	used = w->pos - pos;
	way->left -= (__u16)used;
	if (result == TLS_MORE && !way->left)
		result = tls_record_end(t, way, from_server, now_ns);
	return result;
}

/*
 * Follows the bytes in [w->pos, w->bytes) of the window: what the server read
 * (from_server false) or wrote at now_ns, next to what was shown or skipped of
 * that direction before. Returns enum tls_result; w->pos is behind the last byte
 * looked at. With TLS_MORE and TLS_HELLO that may be short of w->bytes, then the
 * caller comes again with the rest; each call moves on by a byte at least.
 *
 * TLS_NOT of the client's bytes may still become TLS_FAILED if the server's are
 * shown: a server may answer garbage with an alert. Any other end is final.
 */
VERIFIED_ALONE int tls_scan(struct tls_state *t, struct http_window *w, int from_server,
			    __u64 now_ns)
{
	int result;

	if (!t || !w)
		return TLS_LOST;
	t->hello_piece = 0;
	for (int i = 0; i < TLS_STEPS; i++) {
		if (t->phase == TLS_PHASE_END || (t->phase == TLS_PHASE_FOREIGN && !from_server)) {
			w->pos = w->bytes;
			return t->phase == TLS_PHASE_END ? t->result : TLS_NOT;
		}
		if (w->pos >= w->bytes)
			break;
		result = tls_step(t, w, from_server, now_ns);
		if (result != TLS_MORE)
			return result;
		/* a piece ends with its record, and with the message */
		if (t->hello_piece && (!t->rx.have || t->phase != TLS_PHASE_HELLO))
			break;
	}
	return t->hello_piece ? TLS_HELLO : TLS_MORE;
}

/* Bytes of a direction that need not be shown, because tls_skip() will do; 0 if they must. */
static __always_inline __u32 tls_skip_bytes(const struct tls_state *t, bool from_server)
{
	const struct tls_way *way = from_server ? &t->tx : &t->rx;

	if (way->have < TLS_HEADER || tls_interest(t, way, from_server) != TLS_PASS)
		return 0;
	return way->left;
}

/*
 * Passes over `bytes` bytes of a direction that were read or written at now_ns,
 * no more than tls_skip_bytes() says. Returns enum tls_result, as tls_scan() does.
 */
VERIFIED_ALONE int tls_skip(struct tls_state *t, int from_server, __u32 bytes, __u64 now_ns)
{
	struct tls_way *way;

	if (!t)
		return TLS_LOST;
	way = from_server ? &t->tx : &t->rx;
	if (t->phase == TLS_PHASE_END)
		return t->result;
	if (way->have < TLS_HEADER || bytes > way->left)
		return tls_finish(t, TLS_LOST);
	way->left -= (__u16)bytes;
	return way->left ? TLS_MORE : tls_record_end(t, way, from_server, now_ns);
}

/*
 * The connection has ended: by whom (enum tls_by) and how (TLS_OUTCOME_CLOSED,
 * RESET or TIMEOUT). Returns TLS_DONE, TLS_FAILED, TLS_LOST, or TLS_NOT if not
 * even the beginning of a ClientHello came.
 */
VERIFIED_ALONE int tls_end(struct tls_state *t, int by, int outcome)
{
	if (!t)
		return TLS_LOST;
	switch (t->phase) {
	case TLS_PHASE_END:
		return t->result;
	case TLS_PHASE_START:
	case TLS_PHASE_FOREIGN:
		return tls_finish(t, TLS_NOT);
	case TLS_PHASE_TENTATIVE:
		return tls_finish(t, TLS_DONE);
	case TLS_PHASE_KEYS:
		/* all of a full handshake may have come in records that passed for early data */
		if (t->version == TLS_VERSION_1_3 && (t->flags & TLS_F_EARLY) &&
		    !(t->flags & TLS_F_RESUMED))
			return tls_finish(t, TLS_LOST);
	}
	return tls_fail(t, outcome, by, TLS_ALERT_NONE);
}

#endif
