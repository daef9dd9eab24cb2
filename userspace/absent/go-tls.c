// SPDX-License-Identifier: Apache-2.0
/* In place of what a build leaves out: see PARTS in the Makefile. */
#include <errno.h>

#include "uprobes/go.h"

bool go__is(const struct elf *elf)
{
	(void)elf;
	return false;
}

int go__version(struct elf *elf, char ret_version[GO_VERSION_BYTES])
{
	(void)elf;
	(void)ret_version;
	return -ENOENT;
}

int go__minor(const char *version)
{
	(void)version;
	return -EINVAL;
}

int go__find(struct elf *elf, const char *const *names, size_t count,
	     struct elf_symbol *ret_symbols, const char **ret_reason)
{
	(void)elf;
	(void)names;
	(void)count;
	(void)ret_symbols;
	*ret_reason = "this build leaves Go out";
	return -ENOTSUP;
}
