/* SPDX-License-Identifier: Apache-2.0 */
/* CLOCK_MONOTONIC in nanoseconds: the clock of every deadline and interval of user space. */
#ifndef EDGETAP_BASE_CLOCK_H
#define EDGETAP_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Never fails, never goes back. */
static inline uint64_t clock__now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

#endif
