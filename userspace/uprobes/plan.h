/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which probes a file takes: where the functions are through which plain text
 * goes into and out of TLS, and which BPF program each of them needs.
 */
#ifndef EDGETAP_UPROBES_PLAN_H
#define EDGETAP_UPROBES_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uprobes/elf.h"

#define PLAN_MAX_PROBES 96
#define PLAN_VERSION_BYTES 32

enum tls_library {
	TLS_LIBRARY_NONE,
	TLS_LIBRARY_OPENSSL, /* and those with its interface: BoringSSL, LibreSSL, AWS-LC */
	TLS_LIBRARY_GNUTLS,
	TLS_LIBRARY_GO,
	TLS_LIBRARIES
};

/* One place in the file and the program that runs there. */
struct plan_probe {
	uint64_t offset;     /* in the file */
	const char *program; /* name in the BPF object, static */
	bool is_return;	     /* a return probe of the function at offset */
};

struct plan {
	enum tls_library library;
	char version[PLAN_VERSION_BYTES]; /* "" if not known; printable ASCII */
	char functions[256];		  /* those found, separated by spaces */
	const char *reason; /* static: why no probe can be placed; NULL if count > 0 */
	size_t count;
	struct plan_probe probe[PLAN_MAX_PROBES]; /* the last member: copies may end behind count */
};

/* "openssl", "gnutls", "go". Static; NULL for none. */
const char *tls_library__name(enum tls_library library);

/*
 * Looks into a file, which a process has mapped as executable.
 * name is the last part of its path, as the process sees it; is_program tells
 * that it is the process's executable. Returns 1 with a plan (whose reason may say that
 * it is for nothing); 0 if the file has nothing to do with TLS; or a negative errno
 * for a file that could not be read just now.
 */
int plan__make(struct plan *ret_plan, const struct elf_source *source, const char *name,
	       bool is_program);

#endif
