// SPDX-License-Identifier: Apache-2.0
#include "uprobes/mapped.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/foreign.h"

/*
 * The file that the process finds under the path now, where the mapping cannot be opened. It
 * is the same if the inode is: some filesystems have one device for stat and another for maps.
 */
static int open_by_path(pid_t pid, const struct mapping *mapping)
{
	struct foreign_facts facts;
	int root, fd, err;

	if (mapping->is_deleted)
		return -ESTALE;
	root = foreign__root(pid);
	if (root < 0)
		return root;
	fd = foreign__below(root, mapping->path, 0);
	close(root);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? -ESTALE : fd;
	err = foreign__look(fd, "", &facts);
	if (!err && facts.inode != mapping->inode)
		err = -ESTALE;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int open_file(pid_t pid, const struct mapping *mapping)
{
	int fd = foreign__mapped(pid, mapping->start, mapping->end);

	return fd < 0 ? open_by_path(pid, mapping) : fd;
}

static bool on_mapping(void *ctx, const struct mapping *mapping)
{
	struct mapped *mapped = ctx;
	struct mapped_file *file;
	char *path = strdup(mapping->path);

	if (path && mapped->count == mapped->room) {
		size_t room = mapped->room ? 2 * mapped->room : 32;

		file = reallocarray(mapped->file, room, sizeof(*file));
		if (file) {
			mapped->file = file;
			mapped->room = room;
		}
	}
	if (!path || mapped->count == mapped->room) {
		free(path);
		mapped->err = -ENOMEM;
		return false;
	}
	file = &mapped->file[mapped->count++];
	file->mapping = *mapping;
	file->mapping.path = path;
	file->fd = open_file(mapped->pid, mapping);
	return true;
}

void mapped__read(struct mapped *mapped)
{
	int err = maps__each(mapped->pid, on_mapping, mapped);

	if (!mapped->err)
		mapped->err = err;
}

void mapped__free(struct mapped *mapped)
{
	for (size_t i = 0; i < mapped->count; i++) {
		free((char *)mapped->file[i].mapping.path);
		if (mapped->file[i].fd >= 0)
			close(mapped->file[i].fd);
	}
	free(mapped->file);
	free(mapped);
}
