/* SPDX-License-Identifier: Apache-2.0 */
#include "events/hello.h"

#include <string.h>

#include "base/reserved.h"

#define CLIENT_HELLO 1
#define VERSION_SSL3 0x0300
#define RANDOM_BYTES 32
#define SESSION_ID_MAX 32
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN 16
#define NAME_TYPE_HOST 0
/* every vector of the message at its longest */
#define BODY_MAX (2 + RANDOM_BYTES + 1 + SESSION_ID_MAX + 2 + 65534 + 1 + 255 + 2 + 65535)

/* What is left of a vector. */
struct cursor {
	const uint8_t *at;
	size_t left;
};

/* A number of 1 to 3 bytes; false if they are not there. */
static bool take_number(struct cursor *c, size_t bytes, size_t *ret_number)
{
	size_t number = 0;

	if (c->left < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		number = number << 8 | c->at[i];
	c->at += bytes;
	c->left -= bytes;
	*ret_number = number;
	return true;
}

static bool take_bytes(struct cursor *c, size_t bytes, struct cursor *ret_part)
{
	if (c->left < bytes)
		return false;
	*ret_part = (struct cursor){ c->at, bytes };
	c->at += bytes;
	c->left -= bytes;
	return true;
}

/* A vector whose length goes before it in length_bytes. */
static bool take_vector(struct cursor *c, size_t length_bytes, struct cursor *ret_vector)
{
	size_t length;

	return take_number(c, length_bytes, &length) && take_bytes(c, length, ret_vector);
}

/* Writes the name, which is shorter than TLS_SERVER_NAME_BYTES, only if it is valid. */
static bool host_name(char *ret_name, struct cursor name)
{
	char text[TLS_SERVER_NAME_BYTES];
	size_t label = 0; /* bytes of the label so far */
	bool is_reserved;

	if (name.left >= TLS_SERVER_NAME_BYTES)
		return false;
	if (name.left && name.at[name.left - 1] == '.')
		name.left--;
	for (size_t i = 0; i < name.left; i++) {
		uint8_t c = name.at[i];

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (c == '.') {
			if (!label)
				return false;
			label = 0;
		} else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			   c == '_') {
			label++;
		} else {
			return false;
		}
		text[i] = (char)c;
	}
	if (!label)
		return false;
	is_reserved = reserved__is(text, name.left);
	if (is_reserved && name.left + 1 == TLS_SERVER_NAME_BYTES)
		return false;
	ret_name[0] = RESERVED_MARK;
	memcpy(ret_name + is_reserved, text, name.left);
	ret_name[name.left + is_reserved] = '\0';
	return true;
}

/* RFC 6066 3: at most one name of each type; a type unknown here has a length as well. */
static bool server_name(struct tls_hello *hello, struct cursor extension)
{
	struct cursor list, name;
	bool seen = false;
	size_t type;

	if (!take_vector(&extension, 2, &list) || extension.left || !list.left)
		return false;
	while (list.left) {
		if (!take_number(&list, 1, &type) || !take_vector(&list, 2, &name) || !name.left)
			return false;
		if (type != NAME_TYPE_HOST)
			continue;
		if (seen)
			return false;
		seen = true;
		hello->server_name_invalid = !host_name(hello->server_name, name);
	}
	return true;
}

/* RFC 7301 3.1 */
static bool protocols(struct tls_hello *hello, struct cursor extension)
{
	struct cursor list, protocol;

	if (!take_vector(&extension, 2, &list) || extension.left || !list.left)
		return false;
	while (list.left) {
		if (!take_vector(&list, 1, &protocol) || !protocol.left)
			return false;
		if (!hello->alpn) {
			hello->alpn = protocol.at;
			hello->alpn_bytes = (uint8_t)protocol.left;
		}
	}
	return true;
}

static bool extensions(struct tls_hello *hello, struct cursor list)
{
	uint8_t seen[65536 / 8] = { 0 };

	while (list.left) {
		struct cursor extension;
		size_t type;

		if (!take_number(&list, 2, &type) || !take_vector(&list, 2, &extension))
			return false;
		if (seen[type / 8] & 1U << type % 8)
			return false;
		seen[type / 8] |= (uint8_t)(1U << type % 8);
		if (type == EXTENSION_SERVER_NAME && !server_name(hello, extension))
			return false;
		if (type == EXTENSION_ALPN && !protocols(hello, extension))
			return false;
	}
	return true;
}

static bool client_hello(struct tls_hello *hello, struct cursor body)
{
	struct cursor part, list;
	size_t version;

	if (!take_number(&body, 2, &version) || version < VERSION_SSL3)
		return false;
	if (!take_bytes(&body, RANDOM_BYTES, &part))
		return false;
	if (!take_vector(&body, 1, &part) || part.left > SESSION_ID_MAX)
		return false;
	if (!take_vector(&body, 2, &part) || !part.left || part.left % 2)
		return false; /* cipher suites of two bytes each */
	if (!take_vector(&body, 1, &part) || !part.left)
		return false; /* compression methods */
	if (!body.left)
		return true;
	return take_vector(&body, 2, &list) && !body.left && extensions(hello, list);
}

enum tls_hello_result tls_hello__parse(struct tls_hello *ret_hello, const uint8_t *bytes, size_t n)
{
	struct tls_hello hello = { 0 };
	size_t message;

	if (!n)
		return TLS_HELLO_MORE;
	if (bytes[0] != CLIENT_HELLO)
		return TLS_HELLO_NOT;
	if (n < TLS_HANDSHAKE_HEADER)
		return TLS_HELLO_MORE;
	message = tls_hello__message_bytes(bytes);
	if (message - TLS_HANDSHAKE_HEADER > BODY_MAX)
		return TLS_HELLO_BAD;
	if (n < message)
		return TLS_HELLO_MORE;
	if (!client_hello(&hello, (struct cursor){ bytes + TLS_HANDSHAKE_HEADER,
						   message - TLS_HANDSHAKE_HEADER }))
		return TLS_HELLO_BAD;
	*ret_hello = hello;
	return TLS_HELLO_DONE;
}

static const char *const alpn_names[TLS_ALPN_N] = {
	[TLS_ALPN_NONE] = "",		[TLS_ALPN_H2] = "h2",
	[TLS_ALPN_HTTP11] = "http/1.1", [TLS_ALPN_HTTP10] = "http/1.0",
	[TLS_ALPN_ACME] = "acme-tls/1", [TLS_ALPN_OTHER] = "__other__",
};

enum tls_alpn tls_hello__alpn(const struct tls_hello *hello)
{
	if (!hello->alpn)
		return TLS_ALPN_NONE;
	for (int i = TLS_ALPN_NONE + 1; i < TLS_ALPN_OTHER; i++)
		if (strlen(alpn_names[i]) == hello->alpn_bytes &&
		    !memcmp(alpn_names[i], hello->alpn, hello->alpn_bytes))
			return (enum tls_alpn)i;
	return TLS_ALPN_OTHER;
}

const char *tls_alpn__name(enum tls_alpn alpn)
{
	return alpn_names[alpn];
}
