// SPDX-License-Identifier: Apache-2.0
/*
 * TLS handshakes as the BPF programs follow them: real ones between two ends
 * of OpenSSL, which says what happened, and made-up records for what OpenSSL
 * does not do. Each in every split.
 */
#include <check.h>
#include <openssl/ssl.h>

#include "tls_drive.h"
#include "tls_peer.h"

Suite *tls_suite(void);

#define V10 TLS1_VERSION
#define V11 TLS1_1_VERSION
#define V12 TLS1_2_VERSION
#define V13 TLS1_3_VERSION
#define ONLY(v) .client_max = (v), .server_max = (v)
#define ALERT .result = TLS_FAILED, .outcome = TLS_OUTCOME_ALERT
#define HIDDEN .result = TLS_FAILED, .outcome = TLS_OUTCOME_ENCRYPTED_ALERT
#define GARBAGE "\x80\x01\x02 garbage, and some more of it"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* `version` is what is agreed on; 0: nothing. */
static const struct peer_setup setups[] = {
	{ "1.0", ONLY(V10), .version = V10, .result = TLS_DONE },
	{ "1.1", ONLY(V11), .version = V11, .result = TLS_DONE },
	{ "1.2", ONLY(V12), .version = V12, .result = TLS_DONE },
	{ "1.2, the client offers 1.3", .server_max = V12, .version = V12, .result = TLS_DONE },
	{ "1.2, CBC", ONLY(V12), .client_ciphers = "ECDHE-ECDSA-AES128-SHA", .version = V12,
	  .result = TLS_DONE },
	{ "1.2, client certificate", ONLY(V12), .client_auth = true, .version = V12,
	  .result = TLS_DONE },
	{ "1.2, short records", ONLY(V12), .fragment = 512, .version = V12, .result = TLS_DONE },
	{ "1.2, resumed", ONLY(V12), .resume = true, .version = V12, .result = TLS_DONE },
	{ "1.2, not resumed", ONLY(V12), .resume = true, .refuse_resume = true, .version = V12,
	  .result = TLS_DONE },
	{ "1.0, resumed", ONLY(V10), .resume = true, .version = V10, .result = TLS_DONE },
	{ "1.3", .version = V13, .result = TLS_DONE },
	{ "1.3, AES 128", .suites = "TLS_AES_128_GCM_SHA256", .version = V13, .result = TLS_DONE },
	{ "1.3, AES 256", .suites = "TLS_AES_256_GCM_SHA384", .version = V13, .result = TLS_DONE },
	{ "1.3, ChaCha20", .suites = "TLS_CHACHA20_POLY1305_SHA256", .version = V13,
	  .result = TLS_DONE },
	{ "1.3, CCM", .suites = "TLS_AES_128_CCM_SHA256", .version = V13, .result = TLS_DONE },
	{ "1.3, CCM 8", .suites = "TLS_AES_128_CCM_8_SHA256", .version = V13, .result = TLS_DONE },
	{ "1.3, no tickets", .no_tickets = true, .version = V13, .result = TLS_DONE },
	{ "1.3, short records", .fragment = 512, .version = V13, .result = TLS_DONE },
	{ "1.3, resumed", .resume = true, .version = V13, .result = TLS_DONE },
	{ "1.3, not resumed", .resume = true, .refuse_resume = true, .version = V13,
	  .result = TLS_DONE },
	{ "1.3, other group", .client_groups = "X25519:P-256", .server_groups = "P-256",
	  .version = V13, .result = TLS_DONE },
	{ "1.3, other group, resumed", .client_groups = "X25519:P-256", .server_groups = "P-256",
	  .resume = true, .version = V13, .result = TLS_DONE },
	{ "1.3, client certificate", .client_auth = true, .version = V13, .result = TLS_DONE },
	{ "1.3, 0-RTT", .resume = true, .early_bytes = 300, .version = V13, .result = TLS_DONE },
	{ "1.3, 0-RTT, as long as Finished", .resume = true, .early_bytes = 36,
	  .suites = "TLS_AES_128_GCM_SHA256", .version = V13, .result = TLS_DONE },
	{ "1.3, 0-RTT, as long as an alert", .resume = true, .early_bytes = 2, .version = V13,
	  .result = TLS_DONE },
	{ "1.3, 0-RTT, as long as its end", .resume = true, .early_bytes = 4, .version = V13,
	  .result = TLS_DONE },
	{ "1.3, 0-RTT refused", .resume = true, .refuse_resume = true, .early_bytes = 300,
	  .version = V13, .result = TLS_DONE },
	{ "1.3, 0-RTT, other group", .client_groups = "X25519:P-256", .server_groups = "P-256",
	  .resume = true, .early_bytes = 300, .version = V13, .result = TLS_DONE },
	{ "name refused with a warning, 1.2", ONLY(V12), .server_name = PEER_NAME_WARNING,
	  .version = V12, .result = TLS_DONE },
	{ "name refused with a warning", .server_name = PEER_NAME_WARNING, .version = V13,
	  .result = TLS_DONE },

	{ "1.2, expired", ONLY(V12), .server_certificate = PEER_EXPIRED, .version = V12, ALERT },
	{ "1.2, unknown CA", ONLY(V12), .server_certificate = PEER_UNKNOWN_CA, .version = V12,
	  ALERT },
	{ "1.2, wrong name", ONLY(V12), .server_certificate = PEER_WRONG_NAME, .version = V12,
	  ALERT },
	{ "1.2, no client certificate", ONLY(V12), .client_auth = true,
	  .client_certificate = PEER_ABSENT, .version = V12, ALERT },
	{ "1.2, client's unknown CA", ONLY(V12), .client_auth = true,
	  .client_certificate = PEER_UNKNOWN_CA, .version = V12, ALERT },
	/* OpenSSL's client does not encrypt before its own flight */
	{ "1.3, expired", .server_certificate = PEER_EXPIRED, .version = V13, ALERT },
	{ "1.3, expired, CCM 8", .suites = "TLS_AES_128_CCM_8_SHA256",
	  .server_certificate = PEER_EXPIRED, .version = V13, ALERT },
	{ "1.3, unknown CA", .server_certificate = PEER_UNKNOWN_CA, .version = V13, ALERT },
	{ "1.3, wrong name", .server_certificate = PEER_WRONG_NAME, .version = V13, ALERT },
	{ "1.3, no client certificate", .client_auth = true, .client_certificate = PEER_ABSENT,
	  .version = V13, HIDDEN },
	{ "1.3, client's unknown CA", .client_auth = true, .client_certificate = PEER_UNKNOWN_CA,
	  .version = V13, HIDDEN },
	{ "1.3, client's expired", .client_auth = true, .client_certificate = PEER_EXPIRED,
	  .version = V13, HIDDEN },
	{ "no common version, old client", .client_max = V12, .server_min = V13, ALERT },
	{ "no common version, old server", .client_min = V13, .server_max = V12, ALERT },
	{ "no common cipher", ONLY(V12), .client_ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256",
	  .server_ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384", ALERT },
	{ "no common group", .client_groups = "X25519", .server_groups = "P-256", .client_min = V13,
	  ALERT },
	{ "no certificate", .server_certificate = PEER_ABSENT, ALERT },
	{ "name refused", .server_name = PEER_NAME_FATAL, ALERT },
	{ "name refused, 1.2", ONLY(V12), .server_name = PEER_NAME_FATAL, ALERT },

	{ "plain HTTP", .first = GET, .first_bytes = sizeof(GET) - 1, .result = TLS_NOT },
	{ "garbage", .first = GARBAGE, .first_bytes = sizeof(GARBAGE) - 1, .result = TLS_NOT },
	{ "no handshake record", .first = "\x17\x03\x01\x00\x02hi", .first_bytes = 7,
	  .result = TLS_NOT },
	{ "no ClientHello", .first = "\x16\x03\x01\x00\x04\x0b\x00\x00\x00", .first_bytes = 9,
	  .result = TLS_NOT },
	{ "empty ClientHello", .first = "\x16\x03\x01\x00\x04\x01\x00\x00\x00", .first_bytes = 9,
	  ALERT },
};
#define SETUPS ((int)(sizeof(setups) / sizeof(setups[0])))

static uint64_t time_of(size_t event)
{
	return 1000 + event;
}

/* Follows the first `bytes` bytes of the wire, with one more cut at each of `cut`, `step` apart. */
static void follow(struct drive *d, const struct peer_wire *wire, size_t bytes, size_t cut,
		   size_t step)
{
	for (size_t i = 0; i < wire->events; i++) {
		const struct peer_event *e = &wire->event[i];
		size_t end = e->at + e->bytes < bytes ? e->at + e->bytes : bytes;

		for (size_t at = e->at, next; at < end; at = next) {
			next = step ? at + step : cut > at && cut < end ? cut : end;
			if (next > end)
				next = end;
			drive_piece(d, e->from_server, wire->byte + at, next - at, time_of(i));
		}
	}
}

/* The ClientHello as the wire has it: what handshake records of the client carry first. */
static size_t hello_of(const struct peer_wire *wire, uint8_t *ret)
{
	static uint8_t sent[PEER_BYTES];
	size_t bytes = 0, n = 0, want = 4;

	for (size_t i = 0; i < wire->events; i++)
		if (!wire->event[i].from_server) {
			memcpy(sent + bytes, wire->byte + wire->event[i].at, wire->event[i].bytes);
			bytes += wire->event[i].bytes;
		}
	for (size_t at = 0; at + 5 <= bytes && n < want && sent[at] == 22;) {
		size_t length = (size_t)sent[at + 3] << 8 | sent[at + 4];

		at += 5;
		for (size_t i = 0; i < length && n < want && at + i < bytes; i++) {
			ret[n++] = sent[at + i];
			if (n == 4)
				want = 4 + ((size_t)ret[1] << 16 | (size_t)ret[2] << 8 | ret[3]);
		}
		at += length;
	}
	return n;
}

/* What the follower says of the whole wire, against OpenSSL and the table. */
static void judge(const struct peer_setup *s, const struct peer_wire *wire, const struct drive *d)
{
	const struct tls_state *t = &d->state;
	static uint8_t hello[PEER_BYTES];
	size_t bytes;

	if (d->result != s->result || t->version != s->version || t->outcome != s->outcome)
		drive_print(s->name, d);
	ck_assert_int_eq(wire->done, s->result == TLS_DONE);
	if (s->result == TLS_NOT && wire->alerted) {
		/* the server answered garbage in TLS */
		ck_assert(d->foreign);
		ck_assert_int_eq(d->result, TLS_FAILED);
		ck_assert_int_eq(t->hello_bytes, 0);
		ck_assert_int_eq(t->by, TLS_BY_SERVER);
		ck_assert_int_eq(t->alert, wire->alert);
		return;
	}
	ck_assert_int_eq(d->result, s->result);
	ck_assert_int_eq(t->version, s->version);
	if (s->result == TLS_NOT)
		return;
	bytes = hello_of(wire, hello);
	ck_assert_uint_gt(t->hello_bytes, 0);
	ck_assert_int_ne(t->phase, TLS_PHASE_HELLO);
	ck_assert_uint_eq(d->hello_bytes, bytes);
	ck_assert_mem_eq(d->hello, hello, bytes);
	if (s->result == TLS_DONE) {
		ck_assert_int_eq(t->version, wire->version);
		ck_assert_uint_eq(t->done_ns, time_of(wire->done_event));
		return;
	}
	ck_assert(wire->alerted);
	ck_assert_int_eq(t->outcome, s->outcome);
	ck_assert_int_eq(t->by, wire->alert_by_server ? TLS_BY_SERVER : TLS_BY_CLIENT);
	ck_assert_int_eq(t->alert, s->outcome == TLS_OUTCOME_ALERT ? wire->alert : TLS_ALERT_NONE);
}

static void same(const struct drive *a, const struct drive *b, const char *how, size_t where)
{
	if (drive_same(a, b))
		return;
	drive_print("whole", a);
	drive_print("split", b);
	ck_abort_msg("the result depends on the splits: %s %zu", how, where);
}

static void all_splits(const struct peer_wire *wire, struct drive *whole)
{
	static struct drive split;

	drive_begin(whole, false, 0x16);
	follow(whole, wire, wire->bytes, 0, 0);
	for (size_t cut = 1; cut < wire->bytes; cut++) {
		drive_begin(&split, true, 0x01);
		follow(&split, wire, wire->bytes, cut, 0);
		same(whole, &split, "cut at", cut);
	}
	for (size_t step = 1; step < 40; step++) {
		drive_begin(&split, step & 1, 0xff);
		follow(&split, wire, wire->bytes, 0, step);
		same(whole, &split, "pieces of", step);
	}
}

/* Cut off at every byte, and ended there. */
static void all_truncations(const struct peer_setup *s, const struct peer_wire *wire)
{
	static struct drive d;
	size_t done = wire->event[wire->done_event].at + wire->event[wire->done_event].bytes;
	size_t first = wire->event[0].at + 6; /* with it, it is a ClientHello */

	for (size_t bytes = 0; bytes <= wire->bytes; bytes++) {
		drive_begin(&d, bytes & 1, 0x02);
		follow(&d, wire, bytes, 0, 0);
		drive_end(&d, TLS_BY_SERVER, TLS_OUTCOME_RESET);
		if (bytes < first) {
			ck_assert_int_eq(d.result, TLS_NOT);
		} else if (bytes < done) {
			ck_assert_msg(d.result == TLS_FAILED, "%s: %d after %zu of %zu bytes",
				      s->name, d.result, bytes, done);
			ck_assert_int_eq(d.state.outcome, TLS_OUTCOME_RESET);
			ck_assert_int_eq(d.state.by, TLS_BY_SERVER);
			ck_assert_int_eq(d.state.alert, TLS_ALERT_NONE);
		} else {
			ck_assert_msg(d.result == TLS_DONE, "%s: %d after %zu of %zu bytes",
				      s->name, d.result, bytes, done);
			ck_assert_uint_eq(d.state.done_ns, time_of(wire->done_event));
		}
	}
}

static void one_setup(struct peer_setup s)
{
	static struct peer_wire wire;
	static struct drive whole;

	peer_run(&s, &wire);
	all_splits(&wire, &whole);
	drive_end(&whole, TLS_BY_CLIENT, TLS_OUTCOME_CLOSED);
	judge(&s, &wire, &whole);
	ck_assert(wire.early_accepted == (s.early_bytes && !s.refuse_resume && !s.client_groups));
	/* early data that passes for Finished is told by what follows, which a cut takes away */
	if (s.result == TLS_DONE && !s.early_bytes)
		all_truncations(&s, &wire);
}

START_TEST(real_handshake)
{
	one_setup(setups[_i]);
}
END_TEST

START_TEST(real_handshake_by_record)
{
	struct peer_setup s = setups[_i];

	if (s.first)
		return;
	s.by_record = true;
	one_setup(s);
}
END_TEST

/* ---- made-up records ---- */

struct record {
	char from; /* 'c' or 's'; 0 ends the list */
	uint8_t type;
	uint16_t bytes;
	uint64_t now; /* 0: that of the record before */
	const char *payload;
};

#define HELLO "\x01\x00\x00\x2b\x03\x03" R32 "\x00\x00\x02\x13\x01\x01\x00\x00\x00"
#define R8 "\x11\x22\x33\x44\x55\x66\x77\x88"
#define R32 R8 R8 R8 R8
#define HELLO_BYTES 47
/* extension 42 */
#define EARLY_HELLO                                                                                \
	"\x01\x00\x00\x2f\x03\x03" R32 "\x00\x00\x02\x13\x01\x01\x00\x00\x04\x00\x2a\x00\x00"
#define EARLY_HELLO_BYTES 51
/* version 1.2 and cipher suite 0xc02f, no extension */
#define ANSWER_1_2 "\x02\x00\x00\x26\x03\x03" R32 "\x00\xc0\x2f\x00"
#define ANSWER_1_2_BYTES 42
/* 0x1301; supported_versions */
#define ANSWER_1_3 "\x02\x00\x00\x2e\x03\x03" R32 "\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"
#define ANSWER_1_3_BYTES 50
/* the same with pre_shared_key */
#define ANSWER_PSK                                                                                 \
	"\x02\x00\x00\x34\x03\x03" R32 "\x00\x13\x01\x00\x00\x0c\x00\x2b\x00\x02\x03\x04"          \
	"\x00\x29\x00\x02\x00\x00"
#define ANSWER_PSK_BYTES 56
#define EARLY                                                                                      \
	{ 'c', 22, EARLY_HELLO_BYTES, 1, EARLY_HELLO }, { 'c', 23, 63, 1, 0 },                     \
	{                                                                                          \
		's', 22, ANSWER_PSK_BYTES, 2, ANSWER_PSK                                           \
	}
/* a HelloRetryRequest */
#define RETRY                                                                                      \
	"\x02\x00\x00\x2e\x03\x03"                                                                 \
	"\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"                         \
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"                         \
	"\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"
#define RETRY_BYTES 50
#define UNKNOWN_SUITE                                                                              \
	"\x02\x00\x00\x2e\x03\x03" R32 "\x00\x13\x99\x00\x00\x06\x00\x2b\x00\x02\x03\x04"
#define FAR_VERSION "\x02\x00\x00\x26\x09\x09" R32 "\x00\xc0\x2f\x00"

#define DONE_AT(v, at) .result = TLS_DONE, .version = (v), .done = (at)
#define FAILED(v, what, whom, name)                                                                \
	.result = TLS_FAILED, .version = (v), .outcome = (what), .by = (whom), .alert = (name)

static const struct made {
	const char *name;
	struct record record[12];
	int result, version, outcome, by, alert;
	uint64_t done;
	bool ends; /* the result is that of the connection's end */
} mades[] = {
	{ "client's flight in one record",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 900, 2, 0 },
	    { 'c', 23, 1500, 3, 0 },
	    { 's', 23, 250, 4, 0 } },
	  DONE_AT(V13, 3) },
	{ "client's flight in one record, refused",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 900, 2, 0 },
	    { 'c', 23, 1500, 3, 0 },
	    { 's', 23, 19, 4, 0 } },
	  FAILED(V13, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER, TLS_ALERT_NONE) },
	{ "client's flight in one record, and nothing more",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 900, 2, 0 },
	    { 'c', 23, 1500, 3, 0 } },
	  FAILED(V13, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, TLS_ALERT_NONE),
	  .ends = true },
	{ "client refuses the certificate in secret",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 900, 2, 0 },
	    { 'c', 20, 1, 3, "\x01" },
	    { 'c', 23, 19, 3, 0 } },
	  FAILED(V13, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_CLIENT, TLS_ALERT_NONE) },
	{ "refused after Finished, a request read with it",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 900, 2, 0 },
	    { 'c', 23, 25, 3, 0 },
	    { 'c', 23, 53, 3, 0 },
	    { 'c', 23, 400, 3, 0 },
	    { 's', 23, 19, 4, 0 } },
	  FAILED(V13, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER, TLS_ALERT_NONE) },
	{ "Finished, then a request in a read of its own",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 900, 2, 0 },
	    { 'c', 23, 53, 3, 0 },
	    { 'c', 23, 400, 4, 0 } },
	  DONE_AT(V13, 3) },
	{ "early data as long as Finished, then the real one",
	  { { 'c', 22, EARLY_HELLO_BYTES, 1, EARLY_HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 90, 2, 0 },
	    { 'c', 23, 53, 3, 0 },
	    { 'c', 23, 21, 4, 0 },
	    { 'c', 23, 53, 5, 0 },
	    { 's', 23, 250, 6, 0 } },
	  DONE_AT(V13, 5) },
	{ "early data as long as an alert, then nothing; the server took no pre-shared key",
	  { { 'c', 22, EARLY_HELLO_BYTES, 1, EARLY_HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 90, 2, 0 },
	    { 'c', 23, 19, 3, 0 } },
	  .result = TLS_LOST,
	  .version = V13,
	  .ends = true },
	/* from here on the client's end of early data and Finished are still under way */
	{ "early data answered, and closed at once",
	  { EARLY,
	    { 's', 23, 27, 2, 0 },
	    { 's', 23, 53, 2, 0 },
	    { 's', 23, 164, 3, 0 },
	    { 's', 23, 19, 3, 0 } },
	  DONE_AT(V13, 3) },
	{ "early data answered and closed at once, the server's flight in one record",
	  { EARLY, { 's', 23, 63, 2, 0 }, { 's', 23, 164, 3, 0 }, { 's', 23, 19, 3, 0 } },
	  DONE_AT(V13, 3) },
	{ "early data answered with as much as Finished",
	  { EARLY,
	    { 's', 23, 27, 2, 0 },
	    { 's', 23, 53, 2, 0 },
	    { 's', 23, 53, 3, 0 },
	    { 's', 23, 19, 3, 0 } },
	  DONE_AT(V13, 3) },
	{ "several records of early data, answered in two",
	  { EARLY,
	    { 's', 23, 27, 2, 0 },
	    { 's', 23, 53, 2, 0 },
	    { 'c', 23, 400, 3, 0 },
	    { 'c', 23, 19, 4, 0 },
	    { 's', 23, 164, 5, 0 },
	    { 's', 23, 900, 6, 0 },
	    { 's', 23, 19, 6, 0 } },
	  DONE_AT(V13, 5) },
	{ "early data answered, no close_notify",
	  { EARLY, { 's', 23, 27, 2, 0 }, { 's', 23, 53, 2, 0 }, { 's', 23, 164, 3, 0 } },
	  DONE_AT(V13, 3),
	  .ends = true },
	{ "early data answered, Finished, then the server closes",
	  { EARLY,
	    { 's', 23, 27, 2, 0 },
	    { 's', 23, 53, 2, 0 },
	    { 's', 23, 164, 3, 0 },
	    { 'c', 23, 21, 4, 0 },
	    { 'c', 23, 53, 4, 0 },
	    { 's', 23, 19, 5, 0 } },
	  DONE_AT(V13, 4) },
	{ "early data refused by an alert",
	  { EARLY, { 's', 23, 27, 2, 0 }, { 's', 23, 53, 2, 0 }, { 's', 23, 19, 3, 0 } },
	  FAILED(V13, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER, TLS_ALERT_NONE) },
	{ "early data refused by an alert, the server's flight in one record",
	  { EARLY, { 's', 23, 63, 2, 0 }, { 's', 23, 19, 3, 0 } },
	  FAILED(V13, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER, TLS_ALERT_NONE) },
	{ "early data never answered",
	  { EARLY, { 's', 23, 27, 2, 0 }, { 's', 23, 53, 2, 0 } },
	  FAILED(V13, TLS_OUTCOME_CLOSED, TLS_BY_CLIENT, TLS_ALERT_NONE),
	  .ends = true },
	{ "early data, its end, Finished and close_notify in one read, then the server's",
	  { EARLY,
	    { 's', 23, 27, 2, 0 },
	    { 's', 23, 53, 2, 0 },
	    { 'c', 23, 21, 3, 0 },
	    { 'c', 23, 53, 3, 0 },
	    { 'c', 23, 19, 3, 0 },
	    { 's', 23, 19, 4, 0 } },
	  DONE_AT(V13, 3) },
	{ "early data to a server that wants another group, then closed",
	  { { 'c', 22, EARLY_HELLO_BYTES, 1, EARLY_HELLO },
	    { 'c', 23, 63, 1, 0 },
	    { 's', 22, RETRY_BYTES, 2, RETRY },
	    { 'c', 22, HELLO_BYTES, 3, HELLO },
	    { 's', 22, ANSWER_PSK_BYTES, 4, ANSWER_PSK },
	    { 's', 23, 23, 4, 0 },
	    { 's', 23, 53, 4, 0 },
	    { 's', 23, 19, 5, 0 } },
	  FAILED(V13, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER, TLS_ALERT_NONE) },
	{ "Finished and close_notify in one read, then the server's",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 900, 2, 0 },
	    { 'c', 23, 53, 3, 0 },
	    { 'c', 23, 19, 3, 0 },
	    { 's', 23, 19, 4, 0 } },
	  DONE_AT(V13, 3) },
	{ "a certificate, Finished and close_notify in one read, then an alert",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_3_BYTES, 2, ANSWER_1_3 },
	    { 's', 23, 900, 2, 0 },
	    { 'c', 23, 25, 3, 0 },
	    { 'c', 23, 53, 3, 0 },
	    { 'c', 23, 19, 3, 0 },
	    { 's', 23, 19, 4, 0 } },
	  FAILED(V13, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_SERVER, TLS_ALERT_NONE) },
	{ "1.2, an encrypted alert instead of Finished",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_2_BYTES, 2, ANSWER_1_2 },
	    { 's', 22, 900, 2, 0 },
	    { 'c', 22, 70, 3, 0 },
	    { 'c', 20, 1, 3, "\x01" },
	    { 'c', 21, 26, 3, 0 } },
	  FAILED(V12, TLS_OUTCOME_ENCRYPTED_ALERT, TLS_BY_CLIENT, TLS_ALERT_NONE) },
	{ "1.2, false start",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_2_BYTES, 2, ANSWER_1_2 },
	    { 's', 22, 900, 2, 0 },
	    { 'c', 22, 70, 3, 0 },
	    { 'c', 20, 1, 3, "\x01" },
	    { 'c', 22, 40, 3, 0 },
	    { 'c', 23, 300, 3, 0 },
	    { 's', 20, 1, 4, "\x01" },
	    { 's', 22, 40, 5, 0 } },
	  DONE_AT(V12, 5) },
	{ "1.2, warnings, no_renegotiation and unrecognized_name",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 21, 2, 2, "\x01\x70" },
	    { 's', 22, ANSWER_1_2_BYTES, 2, ANSWER_1_2 },
	    { 'c', 21, 2, 3, "\x01\x64" },
	    { 'c', 20, 1, 3, "\x01" },
	    { 's', 20, 1, 4, "\x01" },
	    { 'c', 22, 40, 5, 0 },
	    { 's', 22, 40, 6, 0 } },
	  DONE_AT(V12, 6) },
	{ "1.2, close_notify is an end, even as a warning",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, ANSWER_1_2_BYTES, 2, ANSWER_1_2 },
	    { 'c', 21, 2, 3, "\x01\x00" } },
	  FAILED(V12, TLS_OUTCOME_ALERT, TLS_BY_CLIENT, 0) },
	{ "ClientHello in three records",
	  { { 'c', 22, 3, 1, HELLO },
	    { 'c', 22, 2, 1, HELLO + 3 },
	    { 'c', 22, HELLO_BYTES - 5, 1, HELLO + 5 },
	    { 's', 21, 2, 2, "\x02\x28" } },
	  FAILED(0, TLS_OUTCOME_ALERT, TLS_BY_SERVER, 40) },
	{ "silence, then a close_notify",
	  { { 's', 21, 2, 1, "\x01\x00" } },
	  FAILED(0, TLS_OUTCOME_ALERT, TLS_BY_SERVER, 0) },
	{ "the server speaks first", { { 's', 22, 40, 1, 0 } }, .result = TLS_NOT, .version = 0 },
	{ "ServerHello in pieces, HelloRequest before",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO },
	    { 's', 22, 4, 2, "\x00\x00\x00\x00" },
	    { 's', 22, 20, 2, ANSWER_1_3 },
	    { 's', 22, ANSWER_1_3_BYTES - 20, 2, ANSWER_1_3 + 20 },
	    { 'c', 23, 53, 3, 0 },
	    { 's', 23, 250, 4, 0 } },
	  DONE_AT(V13, 3) },
	{ "cipher suite of 1.3 that is not known",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO }, { 's', 22, ANSWER_1_3_BYTES, 2, UNKNOWN_SUITE } },
	  .result = TLS_LOST,
	  .version = V13 },
	{ "version that is none",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO }, { 's', 22, ANSWER_1_2_BYTES, 2, FAR_VERSION } },
	  .result = TLS_LOST,
	  .version = 0 },
	{ "no record behind the ClientHello",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO }, { 'c', 71, 20, 2, 0 } },
	  .result = TLS_LOST,
	  .version = 0 },
	{ "too long a record behind the ClientHello",
	  { { 'c', 22, HELLO_BYTES, 1, HELLO }, { 'c', 22, 18433, 2, 0 } },
	  .result = TLS_LOST,
	  .version = 0 },
};
#define MADES ((int)(sizeof(mades) / sizeof(mades[0])))

static void add_record(struct peer_wire *wire, const struct record *r, uint64_t *times)
{
	struct peer_event *last = wire->events ? &wire->event[wire->events - 1] : NULL;
	uint8_t *to = wire->byte + wire->bytes;
	const uint8_t header[5] = { r->type, 3, 3, (uint8_t)(r->bytes >> 8), (uint8_t)r->bytes };

	memcpy(to, header, sizeof(header));
	if (r->payload)
		memcpy(to + 5, r->payload, r->bytes);
	else
		memset(to + 5, 0x02, r->bytes);
	/* what has one time is one read, or write */
	if (last && last->from_server == (r->from == 's') && times[wire->events - 1] == r->now)
		last->bytes += 5u + r->bytes;
	else {
		times[wire->events] = r->now;
		wire->event[wire->events++] = (struct peer_event){ .from_server = r->from == 's',
								   .at = wire->bytes,
								   .bytes = 5u + r->bytes };
	}
	wire->bytes += 5u + r->bytes;
}

static void check_made(const struct made *m)
{
	static struct peer_wire wire;
	static struct drive whole;
	uint64_t times[16];
	const struct tls_state *t = &whole.state;

	memset(&wire, 0, sizeof(wire));
	for (const struct record *r = m->record; r->from; r++)
		add_record(&wire, r, times);
	all_splits(&wire, &whole);
	if (m->ends) {
		ck_assert_int_eq(whole.result, TLS_MORE);
		drive_end(&whole, TLS_BY_CLIENT, TLS_OUTCOME_CLOSED);
	}
	if (whole.result != m->result || t->version != m->version)
		drive_print(m->name, &whole);
	ck_assert_int_eq(whole.result, m->result);
	ck_assert_int_eq(t->version, m->version);
	if (m->result == TLS_DONE) {
		ck_assert_uint_ge(t->done_ns, time_of(0));
		ck_assert_uint_lt(t->done_ns, time_of(wire.events));
		ck_assert_uint_eq(times[t->done_ns - time_of(0)], m->done);
	}
	if (m->result == TLS_FAILED) {
		ck_assert_int_eq(t->outcome, m->outcome);
		ck_assert_int_eq(t->by, m->by);
		ck_assert_int_eq(t->alert, m->alert);
	}
}

START_TEST(made_up_records)
{
	check_made(&mades[_i]);
}
END_TEST

/*
 * The extension that names the version stands where it likes among others, as
 * long as a post-quantum key share; the suite tells how long Finished is.
 */
START_TEST(answer_in_any_order)
{
	static const struct {
		uint16_t suite, finished, alert;
	} suites[] = { { 0x1301, 53, 19 },
		       { 0x1302, 69, 19 },
		       { 0x1303, 53, 19 },
		       { 0x1304, 53, 19 },
		       { 0x1305, 45, 11 } };
	static uint8_t answer[4096];

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		for (int order = 0; order < 3; order++) {
			struct made m = { "any order", .version = V13 };
			uint8_t *p = answer;
			size_t n;

			memcpy(p, "\x02\x00\x00\x00\x03\x03" R32 "\x20" R32, 71);
			p += 71;
			*p++ = (uint8_t)(suites[i].suite >> 8);
			*p++ = (uint8_t)suites[i].suite;
			*p++ = 0;
			p += 2; /* the length of all, which nobody needs */
			if (order == 0)
				p = memcpy(p, "\x00\x2b\x00\x02\x03\x04", 6) + 6;
			/* key_share; its inside looks like supported_versions */
			memcpy(p, "\x00\x33\x04\x64\x11\xec\x04\x60", 8);
			for (int k = 0; k < 1120; k++)
				p[8 + k] = (uint8_t)("\x00\x2b\x00\x02\x03\x03"[k % 6]);
			p += 8 + 1120;
			if (order == 1)
				p = memcpy(p, "\x00\x2b\x00\x02\x03\x04", 6) + 6;
			p = memcpy(p, "\x00\x29\x00\x02\x00\x00", 6) + 6;
			if (order == 2)
				p = memcpy(p, "\x00\x2b\x00\x02\x03\x04", 6) + 6;
			n = (size_t)(p - answer);
			answer[2] = (uint8_t)((n - 4) >> 8);
			answer[3] = (uint8_t)(n - 4);
			m.record[0] = (struct record){ 'c', 22, HELLO_BYTES, 1, HELLO };
			m.record[1] = (struct record){ 's', 22, (uint16_t)n, 2, (char *)answer };
			m.record[2] = (struct record){ 's', 23, 900, 2, 0 };
			m.record[3] = (struct record){ 'c', 23, suites[i].finished, 3, 0 };
			m.record[4] = (struct record){ 's', 23, 250, 4, 0 };
			m.result = TLS_DONE;
			m.done = 3;
			check_made(&m);
			m.record[4].bytes = suites[i].alert;
			m.result = TLS_FAILED;
			m.outcome = TLS_OUTCOME_ENCRYPTED_ALERT;
			m.by = TLS_BY_SERVER;
			m.alert = TLS_ALERT_NONE;
			check_made(&m);
		}
}
END_TEST

Suite *tls_suite(void)
{
	Suite *suite = suite_create("tls");
	TCase *real = tcase_create("real"), *made = tcase_create("made");

	tcase_set_timeout(real, 120);
	tcase_add_loop_test(real, real_handshake, 0, SETUPS);
	tcase_add_loop_test(real, real_handshake_by_record, 0, SETUPS);
	suite_add_tcase(suite, real);
	tcase_set_timeout(made, 120);
	tcase_add_loop_test(made, made_up_records, 0, MADES);
	tcase_add_test(made, answer_in_any_order);
	suite_add_tcase(suite, made);
	return suite;
}
