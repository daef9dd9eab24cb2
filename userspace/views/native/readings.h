/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGETAP_VIEWS_NATIVE_READINGS_H
#define EDGETAP_VIEWS_NATIVE_READINGS_H

#include "exposition/view.h"

/* What user space reads, under edgetap's own names and in base units. */
extern const struct family_table native_readings;

#endif
