// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *golden__path(const char *name)
{
	const char *slash = strrchr(__FILE__, '/');
	static char path[512];

	snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash + 1 - __FILE__) : 0, __FILE__,
		 name);
	return path;
}

void golden__write(const char *path, const char *data, size_t length)
{
	FILE *file = fopen(path, "w");

	ck_assert_msg(file, "%s: %s", path, strerror(errno));
	ck_assert_uint_eq(fwrite(data, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

char *golden__read_all(FILE *file)
{
	size_t length = 0, capacity = 1 << 16, got;
	char *text = malloc(capacity);

	while (text && (got = fread(text + length, 1, capacity - length - 1, file)) > 0) {
		length += got;
		if (capacity - length < 2)
			text = realloc(text, capacity *= 2);
	}
	ck_assert_ptr_nonnull(text);
	text[length] = '\0';
	return text;
}

static int line_length(const char *line)
{
	return (int)strcspn(line, "\n");
}

void golden__check(const char *name, const char *got)
{
	char *path = golden__path(name), *want;
	size_t at = 0, start = 0, line = 1;
	FILE *file;

	if (getenv("EDGETAP_WRITE_GOLDEN"))
		golden__write(path, got, strlen(got));
	file = fopen(path, "r");
	ck_assert_msg(file, "%s: %s", path, strerror(errno));
	want = golden__read_all(file);
	fclose(file);
	for (; got[at] && got[at] == want[at]; at++) {
		if (got[at] != '\n')
			continue;
		start = at + 1;
		line++;
	}
	ck_assert_msg(!strcmp(got, want), "%s line %zu: got\n\t%.*s\nnot\n\t%.*s", name, line,
		      line_length(got + start), got + start, line_length(want + start),
		      want + start);
	free(want);
}
