/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, CPU, disks, network, file systems and pressure of the machine, its containers and units,
 * and their volumes. */
#ifndef EDGETAP_COLLECT_HOST_HOST_H
#define EDGETAP_COLLECT_HOST_HOST_H

#include "collect/collector.h"

extern const struct collector collector_host;

#endif
