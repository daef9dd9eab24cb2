/* SPDX-License-Identifier: Apache-2.0 */
/* What doctor tells of TLS: in which files of which servers plain text will be seen. */
#ifndef EDGETAP_CLI_PLAIN_TEXT_H
#define EDGETAP_CLI_PLAIN_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "uprobes/plan.h"

#define PLAIN_TEXT_MAX_FILES 64
#define PLAIN_TEXT_MAX_PROCESSES 8 /* named for each file */

struct config;
struct loader;

/* One file that processes which listen have mapped. */
struct plain_text_file {
	uint64_t dev; /* with inode: tells it from others */
	uint64_t inode;
	enum tls_library library;
	char version[PLAN_VERSION_BYTES];
	char functions[256];
	char path[256]; /* as the first process sees it; printable */
	size_t probes;
	const char *reason; /* static: why plain text will not be seen in it; NULL if it will */
	unsigned int process_count;
	pid_t pid[PLAIN_TEXT_MAX_PROCESSES];
	char name[PLAIN_TEXT_MAX_PROCESSES][16];
};

struct plain_text {
	bool is_off;		 /* by configuration */
	int listeners;		 /* processes that listen; or a negative errno */
	unsigned int without;	 /* of these: with no TLS library */
	unsigned int unreadable; /* files of these that could not be looked into */
	unsigned int hanging;	 /* of these, processes that do not show what they have mapped */
	int links; /* that are attached now, by agents that run; the caller's; or a negative errno */
	bool by_event;
	struct plain_text_file files[PLAIN_TEXT_MAX_FILES];
	size_t file_count;
	bool is_cut; /* there are more files */
};

/* Looks at all processes that listen. loader tells what can be attached; NULL: it is not known. */
void plain_text__examine(struct plain_text *ret_plain_text, const struct config *config,
			 const struct loader *loader);

/* As lines for a person. */
void plain_text__print(const struct plain_text *plain_text, FILE *out);

/* As a JSON object, the caller's; NULL without memory. */
json_t *plain_text__json(const struct plain_text *plain_text);

#endif
