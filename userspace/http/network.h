/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks of clients. IPv4 is held as IPv6 that is mapped (RFC 4291, 2.5.5.2). Pure.
 */
#ifndef EDGETAP_HTTP_NETWORK_H
#define EDGETAP_HTTP_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct http_network {
	struct in6_addr address; /* of its first member */
	unsigned int bits;	 /* 0 .. 128 */
};

#define HTTP_NETWORK_BYTES (INET6_ADDRSTRLEN + 4)

/*
 * Parses an address, or a network in CIDR: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". No bit
 * behind the prefix may be set. Returns 0 or -EINVAL.
 */
int http_network__parse(struct http_network *ret_network, const char *text);

/* Writes it as http_network__parse takes it. */
void http_network__format(const struct http_network *network, char text[HTTP_NETWORK_BYTES]);

/* The address of a socket; all zeros for one that is neither IPv4 nor IPv6. */
struct in6_addr http_network__of(const struct sockaddr *address);

/* Whether an address is one of the network's. */
bool http_network__has(const struct http_network *network, const struct in6_addr *address);

/*
 * Whom an address belongs to: IPv4 tells one from another, of IPv6 the first 64 bits do, as the
 * rest is the client's own to choose.
 */
struct in6_addr http_network__owner(const struct in6_addr *address);

#endif
