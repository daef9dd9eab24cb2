/* SPDX-License-Identifier: Apache-2.0 */
/* The list `metrics` of a configuration file: where instances expose metrics of their own. */
#ifndef EDGETAP_CONFIG_METRICS_H
#define EDGETAP_CONFIG_METRICS_H

#include "config/reader.h"

/* Adds the elements of the list that start begins. 0 or a negative errno, as the reader's. */
int config_metrics__read(struct reader *r, const yaml_event_t *start, const char *where,
			 struct config *config);

/* Whether it can stand in a request: /PATH of printable ASCII, a query included, 1 to 256 bytes. */
bool config_metrics__is_path(const char *text);

#endif
