/* SPDX-License-Identifier: Apache-2.0 */
/* Names of functions and aggregations, in any case. */
#ifndef EDGETAP_GATEWAY_PROMQL_FUNCTIONS_H
#define EDGETAP_GATEWAY_PROMQL_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether it is an aggregation, of PromQL or MetricsQL: one that by and without may follow. */
bool promql_functions__aggregates(const char *name, size_t length);

/*
 * Whether it is one of PromQL or MetricsQL whose result comes from its arguments
 * (or the clock, or chance) alone.
 */
bool promql_functions__known(const char *name, size_t length);

#endif
