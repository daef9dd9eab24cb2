// SPDX-License-Identifier: Apache-2.0
#include "metrics/series.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "metrics/rollup.h"

static const struct key_name names[SERIES_KINDS][SERIES_NAMES] = {
#define KEYED_NAMES(id, map, key, value, size, ...) [SERIES_##id] = { __VA_ARGS__ },
	KEYED_COUNTS(KEYED_NAMES)
#undef KEYED_NAMES
		/* server name, by whom, reason; first protocol offered */
		[SERIES_TLS_ERRORS] = { { .form = NAME_TEXT },
					{ .form = NAME_TEXT },
					{ .form = NAME_TEXT } },
	[SERIES_TLS_HELLOS] = { { .form = NAME_TEXT } },
};

unsigned int series__names(enum series_kind kind)
{
	unsigned int n = 0;

	while (n < SERIES_NAMES && names[kind][n].form != NAME_NONE)
		n++;
	return n;
}

const enum instance_count *series__totals(enum series_kind kind)
{
	static const enum instance_count destinations[SERIES_COUNTS] = {
		[DESTINATION_CONNECTS] = COUNT_OUTBOUND_CONNECTS,
		[DESTINATION_REFUSED] = COUNT_OUTBOUND_REFUSED,
		[DESTINATION_FAILED] = COUNT_OUTBOUND_FAILED,
	};

	return kind == SERIES_DESTINATIONS ? destinations : NULL;
}

static bool is_address(enum series_kind kind, unsigned int name)
{
	return names[kind][name].form == NAME_ADDRESS;
}

size_t series__name_bytes(enum series_kind kind, unsigned int name, const char *value)
{
	return is_address(kind, name) ? NAME_ADDRESS_BYTES : strlen(value) + 1;
}

int series__compare(enum series_kind kind, const char *const a[SERIES_NAMES],
		    const char *const b[SERIES_NAMES])
{
	int order = 0;

	for (unsigned int i = 0; !order && i < series__names(kind); i++)
		order = is_address(kind, i) ? memcmp(a[i], b[i], NAME_ADDRESS_BYTES)
					    : strcmp(a[i], b[i]);
	return order;
}

/* A multicast address, to which there are no connections (tcp_v6_connect); the last in order. */
static const char no_address[NAME_ADDRESS_BYTES] = { [0 ... NAME_ADDRESS_BYTES - 1] = (char)0xff };

void series__other(enum series_kind kind, const char *ret_name[SERIES_NAMES])
{
	for (unsigned int i = 0; i < SERIES_NAMES; i++)
		ret_name[i] = i >= series__names(kind) ? NULL
			      : is_address(kind, i)    ? no_address
						       : VALUE_OTHER;
}

const char *series__checked(enum series_kind kind, unsigned int name, const char *value)
{
	return is_address(kind, name) || utf8__valid(value) ? value : VALUE_OTHER;
}

const char *series__text(enum series_kind kind, unsigned int name, const char *value,
			 char buffer[SERIES_TEXT_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char address[INET6_ADDRSTRLEN];
	uint16_t port_be16;
	bool v4;

	if (!is_address(kind, name))
		return value;
	if (!memcmp(value, no_address, sizeof(no_address)))
		return VALUE_OTHER;
	v4 = !memcmp(value, mapped, sizeof(mapped));
	memcpy(&port_be16, value + 16, sizeof(port_be16));
	if (v4)
		inet_ntop(AF_INET, value + sizeof(mapped), address, sizeof(address));
	else
		inet_ntop(AF_INET6, value, address, sizeof(address));
	snprintf(buffer, SERIES_TEXT_BYTES, v4 ? "%s:%u" : "[%s]:%u", address, ntohs(port_be16));
	return buffer;
}

_Static_assert(SERIES_TEXT_BYTES >= INET6_ADDRSTRLEN + sizeof("[]:65535") - 1, "see series__text");
