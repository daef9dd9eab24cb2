// SPDX-License-Identifier: Apache-2.0
#include "files/filesystems.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files/foreign.h"
#include "files/fs_type.h"
#include "files/layer.h"

#define KNOWN_MAX 64

struct filesystems {
	struct known {
		uint64_t mount; /* 0: free */
		bool is_unique; /* no other mount will ever have this number */
		unsigned int uses;
	} known[KNOWN_MAX];
	size_t next;
	dev_t memory; /* of memfd_create(2), a mount that nobody lists */
};

/* What a line of a mountinfo is compared with. */
struct wanted {
	uint64_t mount; /* 0: any */
	unsigned int major, minor;
};

bool filesystem_line__parse(struct filesystem_line *ret_line, const char *line)
{
	/* id parent major:minor root point options [optional ...] - type source super-options */
	struct filesystem_line parsed = {};
	unsigned long long mount;
	const char *type;

	if (sscanf(line, "%llu %*u %u:%u ", &mount, &parsed.major, &parsed.minor) != 3)
		return false;
	type = strstr(line, " - ");
	if (!type)
		return false;
	type += strlen(" - ");
	parsed.mount = mount;
	parsed.uses = fs_type__uses(type, strcspn(type, " \n"));
	*ret_line = parsed;
	return true;
}

/* The kernel's own tmpfs, which memory files are on. */
static dev_t memory_device(void)
{
	int fd = memfd_create("edgetap", MFD_CLOEXEC);
	struct stat stat;
	dev_t device = 0;

	if (fd < 0)
		return 0;
	if (fstat(fd, &stat) == 0)
		device = stat.st_dev;
	close(fd);
	return device;
}

int filesystems__new(struct filesystems **ret_filesystems)
{
	struct filesystems *filesystems = calloc(1, sizeof(*filesystems));

	if (!filesystems)
		return -ENOMEM;
	filesystems->memory = memory_device();
	*ret_filesystems = filesystems;
	return 0;
}

void filesystems__free(struct filesystems *filesystems)
{
	free(filesystems);
}

void filesystems__forget(struct filesystems *filesystems)
{
	for (size_t i = 0; i < KNOWN_MAX; i++)
		if (!filesystems->known[i].is_unique)
			filesystems->known[i].mount = 0;
}

static bool is_wanted(const struct wanted *wanted, const struct filesystem_line *line)
{
	if (wanted->mount)
		return line->mount == wanted->mount;
	return line->major == wanted->major && line->minor == wanted->minor;
}

static bool search_file(const char *path, const struct wanted *wanted, unsigned int *ret_uses)
{
	FILE *file = fopen(path, "re");
	struct filesystem_line line;
	char *text = NULL;
	size_t room = 0;
	bool found = false;

	while (file && !found && getline(&text, &room, file) > 0)
		found = filesystem_line__parse(&line, text) && is_wanted(wanted, &line);
	free(text);
	if (file)
		fclose(file);
	if (found)
		*ret_uses = line.uses;
	return found;
}

static bool search(pid_t pid, const struct wanted *wanted, unsigned int *ret_uses)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	return search_file(path, wanted, ret_uses) ||
	       search_file("/proc/1/mountinfo", wanted, ret_uses) ||
	       search_file("/proc/self/mountinfo", wanted, ret_uses);
}

static bool search_device(pid_t pid, unsigned int major, unsigned int minor, unsigned int *ret_uses)
{
	const struct wanted wanted = { .major = major, .minor = minor };

	return (major || minor) && search(pid, &wanted, ret_uses);
}

/*
 * The descriptor holds the mount, so whoever has its number in a list is this one. A process
 * that has changed its root does not list what is outside: then the device tells, which no
 * other file system has while this one is in use.
 */
static bool find(const struct filesystems *filesystems, pid_t pid, int fd,
		 const struct foreign_facts *facts, unsigned int *ret_uses)
{
	struct foreign_facts plain = *facts;

	/* mountinfo has the number that is used again */
	if (facts->is_unique && foreign__look_mount(fd, &plain))
		return false;
	if (search(pid, &(struct wanted){ .mount = plain.mount }, ret_uses))
		return true;
	if (filesystems->memory && facts->dev == filesystems->memory) {
		*ret_uses = FS_READ;
		return true;
	}
	return search_device(pid, major(facts->dev), minor(facts->dev), ret_uses);
}

static unsigned int uses_of_mount(struct filesystems *filesystems, pid_t pid, int fd,
				  const struct foreign_facts *facts)
{
	unsigned int uses = 0;
	bool is_found;

	if (!facts->mount)
		return 0;
	for (size_t i = 0; i < KNOWN_MAX; i++)
		if (filesystems->known[i].mount == facts->mount)
			return filesystems->known[i].uses;
	is_found = find(filesystems, pid, fd, facts, &uses);
	filesystems->known[filesystems->next++ % KNOWN_MAX] = (struct known){
		.mount = facts->mount,
		/* one that is not listed may be when another process shows its mounts */
		.is_unique = is_found && facts->is_unique,
		.uses = uses,
	};
	return uses;
}

unsigned int filesystems__uses(struct filesystems *filesystems, pid_t pid, int fd,
			       const struct foreign_facts *facts, unsigned int major,
			       unsigned int minor)
{
	unsigned int uses = uses_of_mount(filesystems, pid, fd, facts);
	struct layer_handle handle;

	if (!(uses & FS_LAYERED))
		return uses;
	if (layer__handle(&handle, fd))
		return layer__is_local(&handle) ? FS_READ : 0;
	/* kernels without such handles show the lower file in /proc/PID/maps */
	return search_device(pid, major, minor, &uses) ? uses & FS_READ : 0;
}
