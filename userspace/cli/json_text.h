/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in JSON, and JSON on a stream. */
#ifndef EDGETAP_CLI_JSON_TEXT_H
#define EDGETAP_CLI_JSON_TEXT_H

#include <jansson.h>
#include <stdio.h>

/*
 * A JSON string of any bytes: what is no UTF-8 (file names need not be)
 * becomes U+FFFD instead of no string at all. NULL only without memory.
 */
json_t *json_text__new(const char *text);

/* Prints root and a newline, and gives root up. 0, or -ENOMEM also for a NULL root. */
int json_text__print(json_t *root, FILE *out);

#endif
