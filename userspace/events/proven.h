/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names with which a handshake has succeeded at an instance: those that it
 * really serves, as far as clients can be believed. The ones used last are
 * remembered, each as a keyed hash of 64 bits.
 */
#ifndef EDGETAP_EVENTS_PROVEN_H
#define EDGETAP_EVENTS_PROVEN_H

#include <stdbool.h>
#include <stdint.h>

#define TLS_PROVEN_MAX 4096
#define TLS_PROVEN_MAX_OF_SLOT 256

struct tls_proven;

/* Returns 0 or -ENOMEM. */
int tls_proven__new(struct tls_proven **ret_proven, uint32_t slot_count);
void tls_proven__free(struct tls_proven *proven);

/*
 * Remembers that the name of this hash has been proven now. Beyond a bound the
 * name that was not proven for the longest time is forgotten: of the slot, or of all.
 */
void tls_proven__add(struct tls_proven *proven, uint32_t slot, uint64_t hash);

/* Whether it is remembered. */
bool tls_proven__has(const struct tls_proven *proven, uint32_t slot, uint64_t hash);

/* Forgets the names of a slot. */
void tls_proven__forget(struct tls_proven *proven, uint32_t slot);

#endif
