/* SPDX-License-Identifier: Apache-2.0 */
/* The list `tokens` of the configuration. */
#ifndef EDGETAP_CONFIG_TOKENS_H
#define EDGETAP_CONFIG_TOKENS_H

#include "config/reader.h"

/* Replaces config's tokens by the list that start begins. 0 or a negative errno. */
int config_tokens__read(struct reader *r, struct config *config, const yaml_event_t *start,
			const char *where);

#endif
