/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's list of how servers of Postgres are asked. */
#ifndef EDGETAP_CONFIG_DATABASES_H
#define EDGETAP_CONFIG_DATABASES_H

#include <stdbool.h>

#include "config/config.h"
#include "config/reader.h"

#define CONFIG_MAX_DATABASES 256

/* Reads the list that start begins. Returns 0 or a negative errno with the sentence in r->error. */
int config_databases__read(struct reader *r, struct config *config, const yaml_event_t *start,
			   const char *where);

/* Whether any server would be asked in another way. */
bool config_databases__differ(const struct config *config, const struct config *other);

/*
 * Why the password of a rule is never read, however a server presents itself; NULL if it may be,
 * or there is none. A sentence, static.
 */
const char *config_databases__obstacle(const struct config_postgres *rule);

/* Frees the list. */
void config_databases__free(struct config *config);

#endif
