// SPDX-License-Identifier: Apache-2.0
#include "views/fly/host_id.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define HOST_ID_DIGITS 4

void host_id__of(char ret_id[VIEW_HOST_BYTES], const char *host)
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	if (!*host) {
		*ret_id = '\0';
		return;
	}
	if (strlen(host) == HOST_ID_DIGITS && strspn(host, "0123456789abcdef") == HOST_ID_DIGITS) {
		strcpy(ret_id, host);
		return;
	}
	crypto_hash_sha256(digest, (const unsigned char *)host, strlen(host));
	snprintf(ret_id, HOST_ID_DIGITS + 1, "%02x%02x", digest[0], digest[1]);
}
