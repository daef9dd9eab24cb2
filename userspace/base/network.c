// SPDX-License-Identifier: Apache-2.0
#include "base/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAPPED_BITS 96
#define OWNER_BYTES 8

static struct in6_addr mapped(const struct in_addr *in)
{
	struct in6_addr out = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(&out.s6_addr[12], in, sizeof(*in));
	return out;
}

/* A decimal number without sign or leading zero. */
static int parse_bits(const char *text, unsigned int max, unsigned int *ret_bits)
{
	unsigned int bits = 0;
	size_t length = strlen(text);

	if (!length || length > 3 || strspn(text, "0123456789") != length ||
	    (text[0] == '0' && length > 1))
		return -EINVAL;
	for (; *text; text++)
		bits = bits * 10 + (unsigned int)(*text - '0');
	if (bits > max)
		return -EINVAL;
	*ret_bits = bits;
	return 0;
}

static struct in6_addr masked(const struct in6_addr *address, unsigned int bits)
{
	struct in6_addr out = { 0 };
	unsigned int whole = bits / 8;

	memcpy(out.s6_addr, address->s6_addr, whole);
	if (bits % 8)
		out.s6_addr[whole] = address->s6_addr[whole] & (uint8_t)(0xff00 >> bits % 8);
	return out;
}

int network__parse(struct network *ret_network, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	size_t length = strcspn(text, "/");
	struct network network;
	struct in6_addr first;
	struct in_addr in;
	unsigned int skip = 0, bits;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, &in) == 1) {
		network.address = mapped(&in);
		skip = MAPPED_BITS;
	} else if (inet_pton(AF_INET6, address, &network.address) != 1) {
		return -EINVAL;
	}
	bits = 128 - skip;
	if (text[length] && parse_bits(text + length + 1, bits, &bits))
		return -EINVAL;
	network.bits = skip + bits;
	first = masked(&network.address, network.bits);
	if (memcmp(&first, &network.address, sizeof(first)))
		return -EINVAL;
	*ret_network = network;
	return 0;
}

void network__format(const struct network *network, char text[NETWORK_BYTES])
{
	bool is_v4 = network->bits >= MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(&network->address);
	unsigned int skip = is_v4 ? MAPPED_BITS : 0;

	inet_ntop(is_v4 ? AF_INET : AF_INET6, &network->address.s6_addr[skip / 8], text,
		  INET6_ADDRSTRLEN);
	if (network->bits < 128)
		sprintf(text + strlen(text), "/%u", network->bits - skip);
}

struct in6_addr network__of(const struct sockaddr *address)
{
	if (address && address->sa_family == AF_INET)
		return mapped(&((const struct sockaddr_in *)address)->sin_addr);
	if (address && address->sa_family == AF_INET6)
		return ((const struct sockaddr_in6 *)address)->sin6_addr;
	return (struct in6_addr){ 0 };
}

bool network__has(const struct network *network, const struct in6_addr *address)
{
	struct in6_addr first = masked(address, network->bits);

	return !memcmp(&first, &network->address, sizeof(first));
}

struct in6_addr network__owner(const struct in6_addr *address)
{
	return IN6_IS_ADDR_V4MAPPED(address) ? *address : masked(address, OWNER_BYTES * 8);
}
