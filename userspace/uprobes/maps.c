// SPDX-License-Identifier: Apache-2.0
#include "uprobes/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES (2 * PATH_MAX)

/* Digits of a base up to the character stop, which is passed over. */
static bool take_number(char **at, int base, char stop, uint64_t *ret_value)
{
	char *end;

	if (**at == ' ' || **at == '-' || **at == '+')
		return false;
	errno = 0;
	*ret_value = strtoull(*at, &end, base);
	if (errno || end == *at || *end != stop)
		return false;
	*at = end + 1;
	return true;
}

bool mapping__parse(struct mapping *ret_mapping, char *line)
{
	static const char mark[] = " (deleted)";
	struct mapping mapping = {};
	uint64_t offset, major, minor;
	const char *access;
	char *at = line;
	size_t length;

	if (!take_number(&at, 16, '-', &mapping.start) || !take_number(&at, 16, ' ', &mapping.end))
		return false;
	access = at;
	if (strnlen(at, 5) < 5 || at[4] != ' ' || access[2] != 'x')
		return false;
	at += 5;
	if (!take_number(&at, 16, ' ', &offset) || !take_number(&at, 16, ':', &major) ||
	    !take_number(&at, 16, ' ', &minor) || !take_number(&at, 10, ' ', &mapping.inode) ||
	    !mapping.inode)
		return false;
	at += strspn(at, " ");
	if (*at != '/')
		return false;
	length = strlen(at);
	if (length > sizeof(mark) - 1 && strcmp(at + length - (sizeof(mark) - 1), mark) == 0) {
		mapping.is_deleted = true;
		at[length - (sizeof(mark) - 1)] = '\0';
	}
	mapping.major = (uint32_t)major;
	mapping.minor = (uint32_t)minor;
	mapping.path = at;
	*ret_mapping = mapping;
	return true;
}

struct walk {
	bool (*on_mapping)(void *ctx, const struct mapping *mapping);
	void *ctx;
	size_t count;
	struct mapping last; /* its path is not valid any more */
	bool again;
	bool too_many;
};

/* Returns false to end. */
static bool walk__line(struct walk *walk, char *line)
{
	struct mapping mapping;

	if (!mapping__parse(&mapping, line))
		return true;
	if (walk->last.inode == mapping.inode && walk->last.major == mapping.major &&
	    walk->last.minor == mapping.minor)
		return true;
	if (walk->count == MAPS_MAX_FILES) {
		walk->too_many = true;
		return false;
	}
	walk->count++;
	walk->last = mapping;
	return walk->on_mapping(walk->ctx, &mapping);
}

int maps__each(pid_t pid, bool (*on_mapping)(void *ctx, const struct mapping *mapping), void *ctx)
{
	struct walk walk = { .on_mapping = on_mapping, .ctx = ctx };
	size_t have = 0, total = 0;
	char path[64], *text;
	int fd, err = 0;
	bool more = true;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	text = malloc(LINE_BYTES);
	if (!text)
		err = -ENOMEM;
	while (!err && more) {
		ssize_t n = read(fd, text + have, LINE_BYTES - 1 - have);
		char *line = text, *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = -errno;
		if (n <= 0)
			break;
		have += (size_t)n;
		total += (size_t)n;
		text[have] = '\0';
		while (more && (end = memchr(line, '\n', (size_t)(text + have - line)))) {
			*end = '\0';
			more = walk__line(&walk, line);
			line = end + 1;
		}
		have -= (size_t)(line - text);
		memmove(text, line, have);
		/* a line is at most a path and 100 bytes; a longer one is none of the kernel's */
		if (have == LINE_BYTES - 1)
			err = -E2BIG;
		if (total > MAPS_MAX_BYTES)
			err = -E2BIG;
	}
	free(text);
	close(fd);
	return err ? err : walk.too_many ? -E2BIG : 0;
}
