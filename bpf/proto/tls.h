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
 * only when something follows that is no alert. A server that has answered early
 * data may close without it.
 *
 * What is said of lengths rests on records without padding. Nobody pads a
 * handshake by default; with padding an alert goes unseen and is told as a close.
 *
 * Pure: takes bytes, returns values, touches no map. It compiles natively too;
 * unit tests and the fuzzer run this very code.
 */
#ifndef EDGETAP_PROTO_TLS_H
#define EDGETAP_PROTO_TLS_H

#include "tls_hello.h"

#define TLS_PLAIN_MOST 16384	       /* bytes of a plain record, RFC 8446, 5.1 */
#define TLS_RECORD_MOST (16384 + 2048) /* and of an encrypted one, RFC 5246, 6.2.3 */
#define TLS_NO_REQUEST                                                                             \
	32	     /* bytes of a record that is too short for one: a close_notify, a KeyUpdate */
#define TLS_STEPS 96 /* headers and fields looked at in one go; the verifier walks each */

/* RFC 8446, B.1 */
enum tls_record {
	TLS_RECORD_CHANGE_CIPHER_SPEC = 20,
	TLS_RECORD_ALERT = 21,
	TLS_RECORD_HANDSHAKE = 22,
	TLS_RECORD_APPLICATION_DATA = 23,
	TLS_RECORD_HEARTBEAT = 24, /* RFC 6520 */
};

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

/*
 * One of the server's. Behind its own Finished it may answer early data at once (RFC 8446, 4.6.1
 * and E.5), and then needs nothing more of the client: it may even close.
 */
static __always_inline int tls_server_record_1_3(struct tls_state *t, __u32 length, __u64 now_ns)
{
	__u32 finished = tls_finished_bytes(t);

	if (length == tls_encrypted(t, 2)) {
		if (t->flags & TLS_F_SERVED)
			return tls_finish(t, TLS_DONE); /* a close_notify */
		return tls_fail(t, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER, TLS_ALERT_NONE);
	}
	if (t->phase == TLS_PHASE_TENTATIVE || (t->flags & TLS_F_ANSWERED))
		return tls_finish(t, TLS_DONE);
	if (!(t->flags & TLS_F_EARLY) || !(t->flags & TLS_F_RESUMED))
		return TLS_MORE;
	/* EncryptedExtensions and Finished come in two records, or in one */
	if (length == finished && !(t->flags & TLS_F_SERVER_FINISHED)) {
		t->flags |= TLS_F_SERVER_FINISHED;
	} else if (!(t->flags & (TLS_F_SERVER_FINISHED | TLS_F_FLIGHT))) {
		if (length > finished)
			t->flags |= TLS_F_FLIGHT;
	} else if (!(t->flags & TLS_F_SERVED)) {
		t->flags |= TLS_F_SERVED;
		t->done_ns = now_ns;
	}
	return TLS_MORE;
}

/* What follows the client's Finished: does it show that the server liked it? */
static __always_inline int tls_behind_finished(struct tls_state *t, __u32 length, __u64 now_ns)
{
	/* a close_notify of a client without a certificate, of which there is nothing to refuse */
	bool closes = length == tls_encrypted(t, 2) && !(t->flags & (TLS_F_ANSWERED | TLS_F_EARLY));

	if (length > TLS_NO_REQUEST)
		t->flags |= TLS_F_REQUEST;
	/* what was read together with Finished does not */
	return now_ns == t->done_ns && !closes ? TLS_MORE : tls_finish(t, TLS_DONE);
}

/* A record of TLS 1.3 behind the ServerHello is complete. */
static __always_inline int tls_record_1_3(struct tls_state *t, bool from_server, __u32 length,
					  __u64 now_ns)
{
	bool early_end = t->flags & TLS_F_EARLY_END;

	if (from_server)
		return tls_server_record_1_3(t, length, now_ns);
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
		return tls_behind_finished(t, length, now_ns);
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
	__u16 cipher = from_server ? TLS_F_SERVER_CIPHER : TLS_F_CLIENT_CIPHER;
	__u16 finished = from_server ? TLS_F_SERVER_FINISHED : TLS_F_CLIENT_FINISHED;

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
	if ((t->flags & TLS_F_CLIENT_FINISHED) && (t->flags & TLS_F_SERVER_FINISHED)) {
		t->done_ns = now_ns;
		return tls_finish(t, TLS_DONE);
	}
	return TLS_MORE;
}

/* The last byte of a record has passed. */
VERIFIED_ALONE int tls_record_end(struct tls_state *t, int from_server, __u64 now_ns)
{
	struct tls_direction *way;
	__u32 length;
	__u8 type;

	if (!t)
		return TLS_LOST;
	way = from_server ? &t->server : &t->client;
	length = (__u32)way->header[3] << 8 | way->header[4];
	type = way->header[0];
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
	       !(t->flags & (from_server ? TLS_F_SERVER_CIPHER : TLS_F_CLIENT_CIPHER));
}

/* What is to be done with the payload of the record at hand. */
enum tls_interest { TLS_PASS, TLS_READ_ALERT, TLS_READ_HELLO };

static __always_inline int tls_interest(const struct tls_state *t, const struct tls_direction *way,
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
VERIFIED_ALONE int tls_header(struct tls_state *t, int from_server, __u64 now_ns)
{
	struct tls_direction *way;
	__u32 length;
	__u8 type;
	bool valid;

	if (!t)
		return TLS_LOST;
	way = from_server ? &t->server : &t->client;
	length = (__u32)way->header[3] << 8 | way->header[4];
	type = way->header[0];
	valid = type >= TLS_RECORD_CHANGE_CIPHER_SPEC && type <= TLS_RECORD_HEARTBEAT &&
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
	return length ? TLS_MORE : tls_record_end(t, from_server, now_ns);
}

/* One header, alert, field or stretch of no interest, or what the window has of it. */
VERIFIED_ALONE int tls_step(struct tls_state *t, struct cursor *cur, int from_server, __u64 now_ns)
{
	struct tls_direction *way;
	__u32 pos, n, used;
	int result = TLS_MORE;

	if (!t || !cur)
		return TLS_LOST;
	way = from_server ? &t->server : &t->client;
	pos = cur->pos;
	if (pos >= cur->bytes)
		return TLS_MORE;
	n = cur->bytes - pos;
	if (way->have < TLS_HEADER) {
		/* no index that varies: the verifier would have to be shown its bounds */
		for (__u32 i = 0; i < TLS_HEADER; i++) {
			__u8 c = cursor_byte(cur, pos + i);

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
			cur->pos = pos + i + 1;
		}
		return way->have < TLS_HEADER ? TLS_MORE : tls_header(t, from_server, now_ns);
	}
	if (n > way->left)
		n = way->left;
	switch (tls_interest(t, way, from_server)) {
	case TLS_READ_HELLO:
		result = tls_hello_step(t, cur, from_server, n);
		break;
	case TLS_READ_ALERT:
		cur->pos = pos + 1;
		if (way->left == 1)
			result = tls_alert(t, from_server, way->header[3], cursor_byte(cur, pos));
		else
			way->header[3] = cursor_byte(cur, pos);
		break;
	default:
		cur->pos = pos + n;
	}
	used = cur->pos - pos;
	way->left -= (__u16)used;
	if (result == TLS_MORE && !way->left)
		result = tls_record_end(t, from_server, now_ns);
	return result;
}

/*
 * Follows the bytes in [cur->pos, cur->bytes) of the window: what the server read
 * (from_server false) or wrote at now_ns, next to what was shown or skipped of
 * that direction before. Returns enum tls_result; cur->pos is behind the last byte
 * looked at. With TLS_MORE and TLS_HELLO that may be short of cur->bytes, then the
 * caller comes again with the rest; each call moves on by a byte at least.
 *
 * TLS_NOT of the client's bytes may still become TLS_FAILED if the server's are
 * shown: a server may answer garbage with an alert. Any other end is final.
 */
VERIFIED_ALONE int tls_scan(struct tls_state *t, struct cursor *cur, int from_server, __u64 now_ns)
{
	int result;

	if (!t || !cur)
		return TLS_LOST;
	t->hello_piece = 0;
	for (int i = 0; i < TLS_STEPS; i++) {
		if (t->phase == TLS_PHASE_END || (t->phase == TLS_PHASE_FOREIGN && !from_server)) {
			cur->pos = cur->bytes;
			return t->phase == TLS_PHASE_END ? t->result : TLS_NOT;
		}
		if (cur->pos >= cur->bytes)
			break;
		result = tls_step(t, cur, from_server, now_ns);
		if (result != TLS_MORE)
			return result;
		/* a piece ends with its record, and with the message */
		if (t->hello_piece && (!t->client.have || t->phase != TLS_PHASE_HELLO))
			break;
	}
	return t->hello_piece ? TLS_HELLO : TLS_MORE;
}

/* Bytes of a direction that need not be shown, because tls_skip() will do; 0 if they must. */
static __always_inline __u32 tls_skip_bytes(const struct tls_state *t, bool from_server)
{
	const struct tls_direction *way = from_server ? &t->server : &t->client;

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
	struct tls_direction *way;

	if (!t)
		return TLS_LOST;
	way = from_server ? &t->server : &t->client;
	if (t->phase == TLS_PHASE_END)
		return t->result;
	if (way->have < TLS_HEADER || bytes > way->left)
		return tls_finish(t, TLS_LOST);
	way->left -= (__u16)bytes;
	return way->left ? TLS_MORE : tls_record_end(t, from_server, now_ns);
}

/*
 * The connection has ended: by whom (enum tls_by) and how (TLS_OUTCOME_CLOSED,
 * RESET or TIMEOUT). A server may read an alert from its queue when the client's
 * RST has already closed the socket, so this is for when it can read no more: it
 * met the end of the stream, or the socket is destroyed. Returns TLS_DONE, TLS_FAILED, TLS_LOST, or
 * TLS_NOT if not even the beginning of a ClientHello came.
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
		if (t->flags & TLS_F_SERVED)
			return tls_finish(t, TLS_DONE);
		/* all of a full handshake may have come in records that passed for early data */
		if (t->version == TLS_VERSION_1_3 && (t->flags & TLS_F_EARLY) &&
		    !(t->flags & TLS_F_RESUMED))
			return tls_finish(t, TLS_LOST);
	}
	return tls_fail(t, outcome, by, TLS_ALERT_NONE);
}

#endif
