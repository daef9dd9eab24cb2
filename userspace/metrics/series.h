/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of each kind of series: how many names it has, in which form, and whether what is
 * not listed is told by a total. Kinds of include/pools.h need nothing here.
 */
#ifndef EDGETAP_METRICS_SERIES_H
#define EDGETAP_METRICS_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "snapshot/snapshot.h"

/* How many names the kind has, 1 to SERIES_NAMES. */
unsigned int series__names(enum series_kind kind);

/*
 * The counts of the instance that contain those of all series of the kind, by index of the
 * count: what is not listed need not be counted, as the rest of these is `__other__`. NULL:
 * there are none.
 */
const enum instance_count *series__totals(enum series_kind kind);

/* Bytes of a name, with the NUL of a text. */
size_t series__name_bytes(enum series_kind kind, unsigned int name, const char *value);

/* Order of all names, by those of a kind. */
int series__compare(enum series_kind kind, const char *const a[SERIES_NAMES],
		    const char *const b[SERIES_NAMES]);

/* What stands for any names of the kind; NULL beyond those that it has. */
void series__other(enum series_kind kind, const char *ret_name[SERIES_NAMES]);

/* A name that is a text but no UTF-8 is `__other__`, others are as they are. */
const char *series__checked(enum series_kind kind, unsigned int name, const char *value);

/* A name as labels show it: itself, or made in the buffer. */
#define SERIES_TEXT_BYTES 56
const char *series__text(enum series_kind kind, unsigned int name, const char *value,
			 char buffer[SERIES_TEXT_BYTES]);

#endif
