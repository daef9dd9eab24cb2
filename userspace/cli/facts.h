/* SPDX-License-Identifier: Apache-2.0 */
/* What doctor looks up itself, without loading anything. */
#ifndef EDGETAP_CLI_FACTS_H
#define EDGETAP_CLI_FACTS_H

#include "cli/report.h"

/* Kernel, its configuration, BTF, lockdown, filesystems. */
void facts__report_machine(struct report *report);

/* Capabilities, for these uses: bits of enum capability_use. */
void facts__report_privileges(struct report *report, unsigned int uses);

/*
 * The sentence for a user whose process may not or whose kernel cannot load
 * programs at all, or NULL. Static storage. serve asks this before anything else.
 */
const char *facts__obstacle(void);

#endif
