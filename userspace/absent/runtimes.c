// SPDX-License-Identifier: Apache-2.0
/* In place of what a build leaves out: see PARTS in the Makefile. */
#include <errno.h>

#include "identity/runtime_api.h"

int runtime_api__init(void)
{
	return 0;
}

int runtime_api__get(const char *socket_path, const char *target, uint64_t deadline_ns, size_t max,
		     char **ret_body, size_t *ret_len)
{
	(void)socket_path;
	(void)target;
	(void)deadline_ns;
	(void)max;
	(void)ret_body;
	(void)ret_len;
	return -ENOTCONN;
}

int runtime_api__call(const char *socket_path, const char *method, const void *message, size_t len,
		      uint64_t deadline_ns, size_t max, char **ret_message, size_t *ret_len)
{
	(void)socket_path;
	(void)method;
	(void)message;
	(void)len;
	(void)deadline_ns;
	(void)max;
	(void)ret_message;
	(void)ret_len;
	return -ENOTCONN;
}
