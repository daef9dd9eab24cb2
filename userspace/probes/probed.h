/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that have probes, or could have if they were not refused: each with how many processes
 * use it. Who was the first to have a file looked at answers for it (probes/owners.h).
 */
#ifndef EDGETAP_PROBES_PROBED_H
#define EDGETAP_PROBES_PROBED_H

#include "probes/attached.h"
#include "probes/find.h"

struct probed;

/* ops is copied, owners must outlive it. 0 or -ENOMEM. */
int probed__new(struct probed **ret_probed, const struct attached_ops *ops, struct owners *owners);

/* Detaches everything. NULL is allowed. */
void probed__free(struct probed *probed);

/* Whose process has the file. */
struct probed_by {
	const char *app; /* name in messages */
	uint16_t account;
	uint64_t now_ns;
};

/*
 * The file of this, attached if it is new or has changed, and if room is left for it.
 * Returns 0; -ENOENT for one that was not read now and is not here; -ENOSPC if there is no place
 * for it; or -EDQUOT if there is, but not for its links (in ret_file, and tried again later).
 */
int probed__take(struct probed *probed, const struct found *found, const struct probed_by *by,
		 uint16_t *ret_file);

/* One process more, or one less, uses it. */
void probed__use(struct probed *probed, uint16_t file);
void probed__let_go(struct probed *probed, uint16_t file, uint64_t now_ns);

/*
 * Detaches one file that nobody has used for ATTACHED_LINGER_NS. False if there is none; else its
 * account, valid until the next call.
 */
bool probed__expire(struct probed *probed, uint64_t now_ns, uint16_t *ret_account);

/* Adds what it knows. */
void probed__stats(const struct probed *probed, struct attached_stats *stats);

#endif
