/* SPDX-License-Identifier: Apache-2.0 */
/* What this program is, as the build says. */
#ifndef EDGETAP_BASE_VERSION_H
#define EDGETAP_BASE_VERSION_H

extern const char version_number[];   /* such as "1.2.0" */
extern const char version_revision[]; /* of the sources: a commit's first digits, or "unknown" */

#endif
