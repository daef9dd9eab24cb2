// SPDX-License-Identifier: Apache-2.0
#include "collect/host/instances.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/host/cgroup_files.h"
#include "collect/host/file_buffers.h"
#include "collect/host/volumes.h"
#include "identity/process.h"

#define NS_PER_S 1000000000ULL

/* What may change while it lives is looked at again: mounts, other hierarchies. */
#define LOOK_AGAIN_NS (60 * NS_PER_S)
/* one that nothing runs in yet, or whose labels are not known */
#define LOOK_EMPTY_NS (5 * NS_PER_S)
#define MOUNTS_MAX 256
#define CGROUP_PATHS_BYTES 4096
#define CGROUP_TEXT_BYTES 16384 /* up to 14 lines of one path each */

static void close_files(struct instances *instances, struct instance *instance)
{
	for (int f = 0; f < CGROUP_FILES; f++) {
		if (instance->fd[f] < 0)
			continue;
		close(instance->fd[f]);
		instance->fd[f] = -1;
		instances->open--;
	}
	instance->missing = 0;
}

static const char *path_in(const struct instance *instance, enum controller c)
{
	return instance->own_path[c] ? instance->own_path[c] : instance->path;
}

int instance__file(struct instances *instances, struct instance *instance, enum cgroup_file file,
		   bool *ret_is_kept)
{
	const struct controllers *controllers = instances->controllers;
	const char *name = controllers__file(controllers, file);
	enum controller c = controllers__of(file);
	char path[CGROUP_PATHS_BYTES];
	int fd;

	if (!name || (instance->missing & 1U << file) || !(instance->controllers & 1U << c))
		return -ENOENT;
	*ret_is_kept = true;
	if (instance->fd[file] >= 0)
		return instance->fd[file];
	if (snprintf(path, sizeof(path), "%s/%s", controllers__relative(path_in(instance, c)),
		     name) >= (int)sizeof(path))
		return -ENOENT;
	fd = openat(controllers->at[c].root_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		/* the kernel was built without, or the controller is off here */
		instance->missing |= 1U << file;
		return -ENOENT;
	}
	*ret_is_kept = instances->open < instances->open_max;
	if (*ret_is_kept) {
		instance->fd[file] = fd;
		instances->open++;
	}
	return fd;
}

static void close_process(struct instance *instance)
{
	if (instance->proc_fd >= 0)
		close(instance->proc_fd);
	instance->proc_fd = -1;
	instance->pid = 0;
}

static void instance__free(struct instances *instances, struct instance *instance)
{
	close_files(instances, instance);
	close_process(instance);
	for (int c = 0; c < CONTROLLERS; c++)
		free(instance->own_path[c]);
	volumes__free(instance->mount, instance->mount_count);
	free(instance->identity);
	free(instance->path);
	free(instance);
}

void instances__free(struct instances *instances)
{
	for (size_t i = 0; i < instances->count; i++)
		instance__free(instances, instances->instance[i]);
	free(instances->instance);
	instances->instance = NULL;
	instances->count = 0;
	instances->room = 0;
}

static int by_id(const void *a, const void *b)
{
	const struct instance *x = *(struct instance *const *)a;
	const struct instance *y = *(struct instance *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* A walk under way: what is found new is put behind what was known, in no order. */
struct walk {
	struct instances *instances;
	size_t known;
};

static int add(struct instances *instances, const char *path, uint64_t id, enum instance_kind kind)
{
	struct instance *instance;

	if (instances->count == instances->max)
		return 0;
	if (instances->count == instances->room) {
		size_t room = instances->room ? instances->room * 2 : 64;
		struct instance **grown = reallocarray(instances->instance, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		instances->instance = grown;
		instances->room = room;
	}
	instance = calloc(1, sizeof(*instance));
	if (!instance)
		return -ENOMEM;
	instance->id = id;
	instance->kind = kind;
	instance->seen = true;
	instance->proc_fd = -1;
	for (int f = 0; f < CGROUP_FILES; f++)
		instance->fd[f] = -1;
	instance->path = strdup(path);
	if (!instance->path) {
		free(instance);
		return -ENOMEM;
	}
	instances->instance[instances->count++] = instance;
	return 0;
}

static int on_cgroup(void *ctx, const char *path, uint64_t id, enum instance_kind kind)
{
	struct walk *walk = ctx;
	struct instance wanted = { .id = id }, *key = &wanted;
	struct instance **found = NULL;

	if (walk->known)
		found = bsearch(&key, walk->instances->instance, walk->known, sizeof(*found),
				by_id);
	if (!found)
		return add(walk->instances, path, id, kind);
	/* v1 cgroups can be renamed; what was found out by the old path is found out again */
	(*found)->seen = (*found)->kind == kind && strcmp((*found)->path, path) == 0;
	return 0;
}

void instances__walk(struct instances *instances)
{
	struct walk walk = { .instances = instances, .known = instances->count };
	size_t kept = 0;

	for (size_t i = 0; i < instances->count; i++)
		instances->instance[i]->seen = false;
	/* a walk that ended early knows nothing about what it has not seen */
	if (identity_table__walk(instances->identity, on_cgroup, &walk) < 0)
		for (size_t i = 0; i < walk.known; i++)
			instances->instance[i]->seen = true;
	for (size_t i = 0; i < instances->count; i++) {
		struct instance *instance = instances->instance[i];

		if (instance->seen)
			instances->instance[kept++] = instance;
		else
			instance__free(instances, instance);
	}
	instances->count = kept;
	if (kept)
		qsort(instances->instance, kept, sizeof(struct instance *), by_id);
}

/* Also one that has ended and was not waited for has no network any more. */
static bool is_alive(int proc_fd, int *ret_net_dev)
{
	struct stat st;
	int fd;

	if (!ret_net_dev)
		return fstatat(proc_fd, "net/dev", &st, 0) == 0;
	fd = openat(proc_fd, "net/dev", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	*ret_net_dev = fd;
	return true;
}

/* The process may have ended, and its number be another's, before the directory was opened. */
static bool is_in(const struct instances *instances, const struct instance *instance, int proc_fd)
{
	char path[CGROUP_PATHS_BYTES], text[CGROUP_TEXT_BYTES];
	ssize_t len;
	int fd = openat(proc_fd, "cgroup", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	if (process__parse_cgroup(text, instances->controllers->main_name, path, sizeof(path)) < 0)
		return false;
	/* as seen from a cgroup namespace beside it: cannot be told */
	return strncmp(path, "/..", 3) == 0 || mounts__is_below(path, instance->path);
}

bool instance__has_process(struct instances *instances, struct instance *instance, int *ret_net_dev)
{
	int proc_fd;
	char path[32];
	pid_t pid;

	if (instance->proc_fd >= 0 && is_alive(instance->proc_fd, ret_net_dev))
		return true;
	close_process(instance);
	/* the first one found may be about to end */
	for (int attempt = 0; attempt < 3; attempt++) {
		pid = controllers__process(instances->controllers->main_fd, instance->path);
		if (!pid)
			return false;
		snprintf(path, sizeof(path), "/proc/%d", (int)pid);
		proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (proc_fd < 0)
			continue;
		if (is_in(instances, instance, proc_fd) && is_alive(proc_fd, ret_net_dev)) {
			instance->proc_fd = proc_fd;
			instance->pid = pid;
			return true;
		}
		close(proc_fd);
	}
	return false;
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * Its cgroup in another hierarchy, from where its process is there; NULL if the
 * process is not in one of the same name, but in one that it shares with others.
 */
static char *path_elsewhere(const struct instance *instance, const char *text, const char *name,
			    const char *main_path)
{
	char path[CGROUP_PATHS_BYTES];
	size_t below = strlen(main_path) - strlen(instance->path), len;

	if (process__parse_cgroup(text, name, path, sizeof(path)) < 0)
		return NULL;
	len = strlen(path);
	/* the process may be in a cgroup inside the container's, here and there alike */
	if (below && len > below &&
	    strcmp(path + len - below, main_path + strlen(instance->path)) == 0)
		path[len - below] = '\0';
	if (strcmp(last_component(path), last_component(instance->path)) != 0)
		return NULL;
	return strdup(path);
}

static bool is_main(const struct controllers *controllers, int c)
{
	const char *name = controllers->at[c].name, *main_name = controllers->main_name;

	return name && main_name ? strcmp(name, main_name) == 0 : name == main_name;
}

/* Which controllers have a cgroup of its own, and where. */
static void look_for_paths(struct instances *instances, struct instance *instance)
{
	const struct controllers *controllers = instances->controllers;
	char main_path[CGROUP_PATHS_BYTES], *text = NULL;
	struct file_buffers buffers = { 0 };
	ssize_t place = file_buffers__read_file(&buffers, instance->proc_fd, "cgroup", false);

	if (place >= 0)
		text = buffers.bytes + place;
	if (!text ||
	    process__parse_cgroup(text, controllers->main_name, main_path, sizeof(main_path)) < 0 ||
	    !mounts__is_below(main_path, instance->path))
		text = NULL;
	for (int c = 0; c < CONTROLLERS; c++) {
		const char *path = instance->path;
		char *own_before = instance->own_path[c];
		const char *before = own_before ? own_before : instance->path;
		struct stat st;

		if (!(instance->controllers & 1U << c))
			before = NULL;
		instance->own_path[c] = NULL;
		instance->controllers &= ~(1U << c);
		if (!is_main(controllers, c) && text) {
			instance->own_path[c] =
				path_elsewhere(instance, text, controllers->at[c].name, main_path);
			path = instance->own_path[c];
		}
		if (path && controllers->at[c].root_fd >= 0 &&
		    fstatat(controllers->at[c].root_fd, controllers__relative(path), &st, 0) == 0)
			instance->controllers |= 1U << c;
		/* what is open is of where it was */
		if (before && (!(instance->controllers & 1U << c) || strcmp(before, path) != 0))
			close_files(instances, instance);
		free(own_before);
	}
	file_buffers__free(&buffers);
}

/* v2 says each cgroup's own limit only; v1 does this itself. */
static uint64_t limit_above(const struct controllers *controllers, const struct instance *instance)
{
	char path[CGROUP_PATHS_BYTES + 16];
	uint64_t limit = UINT64_MAX;
	char *slash;

	if (!controllers->at[CONTROLLER_MEMORY].v2 ||
	    !(instance->controllers & 1U << CONTROLLER_MEMORY))
		return limit;
	snprintf(path, CGROUP_PATHS_BYTES, "%s",
		 controllers__relative(path_in(instance, CONTROLLER_MEMORY)));
	while ((slash = strrchr(path, '/'))) {
		char text[32];
		ssize_t n = -1;
		int fd;

		strcpy(slash, "/memory.max");
		fd = openat(controllers->at[CONTROLLER_MEMORY].root_fd, path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			n = read(fd, text, sizeof(text) - 1);
			close(fd);
		}
		text[n > 0 ? n : 0] = '\0';
		if (cgroup_files__limit(text) < limit)
			limit = cgroup_files__limit(text);
		*slash = '\0';
	}
	return limit;
}

/* Ids of mounts are the whole machine's: one that both have is in one mount namespace. */
static bool shares_root(const struct mount_list *mounts, const struct mount_list *host_mounts)
{
	for (size_t i = 0; i < mounts->count; i++)
		for (size_t k = 0; k < host_mounts->count; k++)
			if (mounts->mount[i].id == host_mounts->mount[k].id)
				return true;
	return false;
}

/* What was found out about a volume stays true for the same mount. */
static void keep_thin(const struct instance *instance, struct instance_mount *fresh, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < instance->mount_count; k++) {
			const struct instance_mount *old = &instance->mount[k];

			if (old->id != fresh[i].id || old->major != fresh[i].major ||
			    old->minor != fresh[i].minor)
				continue;
			fresh[i].thin = old->thin;
			fresh[i].thin_size_bytes = old->thin_size_bytes;
			fresh[i].thin_used_bytes = old->thin_used_bytes;
		}
}

/* Its mounts, unless it has the host's. */
static void look_for_mounts(struct instances *instances, struct instance *instance)
{
	struct instance_mount *chosen = NULL;
	struct mount_list mounts = { 0 };
	struct file_buffers buffers = { 0 };
	size_t count = 0;
	ssize_t place;
	int root_fd;

	if (instance->kind != INSTANCE_CONTAINER)
		return;
	root_fd = openat(instance->proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	place = file_buffers__read_file(&buffers, instance->proc_fd, "mountinfo", false);
	if (root_fd >= 0 && place >= 0 &&
	    mount_list__read(&mounts, file_buffers__at(&buffers, place), MOUNTS_MAX) == 0 &&
	    !shares_root(&mounts, instances->host_mounts) &&
	    volumes__choose(&mounts, instances->host_mounts, instances->devices, root_fd, &chosen,
			    &count) == 0) {
		keep_thin(instance, chosen, count);
		volumes__free(instance->mount, instance->mount_count);
		instance->mount = chosen;
		instance->mount_count = count;
	}
	mount_list__free(&mounts);
	file_buffers__free(&buffers);
	if (root_fd >= 0)
		close(root_fd);
}

static void find_labels(struct instances *instances, struct instance *instance, bool is_stale)
{
	struct identity *identity, *old = instance->identity;

	if ((old && !old->is_incomplete && !is_stale) ||
	    identity_table__of_cgroup(instances->identity, instance->id, instance->pid,
				      &identity) != 0)
		return;
	if (old && identity->is_incomplete && !old->is_incomplete) {
		old->is_incomplete = true; /* as there may be news */
		free(identity);
		return;
	}
	free(instance->identity);
	instance->identity = identity;
}

/* So that the first scrape need not. */
static void open_files(struct instances *instances, struct instance *instance)
{
	bool is_kept;

	/* what was not there may be now: a controller that was switched on */
	instance->missing = 0;
	for (int f = 0; f < CGROUP_FILES && instances->open < instances->open_max; f++)
		instance__file(instances, instance, (enum cgroup_file)f, &is_kept);
}

static void look(struct instances *instances, struct instance *instance, uint64_t now_ns)
{
	bool is_stale = instance->is_stale;

	instance->looked_ns = now_ns;
	instance->is_stale = false;
	if (!instance__has_process(instances, instance, NULL))
		return;
	look_for_paths(instances, instance);
	instance->limit_above = limit_above(instances->controllers, instance);
	open_files(instances, instance);
	look_for_mounts(instances, instance);
	find_labels(instances, instance, is_stale);
}

static bool is_new(const struct instance *instance)
{
	return !instance->looked_ns || instance->is_stale;
}

static bool is_due(const struct instance *instance, uint64_t now_ns)
{
	uint64_t pause_ns = instance->identity ? LOOK_AGAIN_NS : LOOK_EMPTY_NS;

	return is_new(instance) || now_ns - instance->looked_ns >= pause_ns;
}

bool instances__look(struct instances *instances, uint64_t now_ns, uint64_t budget_ns)
{
	uint64_t end_ns = clock__now_ns() + budget_ns;

	for (size_t i = 0; i < instances->count; i++) {
		if (!is_new(instances->instance[i]))
			continue;
		if (clock__now_ns() >= end_ns)
			return true;
		look(instances, instances->instance[i], now_ns);
	}
	for (size_t n = 0; n < instances->count; n++) {
		if (instances->cursor >= instances->count)
			instances->cursor = 0;
		if (is_due(instances->instance[instances->cursor], now_ns)) {
			if (clock__now_ns() >= end_ns)
				return true;
			look(instances, instances->instance[instances->cursor], now_ns);
		}
		instances->cursor++;
	}
	return false;
}

void instances__forget_labels(struct instances *instances)
{
	for (size_t i = 0; i < instances->count; i++)
		instances->instance[i]->is_stale = true;
}
