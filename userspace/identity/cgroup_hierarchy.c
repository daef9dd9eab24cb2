// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "identity/cgroup_hierarchy.h"
#include "identity/process.h"

/*
 * A kernfs file handle is the node's id alone (fs/kernfs/mount.c, since 5.5,
 * type FILEID_KERNFS in include/linux/exportfs.h), so that it can be made from
 * the id that BPF programs see. Opening it needs CAP_DAC_READ_SEARCH.
 */
#define FILEID_KERNFS 0xfe

#define WALK_DEPTH_MAX 48
#define RESCAN_NS 1000000000ull

struct known_path {
	uint64_t id;
	char *path;
};

struct cgroup_hierarchy {
	const char *controller; /* NULL: v2 */
	char *point;
	int root_fd;
	bool by_handle;
	/* only where handles cannot be opened: every cgroup, by id */
	struct known_path *known;
	size_t known_count;
	size_t known_room;
	uint64_t scanned_ns;
};

/* Below the root's descriptor a path must be relative; the root itself is ".". */
static const char *relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

static int open_by_id(const struct cgroup_hierarchy *h, uint64_t id)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(uint64_t)];
	} u = { .handle = { .handle_bytes = sizeof(uint64_t), .handle_type = FILEID_KERNFS } };
	int fd;

	memcpy(u.room + offsetof(struct file_handle, f_handle), &id, sizeof(id));
	fd = open_by_handle_at(h->root_fd, &u.handle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_hierarchy__open(struct cgroup_hierarchy **ret_hierarchy, const char *prefix,
			   const char *point, const char *controller)
{
	struct cgroup_hierarchy *h;
	char path[PATH_MAX];
	struct stat st;
	int fd, err;

	if (snprintf(path, sizeof(path), "%s%s", prefix, point) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->controller = controller;
	h->point = strdup(point);
	h->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->root_fd < 0 || fstat(h->root_fd, &st) < 0) {
		err = -errno;
		cgroup_hierarchy__close(h);
		return err;
	}
	if (!h->point) {
		cgroup_hierarchy__close(h);
		return -ENOMEM;
	}
	fd = open_by_id(h, st.st_ino);
	h->by_handle = fd >= 0;
	if (fd >= 0)
		close(fd);
	*ret_hierarchy = h;
	return 0;
}

static void forget_known(struct cgroup_hierarchy *h)
{
	for (size_t i = 0; i < h->known_count; i++)
		free(h->known[i].path);
	free(h->known);
	h->known = NULL;
	h->known_count = 0;
	h->known_room = 0;
}

void cgroup_hierarchy__close(struct cgroup_hierarchy *h)
{
	if (!h)
		return;
	if (h->root_fd >= 0)
		close(h->root_fd);
	forget_known(h);
	free(h->point);
	free(h);
}

bool cgroup_hierarchy__by_handle(const struct cgroup_hierarchy *h)
{
	return h->by_handle;
}

uint64_t cgroup_hierarchy__id(const struct cgroup_hierarchy *h, const char *path)
{
	struct stat st;

	if (fstatat(h->root_fd, relative(path), &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return st.st_ino;
}

int cgroup_hierarchy__maker(const struct cgroup_hierarchy *h, const char *path, size_t len,
			    uid_t *ret_user)
{
	char above[CGROUP_PATH_BYTES];
	struct stat root, st;
	bool open_to_all = false;

	if (fstat(h->root_fd, &root) < 0 || len >= sizeof(above))
		return -ENOENT;
	for (size_t end = 1; end <= len; end++) {
		if (end < len && path[end] != '/')
			continue;
		memcpy(above, path, end);
		above[end] = '\0';
		if (end == len && !open_to_all)
			return 0; /* the cgroup itself may be his who is in it */
		if (fstatat(h->root_fd, relative(above), &st, 0) < 0)
			return -ENOENT;
		if (st.st_uid != root.st_uid || open_to_all) {
			*ret_user = st.st_uid;
			return 1;
		}
		open_to_all = st.st_mode & (S_IWGRP | S_IWOTH);
	}
	return 0;
}

static int path_from_handle(const struct cgroup_hierarchy *h, uint64_t id, char *path, size_t size)
{
	char link[32], text[PATH_MAX];
	size_t point_len = strcmp(h->point, "/") == 0 ? 0 : strlen(h->point);
	const char *below;
	ssize_t n;
	int fd = open_by_id(h, id);

	if (fd < 0)
		return -ENOENT;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -ENOENT;
	text[n] = '\0';
	/* as seen in the mount namespace that the mount is part of, so without any prefix */
	if (strncmp(text, h->point, point_len) != 0)
		return -ENOENT;
	below = text + point_len;
	if (*below && *below != '/')
		return -ENOENT;
	if (snprintf(path, size, "%s", *below ? below : "/") >= (int)size)
		return -ENAMETOOLONG;
	return 0;
}

static int compare_known(const void *a, const void *b)
{
	const struct known_path *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int remember(void *ctx, const char *path, uint64_t id)
{
	struct cgroup_hierarchy *h = ctx;

	if (h->known_count == h->known_room) {
		size_t room = h->known_room ? h->known_room * 2 : 256;
		struct known_path *known = realloc(h->known, room * sizeof(*known));

		if (!known)
			return -ENOMEM;
		h->known = known;
		h->known_room = room;
	}
	h->known[h->known_count].id = id;
	h->known[h->known_count].path = strdup(path);
	if (!h->known[h->known_count].path)
		return -ENOMEM;
	h->known_count++;
	return 0;
}

static int path_from_scan(struct cgroup_hierarchy *h, uint64_t id, char *path, size_t size)
{
	struct known_path wanted = { .id = id };

	for (int round = 0; round < 2; round++) {
		const struct known_path *found = NULL;

		if (h->known)
			found = bsearch(&wanted, h->known, h->known_count, sizeof(*h->known),
					compare_known);
		if (found && cgroup_hierarchy__id(h, found->path) == id) {
			if (snprintf(path, size, "%s", found->path) >= (int)size)
				return -ENAMETOOLONG;
			return 0;
		}
		/* ids that cannot be found must not make every look-up a walk */
		if (round || (h->known && clock__now_ns() - h->scanned_ns < RESCAN_NS))
			break;
		forget_known(h);
		cgroup_hierarchy__walk(h, remember, h);
		if (h->known)
			qsort(h->known, h->known_count, sizeof(*h->known), compare_known);
		h->scanned_ns = clock__now_ns();
	}
	return -ENOENT;
}

int cgroup_hierarchy__path(struct cgroup_hierarchy *h, uint64_t id, pid_t pid, char *path,
			   size_t size)
{
	char text[CGROUP_PATH_BYTES];
	int err;

	/* the process may have moved, or be shown from inside another cgroup namespace: check */
	if (pid > 0 && process__cgroup(pid, h->controller, text, sizeof(text)) == 0 &&
	    cgroup_hierarchy__id(h, text) == id) {
		if (snprintf(path, size, "%s", text) >= (int)size)
			return -ENAMETOOLONG;
		return 0;
	}
	if (!h->by_handle)
		return path_from_scan(h, id, path, size);
	err = path_from_handle(h, id, text, sizeof(text));
	if (err)
		return err;
	if (cgroup_hierarchy__id(h, text) != id)
		return -ENOENT;
	if (snprintf(path, size, "%s", text) >= (int)size)
		return -ENAMETOOLONG;
	return 0;
}

/* One walk: path is built up and cut back in place. */
struct walk {
	int (*visit)(void *ctx, const char *path, uint64_t id);
	void *ctx;
	char path[CGROUP_PATH_BYTES];
};

static int walk_below(struct walk *walk, int dir_fd, size_t len, int depth)
{
	DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	int err = 0;

	if (!dir) {
		close(dir_fd);
		return -ENOMEM;
	}
	while (!err && (entry = readdir(dir))) {
		size_t name_len = strlen(entry->d_name);
		int fd;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '\0' ||
		    strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (depth >= WALK_DEPTH_MAX || len + name_len + 2 > sizeof(walk->path))
			continue;
		walk->path[len] = '/';
		memcpy(walk->path + len + 1, entry->d_name, name_len + 1);
		err = walk->visit(walk->ctx, walk->path, entry->d_ino);
		if (err)
			break;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			err = walk_below(walk, fd, len + 1 + name_len, depth + 1);
		walk->path[len] = '\0';
	}
	closedir(dir);
	return err;
}

int cgroup_hierarchy__walk(const struct cgroup_hierarchy *h,
			   int (*visit)(void *ctx, const char *path, uint64_t id), void *ctx)
{
	struct walk walk = { .visit = visit, .ctx = ctx };
	int err = visit(ctx, "/", cgroup_hierarchy__id(h, "/"));
	int fd;

	if (err)
		return err;
	/* not a duplicate: the position in the directory would be shared */
	fd = openat(h->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return walk_below(&walk, fd, 0, 0);
}

static ssize_t read_at(int dir_fd, const char *name, char *text, size_t size)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

pid_t cgroup_hierarchy__process(const struct cgroup_hierarchy *h, const char *path)
{
	char file[CGROUP_PATH_BYTES + 32], text[32];
	long pid;

	snprintf(file, sizeof(file), "%s/cgroup.procs", relative(path));
	if (read_at(h->root_fd, file, text, sizeof(text)) <= 0)
		return 0;
	/* 0 stands for a process of a PID namespace that cannot be seen from here */
	pid = strtol(text, NULL, 10);
	return pid > 0 ? (pid_t)pid : 0;
}

/* v1 does not tell whether anything is below: look. */
static bool v1_populated(int dir_fd, int depth)
{
	char text[16];
	ssize_t n = read_at(dir_fd, "cgroup.procs", text, sizeof(text));
	struct dirent *entry;
	struct stat st;
	bool populated = false;
	DIR *dir;
	int fd;

	if (n != 0)
		return n > 0;
	/* a cgroup's directory has a link for each child */
	if (depth >= WALK_DEPTH_MAX || fstat(dir_fd, &st) < 0 || st.st_nlink <= 2)
		return false;
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	while (!populated && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		populated = v1_populated(fd, depth + 1);
		close(fd);
	}
	closedir(dir);
	return populated;
}

enum cgroup_state cgroup_hierarchy__state(const struct cgroup_hierarchy *h, const char *path,
					  uint64_t id, bool look_inside)
{
	char file[CGROUP_PATH_BYTES + 32], text[256];
	ssize_t n;
	bool populated;
	int fd;

	if (cgroup_hierarchy__id(h, path) != id)
		return CGROUP_GONE;
	if (!look_inside)
		return CGROUP_POPULATED;
	if (!h->controller) {
		snprintf(file, sizeof(file), "%s/cgroup.events", relative(path));
		n = read_at(h->root_fd, file, text, sizeof(text));
		/* the root has no such file, and is never empty */
		if (n < 0)
			return strcmp(relative(path), ".") == 0 ? CGROUP_POPULATED : CGROUP_GONE;
		return strstr(text, "populated 0") ? CGROUP_EMPTY : CGROUP_POPULATED;
	}
	fd = openat(h->root_fd, relative(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return CGROUP_GONE;
	populated = v1_populated(fd, 0);
	close(fd);
	return populated ? CGROUP_POPULATED : CGROUP_EMPTY;
}
