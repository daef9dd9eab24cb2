/* SPDX-License-Identifier: Apache-2.0 */
/* The uprobe programs of the object: which of them are loaded. */
#ifndef EDGETAP_LOADER_PROBES_H
#define EDGETAP_LOADER_PROBES_H

#include <stdbool.h>

struct bpf_object;
struct bpf_program;

/*
 * Sets for every uprobe program of the object whether it is loaded with it. Before
 * loading; an object of whose programs none is a uprobe is left as it is.
 */
void probes__set_autoload(struct bpf_object *object, bool wanted);

/* Whether this program is attached to places in files, by loader__probe. */
bool probes__is_uprobe(const struct bpf_program *program);

#endif
