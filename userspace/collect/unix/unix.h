/* SPDX-License-Identifier: Apache-2.0 */
/* UNIX stream sockets that are listened on: what is not observed is to be seen. */
#ifndef EDGETAP_COLLECT_UNIX_UNIX_H
#define EDGETAP_COLLECT_UNIX_UNIX_H

#include "collect/collector.h"

extern const struct collector collector_unix;

#endif
