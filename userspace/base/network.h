/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks of clients. IPv4 is held as IPv6 that is mapped (RFC 4291, 2.5.5.2). Pure.
 */
#ifndef EDGETAP_BASE_NETWORK_H
#define EDGETAP_BASE_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct network {
	struct in6_addr address; /* of its first member */
	unsigned int bits;	 /* 0 .. 128 */
};

#define NETWORK_BYTES (INET6_ADDRSTRLEN + 4)

/*
 * Parses an address, or a network in CIDR: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". No bit
 * behind the prefix may be set. Returns 0 or -EINVAL.
 */
int network__parse(struct network *ret_network, const char *text);

/* Writes it as network__parse takes it. */
void network__format(const struct network *network, char text[NETWORK_BYTES]);

/* The address of a socket; all zeros for one that is neither IPv4 nor IPv6. */
struct in6_addr network__of(const struct sockaddr *address);

/* Whether an address is one of the network's. */
bool network__has(const struct network *network, const struct in6_addr *address);

/*
 * Whom an address belongs to: IPv4 tells one from another, of IPv6 the first 64 bits do, as the
 * rest is the client's own to choose.
 */
struct in6_addr network__owner(const struct in6_addr *address);

#endif
