// SPDX-License-Identifier: Apache-2.0
/* The ClientHellos are OpenSSL's own, and its server is asked what it reads in changed ones. */
#include <check.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/hello.h"

Suite *tls_hello_suite(void);

#define HELLO_BYTES 70000
#define RECORD_HEADER 5

struct wire {
	uint8_t byte[HELLO_BYTES];
	size_t n;
};

struct wanted {
	const char *name; /* NULL: no extension */
	const char *alpn; /* as on the wire */
	size_t alpn_bytes;
	const char *groups;
	int max_version;
	int fragment; /* bytes of a record at most; 0: the usual */
};

static SSL_CTX *client_ctx, *server_ctx;

/* The payloads of the handshake records in a memory BIO, one after the other. */
static size_t payloads(BIO *bio, struct wire *ret_wire)
{
	uint8_t *data;
	size_t n = (size_t)BIO_get_mem_data(bio, &data), records = 0;

	ret_wire->n = 0;
	for (size_t i = 0; i < n; records++) {
		size_t length = (size_t)data[i + 3] << 8 | data[i + 4];

		ck_assert_int_eq(data[i], SSL3_RT_HANDSHAKE);
		ck_assert(ret_wire->n + length <= HELLO_BYTES);
		memcpy(ret_wire->byte + ret_wire->n, data + i + RECORD_HEADER, length);
		ret_wire->n += length;
		i += RECORD_HEADER + length;
	}
	return records;
}

/* Returns how many records the hello took. */
static size_t openssl_hello(const struct wanted *wanted, struct wire *ret_wire)
{
	SSL *ssl = SSL_new(client_ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	size_t records;

	SSL_set_bio(ssl, in, out);
	if (wanted->name)
		ck_assert_int_eq(SSL_set_tlsext_host_name(ssl, wanted->name), 1);
	if (wanted->alpn)
		ck_assert_int_eq(SSL_set_alpn_protos(ssl, (const unsigned char *)wanted->alpn,
						     (unsigned int)wanted->alpn_bytes),
				 0);
	if (wanted->groups)
		ck_assert_int_eq(SSL_set1_groups_list(ssl, wanted->groups), 1);
	if (wanted->max_version)
		ck_assert_int_eq(SSL_set_max_proto_version(ssl, wanted->max_version), 1);
	if (wanted->fragment)
		ck_assert_int_eq(SSL_set_max_send_fragment(ssl, wanted->fragment), 1);
	ck_assert_int_eq(SSL_connect(ssl), -1);
	records = payloads(out, ret_wire);
	SSL_free(ssl);
	ck_assert_uint_gt(ret_wire->n, 50);
	return records;
}

/* Memory that ends where the bytes do, so that a sanitizer sees what reads on. */
static enum tls_hello_result parse(struct tls_hello *ret_hello, const uint8_t *bytes, size_t n)
{
	static uint8_t alpn[256];
	uint8_t *copy = malloc(n ? n : 1);
	enum tls_hello_result result;

	memcpy(copy, bytes, n);
	result = tls_hello__parse(ret_hello, copy, n);
	if (result == TLS_HELLO_DONE && ret_hello->alpn) {
		ck_assert(ret_hello->alpn > copy);
		ck_assert(ret_hello->alpn + ret_hello->alpn_bytes <= copy + n);
		memcpy(alpn, ret_hello->alpn, ret_hello->alpn_bytes);
		ret_hello->alpn = alpn;
	}
	free(copy);
	return result;
}

static void expect(const struct wire *wire, const char *name, bool invalid, const char *alpn)
{
	struct tls_hello hello;

	ck_assert_int_eq(parse(&hello, wire->byte, wire->n), TLS_HELLO_DONE);
	ck_assert_str_eq(hello.server_name, name);
	ck_assert_int_eq(hello.server_name_invalid, invalid);
	ck_assert_int_eq(hello.alpn != NULL, alpn != NULL);
	if (alpn) {
		ck_assert_uint_eq(hello.alpn_bytes, strlen(alpn));
		ck_assert_mem_eq(hello.alpn, alpn, strlen(alpn));
	}
}

static void setup(void)
{
	client_ctx = SSL_CTX_new(TLS_client_method());
	server_ctx = SSL_CTX_new(TLS_server_method());
	ck_assert(client_ctx && server_ctx);
	SSL_CTX_set_security_level(client_ctx, 0);
}

static void teardown(void)
{
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(server_ctx);
}

static const struct {
	struct wanted wanted;
	const char *name, *alpn;
} hellos[] = {
	{ { .name = "example.org" }, "example.org", NULL },
	{ { .name = NULL }, "", NULL },
	{ { .name = "Shop.Example.ORG.", .alpn = "\2h2\10http/1.1", .alpn_bytes = 12 },
	  "shop.example.org",
	  "h2" },
	{ { .alpn = "\10http/1.1", .alpn_bytes = 9, .groups = "P-256:X25519:P-521" },
	  "",
	  "http/1.1" },
	{ { .name = "_srv.a-b.c", .max_version = TLS1_2_VERSION }, "_srv.a-b.c", NULL },
	{ { .name = "__Other__." }, "-__other__", NULL },
	{ { .name = "-__other__" }, "--__other__", NULL },
	{ { .name = "old", .max_version = TLS1_VERSION, .alpn = "\1x", .alpn_bytes = 2 },
	  "old",
	  "x" },
};

#define HELLOS (sizeof(hellos) / sizeof(*hellos))

START_TEST(every_split_needs_more)
{
	static struct wire wire;
	struct tls_hello hello;

	openssl_hello(&hellos[_i].wanted, &wire);
	for (size_t n = 0; n < wire.n; n++)
		ck_assert_int_eq(parse(&hello, wire.byte, n), TLS_HELLO_MORE);
	expect(&wire, hellos[_i].name, false, hellos[_i].alpn);
	ck_assert_uint_eq(tls_hello__message_bytes(wire.byte), wire.n);

	/* what follows is another message, whatever it is */
	memset(wire.byte + wire.n, 0xee, 100);
	wire.n += 100;
	expect(&wire, hellos[_i].name, false, hellos[_i].alpn);
}
END_TEST

START_TEST(several_records_are_one_message)
{
	static struct wire wire;
	char alpn[20 * 256];

	for (int i = 0; i < 20; i++) {
		memset(alpn + i * 256, 'a' + i, 256);
		alpn[i * 256] = (char)255;
	}
	ck_assert_uint_ge(openssl_hello(&(struct wanted){ .name = "big",
							  .alpn = alpn,
							  .alpn_bytes = sizeof(alpn),
							  .fragment = 512 },
					&wire),
			  10);
	alpn[256] = '\0';
	expect(&wire, "big", false, alpn + 1);
}
END_TEST

START_TEST(names_that_are_none)
{
	static const char *const bad[] = {
		"::1",	 "[::1]", "fe80::1%eth0", "a b", "a\nb",    "a\"b", "a\\b", "a/b",
		"a:443", ".",	  "..",		  ".a",	 "a..b",    "a..",  "*.a",  "a,b",
		"\x7f",	 "{}",	  "\xc3\xa4.de",  "a'",	 "a\x01.b", "a=b",  "a@b",  "\xff",
	};
	static struct wire wire;
	char longest[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		openssl_hello(&(struct wanted){ .name = bad[i] }, &wire);
		expect(&wire, "", true, NULL);
	}
	memset(longest, 'A', 255);
	longest[255] = '\0';
	openssl_hello(&(struct wanted){ .name = longest }, &wire);
	for (int i = 0; i < 255; i++)
		longest[i] = 'a';
	expect(&wire, longest, false, NULL);
}
END_TEST

/* A hello of these extensions by hand, for what OpenSSL does not send. */
static void by_hand(struct wire *ret_wire, const uint8_t *extensions, size_t n)
{
	static const uint8_t fixed[] = { 1, 0, 0, 0, 3, 3 };
	static const uint8_t middle[] = { 0, 0, 2, 0x13, 1, 1, 0 };
	uint8_t *p = ret_wire->byte;

	memcpy(p, fixed, sizeof(fixed));
	p += sizeof(fixed);
	memset(p, 0xab, 32);
	p += 32;
	memcpy(p, middle, sizeof(middle));
	p += sizeof(middle);
	*p++ = (uint8_t)(n >> 8);
	*p++ = (uint8_t)n;
	memcpy(p, extensions, n);
	ret_wire->n = (size_t)(p - ret_wire->byte) + n;
	ret_wire->byte[1] = (uint8_t)((ret_wire->n - 4) >> 16);
	ret_wire->byte[2] = (uint8_t)((ret_wire->n - 4) >> 8);
	ret_wire->byte[3] = (uint8_t)(ret_wire->n - 4);
}

START_TEST(lengths_that_lie)
{
#define EXT(text)                                                                                  \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		EXT("\0"),				       /* half a type */
		EXT("\0\0\0"),				       /* half a length */
		EXT("\0\0\0\1"),			       /* longer than the hello */
		EXT("\0\0\0\0"),			       /* no list */
		EXT("\0\0\0\2\0\0"),			       /* empty list */
		EXT("\0\0\0\3\0\0\0"),			       /* bytes behind the list */
		EXT("\0\0\0\5\0\3\0\0\0"),		       /* empty name */
		EXT("\0\0\0\6\0\4\0\0\2a"),		       /* name longer than the list */
		EXT("\0\0\0\6\0\5\0\0\1a"),		       /* list longer than the extension */
		EXT("\0\0\0\6\0\3\0\0\1a"),		       /* and shorter */
		EXT("\0\0\0\4\0\2\0\0"),		       /* half an entry */
		EXT("\0\0\0\12\0\10\0\0\1a\0\0\1b"),	       /* two host names */
		EXT("\0\0\0\6\0\4\0\0\1a\0\0\0\6\0\4\0\0\1a"), /* two extensions */
		EXT("\0\20\0\0"),			       /* ALPN: no list */
		EXT("\0\20\0\2\0\0"),			       /* empty list */
		EXT("\0\20\0\3\0\1\0"),			       /* empty protocol */
		EXT("\0\20\0\4\0\2\2h"),		       /* protocol longer than the list */
		EXT("\0\20\0\6\0\4\2h2\0"),	 /* empty protocol behind a good one */
		EXT("\0\20\0\5\0\2\1h2"),	 /* bytes behind the list */
		EXT("\x0a\x0a\0\0\x0a\x0a\0\0"), /* any extension twice */
	};
	static const struct {
		const char *bytes;
		size_t n;
	} good[] = {
		EXT(""),
		EXT("\0\0\0\6\0\4\0\0\1A"),
		EXT("\0\0\0\12\0\10\7\0\1b\0\0\1a"), /* another type of name first */
		EXT("\x0a\x0a\0\0\x1a\x1a\0\1\0\0\0\0\6\0\4\0\0\1a"),
	};
	static struct wire wire;
	struct tls_hello hello = { .server_name = "kept" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		by_hand(&wire, (const uint8_t *)bad[i].bytes, bad[i].n);
		ck_assert_msg(parse(&hello, wire.byte, wire.n) == TLS_HELLO_BAD, "bad %zu", i);
	}
	ck_assert_str_eq(hello.server_name, "kept");
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		by_hand(&wire, (const uint8_t *)good[i].bytes, good[i].n);
		expect(&wire, good[i].n ? "a" : "", false, NULL);
	}
}
END_TEST

START_TEST(other_messages_are_told_at_once)
{
	static const uint8_t longest[] = { 1, 2, 1, 0x44 }, longer[] = { 1, 2, 1, 0x45 };
	struct tls_hello hello;
	static struct wire wire;

	for (int type = 0; type < 256; type++) {
		uint8_t first = (uint8_t)type;

		ck_assert_int_eq(parse(&hello, &first, 1),
				 type == 1 ? TLS_HELLO_MORE : TLS_HELLO_NOT);
	}
	ck_assert_int_eq(parse(&hello, longest, 4), TLS_HELLO_MORE);
	ck_assert_int_eq(parse(&hello, longer, 4), TLS_HELLO_BAD);
	/* no extensions at all, as before TLS 1.2 */
	by_hand(&wire, (const uint8_t *)"", 0);
	wire.n -= 2;
	wire.byte[3] -= 2;
	expect(&wire, "", false, NULL);
	/* a session id of 32 bytes, and one of 33 */
	memmove(wire.byte + 39 + 32, wire.byte + 39, wire.n - 39);
	wire.byte[38] = 32;
	wire.byte[3] += 32;
	wire.n += 32;
	expect(&wire, "", false, NULL);
	memmove(wire.byte + 40, wire.byte + 39, wire.n - 39);
	wire.byte[38]++;
	wire.byte[3]++;
	wire.n++;
	ck_assert_int_eq(parse(&hello, wire.byte, wire.n), TLS_HELLO_BAD);
	by_hand(&wire, (const uint8_t *)"", 0);
	expect(&wire, "", false, NULL);
	wire.byte[4] = 2;
	ck_assert_int_eq(parse(&hello, wire.byte, wire.n), TLS_HELLO_BAD);
}
END_TEST

START_TEST(protocols_have_names)
{
	static const char *const names[] = { "h2", "http/1.1", "http/1.0", "acme-tls/1" };
	struct tls_hello hello = { 0 };

	ck_assert_str_eq(tls_alpn__name(tls_hello__alpn(&hello)), "");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		hello.alpn = (const uint8_t *)names[i];
		hello.alpn_bytes = (uint8_t)strlen(names[i]);
		ck_assert_str_eq(tls_alpn__name(tls_hello__alpn(&hello)), names[i]);
		hello.alpn_bytes--;
		ck_assert_str_eq(tls_alpn__name(tls_hello__alpn(&hello)), "__other__");
	}
}
END_TEST

/* What OpenSSL's server read. */
static struct seen {
	bool whole; /* the message's structure */
	bool named; /* and its server name, if there is one */
	char name[300];
	uint8_t alpn[300];
	size_t alpn_bytes;
	int reason; /* why it went no further */
} seen;

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
	const unsigned char *list;
	size_t n;

	(void)alert;
	(void)arg;
	seen.whole = true;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
				      &list, &n) &&
	    n > 3 && (size_t)list[2] + 3 <= n) {
		seen.alpn_bytes = list[2];
		memcpy(seen.alpn, list + 3, list[2]);
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	(void)arg;
	seen.named = true;
	snprintf(seen.name, sizeof(seen.name), "%s", name ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static void ask_openssl(const struct wire *wire)
{
	const uint8_t header[RECORD_HEADER] = { SSL3_RT_HANDSHAKE, 3, 1, (uint8_t)(wire->n >> 8),
						(uint8_t)wire->n };
	SSL *ssl = SSL_new(server_ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	memset(&seen, 0, sizeof(seen));
	BIO_write(in, header, sizeof(header));
	BIO_write(in, wire->byte, (int)wire->n);
	SSL_set_bio(ssl, in, out);
	SSL_accept(ssl);
	seen.reason = ERR_GET_REASON(ERR_peek_error());
	ERR_clear_error();
	SSL_free(ssl);
}

/* Returns whether a hello was read. */
static bool agree(const struct wire *wire, size_t at)
{
	struct tls_hello hello;
	enum tls_hello_result result = parse(&hello, wire->byte, wire->n);

	ask_openssl(wire);
	if (result != TLS_HELLO_DONE) {
		ck_assert_msg(!seen.named, "byte %zu: OpenSSL has read it", at);
		return false;
	}
	/* it also refuses extensions that belong into other messages */
	ck_assert_msg(seen.whole || seen.reason == SSL_R_BAD_EXTENSION,
		      "byte %zu: OpenSSL has not read it", at);
	if (!seen.named)
		return true; /* refused for what is no business of ours */
	if (hello.server_name_invalid)
		ck_assert_msg(*seen.name != 0, "byte %zu", at);
	else
		ck_assert_msg(!strcasecmp(hello.server_name, seen.name), "byte %zu: %s, not %s", at,
			      hello.server_name, seen.name);
	ck_assert_msg((hello.alpn ? hello.alpn_bytes : 0) == seen.alpn_bytes, "byte %zu", at);
	if (hello.alpn)
		ck_assert_mem_eq(hello.alpn, seen.alpn, seen.alpn_bytes);
	return true;
}

START_TEST(openssl_reads_the_same_whatever_byte_is_changed)
{
	static struct wire wire;
	size_t read = 0, refused = 0;

	SSL_CTX_set_client_hello_cb(server_ctx, on_client_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(server_ctx, on_server_name);
	openssl_hello(&(struct wanted){ .name = "www.example.org",
					.alpn = "\2h2\10http/1.1",
					.alpn_bytes = 12,
					.groups = "X25519" },
		      &wire);
	ck_assert(agree(&wire, 0) && seen.named && !strcmp(seen.name, "www.example.org"));
	for (size_t at = 0; at < wire.n; at++) {
		const uint8_t was = wire.byte[at];

		for (int change = 0; change < 11; change++) {
			if (change < 8)
				wire.byte[at] = was ^ (uint8_t)(1U << change);
			else
				wire.byte[at] = change == 8 ? 0 : change == 9 ? 0xff : was + 1;
			if (agree(&wire, at))
				read++;
			else
				refused++;
		}
		wire.byte[at] = was;
	}
	/* the random alone is 32 bytes in which nothing is wrong */
	ck_assert_uint_gt(read, 32 * 11);
	ck_assert_uint_gt(refused, 200);
}
END_TEST

Suite *tls_hello_suite(void)
{
	Suite *suite = suite_create("tls_hello");
	TCase *tc = tcase_create("parser");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, every_split_needs_more, 0, HELLOS);
	tcase_add_test(tc, several_records_are_one_message);
	tcase_add_test(tc, names_that_are_none);
	tcase_add_test(tc, lengths_that_lie);
	tcase_add_test(tc, other_messages_are_told_at_once);
	tcase_add_test(tc, protocols_have_names);
	tcase_add_test(tc, openssl_reads_the_same_whatever_byte_is_changed);
	suite_add_tcase(suite, tc);
	return suite;
}
