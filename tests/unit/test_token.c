// SPDX-License-Identifier: Apache-2.0
/* Tokens: their text, signatures and caveats, and what is refused. */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/grant.h"
#include "access/token.h"
#include "token_vectors.h"

#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

Suite *token_suite(void);

static const struct secret_key key = { .bytes = "0123456789abcdef0123456789abcdef", .size = 32 };
static const struct secret_key other = { .bytes = "0123456789abcdef0123456789abcdeg", .size = 32 };

static struct token token;
static struct grant grant;

/* Packets of any kind, with a signature that fits or not. */
struct packets {
	unsigned char bytes[8192];
	size_t size;
};

static void put(struct packets *packets, const char *name, const void *value, size_t size)
{
	size_t whole = 4 + strlen(name) + 1 + size + 1;
	unsigned char *out = packets->bytes + packets->size;
	char header[5];

	snprintf(header, sizeof(header), "%04zx", whole);
	memcpy(out, header, 4);
	memcpy(out + 4, name, strlen(name));
	out[4 + strlen(name)] = ' ';
	memcpy(out + 4 + strlen(name) + 1, value, size);
	out[whole - 1] = '\n';
	packets->size += whole;
}

static void put_text(struct packets *packets, const char *name, const char *value)
{
	put(packets, name, value, strlen(value));
}

static int parse_packets(const struct packets *packets)
{
	char text[16384] = TOKEN_PREFIX;

	sodium_bin2base64(text + strlen(TOKEN_PREFIX), sizeof(text) - strlen(TOKEN_PREFIX),
			  packets->bytes, packets->size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return token__parse(&token, text, strlen(text));
}

static char *make(const char *const *caveats, size_t count)
{
	char *text;

	ck_assert_int_eq(token__make(&text, &key, "id", caveats, count), 0);
	return text;
}

static void parse(const char *text)
{
	ck_assert_int_eq(token__parse(&token, text, strlen(text)), 0);
}

START_TEST(made_and_parsed)
{
	static const char *const caveats[] = { "app = web", "op = read" };
	char *text = make(caveats, 2);

	parse(text);
	ck_assert(token__is_signed(&token, &key));
	ck_assert(!token__is_signed(&token, &other));
	ck_assert_uint_eq(token.caveat_count, 2);
	ck_assert_mem_eq(token.caveat[0].bytes, "app = web", 9);
	ck_assert_uint_eq(token.caveat[0].size, 9);
	free(text);
}
END_TEST

/* Byte for byte what another library makes of the same, at once or caveat by caveat. */
START_TEST(others_make_the_same)
{
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *vector = &vectors[i];
		char *text, *longer;

		ck_assert_int_eq(token__make(&text, &vector->key, vector->identifier,
					     vector->caveat, vector->caveat_count),
				 0);
		ck_assert_str_eq(text, vector->text);
		free(text);
		ck_assert_int_eq(token__make(&text, &vector->key, vector->identifier, NULL, 0), 0);
		for (size_t k = 0; k < vector->caveat_count; k++) {
			parse(text);
			ck_assert_int_eq(token__attenuate(&longer, &token, &vector->caveat[k], 1),
					 0);
			free(text);
			text = longer;
		}
		ck_assert_str_eq(text, vector->text);
		free(text);
	}
}
END_TEST

START_TEST(tokens_of_others_are_signed)
{
	for (size_t i = 0; i < VECTORS; i++) {
		parse(vectors[i].text);
		ck_assert_uint_eq(token.caveat_count, vectors[i].caveat_count);
		for (size_t k = 0; k < VECTORS; k++) {
			const struct secret_key *with = &vectors[k].key;
			bool is_same = with->size == vectors[i].key.size &&
				       memcmp(with->bytes, vectors[i].key.bytes, with->size) == 0;

			ck_assert(token__is_signed(&token, with) == is_same);
		}
	}
}
END_TEST

/* What other libraries show in their documentation; the location is not signed. */
START_TEST(the_example_that_is_published)
{
	static const char text[] = "this is our super secret key; only we should know it";
	static const char *const caveats[] = { "test = caveat" };
	static const char *const signatures[] = {
		"e3d9e02908526c4c0039ae15114115d97fdd68bf2ba379b342aaf0f617d0552f",
		"197bac7a044af33332865b9266e26d493bdd668a660e44d88ce1a998c23dbd67",
	};
	struct secret_key shown = { .size = strlen(text) };

	memcpy(shown.bytes, text, shown.size);
	for (size_t count = 0; count < 2; count++) {
		char hex[2 * TOKEN_SIGNATURE_BYTES + 1], *made;

		ck_assert_int_eq(
			token__make(&made, &shown, "we used our secret key", caveats, count), 0);
		parse(made);
		sodium_bin2hex(hex, sizeof(hex), token.signature.bytes, token.signature.size);
		ck_assert_str_eq(hex, signatures[count]);
		free(made);
	}
}
END_TEST

/* `edgetap token create` and `attenuate` when libmacaroons 0.3.0 signed: still good, and the same. */
START_TEST(tokens_that_libmacaroons_signed)
{
	static const struct {
		const char *identifier, *text;
		size_t caveat_count;
	} old[] = {
		{ "2820bd1a39f00997a9acff135c9c77a2",
		  "edgetap_MDAxNWxvY2F0aW9uIGVkZ2V0YXAKMDAzMGlkZW50aWZpZXIgMjgyMGJkMWEzOWYwMDk5N2E5"
		  "YWNmZjEzNWM5Yzc3YTIKMDAyZnNpZ25hdHVyZSBmzYpgD1ONKBYFhpiwB7NUsJpT_E2cxKxK-g75jlTX"
		  "2Qo",
		  0 },
		{ "00201beeaa62b806e993f63295d82579",
		  "edgetap_MDAxNWxvY2F0aW9uIGVkZ2V0YXAKMDAzMGlkZW50aWZpZXIgMDAyMDFiZWVhYTYyYjgwNmU5"
		  "OTNmNjMyOTVkODI1NzkKMDAxNmNpZCBhcHAgaW4gd2ViLGRiCjAwMTdjaWQgb3JnID0gcGVyc29uYWwK"
		  "MDAxMmNpZCBvcCA9IHJlYWQKMDAyNGNpZCB0aW1lIDwgMjAyNi0xMi0zMFQwNDozNjoxMFoKMDAyZnNp"
		  "Z25hdHVyZSDzeQ8uB6l9Z6fRTSr2ikRI1ipOk60VKGnBUQXt7A0nlQo",
		  4 },
		{ "00201beeaa62b806e993f63295d82579",
		  "edgetap_MDAxNWxvY2F0aW9uIGVkZ2V0YXAKMDAzMGlkZW50aWZpZXIgMDAyMDFiZWVhYTYyYjgwNmU5"
		  "OTNmNjMyOTVkODI1NzkKMDAxNmNpZCBhcHAgaW4gd2ViLGRiCjAwMTdjaWQgb3JnID0gcGVyc29uYWwK"
		  "MDAxMmNpZCBvcCA9IHJlYWQKMDAyNGNpZCB0aW1lIDwgMjAyNi0xMi0zMFQwNDozNjoxMFoKMDAxMmNp"
		  "ZCBhcHAgPSB3ZWIKMDAyZnNpZ25hdHVyZSCkQxNX2iwW9wEpw03nmi0oCM9dc7jBWsLzjffJAz-8two",
		  5 },
	};
	static const char *const caveats[] = { "app in web,db", "org = personal", "op = read",
					       "time < 2026-12-30T04:36:10Z", "app = web" };
	struct secret_key counted = { .size = 32 };

	for (size_t i = 0; i < counted.size; i++)
		counted.bytes[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		char *text;

		parse(old[i].text);
		ck_assert(token__is_signed(&token, &counted));
		ck_assert(!token__is_signed(&token, &key));
		ck_assert_int_eq(token__make(&text, &counted, old[i].identifier, caveats,
					     old[i].caveat_count),
				 0);
		ck_assert_str_eq(text, old[i].text);
		free(text);
	}
}
END_TEST

/* Whatever byte is changed: it is no token or it is not signed. Nor is any beginning of it. */
START_TEST(every_change_is_seen)
{
	static const char *const caveats[] = { "app = web", "time < 2030-01-01T00:00:00Z" };
	char *text = make(caveats, 2);
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1U << bit);
			if (token__parse(&token, text, length) == 0)
				ck_assert(!token__is_signed(&token, &key));
			text[i] ^= (char)(1U << bit);
		}
		ck_assert_int_ne(token__parse(&token, text, i), 0);
	}
	parse(text);
	ck_assert(token__is_signed(&token, &key));
	free(text);
}
END_TEST

/* Without a caveat, or with the caveats in another order or twice, the signature is another. */
START_TEST(caveats_cannot_be_moved)
{
	static const char *const caveats[] = { "app = web", "app = db" };
	static const int orders[][3] = { { -1, -1, -1 }, { 0, -1, -1 }, { 1, -1, -1 },
					 { 1, 0, -1 },	 { 0, 0, 1 },	{ 0, 1, 1 } };
	char *text = make(caveats, 2);
	unsigned char id[TOKEN_ID_BYTES], signature[TOKEN_SIGNATURE_BYTES];
	size_t id_size;

	parse(text);
	id_size = token.identifier.size;
	memcpy(id, token.identifier.bytes, id_size);
	memcpy(signature, token.signature.bytes, sizeof(signature));
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct packets packets = { .size = 0 };

		put_text(&packets, "location", "edgetap");
		put(&packets, "identifier", id, id_size);
		for (int j = 0; j < 3 && orders[i][j] >= 0; j++)
			put_text(&packets, "cid", caveats[orders[i][j]]);
		put(&packets, "signature", signature, sizeof(signature));
		ck_assert_int_eq(parse_packets(&packets), 0);
		ck_assert(!token__is_signed(&token, &key));
	}
	free(text);
}
END_TEST

START_TEST(hostile_packets)
{
	static const unsigned char signature[40];
	static const char long_text[TOKEN_CAVEAT_BYTES + 1];
	struct packets packets = { .size = 0 };

	/* What the library's own parser asserts on: no signature at all. */
	put_text(&packets, "location", "edgetap");
	put_text(&packets, "identifier", "x");
	put_text(&packets, "cid", "op = read");
	ck_assert_int_eq(parse_packets(&packets), -EINVAL);
	/* A signature of another length. */
	put(&packets, "signature", signature, 31);
	ck_assert_int_eq(parse_packets(&packets), -EINVAL);
	packets.size -= 4 + 9 + 1 + 31 + 1;
	put(&packets, "signature", signature, 33);
	ck_assert_int_eq(parse_packets(&packets), -EINVAL);
	packets.size -= 4 + 9 + 1 + 33 + 1;
	/* Something behind it. */
	put(&packets, "signature", signature, 32);
	ck_assert_int_eq(parse_packets(&packets), 0);
	put_text(&packets, "cid", "op = read");
	ck_assert_int_eq(parse_packets(&packets), -EINVAL);

	packets.size = 0;
	put_text(&packets, "identifier", "x");
	put_text(&packets, "location", "edgetap");
	put(&packets, "signature", signature, 32);
	ck_assert_int_eq(parse_packets(&packets), -EINVAL);

	packets.size = 0;
	put_text(&packets, "location", "edgetap");
	put_text(&packets, "identifier", "x");
	put(&packets, "cid", long_text, sizeof(long_text));
	put(&packets, "signature", signature, 32);
	ck_assert_int_eq(parse_packets(&packets), -E2BIG);

	packets.size = 0;
	put_text(&packets, "location", "edgetap");
	put_text(&packets, "identifier", "x");
	for (int i = 0; i <= TOKEN_CAVEATS_MAX; i++)
		put_text(&packets, "cid", "op = read");
	put(&packets, "signature", signature, 32);
	ck_assert_int_eq(parse_packets(&packets), -E2BIG);

	/* A third party's caveat. */
	packets.size = 0;
	put_text(&packets, "location", "edgetap");
	put_text(&packets, "identifier", "x");
	put_text(&packets, "cid", "op = read");
	put(&packets, "vid", long_text, 72);
	put_text(&packets, "cl", "https://auth.example");
	put(&packets, "signature", signature, 32);
	ck_assert_int_eq(parse_packets(&packets), -ENOTSUP);
}
END_TEST

START_TEST(packets_that_lie)
{
	static const char *const headers[] = { "0000", "0001", "0004", "000d", "ffff", "00FF",
					       "00g0", "    ", "-001", "+00f", "0x10" };
	struct packets packets;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		packets.size = 0;
		put_text(&packets, "location", "edgetap");
		memcpy(packets.bytes, headers[i], 4);
		put_text(&packets, "identifier", "x");
		ck_assert_int_eq(parse_packets(&packets), -EINVAL);
	}
}
END_TEST

START_TEST(texts_that_are_none)
{
	static const char *const texts[] = {
		"",	    "edgetap_",	     "edgetap",	      "EDGETAP_MDAx",
		"fm2_MDAx", "edgetap_MDAx=", "edgetap_MD Ax", "edgetap_+/+/",
	};
	char huge[65536];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(token__parse(&token, texts[i], strlen(texts[i])), -EINVAL);
	memset(huge, 'A', sizeof(huge));
	memcpy(huge, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
	ck_assert_int_eq(token__parse(&token, huge, sizeof(huge)), -E2BIG);
	ck_assert_int_eq(token__parse(&token, huge, TOKEN_TEXT_MAX), -EINVAL);
}
END_TEST

START_TEST(limits_of_what_is_made)
{
	static char long_text[TOKEN_CAVEAT_BYTES + 2];
	const char *caveats[TOKEN_CAVEATS_MAX + 1];
	char *text;

	memset(long_text, 'x', sizeof(long_text) - 1);
	for (size_t i = 0; i <= TOKEN_CAVEATS_MAX; i++)
		caveats[i] = "op = read";
	ck_assert_int_eq(token__make(&text, &key, "id", caveats, TOKEN_CAVEATS_MAX + 1), -E2BIG);
	ck_assert_int_eq(token__make(&text, &key, "id", caveats, TOKEN_CAVEATS_MAX), 0);
	parse(text);
	ck_assert(token__is_signed(&token, &key));
	free(text);
	ck_assert_int_eq(token__attenuate(&text, &token, caveats, 1), -E2BIG);
	caveats[0] = long_text;
	ck_assert_int_eq(token__make(&text, &key, "id", caveats, 1), -E2BIG);
	caveats[0] = "";
	ck_assert_int_eq(token__make(&text, &key, "id", caveats, 1), -EINVAL);
	long_text[TOKEN_CAVEAT_BYTES] = '\0';
	for (size_t i = 0; i < 8; i++)
		caveats[i] = long_text;
	ck_assert_int_eq(token__make(&text, &key, "id", caveats, 8), -E2BIG);
	ck_assert_int_eq(token__make(&text, &key, "", NULL, 0), -EINVAL);
	ck_assert_int_eq(token__make(&text, &key, long_text, NULL, 0), -E2BIG);
}
END_TEST

/* The longest token, and one byte more. */
START_TEST(the_last_byte)
{
	static char whole[TOKEN_CAVEAT_BYTES + 1], rest[TOKEN_CAVEAT_BYTES + 1];
	const char *const caveats[] = { whole, whole, whole, whole, whole, rest };
	const size_t fixed = strlen("0015location edgetap\n0012identifier id\n") +
			     strlen("002fsignature \n") + TOKEN_SIGNATURE_BYTES,
		     around = strlen("0000cid \n");
	char *text, *longer;

	memset(whole, 'x', TOKEN_CAVEAT_BYTES);
	memset(rest, 'x', TOKEN_BYTES_MAX - fixed - 6 * around - 5 * TOKEN_CAVEAT_BYTES);
	text = make(caveats, 6);
	ck_assert_uint_eq(strlen(text), TOKEN_TEXT_MAX);
	parse(text);
	ck_assert(token__is_signed(&token, &key));
	ck_assert_int_eq(token__attenuate(&longer, &token, caveats + 5, 1), -E2BIG);
	free(text);
	strcat(rest, "x");
	ck_assert_int_eq(token__make(&text, &key, "id", caveats, 6), -E2BIG);
}
END_TEST

static int narrow(const char *caveat)
{
	return grant__narrow(&grant, caveat, strlen(caveat));
}

static bool allows(const char *app)
{
	const char *apps[GRANT_APPS_MAX];
	struct scope scope = grant__scope(&grant, apps);

	return scope__allows(&scope, app);
}

START_TEST(caveats_of_apps)
{
	grant__init(&grant);
	ck_assert(allows("web") && allows(NULL));
	ck_assert_int_eq(narrow("app in web,db,a b"), 0);
	ck_assert(allows("web") && allows("db") && allows("a b"));
	ck_assert(!allows("cache") && !allows("web,db") && !allows(NULL) && !allows("__other__"));
	ck_assert_int_eq(narrow("app in db,cache,web"), 0);
	ck_assert(allows("web") && allows("db") && !allows("cache") && !allows("a b"));
	ck_assert_int_eq(narrow("app = db"), 0);
	ck_assert(allows("db") && !allows("web"));
	ck_assert(!grant__is_empty(&grant));
	ck_assert_int_eq(narrow("app = web"), 0);
	ck_assert(grant__is_empty(&grant));
	ck_assert(!allows("db") && !allows("web") && !allows(NULL));
	ck_assert_int_eq(narrow("app in web,db"), 0);
	ck_assert(grant__is_empty(&grant));
}
END_TEST

START_TEST(a_comma_in_a_name)
{
	grant__init(&grant);
	ck_assert_int_eq(narrow("app = web,db"), 0);
	ck_assert(allows("web,db") && !allows("web") && !allows("db"));
}
END_TEST

START_TEST(caveats_of_organisations)
{
	const char *apps[GRANT_APPS_MAX];
	struct scope scope;

	grant__init(&grant);
	ck_assert_int_eq(narrow("org = personal"), 0);
	scope = grant__scope(&grant, apps);
	ck_assert(scope.all && scope__allows_org(&scope, "personal") &&
		  !scope__allows_org(&scope, "other"));
	ck_assert_int_eq(narrow("org = personal"), 0);
	ck_assert(!grant__is_empty(&grant));
	ck_assert_int_eq(narrow("org = other"), 0);
	ck_assert(grant__is_empty(&grant));
	ck_assert(!allows("web") && !allows(NULL));
	ck_assert_int_eq(narrow("org = other"), 0);
	ck_assert(grant__is_empty(&grant));
}
END_TEST

START_TEST(caveats_of_time)
{
	grant__init(&grant);
	ck_assert(grant.expires == INT64_MAX);
	ck_assert_int_eq(narrow("time < 2026-12-31T00:00:00Z"), 0);
	ck_assert_int_eq(grant.expires, 1798675200);
	ck_assert_int_eq(narrow("time < 2027-12-31T00:00:00Z"), 0);
	ck_assert_int_eq(grant.expires, 1798675200);
	ck_assert_int_eq(narrow("time < 1970-01-01T00:00:01Z"), 0);
	ck_assert_int_eq(grant.expires, 1);
}
END_TEST

START_TEST(what_is_not_understood)
{
	static const char *const caveats[] = {
		"",
		"app",
		"app = ",
		"app =web",
		"app  = web",
		"App = web",
		"app = web ",
		" app = web",
		"app in ",
		"app in web,",
		"app in ,web",
		"app in web, db",
		"app in web,,db",
		"app != web",
		"app = we\nb",
		"app = \xff",
		"apps = web",
		"op = write",
		"op = read ",
		"op = read,write",
		"org = ",
		"org in a,b",
		"time < 2026-12-31",
		"time < 2026-12-31T00:00:00",
		"time < 2026-12-31T00:00:00+00:00",
		"time < 2026-12-31t00:00:00z",
		"time < 2026-02-30T00:00:00Z",
		"time < 2026-13-01T00:00:00Z",
		"time < 2026-12-31T24:00:00Z",
		"time < 2026-12-31T23:59:60Z",
		"time < 2026-12-31T00:00:00Zx",
		"time < -026-12-31T00:00:00Z",
		"time > 2026-12-31T00:00:00Z",
		"ip = 127.0.0.1",
	};

	for (size_t i = 0; i < sizeof(caveats) / sizeof(caveats[0]); i++) {
		grant__init(&grant);
		ck_assert_msg(narrow(caveats[i]) == -EINVAL, "understood: %s", caveats[i]);
	}
	grant__init(&grant);
	ck_assert_int_eq(grant__narrow(&grant, "app = a\0b", 9), -EINVAL);
}
END_TEST

START_TEST(too_many_apps)
{
	char caveat[TOKEN_CAVEAT_BYTES] = "app in a0";

	for (int i = 1; i <= GRANT_APPS_MAX; i++)
		sprintf(caveat + strlen(caveat), ",a%d", i);
	grant__init(&grant);
	ck_assert_int_eq(narrow(caveat), -E2BIG);
	*strrchr(caveat, ',') = '\0';
	grant__init(&grant);
	ck_assert_int_eq(narrow(caveat), 0);
	ck_assert_uint_eq(grant.app_count, GRANT_APPS_MAX);
}
END_TEST

/* No order of random caveats ever widens: after each, what is allowed was allowed before. */
START_TEST(no_caveat_widens)
{
	static const char *const caveats[] = {
		"app = a",	    "app = b",	  "app in a,b",
		"app in b,c,d",	    "app in c,a", "org = x",
		"org = y",	    "op = read",  "time < 2030-01-01T00:00:00Z",
		"app in a,b,c,d,e", "app = a,b",  "time < 2029-01-01T00:00:00Z",
	};
	static const char *const names[] = { NULL, "a", "b", "c", "d", "e", "a,b", "f" };

	srand(1);
	for (int round = 0; round < 2000; round++) {
		grant__init(&grant);
		for (int step = 0; step < 6; step++) {
			struct grant before = grant, after;

			ck_assert_int_eq(narrow(caveats[rand() % 12]), 0);
			after = grant;
			for (size_t i = 0; i < 8; i++) {
				bool allowed = allows(names[i]);

				grant = before;
				ck_assert(!allowed || allows(names[i]));
				grant = after;
			}
			ck_assert(after.expires <= before.expires);
			ck_assert(after.read_only || !before.read_only);
			ck_assert(grant__is_empty(&after) || !grant__is_empty(&before));
		}
	}
}
END_TEST

START_TEST(caveats_as_text)
{
	static const char *const two[] = { "web", "db" }, *const comma[] = { "a,b", "c" };
	char text[GRANT_TEXT_BYTES];

	ck_assert_int_eq(caveat__apps(text, two, 1), 0);
	ck_assert_str_eq(text, "app = web");
	ck_assert_int_eq(caveat__apps(text, two, 2), 0);
	ck_assert_str_eq(text, "app in web,db");
	ck_assert_int_eq(caveat__apps(text, comma, 1), 0);
	ck_assert_str_eq(text, "app = a,b");
	ck_assert_int_eq(caveat__apps(text, comma, 2), -EINVAL);
	ck_assert_int_eq(caveat__org(text, "personal"), 0);
	ck_assert_str_eq(text, "org = personal");
	ck_assert_int_eq(caveat__org(text, ""), -EINVAL);
	ck_assert_int_eq(caveat__expires(text, 1798675200), 0);
	ck_assert_str_eq(text, "time < 2026-12-31T00:00:00Z");
	ck_assert_int_eq(caveat__expires(text, INT64_MAX), -EINVAL);
}
END_TEST

Suite *token_suite(void)
{
	Suite *suite = suite_create("token");
	TCase *text = tcase_create("text"), *caveats = tcase_create("caveats");

	tcase_add_test(text, made_and_parsed);
	tcase_add_test(text, others_make_the_same);
	tcase_add_test(text, tokens_of_others_are_signed);
	tcase_add_test(text, the_example_that_is_published);
	tcase_add_test(text, tokens_that_libmacaroons_signed);
	tcase_add_test(text, every_change_is_seen);
	tcase_add_test(text, caveats_cannot_be_moved);
	tcase_add_test(text, hostile_packets);
	tcase_add_test(text, packets_that_lie);
	tcase_add_test(text, texts_that_are_none);
	tcase_add_test(text, limits_of_what_is_made);
	tcase_add_test(text, the_last_byte);
	suite_add_tcase(suite, text);
	tcase_add_test(caveats, caveats_of_apps);
	tcase_add_test(caveats, a_comma_in_a_name);
	tcase_add_test(caveats, caveats_of_organisations);
	tcase_add_test(caveats, caveats_of_time);
	tcase_add_test(caveats, what_is_not_understood);
	tcase_add_test(caveats, too_many_apps);
	tcase_add_test(caveats, no_caveat_widens);
	tcase_add_test(caveats, caveats_as_text);
	suite_add_tcase(suite, caveats);
	return suite;
}
