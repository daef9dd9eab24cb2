/* SPDX-License-Identifier: Apache-2.0 */
/* The views that there are. */
#ifndef EDGETAP_VIEWS_VIEWS_H
#define EDGETAP_VIEWS_VIEWS_H

#include "exposition/view.h"

extern const struct view view_native; /* /metrics */
extern const struct view view_apps;   /* /metrics/apps */
extern const struct view view_fly;    /* /metrics/fly */

/* All of them. */
const struct view *const *view__all(size_t *ret_count);

#endif
