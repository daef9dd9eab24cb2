/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Container Runtime Interface of Kubernetes, as far as it is needed to learn
 * what a pod says about itself (cri-api, runtime/v1/api.proto). Pure: bytes in,
 * bytes or facts out.
 */
#ifndef EDGETAP_IDENTITY_CRI_H
#define EDGETAP_IDENTITY_CRI_H

#include <stddef.h>

struct runtime_facts;

#define CRI_LIST_SANDBOXES "/runtime.v1.RuntimeService/ListPodSandbox"

#define CRI_QUESTION_BYTES 72

/*
 * A ListPodSandboxRequest for the one sandbox with that id, of at most 64 bytes.
 * Returns its length.
 */
size_t cri__ask_sandbox(char question[static CRI_QUESTION_BYTES], const char *id);

/*
 * Adds what a ListPodSandboxResponse says of the pod of that sandbox to facts, as
 * runtime_facts.h says. Returns 0, -EBADMSG or -ENOENT.
 */
int cri__take_sandbox(struct runtime_facts *facts, const char *answer, size_t len, const char *id);

#endif
