// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "identity/cgroup_mounts.h"

#define FIELDS_MAX 32

struct field {
	const char *at;
	size_t len;
};

/* include/linux/cgroup_subsys.h, by their v1 names */
static const char *const controllers[] = {
	"memory",  "pids",    "cpu",	    "cpuacct",	"cpuset",  "blkio", "devices",
	"freezer", "net_cls", "perf_event", "net_prio", "hugetlb", "rdma",  "misc",
};

const char *cgroup_mounts__controller(const char *name)
{
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		if (strcmp(controllers[i], name) == 0)
			return controllers[i];
	return NULL;
}

static bool field__is(struct field f, const char *text)
{
	return f.len == strlen(text) && memcmp(f.at, text, f.len) == 0;
}

static size_t split(const char *line, size_t len, char separator, struct field *fields, size_t max)
{
	size_t count = 0;

	for (size_t at = 0; at < len && count < max; at++) {
		size_t start = at;

		while (at < len && line[at] != separator)
			at++;
		fields[count++] = (struct field){ line + start, at - start };
	}
	return count;
}

/* mountinfo writes blanks, newlines and backslashes as three octal digits. */
static bool copy_unescaped(struct field f, char *to, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < f.len; i++) {
		char c = f.at[i];

		if (c == '\\' && i + 3 < f.len && f.at[i + 1] >= '0' && f.at[i + 1] <= '3' &&
		    f.at[i + 2] >= '0' && f.at[i + 2] <= '7' && f.at[i + 3] >= '0' &&
		    f.at[i + 3] <= '7') {
			c = (char)((f.at[i + 1] - '0') << 6 | (f.at[i + 2] - '0') << 3 |
				   (f.at[i + 3] - '0'));
			i += 3;
		}
		if (c == '\0' || n + 1 >= size)
			return false;
		to[n++] = c;
	}
	to[n] = '\0';
	return n > 0;
}

/* Of the super block's options, those that say which hierarchy it is. */
static bool read_controllers(struct field options, char *to, size_t size)
{
	struct field option[FIELDS_MAX];
	size_t count = split(options.at, options.len, ',', option, FIELDS_MAX);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		bool named = option[i].len > 5 && memcmp(option[i].at, "name=", 5) == 0;
		bool known = named;

		for (size_t k = 0; !known && k < sizeof(controllers) / sizeof(controllers[0]); k++)
			known = field__is(option[i], controllers[k]);
		if (!known || n + option[i].len + 2 > size)
			continue;
		if (n)
			to[n++] = ',';
		memcpy(to + n, option[i].at, option[i].len);
		n += option[i].len;
	}
	to[n] = '\0';
	return n > 0;
}

/*
 * The root is "/", or, from inside a cgroup namespace, as many ".." as there
 * are levels between (cgroup_namespaces(7)).
 */
static bool is_whole(const char *root)
{
	while (strncmp(root, "/..", 3) == 0 && (root[3] == '/' || root[3] == '\0'))
		root += 3;
	return root[0] == '\0' || strcmp(root, "/") == 0;
}

static bool parse_line(const char *line, size_t len, struct cgroup_mount *ret_mount)
{
	/* proc(5): id parent dev root point options [optional ...] - type source super-options */
	struct field field[FIELDS_MAX];
	size_t count = split(line, len, ' ', field, FIELDS_MAX);
	size_t dash = 6;
	char root[CGROUP_MOUNT_BYTES];

	while (dash < count && !field__is(field[dash], "-"))
		dash++;
	if (dash + 3 >= count)
		return false;
	memset(ret_mount, 0, sizeof(*ret_mount));
	if (field__is(field[dash + 1], "cgroup2"))
		ret_mount->v2 = true;
	else if (!field__is(field[dash + 1], "cgroup"))
		return false;
	if (!ret_mount->v2 && !read_controllers(field[dash + 3], ret_mount->controllers,
						sizeof(ret_mount->controllers)))
		return false;
	if (!copy_unescaped(field[3], root, sizeof(root)) ||
	    !copy_unescaped(field[4], ret_mount->point, sizeof(ret_mount->point)))
		return false;
	ret_mount->whole = is_whole(root);
	return true;
}

void cgroup_mounts__parse(const char *text, struct cgroup_mounts *ret_mounts)
{
	ret_mounts->count = 0;
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		struct cgroup_mount mount, *old = NULL;

		if (parse_line(line, len, &mount)) {
			for (size_t i = 0; i < ret_mounts->count; i++)
				if (ret_mounts->mount[i].v2 == mount.v2 &&
				    strcmp(ret_mounts->mount[i].controllers, mount.controllers) ==
					    0)
					old = &ret_mounts->mount[i];
			if (old && !old->whole && mount.whole)
				*old = mount;
			else if (!old && ret_mounts->count < CGROUP_MOUNTS_MAX)
				ret_mounts->mount[ret_mounts->count++] = mount;
		}
		line += len;
		if (*line)
			line++;
	}
}

const struct cgroup_mount *cgroup_mounts__find(const struct cgroup_mounts *mounts,
					       const char *controller)
{
	for (size_t i = 0; i < mounts->count; i++) {
		const struct cgroup_mount *mount = &mounts->mount[i];
		struct field names[FIELDS_MAX];
		size_t count;

		if (!controller) {
			if (mount->v2)
				return mount;
			continue;
		}
		count = split(mount->controllers, strlen(mount->controllers), ',', names,
			      FIELDS_MAX);
		for (size_t k = 0; k < count; k++)
			if (field__is(names[k], controller))
				return mount;
	}
	return NULL;
}
