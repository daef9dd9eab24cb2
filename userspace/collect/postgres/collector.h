/* SPDX-License-Identifier: Apache-2.0 */
/* The statistics of every Postgres server on the machine. */
#ifndef EDGETAP_COLLECT_POSTGRES_COLLECTOR_H
#define EDGETAP_COLLECT_POSTGRES_COLLECTOR_H

#include "collect/collector.h"

extern const struct collector collector_postgres;

#endif
