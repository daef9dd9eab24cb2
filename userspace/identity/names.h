/* SPDX-License-Identifier: Apache-2.0 */
/* Names for labels, made from what others wrote. Pure. */
#ifndef EDGETAP_IDENTITY_NAMES_H
#define EDGETAP_IDENTITY_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LABEL_BYTES 129 /* at most 128 bytes and the NUL */

/* Before the instance label of an executable that would be another's. */
#define NAMES_APART "./"

/*
 * Copies len bytes as valid UTF-8 of at most 128 bytes: control characters and
 * bytes that are no UTF-8 (RFC 3629) become '_', a longer text is cut between
 * characters, and one that is reserved gets a mark (base/reserved.h). `to` holds
 * LABEL_BYTES.
 */
void names__clean(char *to, const char *from, size_t len);

/* The id as it is shown: 12 digits of a long hexadecimal one, else all of it. LABEL_BYTES. */
void names__short_id(char *to, const char *id);

/* A unit without ".service" or ".scope". LABEL_BYTES. */
void names__unit_app(char *to, const char *unit);

/* Puts "@UID" behind a name of LABEL_BYTES, which is cut if it must be. */
void names__add_user(char *name, uid_t user);

/*
 * The instance label of an executable: its file's name, NAMES_APART before it if
 * it is one that a container, a unit or what a user made of these could have.
 * None of their labels has a '/'. LABEL_BYTES.
 */
void names__executable(char *to, const char *name);

/* The instance label of an executable without what sets it apart; points into it. */
const char *names__file(const char *label);

/* Whether an executable of this name has the label, set apart or not. */
bool names__is_executable(const char *label, const char *name);

/*
 * The workload that made a pod, from the pod's name: a Deployment's pods are
 * NAME-HASH-RANDOM, a CronJob's NAME-MINUTES-RANDOM, a DaemonSet's, Job's or
 * ReplicaSet's NAME-RANDOM, a StatefulSet's NAME-ORDINAL, and a static pod's
 * NAME-NODE (node may be NULL). Anything else is the pod's name. LABEL_BYTES.
 */
void names__pod_owner(char *to, const char *pod, const char *node);

#endif
