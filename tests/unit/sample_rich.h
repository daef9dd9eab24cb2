/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGETAP_TESTS_SAMPLE_RICH_H
#define EDGETAP_TESTS_SAMPLE_RICH_H

#include "sample.h"

#define SAMPLE_FEW 4

extern const uint64_t sample_few_ns[SAMPLE_FEW]; /* its bounds: the files are for people to read */

/*
 * A little of everything, with labels that need every escape, and a roll-up with
 * an instance that is gone. Freed by sample__free and rollup__free.
 */
void sample__init_rich(struct sample *sample, struct rollup **ret_rollup);

#endif
