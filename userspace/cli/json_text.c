// SPDX-License-Identifier: Apache-2.0
#include "cli/json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

json_t *json_text__new(const char *text)
{
	char *repaired = malloc(UTF8_REPAIR_GROWTH * strlen(text) + 1);
	json_t *string;

	if (!repaired)
		return NULL;
	string = json_stringn(repaired, utf8__repair(repaired, text));
	free(repaired);
	return string;
}

int json_text__print(json_t *root, FILE *out)
{
	char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;

	json_decref(root);
	if (!text)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	free(text);
	return 0;
}
