// SPDX-License-Identifier: Apache-2.0
/* In place of what a build leaves out: see PARTS in the Makefile. */
#include <errno.h>
#include <stddef.h>

#include "access/tls.h"

int tls_material__new(struct tls_material **ret_material, const struct web_config *config,
		      struct secret_error *error)
{
	(void)ret_material;
	(void)config;
	return secret__fail(error, -ENOTSUP, "tls_server_config: this build cannot serve TLS");
}

void tls_material__free(struct tls_material *material)
{
	(void)material;
}

const char *tls_material__priorities(const struct tls_material *material)
{
	(void)material;
	return "";
}

void tls__set_source(const struct tls_source *source)
{
	(void)source;
}

void (*tls__certificates(void))(void)
{
	return NULL;
}
