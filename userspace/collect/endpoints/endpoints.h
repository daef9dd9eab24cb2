/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics that instances expose themselves, and what became of asking for them. */
#ifndef EDGETAP_COLLECT_ENDPOINTS_ENDPOINTS_H
#define EDGETAP_COLLECT_ENDPOINTS_ENDPOINTS_H

#include "collect/collector.h"

/* What an app with an exporter for its database servers exposes begins so. */
#define ENDPOINTS_DATABASE_PREFIX "pg_"

extern const struct collector collector_endpoints;

struct custom;

/* What the pages are made from (custom.h); NULL for no state. */
struct custom *endpoints__custom(void *state);

#endif
