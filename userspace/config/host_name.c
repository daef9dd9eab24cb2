// SPDX-License-Identifier: Apache-2.0
#include "config/host_name.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/value.h"
#include "files/whole_file.h"

#define INIT_ROOT "/proc/1/root"
#define FILE_MAX_BYTES 4096
#define MACHINE_ID_DIGITS 32
#define BLANKS " \t\r"

/* PROC_UTS_INIT_INO (include/linux/proc_ns.h): the namespace that the machine boots with. */
#define UTS_INIT_INODE 0xeffffffeU

/*
 * Enters the UTS namespace of this process, unless it is ours. only_first: if it is the one
 * that the machine boots with.
 */
static bool enter_uts_of(const char *path, bool only_first)
{
	struct stat own, theirs;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool entered;

	if (fd < 0)
		return false;
	entered = stat("/proc/self/ns/uts", &own) == 0 && fstat(fd, &theirs) == 0 &&
		  (!only_first || theirs.st_ino == UTS_INIT_INODE) &&
		  (own.st_ino == theirs.st_ino || setns(fd, CLONE_NEWUTS) == 0);
	close(fd);
	return entered;
}

/* The second is the kernel's own thread, which may be looked into where init may not. */
static bool enter_uts_of_machine(void)
{
	return enter_uts_of("/proc/1/ns/uts", false) || enter_uts_of("/proc/2/ns/uts", true);
}

bool host_name__parse(char ret_name[HOST_NAME_BYTES], const char *text)
{
	while (*text) {
		const char *line = text + strspn(text, BLANKS);
		size_t length = strcspn(line, "\n");
		char name[HOST_NAME_BYTES];

		text = line + length + (line[length] == '\n');
		while (length && strchr(BLANKS, line[length - 1]))
			length--;
		if (!length || *line == '#')
			continue;
		if (length >= HOST_NAME_BYTES)
			return false;
		memcpy(name, line, length);
		name[length] = '\0';
		if (!value__is_label(name))
			return false;
		memcpy(ret_name, name, length + 1);
		return true;
	}
	return false;
}

static bool read_name(char ret_name[HOST_NAME_BYTES], const char *root, const char *file)
{
	char path[512], *text;
	size_t length;
	bool found;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	if (whole_file__read(path, FILE_MAX_BYTES, &text, &length))
		return false;
	found = host_name__parse(ret_name, text);
	free(text);
	return found;
}

bool host_name__of_files(char ret_name[HOST_NAME_BYTES], const char *root)
{
	char name[HOST_NAME_BYTES];
	bool found = read_name(name, root, "etc/hostname");

	/* a name of every machine is none; nor is what stands in an image until it first boots */
	if (!found || strcmp(name, "localhost") == 0 || strncmp(name, "localhost.", 10) == 0)
		found = read_name(name, root, "etc/machine-id") &&
			strlen(name) == MACHINE_ID_DIGITS &&
			strspn(name, "0123456789abcdef") == MACHINE_ID_DIGITS;
	if (found)
		strcpy(ret_name, name);
	return found;
}

void host_name__find(char ret_name[HOST_NAME_BYTES])
{
	if (!enter_uts_of_machine() && host_name__of_files(ret_name, INIT_ROOT))
		return;
	/* fails for no reason that a machine has; an empty name is a label left out */
	if (gethostname(ret_name, HOST_NAME_BYTES - 1))
		ret_name[0] = '\0';
	ret_name[HOST_NAME_BYTES - 1] = '\0';
}
