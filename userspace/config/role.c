// SPDX-License-Identifier: Apache-2.0
#include "config/role.h"

#include <errno.h>
#include <string.h>

#include "config/option.h"

static const char *const of_gateway[] = {
	"query_url",	 "query_org",	  "query_token_file",
	"query_ca_file", "query_timeout", "query_threads",
};

static const char *const of_both[] = {
	"listen",	   "http_connections", "http_timeout", "scrapers", "macaroon_key_file",
	"web_config_file", "tokens",
};

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

static bool is_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

bool config_role__takes(enum config_role role, const char *name)
{
	return is_among(of_both, COUNT(of_both), name) ||
	       is_among(of_gateway, COUNT(of_gateway), name) == (role == CONFIG_GATEWAY);
}

int config_role__check(const struct config *config, const char *name, bool is_flag,
		       const char *where, struct config_error *error)
{
	if (config_role__takes(config->role, name))
		return 0;
	if (config->role == CONFIG_AGENT && (is_flag || strcmp(name, "query_url") == 0))
		return config_error__set(error, -EINVAL, where,
					 "the query API is no longer served by `edgetap serve`: "
					 "run `edgetap gateway` with the same options beside it");
	if (is_flag)
		return config_error__set(error, -EINVAL, where,
					 "an option of `edgetap serve`, not of the gateway");
	return 0;
}
