/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts from a mountinfo text (proc(5)), and which of them are asked for their
 * size: those of file systems on this machine's own block devices. Others may
 * hang (network, FUSE), or hold nothing. Pure.
 */
#ifndef EDGETAP_COLLECT_HOST_MOUNTS_H
#define EDGETAP_COLLECT_HOST_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOUNT_TEXT_BYTES 1024

struct mount_line {
	uint64_t id; /* STATX_MNT_ID */
	unsigned int major, minor;
	bool is_local;		      /* may be asked, and says something */
	bool is_overlay;	      /* the same, for one that containers have as root */
	bool has_quota;		      /* statvfs(2) tells a project\'s quota if there is one */
	char root[MOUNT_TEXT_BYTES];  /* what of the file system is seen */
	char point[MOUNT_TEXT_BYTES]; /* where */
	char source[MOUNT_TEXT_BYTES];
};

/*
 * The mount of the line that *at is at, which moves on to the next. Returns
 * false for a line that makes no sense or does not fit.
 */
bool mounts__next(const char **at, struct mount_line *ret_mount);

/*
 * The volume's name in a path of the host: NAME of .../volumes/NAME/_data (Docker,
 * Podman) and of .../pods/UID/volumes/TYPE/NAME (kubelet) with what is in it; not
 * those TYPEs that live and die with the pod. False if it is no volume's.
 */
bool mounts__volume_name(const char *path, char *ret_name, size_t size);

/* One that is remembered. The texts are its own. */
struct mount {
	uint64_t id;
	unsigned int major, minor;
	bool has_quota;
	bool is_chosen; /* see mount_list__choose */
	char *root, *point, *source;
};

struct mount_list {
	struct mount *mount;
	size_t count;
	size_t room;
};

/*
 * The local mounts of a mountinfo text, at most max, and an overlay if it is at
 * "/", in the order of the text. Returns 0, or -ENOMEM and nothing in the list.
 */
int mount_list__read(struct mount_list *ret_list, const char *text, size_t max);
void mount_list__free(struct mount_list *list);

/* Of each file system chooses the mount of all of it, or else the first; without memory none. */
void mount_list__choose(struct mount_list *list);

/* True if `path` is `above` or below it; both absolute. */
bool mounts__is_below(const char *path, const char *above);

#endif
