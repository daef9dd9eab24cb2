// SPDX-License-Identifier: Apache-2.0
#include "config/role.h"

#include <errno.h>
#include <string.h>

#include "config/option.h"

bool config_role__takes(enum config_role role, const char *name)
{
	const struct config_option *option = config_option__find(name);

	if (!option)
		return role == CONFIG_AGENT || strcmp(name, "tokens") == 0;
	return option->of == OF_BOTH || (option->of == OF_GATEWAY) == (role == CONFIG_GATEWAY);
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
