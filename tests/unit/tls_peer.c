// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls_peer.h"

#define NAME "server.example"

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static struct identity ca, other_ca, good, expired, unknown, wrong_name;

static X509 *sign(EVP_PKEY *key, const char *name, const struct identity *issuer, long until)
{
	X509 *x = X509_new();
	X509_NAME *subject;
	X509V3_CTX context;
	static long serial = 1;

	ck_assert_ptr_nonnull(x);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(x), until);
	subject = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(x, issuer->certificate ? X509_get_subject_name(issuer->certificate)
						    : subject);
	X509_set_pubkey(x, key);
	X509V3_set_ctx(&context, issuer->certificate ? issuer->certificate : x, x, NULL, NULL, 0);
	if (!issuer->certificate) {
		X509_EXTENSION *e =
			X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "CA:TRUE");

		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	ck_assert_int_gt(X509_sign(x, issuer->key ? issuer->key : key, EVP_sha256()), 0);
	return x;
}

static void make(struct identity *id, const char *name, const struct identity *issuer, long until)
{
	static const struct identity self;

	id->key = EVP_EC_gen("P-256");
	ck_assert_ptr_nonnull(id->key);
	id->certificate = sign(id->key, name, issuer ? issuer : &self, until);
}

static void make_all(void)
{
	if (ca.key)
		return;
	make(&ca, "ca", NULL, 3600);
	make(&other_ca, "other ca", NULL, 3600);
	make(&good, NAME, &ca, 3600);
	make(&expired, NAME, &ca, -3600);
	make(&unknown, NAME, &other_ca, 3600);
	make(&wrong_name, "other.example", &ca, 3600);
}

static void use(SSL_CTX *context, enum peer_certificate which)
{
	static const struct identity *const of[] = {
		[PEER_GOOD] = &good,
		[PEER_EXPIRED] = &expired,
		[PEER_UNKNOWN_CA] = &unknown,
		[PEER_WRONG_NAME] = &wrong_name,
	};

	if (which == PEER_ABSENT)
		return;
	ck_assert_int_eq(SSL_CTX_use_certificate(context, of[which]->certificate), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, of[which]->key), 1);
}

static const struct peer_setup *setup_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static int on_server_name(SSL *ssl, int *alert, void *unused)
{
	(void)unused;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	switch (setup_of(ssl)->server_name) {
	case PEER_NAME_FATAL:
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	case PEER_NAME_WARNING:
		return SSL_TLSEXT_ERR_ALERT_WARNING;
	default:
		return SSL_TLSEXT_ERR_OK;
	}
}

/* Alerts as they are written, by either end, whose SSL carries the wire. */
static void on_info(const SSL *ssl, int where, int value)
{
	struct peer_wire *wire = SSL_get_app_data(ssl);

	if (!wire || !(where & SSL_CB_WRITE) || !(where & SSL_CB_ALERT) || wire->alerted ||
	    wire->done)
		return;
	if (value >> 8 != SSL3_AL_FATAL && (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
		return;
	wire->alerted = true;
	wire->alert_by_server = SSL_is_server(ssl);
	wire->alert = value & 0xff;
}

static SSL_SESSION *left_over;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(left_over);
	left_over = session;
	return 1;
}

static SSL_CTX *server_context(const struct peer_setup *s)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	ck_assert_ptr_nonnull(c);
	SSL_CTX_set_security_level(c, 0);
	SSL_CTX_set_min_proto_version(c, s->server_min ? s->server_min : TLS1_VERSION);
	SSL_CTX_set_max_proto_version(c, s->server_max);
	SSL_CTX_set_session_id_context(c, (const uint8_t *)"t", 1);
	if (s->server_ciphers)
		ck_assert_int_eq(SSL_CTX_set_cipher_list(c, s->server_ciphers), 1);
	if (s->suites)
		ck_assert_int_eq(SSL_CTX_set_ciphersuites(c, s->suites), 1);
	if (s->server_groups)
		ck_assert_int_eq(SSL_CTX_set1_groups_list(c, s->server_groups), 1);
	if (s->no_tickets)
		SSL_CTX_set_num_tickets(c, 0);
	use(c, s->server_certificate);
	if (s->client_auth) {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(c), ca.certificate);
		SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	SSL_CTX_set_tlsext_servername_callback(c, on_server_name);
	SSL_CTX_set_max_early_data(c, s->early_bytes ? 16384 : 0);
	return c;
}

static SSL_CTX *client_context(const struct peer_setup *s)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	ck_assert_ptr_nonnull(c);
	SSL_CTX_set_security_level(c, 0);
	SSL_CTX_set_min_proto_version(c, s->client_min ? s->client_min : TLS1_VERSION);
	SSL_CTX_set_max_proto_version(c, s->client_max);
	if (s->client_ciphers)
		ck_assert_int_eq(SSL_CTX_set_cipher_list(c, s->client_ciphers), 1);
	if (s->suites)
		ck_assert_int_eq(SSL_CTX_set_ciphersuites(c, s->suites), 1);
	if (s->client_groups)
		ck_assert_int_eq(SSL_CTX_set1_groups_list(c, s->client_groups), 1);
	if (s->client_auth)
		use(c, s->client_certificate);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(c), ca.certificate);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c, on_session);
	return c;
}

static SSL *open_end(SSL_CTX *context, struct peer_wire *wire)
{
	SSL *ssl = SSL_new(context);

	ck_assert_ptr_nonnull(ssl);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_app_data(ssl, wire);
	SSL_set_info_callback(ssl, on_info);
	return ssl;
}

static bool keep(struct peer_wire *wire, bool from_server, const uint8_t *data, size_t n)
{
	ck_assert_uint_lt(wire->events, PEER_EVENTS);
	ck_assert_uint_le(wire->bytes + n, PEER_BYTES);
	memcpy(wire->byte + wire->bytes, data, n);
	wire->event[wire->events++] =
		(struct peer_event){ .from_server = from_server, .at = wire->bytes, .bytes = n };
	wire->bytes += n;
	return true;
}

/* The first record of what an end has written, or all of it. False if there is nothing. */
static bool carry(SSL *from, SSL *to, struct peer_wire *wire, bool from_server, bool by_record)
{
	uint8_t data[1 << 16];
	char *all;
	long n = BIO_get_mem_data(SSL_get_wbio(from), &all);

	if (n <= 0)
		return false;
	if (by_record) {
		ck_assert_int_ge(n, 5);
		n = 5 + ((uint8_t)all[3] << 8 | (uint8_t)all[4]);
	}
	ck_assert_int_le(n, sizeof(data));
	ck_assert_int_eq(BIO_read(SSL_get_wbio(from), data, (int)n), n);
	ck_assert_int_eq(BIO_write(SSL_get_rbio(to), data, (int)n), n);
	return keep(wire, from_server, data, (size_t)n);
}

/* 0-RTT data, then the handshake, then whatever there is to read. */
static void server_step(SSL *ssl, const struct peer_setup *s, bool *early)
{
	uint8_t data[4096];
	size_t n;

	while (*early && s->early_bytes) {
		int result = SSL_read_early_data(ssl, data, sizeof(data), &n);

		if (result == SSL_READ_EARLY_DATA_FINISH)
			*early = false;
		else if (result == SSL_READ_EARLY_DATA_ERROR)
			return;
	}
	if (SSL_do_handshake(ssl) == 1)
		while (SSL_read(ssl, data, sizeof(data)) > 0)
			;
}

static void client_step(SSL *ssl, const struct peer_setup *s, bool *early)
{
	static const uint8_t request[16384];
	uint8_t data[4096];
	size_t n;

	if (*early) {
		*early = false;
		ck_assert_int_eq(SSL_write_early_data(ssl, request, (size_t)s->early_bytes, &n), 1);
	}
	if (SSL_do_handshake(ssl) == 1)
		while (SSL_read(ssl, data, sizeof(data)) > 0)
			;
}

static void converse(SSL *client, SSL *server, const struct peer_setup *s, struct peer_wire *wire)
{
	bool client_early = client && s->early_bytes && SSL_get0_session(client);
	bool server_early = true, asked = false;
	size_t read_event = 0;

	for (int round = 0; round < 200; round++) {
		bool moved = false, was = SSL_is_init_finished(server);

		if (client) {
			client_step(client, s, &client_early);
			if (carry(client, server, wire, false, s->by_record)) {
				moved = true;
				read_event = wire->events - 1;
			}
		}
		server_step(server, s, &server_early);
		if (client && carry(server, client, wire, true, false))
			moved = true;
		if (!client && BIO_pending(SSL_get_wbio(server))) {
			char *all;
			long n = BIO_get_mem_data(SSL_get_wbio(server), &all);

			keep(wire, true, (uint8_t *)all, (size_t)n);
			return;
		}
		if (!was && SSL_is_init_finished(server)) {
			wire->done = true;
			wire->version = SSL_version(server);
			/* the last Finished is the client's if it could be short, or in 1.3 */
			wire->done_event = SSL_version(server) == TLS1_3_VERSION ||
							   SSL_session_reused(server)
						   ? read_event
						   : wire->events - 1;
			wire->early_accepted = SSL_get_early_data_status(server) ==
					       SSL_EARLY_DATA_ACCEPTED;
		}
		if (!moved && wire->done && !asked && SSL_is_init_finished(client)) {
			asked = true;
			SSL_write(client, "GET / HTTP/1.1\r\n\r\n", 18);
			SSL_write(server, "HTTP/1.1 200 OK\r\n\r\n", 19);
			moved = true;
		}
		if (!moved)
			return;
	}
	ck_abort_msg("%s: no end", s->name);
}

/* Returns with what a first connection left for the second, if that is wanted. */
static void connection(const struct peer_setup *s, SSL_CTX *clients, SSL_CTX *servers,
		       struct peer_wire *wire, bool again)
{
	SSL *server = open_end(servers, wire), *client = NULL;

	memset(wire, 0, sizeof(*wire));
	SSL_set_accept_state(server);
	if (s->first) {
		BIO_write(SSL_get_rbio(server), s->first, s->first_bytes);
		keep(wire, false, (const uint8_t *)s->first, (size_t)s->first_bytes);
	} else {
		client = open_end(clients, wire);
		SSL_set_connect_state(client);
		SSL_set_tlsext_host_name(client, NAME);
		SSL_set1_host(client, NAME);
		if (s->fragment)
			SSL_set_max_send_fragment(client, s->fragment);
		if (again) {
			ck_assert_ptr_nonnull(left_over);
			ck_assert_int_eq(SSL_set_session(client, left_over), 1);
		}
	}
	converse(client, server, s, wire);
	/* with 0-RTT a ticket is good for one ClientHello, so not for one that is repeated */
	if (again && wire->done && !(s->early_bytes && s->client_groups))
		ck_assert_msg(SSL_session_reused(server) == !s->refuse_resume, "%s: resumed? %d",
			      s->name, SSL_session_reused(server));
	/* a session is kept only of a connection that was closed in order */
	if (client)
		SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(client);
	SSL_free(server);
	ERR_clear_error();
}

void peer_run(const struct peer_setup *s, struct peer_wire *wire)
{
	SSL_CTX *clients, *servers;

	make_all();
	clients = client_context(s);
	servers = server_context(s);
	SSL_CTX_set_app_data(servers, (void *)s);
	connection(s, clients, servers, wire, false);
	if (s->resume) {
		uint8_t keys[80];

		if (s->refuse_resume) {
			memset(keys, 7, sizeof(keys));
			ck_assert_int_eq(SSL_CTX_set_tlsext_ticket_keys(servers, keys, 80), 1);
			SSL_CTX_flush_sessions(servers, 0);
		}
		connection(s, clients, servers, wire, true);
	}
	SSL_SESSION_free(left_over);
	left_over = NULL;
	SSL_CTX_free(clients);
	SSL_CTX_free(servers);
}
