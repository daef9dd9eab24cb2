/* SPDX-License-Identifier: Apache-2.0 */
/* Which options are the agent's (serve), which the gateway's, and which both's. */
#ifndef EDGETAP_CONFIG_ROLE_H
#define EDGETAP_CONFIG_ROLE_H

#include "config/config.h"

/* Whether an option or another key of the file, by its name there, has an effect on who it is. */
bool config_role__takes(enum config_role role, const char *name);

/*
 * Before an option is set: refuses the other's flags (is_flag), and query_url for the agent
 * whatever it comes from, since who has it there expects what the agent does not do. The rest of
 * what is the other's may stand in a file or an environment that both share. where begins the
 * message. 0 or -EINVAL.
 */
int config_role__check(const struct config *config, const char *name, bool is_flag,
		       const char *where, struct config_error *error);

#endif
