/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ClientHello and the ServerHello, a field at a time, so that an extension
 * is found however many bytes of others stand before it (see tls.h).
 */
#ifndef EDGETAP_PROTO_TLS_HELLO_H
#define EDGETAP_PROTO_TLS_HELLO_H

#include "tls_state.h"

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
VERIFIED_ALONE int tls_field(struct tls_state *t, int from_server)
{
	__u64 value;
	__u8 field;

	if (!t)
		return TLS_LOST;
	value = t->value;
	field = t->field;
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

/* Passes over, or adds to the field at hand, up to `n` bytes of a hello; returns how many. */
VERIFIED_ALONE int tls_gather(struct tls_state *t, const struct cursor *cur, __u32 n)
{
	__u32 pos, used = 0, need;
	__u64 value;

	if (!t || !cur)
		return 0;
	if (t->skip) {
		used = t->skip < n ? t->skip : n;
		t->skip -= (__u16)used;
		return (int)used;
	}
	pos = cur->pos;
	value = t->value;
	need = tls_field_bytes(t->field) - t->value_bytes;
	if (n > need)
		n = need;
	for (__u32 i = 0; i < 8; i++) {
		if (i >= n)
			break;
		value = value << 8 | cursor_byte(cur, pos + i);
		used++;
	}
	t->value = value;
	t->value_bytes += (__u8)used;
	return (int)used;
}

/* Follows a hello for up to `n` bytes of its record, which the window has; moves cur->pos. */
VERIFIED_ALONE int tls_hello_step(struct tls_state *t, struct cursor *cur, int from_server, __u32 n)
{
	bool begun;
	__u32 used;

	if (!t || !cur)
		return TLS_LOST;
	begun = t->field != TLS_FIELD_MESSAGE;
	if (begun && n > t->message_left)
		n = t->message_left;
	if (t->phase == TLS_PHASE_START) {
		/* the very first byte */
		if (cursor_byte(cur, cur->pos) != 1) {
			t->phase = TLS_PHASE_FOREIGN;
			cur->pos++;
			return TLS_NOT;
		}
		t->phase = TLS_PHASE_HELLO;
	}
	used = (__u32)tls_gather(t, cur, n);
	cur->pos += used;
	if (begun)
		t->message_left -= used;
	if (!from_server) {
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

#endif
