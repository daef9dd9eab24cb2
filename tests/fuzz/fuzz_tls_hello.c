// SPDX-License-Identifier: Apache-2.0
/*
 * ClientHellos. Input: a byte that says how the rest is cut, then the payloads
 * of the records. Beginnings may only ask for more until the verdict is there,
 * and pieces must say the same as the whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/hello.h"
#include "events/pending.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

/* Memory that ends where the bytes do. */
static enum tls_hello_result parse(struct tls_hello *ret_hello, enum tls_alpn *ret_alpn,
				   const uint8_t *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum tls_hello_result result;

	memcpy(copy, bytes, n);
	result = tls_hello__parse(ret_hello, copy, n);
	if (result == TLS_HELLO_DONE) {
		if (ret_hello->alpn && (ret_hello->alpn < copy || !ret_hello->alpn_bytes ||
					ret_hello->alpn + ret_hello->alpn_bytes > copy + n))
			fail("the protocol is not in the input");
		*ret_alpn = tls_hello__alpn(ret_hello);
	}
	free(copy);
	return result;
}

static void check_name(const struct tls_hello *hello)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	const char *name = hello->server_name;

	if (strnlen(name, sizeof(hello->server_name)) == sizeof(hello->server_name))
		fail("the name does not end");
	if (strspn(name, allowed) != strlen(name) || strstr(name, "..") || *name == '.')
		fail("the name is no host name");
	if (*name && (hello->server_name_invalid || name[strlen(name) - 1] == '.'))
		fail("the name is valid and is not");
}

static void check_pieces(enum tls_hello_result whole, const struct tls_hello *hello,
			 enum tls_alpn alpn, const uint8_t *bytes, size_t n, uint32_t seed)
{
	enum tls_piece verdict = TLS_PIECE_NOTHING, piece;
	enum tls_alpn pieces_alpn = TLS_ALPN_N;
	char name[TLS_SERVER_NAME_BYTES] = "?";
	static struct tls_pending *pending;
	static uint32_t id;
	bool known;

	if (!pending && tls_pending__new(&pending))
		return;
	id++;
	for (size_t at = 0; at < n;) {
		size_t step = 1 + (seed >> 16) % (seed & 0x100 ? 4 : 700);

		seed = seed * 1103515245 + 12345;
		if (step > n - at)
			step = n - at;
		piece = tls_pending__add(pending, id, (uint32_t)at, bytes + at, step, &pieces_alpn);
		if (piece != TLS_PIECE_NOTHING) {
			if (verdict != TLS_PIECE_NOTHING)
				fail("two verdicts");
			verdict = piece;
		}
		at += step;
	}
	known = tls_pending__take(pending, id, name);
	if (tls_pending__counts(pending)->now)
		fail("something is left");

	/* without a verdict it is not known, or longer than is kept */
	if (known != (verdict != TLS_PIECE_NOTHING))
		fail("known, or not, without a verdict");
	if (whole == TLS_HELLO_DONE && tls_hello__message_bytes(bytes) <= TLS_PENDING_HELLO_MAX &&
	    (verdict != TLS_PIECE_HELLO || pieces_alpn != alpn || strcmp(name, hello->server_name)))
		fail("pieces differ from the whole");
	if (whole == TLS_HELLO_MORE && known)
		fail("known too early");
	if (known && verdict == TLS_PIECE_BAD && *name)
		fail("malformed, and has a name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello hello, part;
	enum tls_hello_result whole, before = TLS_HELLO_MORE;
	enum tls_alpn alpn, part_alpn;

	if (size < 1)
		return 0;
	whole = parse(&hello, &alpn, data + 1, size - 1);
	if (whole == TLS_HELLO_DONE)
		check_name(&hello);
	for (size_t n = 0; n < size; n += n < 60 ? 1 : 1 + n / 8) {
		enum tls_hello_result now = parse(&part, &part_alpn, data + 1, n);

		if (before != TLS_HELLO_MORE && now != before)
			fail("a verdict changes");
		before = now;
	}
	if (before != TLS_HELLO_MORE && before != whole)
		fail("the whole differs from its beginning");
	check_pieces(whole, &hello, alpn, data + 1, size - 1, data[0]);
	return 0;
}
