/* SPDX-License-Identifier: Apache-2.0 */
/* Why a handshake failed, in a word. */
#ifndef EDGETAP_EVENTS_REASON_H
#define EDGETAP_EVENTS_REASON_H

#include "event.h"

/* `__other__`, as tls_reason__name returns it: reasons may be told apart by address. */
extern const char tls_reason_other[];

/*
 * The reason of a failed handshake, static: for a plain alert the name in the
 * IANA registry of TLS alerts in lower case ("unknown_ca"), or "alert_N" for a
 * number that is not in it; "encrypted_alert", "closed", "reset" or "timeout";
 * `__other__` for an outcome that is unknown here.
 */
const char *tls_reason__name(enum tls_outcome outcome, __u8 alert);

#endif
