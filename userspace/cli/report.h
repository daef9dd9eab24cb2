/* SPDX-License-Identifier: Apache-2.0 */
/* What doctor found out, and how it is shown. */
#ifndef EDGETAP_CLI_REPORT_H
#define EDGETAP_CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/privileges.h"
#include "loader/loader.h"

#define REPORT_MAX_FINDINGS 64
#define REPORT_TEXT_BYTES 512

enum grade {
	GRADE_GOOD,
	GRADE_NOTE, /* edgetap works, with less */
	GRADE_BAD,  /* edgetap does not start */
};

struct finding {
	const char *topic; /* static */
	enum grade grade;
	char text[REPORT_TEXT_BYTES];
	char remedy[REPORT_TEXT_BYTES]; /* what the user can do; "" for nothing */
};

struct plain_text;

struct report {
	struct finding findings[REPORT_MAX_FINDINGS];
	size_t count;
	struct privilege privileges[CAPABILITY_COUNT];
	bool has_privileges;		 /* they could be read */
	const struct loader_hook *hooks; /* not the report's own */
	size_t hook_count;
	uint64_t map_bytes;		     /* 0: not known */
	const struct plain_text *plain_text; /* not the report's own; NULL: not looked at */
};

/* Kernel memory that all maps together may take at the default sizes. */
#define REPORT_MAP_BUDGET_BYTES (64ULL * 1024 * 1024)

/* Adds a finding and returns it, so that a remedy can be written. The last place is reused if full.
 */
__attribute__((format(printf, 4, 5))) struct finding *
report__add(struct report *report, const char *topic, enum grade grade, const char *format, ...);

/* Whether serve would start. */
bool report__is_good(const struct report *report);

/* As lines for a person; colour: with the escapes of a terminal. */
void report__print(const struct report *report, FILE *out, bool colour);

/* One JSON object. 0 or -ENOMEM. */
int report__print_json(const struct report *report, FILE *out);

#endif
