/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TLS ClientHello says in clear: the name that the client wants to reach
 * and the protocols that it offers. Pure; nothing is allocated.
 */
#ifndef EDGETAP_EVENTS_HELLO_H
#define EDGETAP_EVENTS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_SERVER_NAME_BYTES 256 /* 255 and a NUL; the DNS allows no longer ones */
#define TLS_HANDSHAKE_HEADER 4	  /* type, and the length of what follows in 24 bits */

enum tls_hello_result {
	TLS_HELLO_DONE,
	TLS_HELLO_MORE, /* right so far; goes on */
	TLS_HELLO_NOT,	/* another handshake message, or none */
	TLS_HELLO_BAD,	/* a ClientHello that breaks the rules */
};

struct tls_hello {
	char server_name[TLS_SERVER_NAME_BYTES]; /* lower case; "" without a valid one */
	bool server_name_invalid;		 /* there was one, which is no host name */
	const uint8_t *alpn;			 /* first protocol offered, in the input; or NULL */
	uint8_t alpn_bytes;
};

/* The first protocol offered, as it is exported: what is registered and common, or other. */
enum tls_alpn {
	TLS_ALPN_NONE,
	TLS_ALPN_H2,
	TLS_ALPN_HTTP11,
	TLS_ALPN_HTTP10,
	TLS_ALPN_ACME,
	TLS_ALPN_OTHER,
	TLS_ALPN_N
};

/*
 * Reads a ClientHello from the bytes of the handshake stream, that is, of the
 * records' payloads (RFC 8446 4.1.2; extensions may be absent as in RFC 5246).
 * What follows the message is not looked at. The name is that of type host_name
 * (RFC 6066 3) without the dot at its end, with a mark if it is reserved
 * (base/reserved.h); names that hold anything but letters, digits, '-', '_' and '.', or
 * an empty label, are invalid. ret_hello is written only if the result is TLS_HELLO_DONE.
 */
enum tls_hello_result tls_hello__parse(struct tls_hello *ret_hello, const uint8_t *bytes, size_t n);

/* The kind of protocol that a hello offers first. Its input must still be there. */
enum tls_alpn tls_hello__alpn(const struct tls_hello *hello);

/* Its name, static: "h2", "http/1.1", "http/1.0", "acme-tls/1", "" or `__other__`. */
const char *tls_alpn__name(enum tls_alpn alpn);

/*
 * The bytes that a message takes, its header of TLS_HANDSHAKE_HEADER bytes
 * included, of which `bytes` must hold all.
 */
static inline size_t tls_hello__message_bytes(const uint8_t *bytes)
{
	return TLS_HANDSHAKE_HEADER + ((size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3]);
}

#endif
