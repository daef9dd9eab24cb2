/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A colour for each run of the agent, the other one after each start: by it the
 * series of a platform's proxy tell that they began anew.
 */
#ifndef EDGETAP_AGENT_RUN_H
#define EDGETAP_AGENT_RUN_H

/*
 * Returns "blue" or "green", not that of the last start as the file proxy_id in
 * dir has it, and leaves it there; dir is made if its parent exists. Without a
 * place to keep it, which ret_err tells by a negative errno (else 0), the colour
 * follows from the clock: then every other start has the one of the last.
 */
const char *run__take(const char *dir, int *ret_err);

#endif
