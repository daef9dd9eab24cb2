/* SPDX-License-Identifier: Apache-2.0 */
/* The uprobe programs of the object: whether and how they are loaded. */
#ifndef EDGETAP_LOADER_PROBES_H
#define EDGETAP_LOADER_PROBES_H

#include <stdbool.h>

struct bpf_object;
struct bpf_program;
struct btf;

/*
 * Whether the kernel has links of many uprobes (6.6). They need CAP_PERFMON, while
 * events of uprobes have needed CAP_SYS_ADMIN again since 6.17 and in the stable
 * kernels of that time.
 */
bool probes__has_links(const struct btf *btf);

/* Whether the program is one of uprobes. */
bool probes__is_probe(const struct bpf_program *program);

/*
 * Sets for every uprobe program of the object whether it is loaded with it, and
 * for which way of attaching. Before loading.
 */
void probes__prepare(struct bpf_object *object, bool wanted, bool by_links);

#endif
