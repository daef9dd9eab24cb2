/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyed hash for strings that a client chooses: without the key nobody finds
 * two that collide.
 */
#ifndef EDGETAP_EVENTS_SIPHASH_H
#define EDGETAP_EVENTS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of n bytes. */
uint64_t siphash(const uint64_t key[2], const void *bytes, size_t n);

#endif
