// SPDX-License-Identifier: Apache-2.0
#include "collect/host/mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/host/scan.h"
#include "files/fs_type.h"

struct span {
	const char *at;
	size_t len;
};

static bool span__is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool span__has(struct span s, const char *text)
{
	return memmem(s.at, s.len, text, strlen(text));
}

/* The next field of the line; false at its end. */
static bool next_field(const char **at, struct span *ret_field)
{
	*at += strspn(*at, " ");
	ret_field->at = *at;
	ret_field->len = strcspn(*at, " \n");
	*at += ret_field->len;
	return ret_field->len > 0;
}

/* The kernel writes blanks, newlines, # and backslashes as three octal digits. */
static bool unescape(struct span field, char *to, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < field.len; i++) {
		const char *c = field.at + i;
		char byte = *c;

		if (byte == '\\' && i + 3 < field.len && c[1] >= '0' && c[1] <= '3' &&
		    c[2] >= '0' && c[2] <= '7' && c[3] >= '0' && c[3] <= '7') {
			byte = (char)((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0'));
			i += 3;
		}
		if (!byte || n + 1 >= size)
			return false;
		to[n++] = byte;
	}
	to[n] = '\0';
	return true;
}

static bool read_line(const char *at, struct mount_line *mount)
{
	/* id parent major:minor root point options [optional ...] - type source super-options */
	uint64_t parent, major, minor;
	struct span root, point, field, type, source, options;
	unsigned int uses;

	if (!scan__number(&at, &mount->id) || !scan__number(&at, &parent) ||
	    !scan__number(&at, &major) || !scan__skip(&at, ":") || !scan__number(&at, &minor) ||
	    major > UINT32_MAX || minor > UINT32_MAX || !next_field(&at, &root) ||
	    !next_field(&at, &point))
		return false;
	do {
		if (!next_field(&at, &field))
			return false;
	} while (!span__is(field, "-"));
	if (!next_field(&at, &type))
		return false;
	/* a mount of a file system without device may have an empty source */
	if (!next_field(&at, &source))
		source.len = 0;
	mount->major = (unsigned int)major;
	mount->minor = (unsigned int)minor;
	uses = fs_type__uses(type.at, type.len);
	mount->is_local = uses & FS_SIZE;
	/* its size is that of its upper layer, which is local; without one, of a lower one */
	mount->is_overlay = (uses & FS_LAYERED) && next_field(&at, &options) &&
			    span__has(options, "upperdir=");
	mount->has_quota = span__is(type, "ext4") || span__is(type, "xfs");
	return unescape(root, mount->root, sizeof(mount->root)) &&
	       unescape(point, mount->point, sizeof(mount->point)) &&
	       unescape(source, mount->source, sizeof(mount->source)) && mount->point[0] == '/';
}

bool mounts__next(const char **at, struct mount_line *ret_mount)
{
	const char *line = *at;

	*at = scan__next_line(line);
	return read_line(line, ret_mount);
}

bool mounts__is_below(const char *path, const char *above)
{
	size_t len = strlen(above);

	if (strcmp(above, "/") == 0)
		return path[0] == '/';
	return strncmp(path, above, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* The component that begins at `at`. */
static struct span component(const char *at)
{
	return (struct span){ at, strcspn(at, "/") };
}

static const char *behind(struct span s)
{
	return s.at + s.len + (s.at[s.len] == '/');
}

static bool put_name(struct span name, char *ret_name, size_t size)
{
	if (!name.len || name.len >= size)
		return false;
	memcpy(ret_name, name.at, name.len);
	ret_name[name.len] = '\0';
	return true;
}

bool mounts__volume_name(const char *path, char *ret_name, size_t size)
{
	static const char *const of_the_pod[] = {
		"kubernetes.io~empty-dir", "kubernetes.io~secret",	 "kubernetes.io~configmap",
		"kubernetes.io~projected", "kubernetes.io~downward-api",
	};
	struct span last[2] = { { "", 0 } }; /* the components before this one */

	while (*path == '/')
		path++;
	while (*path) {
		struct span this = component(path), first, second;

		if (span__is(this, "volumes")) {
			first = component(behind(this));
			second = component(behind(first));
			if (span__is(second, "_data"))
				return put_name(first, ret_name, size);
			/* pods/UID/volumes/TYPE/NAME */
			if (span__is(last[1], "pods") && second.len) {
				for (size_t i = 0; i < sizeof(of_the_pod) / sizeof(of_the_pod[0]);
				     i++)
					if (span__is(first, of_the_pod[i]))
						return false;
				return put_name(second, ret_name, size);
			}
		}
		last[1] = last[0];
		last[0] = this;
		path = behind(this);
	}
	return false;
}

static bool keep(struct mount_list *list, const struct mount_line *line)
{
	struct mount *mount = &list->mount[list->count];

	*mount = (struct mount){
		.id = line->id,
		.major = line->major,
		.minor = line->minor,
		.has_quota = line->has_quota,
		.root = strdup(line->root),
		.point = strdup(line->point),
		.source = strdup(line->source),
	};
	list->count++;
	return mount->root && mount->point && mount->source;
}

int mount_list__read(struct mount_list *ret_list, const char *text, size_t max)
{
	struct mount_list list = { 0 };
	struct mount_line line;

	while (*text && list.count < max) {
		if (!mounts__next(&text, &line) ||
		    !(line.is_local || (line.is_overlay && strcmp(line.point, "/") == 0)))
			continue;
		if (list.count == list.room) {
			size_t room = list.room ? list.room * 2 : 8;
			struct mount *grown = reallocarray(list.mount, room, sizeof(*grown));

			if (!grown) {
				mount_list__free(&list);
				return -ENOMEM;
			}
			list.mount = grown;
			list.room = room;
		}
		if (!keep(&list, &line)) {
			mount_list__free(&list);
			return -ENOMEM;
		}
	}
	*ret_list = list;
	return 0;
}

/* Mounts of one file system together: first those of all of it, then as they are listed. */
static int by_filesystem(const void *a, const void *b, void *ctx)
{
	const struct mount *mounts = ctx, *x = &mounts[*(const size_t *)a],
			   *y = &mounts[*(const size_t *)b];
	bool is_whole = strcmp(x->root, "/") == 0, is_other_whole = strcmp(y->root, "/") == 0;

	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	if (is_whole != is_other_whole)
		return is_whole ? -1 : 1;
	return x < y ? -1 : x > y;
}

void mount_list__choose(struct mount_list *list)
{
	size_t *order = calloc(list->count + 1, sizeof(*order));

	if (!order)
		return;
	for (size_t i = 0; i < list->count; i++)
		order[i] = i;
	qsort_r(order, list->count, sizeof(*order), by_filesystem, list->mount);
	for (size_t i = 0; i < list->count; i++) {
		struct mount *mount = &list->mount[order[i]];
		const struct mount *before = i ? &list->mount[order[i - 1]] : NULL;

		mount->is_chosen = !before || before->major != mount->major ||
				   before->minor != mount->minor;
	}
	free(order);
}

void mount_list__free(struct mount_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->mount[i].root);
		free(list->mount[i].point);
		free(list->mount[i].source);
	}
	free(list->mount);
	*list = (struct mount_list){ 0 };
}
