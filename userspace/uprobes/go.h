/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of a Go program: from its symbols, or, where these were stripped,
 * from the table that the runtime prints its stack traces with (.gopclntab,
 * go/src/debug/gosym/pclntab.go; the layouts of Go 1.16, 1.18 and 1.20).
 */
#ifndef EDGETAP_UPROBES_GO_H
#define EDGETAP_UPROBES_GO_H

#include "uprobes/elf.h"

#define GO_VERSION_BYTES 32

/* Whether a Go toolchain has linked this file. */
bool go__is(const struct elf *elf);

/*
 * The version of the toolchain, "go1.19.8", from .go.buildinfo
 * (go/src/debug/buildinfo). 0, or -ENOENT if it is not there or not readable.
 */
int go__version(struct elf *elf, char ret_version[GO_VERSION_BYTES]);

/* N of "go1.N...", also of a "devel go1.N-..."; or -EINVAL. */
int go__minor(const char *version);

/*
 * Finds functions by their full names; both address and size (up to the next
 * function) are known of every one found. Returns how many were found, with
 * the others untouched; or a negative errno and a static sentence in ret_reason.
 */
int go__find(struct elf *elf, const char *const *names, size_t count,
	     struct elf_symbol *ret_symbols, const char **ret_reason);

/* The same from .gopclntab only, for tests. */
int go__find_in_pclntab(struct elf *elf, const char *const *names, size_t count,
			struct elf_symbol *ret_symbols, const char **ret_reason);

#endif
