/* SPDX-License-Identifier: Apache-2.0 */
/* Which program gives which fact, and what this kernel has of it. */
#ifndef EDGETAP_LOADER_HOOKS_H
#define EDGETAP_LOADER_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/loader.h"

struct bpf_program;
struct btf;

/*
 * Programs that give the same fact stand together, the better one first. Of
 * those that the kernel has, the first is used.
 */
struct hook {
	const char *fact;
	const char *program; /* its name in the object */
	const char *target;  /* tracepoint or function */
	int arguments;	     /* of the function, for fexit; 0: a tracepoint */
	const char *instead; /* used only together with this program; NULL: always */
	bool required;	     /* some program for this fact must be there */
	const char *without; /* what is missing without the fact */
};

extern const struct hook hooks[];
extern const size_t hook_count;

/*
 * The map of programs that the hook's program goes into instead of being
 * attached, because another one goes on with it; NULL if it is attached.
 */
const char *hook__tail(const struct hook *hook);

/*
 * Whether the hook stands for programs that are attached to places in files
 * (loader__probe()) and not by the loader, and whether this is one of them.
 */
bool hook__is_probe(const struct hook *hook);
bool hook__has_probe(const struct hook *hook, const struct bpf_program *program);

/* Whether the hook's program is run by the loader when it wants to. */
bool hook__is_iterator(const struct hook *hook);

/*
 * Chooses by BTF, except for programs in refused (bit i: hooks[i]), which the
 * kernel has been seen to refuse, and, without probes, those of uprobes. Fills one line
 * per hook. Returns 0, or -EOPNOTSUPP and the fact that has no program.
 */
int hooks__choose(struct loader_hook *ret_lines, const struct btf *btf, unsigned int refused,
		  bool probes, const char **ret_missing);

#endif
