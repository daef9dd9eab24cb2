// SPDX-License-Identifier: Apache-2.0
/*
 * Reads queries, each ended by a NUL, and writes what the parser makes of each,
 * ended likewise: "+", the query printed again, a NUL, and the same with a matcher
 * of app="alfa"; or "-" and why it is refused, a NUL, and nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/promql.h"

static void print(const struct promql *query, const struct promql_filter *filter)
{
	struct buffer out;

	buffer__init(&out);
	if (promql__print(query, filter, &out))
		exit(1);
	fwrite(out.data, 1, out.length, stdout);
	putchar('\0');
	buffer__free(&out);
}

int main(void)
{
	static const struct promql_filter filter = { "app", "=", "alfa" };
	struct promql_error error;
	struct promql *query;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getdelim(&line, &size, '\0', stdin)) > 0) {
		if (promql__parse(&query, line, strlen(line), &error)) {
			printf("-%u:%u: %s", error.line, error.column, error.reason);
			putchar('\0');
			putchar('\0');
			continue;
		}
		putchar('+');
		print(query, NULL);
		print(query, &filter);
		promql__free(query);
	}
	free(line);
	return 0;
}
