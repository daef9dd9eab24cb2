/* SPDX-License-Identifier: Apache-2.0 */
/* All probes of one file, or none. */
#ifndef EDGETAP_UPROBES_LINKS_H
#define EDGETAP_UPROBES_LINKS_H

#include <stdint.h>

#include "uprobes/attached.h"
#include "uprobes/plan.h"

/*
 * Attaches all probes of the plan to the file at path, grouped by program; the last first, so
 * that the end of a call is seen wherever its begin is, and what reads and writes wherever a
 * handshake is.
 * links has room for PLAN_MAX_PROBES. Returns the links' number, or a negative errno with none
 * left. ret_program is the one that was attached last, or refused.
 */
int links__attach(const struct attached_ops *ops, const struct plan *plan, const char *path,
		  int *ret_links, const char **ret_program);

/* Detaches count links. */
void links__detach(const struct attached_ops *ops, const int *links, uint32_t count);

#endif
