/* SPDX-License-Identifier: Apache-2.0 */
/* Names for labels, made from what others wrote. Pure. */
#ifndef EDGETAP_IDENTITY_NAMES_H
#define EDGETAP_IDENTITY_NAMES_H

#include <stddef.h>

#define LABEL_BYTES 129 /* at most 128 bytes and the NUL */

/*
 * Copies len bytes as valid UTF-8 of at most 128 bytes: control characters and
 * bytes that are no UTF-8 (RFC 3629) become '_', a longer text is cut between
 * characters. `to` holds LABEL_BYTES.
 */
void names__clean(char *to, const char *from, size_t len);

/* The id as it is shown: 12 digits of a long hexadecimal one, else all of it. LABEL_BYTES. */
void names__short_id(char *to, const char *id);

/* A unit without ".service" or ".scope". LABEL_BYTES. */
void names__unit_app(char *to, const char *unit);

/*
 * The workload that made a pod, from the pod's name: a Deployment's pods are
 * NAME-HASH-RANDOM, a CronJob's NAME-MINUTES-RANDOM, a DaemonSet's, Job's or
 * ReplicaSet's NAME-RANDOM, a StatefulSet's NAME-ORDINAL, and a static pod's
 * NAME-NODE (node may be NULL). Anything else is the pod's name. LABEL_BYTES.
 */
void names__pod_owner(char *to, const char *pod, const char *node);

#endif
