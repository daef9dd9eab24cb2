// SPDX-License-Identifier: Apache-2.0
/*
 * A scan costs one stat per container, and one parsed document for those that
 * are new: entries move from the last scan to this one when their directory is
 * the same one, unchanged.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "config/config.h"
#include "files/whole_file.h"
#include "identity/cgroup_path.h"
#include "identity/runtime_facts.h"
#include "identity/runtime_index.h"
#include "identity/runtime_places.h"

#define CONTAINERS_MAX 8192
#define SOURCES_MAX 16
/*
 * A directory that changed so lately may have changed again without its time
 * changing. Until then it is scanned again, but not at every look-up.
 */
#define SETTLED_NS 1000000000ull
#define SCAN_PAUSE_NS 20000000ull

struct entry {
	struct runtime_container container;
	char *dir; /* state directory of the container */
	uint64_t inode;
	uint64_t changed_ns;
};

struct source {
	char *dir;
	const char *runtime;
	const char *file;
	bool by_namespace; /* one more level of directories */
};

struct runtime_index {
	const struct cgroup_mounts *mounts;
	struct source source[SOURCES_MAX];
	size_t source_count;
	struct entry *entry; /* by dir */
	size_t count;
	struct entry **by_path;
	uint64_t fingerprint; /* of the directories at the last scan */
	bool complete;	      /* that scan could read all it found, and nothing was in motion */
	uint64_t scanned_ns;  /* CLOCK_MONOTONIC; 0: never */
};

struct scan {
	struct runtime_index *index;
	const struct source *source;
	struct entry *entry;
	size_t count, room;
	uint64_t fingerprint;
	bool complete;
};

static uint64_t stat_changed_ns(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000ull + (uint64_t)st->st_mtim.tv_nsec;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void entry__free(struct entry *entry)
{
	free((char *)entry->container.path);
	free((char *)entry->container.id);
	free(entry->dir);
}

static void free_entries(struct entry *entry, size_t count)
{
	for (size_t i = 0; i < count; i++)
		entry__free(&entry[i]);
	free(entry);
}

static int add_source(struct runtime_index *index, const char *root, const char *dir,
		      const char *below, const char *runtime, const char *file, bool by_namespace)
{
	struct source *source = &index->source[index->source_count];

	if (index->source_count == SOURCES_MAX)
		return 0;
	if (asprintf(&source->dir, "%s%s%s", root, dir, below) < 0) {
		source->dir = NULL;
		return -ENOMEM;
	}
	source->runtime = runtime;
	source->file = file;
	source->by_namespace = by_namespace;
	index->source_count++;
	return 0;
}

int runtime_index__new(struct runtime_index **ret_index, const struct config *config,
		       const char *host_root, const struct cgroup_mounts *mounts)
{
	struct runtime_index *index = calloc(1, sizeof(*index));
	struct runtime_places places;
	int err = 0;

	if (!index)
		return -ENOMEM;
	index->mounts = mounts;
	runtime_places__containerd(&places, config, host_root);
	for (size_t i = 0; !err && i < places.count; i++)
		err = add_source(index, "", places.dir[i], "", "containerd", "config.json", true);
	for (int own = 1; !err && own >= 0; own--) {
		const char *root = own ? "" : host_root;

		if (!own && !*host_root)
			break;
		err = add_source(index, root, "/run/runc", "", "runc", "state.json", false);
		if (!err)
			err = add_source(index, root, "/run/crun", "", "crun", "status", false);
		/* where its shim keeps runc's state, wherever the daemon's own is */
		if (!err)
			err = add_source(index, root, "/run/containerd/runc", "", "containerd",
					 "state.json", true);
		if (!err)
			err = add_source(index, root, "/run/docker/runtime-runc", "", "docker",
					 "state.json", true);
	}
	if (err) {
		runtime_index__free(index);
		return err;
	}
	*ret_index = index;
	return 0;
}

void runtime_index__free(struct runtime_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->source_count; i++)
		free(index->source[i].dir);
	free_entries(index->entry, index->count);
	free(index->by_path);
	free(index);
}

/* What is below the innermost mount of a cgroup hierarchy that `file` is in. */
static const char *strip_point(void *ctx, const char *file)
{
	const struct cgroup_mounts *mounts = ctx;
	const char *best = NULL;

	for (size_t i = 0; i < mounts->count; i++) {
		const char *point = mounts->mount[i].point;
		size_t len = strlen(point);

		if (strncmp(file, point, len) == 0 && file[len] == '/' &&
		    (!best || file + len > best))
			best = file + len;
	}
	return best;
}

static int compare_dir(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->dir, y->dir);
}

static int compare_path(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;

	return strcmp((*x)->container.path, (*y)->container.path);
}

/* The entry of the last scan, which loses its strings to *entry; else false. */
static bool take_known(struct runtime_index *index, struct entry *entry)
{
	struct entry *old;

	old = index->entry ? bsearch(entry, index->entry, index->count, sizeof(*old), compare_dir)
			   : NULL;
	if (!old || !old->container.path || old->inode != entry->inode ||
	    old->changed_ns != entry->changed_ns)
		return false;
	entry->container = old->container;
	old->container.path = NULL;
	old->container.id = NULL;
	return true;
}

/*
 * Reads where a container's cgroup is. -ENOENT: nowhere that its own path would not tell;
 * -EAGAIN: it has no document yet.
 */
static int read_place(const struct runtime_index *index, const struct source *source,
		      const char *dir, char *path, size_t size)
{
	char file[PATH_MAX];
	char *text;
	size_t len;
	int err;

	if (snprintf(file, sizeof(file), "%s/%s", dir, source->file) >= (int)sizeof(file))
		return -ENOENT;
	err = whole_file__read(file, RUNTIME_DOCUMENT_MAX, &text, &len);
	if (err)
		return err == -ENOENT ? -EAGAIN : err;
	err = runtime_facts__cgroup(text, len, strip_point, (void *)index->mounts, path, size);
	free(text);
	return err;
}

static int read_container(struct scan *scan, struct entry *entry, const char *id)
{
	char path[CGROUP_MOUNT_BYTES];
	int err = read_place(scan->index, scan->source, entry->dir, path, sizeof(path));

	if (err)
		return err;
	entry->container.runtime = scan->source->runtime;
	entry->container.path = strdup(path);
	entry->container.id = strdup(id);
	return entry->container.path && entry->container.id ? 0 : -ENOMEM;
}

static void scan_container(struct scan *scan, int dir_fd, const char *dir, const char *name)
{
	struct entry entry = { 0 };
	struct stat st;
	int err = 0;

	/* such ids show in any cgroup path */
	if (scan->source->by_namespace && cgroup_path__is_hex_id(name, strlen(name)))
		return;
	if (fstatat(dir_fd, name, &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return;
	if (scan->count == CONTAINERS_MAX)
		return;
	if (scan->count == scan->room) {
		size_t room = scan->room ? scan->room * 2 : 64;
		struct entry *grown = realloc(scan->entry, room * sizeof(*grown));

		if (!grown) {
			scan->complete = false;
			return;
		}
		scan->entry = grown;
		scan->room = room;
	}
	if (asprintf(&entry.dir, "%s/%s", dir, name) < 0) {
		scan->complete = false;
		return;
	}
	entry.inode = st.st_ino;
	entry.changed_ns = stat_changed_ns(&st);
	if (!take_known(scan->index, &entry))
		err = read_container(scan, &entry, name);
	if (err) {
		/* made, but its document is not there yet */
		if (err == -EAGAIN || err == -ENOMEM || err == -EBADMSG)
			scan->complete = false;
		entry__free(&entry);
		return;
	}
	scan->entry[scan->count++] = entry;
}

/* Adds a directory to the fingerprint; false if it is not there. */
static bool add_fingerprint(struct scan *scan, const char *dir)
{
	uint64_t changed_ns;
	struct stat st;

	if (stat(dir, &st) < 0)
		return false;
	changed_ns = stat_changed_ns(&st);
	scan->fingerprint = (scan->fingerprint ^ st.st_ino) * 0x100000001b3ull;
	scan->fingerprint = (scan->fingerprint ^ changed_ns) * 0x100000001b3ull;
	if (changed_ns + SETTLED_NS > now_ns(CLOCK_REALTIME))
		scan->complete = false;
	return true;
}

/* Visits the directory of a source, and of its namespaces; only_look leaves containers alone. */
static void scan_dir(struct scan *scan, const char *dir, bool namespaces, bool only_look)
{
	char below[PATH_MAX];
	struct dirent *entry;
	DIR *stream;

	if (!add_fingerprint(scan, dir) || (only_look && !namespaces))
		return;
	stream = opendir(dir);
	if (!stream)
		return;
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		if (!namespaces)
			scan_container(scan, dirfd(stream), dir, entry->d_name);
		else if (snprintf(below, sizeof(below), "%s/%s", dir, entry->d_name) <
			 (int)sizeof(below))
			scan_dir(scan, below, false, only_look);
	}
	closedir(stream);
}

static bool has_changed(struct runtime_index *index)
{
	struct scan scan = { .index = index, .complete = true };

	if (!index->scanned_ns ||
	    (!index->complete && now_ns(CLOCK_MONOTONIC) - index->scanned_ns > SCAN_PAUSE_NS))
		return true;
	for (size_t i = 0; i < index->source_count; i++)
		scan_dir(&scan, index->source[i].dir, index->source[i].by_namespace, true);
	return scan.fingerprint != index->fingerprint;
}

static void rescan(struct runtime_index *index)
{
	struct scan scan = { .index = index, .complete = true };
	struct entry **by_path;

	for (size_t i = 0; i < index->source_count; i++) {
		scan.source = &index->source[i];
		scan_dir(&scan, scan.source->dir, scan.source->by_namespace, false);
	}
	by_path = calloc(scan.count + 1, sizeof(*by_path));
	if (!by_path) {
		free_entries(scan.entry, scan.count);
		scan.entry = NULL;
		scan.count = 0;
		scan.complete = false;
	}
	if (scan.count)
		qsort(scan.entry, scan.count, sizeof(*scan.entry), compare_dir);
	for (size_t i = 0; i < scan.count; i++)
		by_path[i] = &scan.entry[i];
	if (scan.count)
		qsort(by_path, scan.count, sizeof(*by_path), compare_path);
	free_entries(index->entry, index->count);
	free(index->by_path);
	index->entry = scan.entry;
	index->count = scan.count;
	index->by_path = by_path;
	index->fingerprint = scan.fingerprint;
	index->complete = scan.complete;
	index->scanned_ns = now_ns(CLOCK_MONOTONIC);
}

/* The container at the path or nearest above it. */
static const struct entry *look_up(const struct runtime_index *index, const char *path)
{
	char part[PATH_MAX];
	struct entry wanted = { .container.path = part }, *key = &wanted;

	if (!index->count || snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return NULL;
	for (;;) {
		struct entry **found;
		char *slash;

		/* nobody owns the root, whatever a document says */
		if (part[0] == '\0' || strcmp(part, "/") == 0)
			return NULL;
		found = bsearch(&key, index->by_path, index->count, sizeof(*found), compare_path);
		if (found)
			return *found;
		slash = strrchr(part, '/');
		if (!slash)
			return NULL;
		*slash = '\0';
	}
}

/* The container may have gone, and another have its path. */
static bool is_current(const struct entry *entry)
{
	struct stat st;

	return stat(entry->dir, &st) == 0 && st.st_ino == entry->inode &&
	       stat_changed_ns(&st) == entry->changed_ns;
}

const struct runtime_container *runtime_index__find(struct runtime_index *index, const char *path)
{
	const struct entry *found;

	if (strcmp(path, "/") == 0)
		return NULL;
	found = look_up(index, path);
	if (!found || !is_current(found)) {
		if (has_changed(index))
			rescan(index);
		found = look_up(index, path);
	}
	return found ? &found->container : NULL;
}

void runtime_index__look(struct runtime_index *index)
{
	if (has_changed(index))
		rescan(index);
}

const struct runtime_container *runtime_index__known(const struct runtime_index *index,
						     const char *path)
{
	const struct entry *found = look_up(index, path);

	return found ? &found->container : NULL;
}

static int place_in(const struct runtime_index *index, const struct source *source,
		    const char *parent, const char *id, char *path, size_t size)
{
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof(dir), "%s/%s", parent, id) >= (int)sizeof(dir))
		return -ENOENT;
	return read_place(index, source, dir, path, size);
}

static int place_below(const struct runtime_index *index, const struct source *source,
		       const char *id, char *path, size_t size)
{
	DIR *stream = opendir(source->dir);
	struct dirent *entry;
	int err = -ENOENT;

	while (stream && err && (entry = readdir(stream))) {
		char parent[PATH_MAX];

		if (entry->d_name[0] != '.' &&
		    snprintf(parent, sizeof(parent), "%s/%s", source->dir, entry->d_name) <
			    (int)sizeof(parent))
			err = place_in(index, source, parent, id, path, size);
	}
	if (stream)
		closedir(stream);
	return err;
}

int runtime_index__place(const struct runtime_index *index, const char *id, char *path, size_t size)
{
	int err = -ENOENT;

	if (id[0] == '.' || !id[0] || strchr(id, '/'))
		return -ENOENT;
	/* from the end: what runtimes keep themselves, before what containerd has told them */
	for (size_t i = index->source_count; err && i-- > 0;) {
		const struct source *source = &index->source[i];

		err = source->by_namespace ? place_below(index, source, id, path, size)
					   : place_in(index, source, source->dir, id, path, size);
	}
	return err ? -ENOENT : 0;
}
