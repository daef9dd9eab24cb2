// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/passwd.h"
#include "broker/enter.h"
#include "config/config.h"
#include "files/whole_file.h"
#include "identity/cgroup_mounts.h"
#include "identity/cgroup_path.h"
#include "identity/process.h"
#include "identity/runtime_facts.h"

#define FILE_BYTES 65536
#define FILE_MAX_BYTES (1U << 20)
#define HOST_ROOT "/proc/1/root"
#define ID_DIGITS 12 /* of an id that is cut off, at least */

static const char *host_root = "";
static struct cgroup_mounts mounts;

static bool is_hex(const char *text)
{
	return strspn(text, "0123456789abcdef") == strlen(text);
}

bool proof__has_user(const char *status, uid_t uid)
{
	/* the name above has its newlines escaped */
	const char *at = strstr(status, "\nUid:");
	unsigned int id[4];

	return at && sscanf(at + 5, "%10u %10u %10u %10u", &id[0], &id[1], &id[2], &id[3]) == 4 &&
	       id[0] == uid && id[1] == uid && id[2] == uid && id[3] == uid;
}

static bool ends_with(const char *name, size_t length, const char *suffix)
{
	const size_t size = strlen(suffix);

	return length > size && memcmp(name + length - size, suffix, size) == 0;
}

size_t proof__in_unit(const char *path, const char *unit)
{
	struct cgroup_path class, below;
	const char *at = path;

	cgroup_path__classify(path, &class);
	if (class.kind != CGROUP_UNIT || strcmp(class.unit, unit) != 0)
		return 0;
	while (*at++ == '/') {
		const size_t length = strcspn(at, "/");

		if (length == strlen(unit) && memcmp(at, unit, length) == 0) {
			/* a container in the service is not the service */
			cgroup_path__classify(at + length, &below);
			return below.kind == CGROUP_CONTAINER ? 0 : (size_t)(at + length - path);
		}
		if (!ends_with(at, length, ".slice"))
			return 0;
		at += length;
	}
	return 0;
}

size_t proof__in_container(const char *path, char *ret_id)
{
	struct cgroup_path class, above;
	char parent[PATH_MAX];
	size_t length;

	cgroup_path__classify(path, &class);
	if (class.kind != CGROUP_CONTAINER || class.root_len >= sizeof(parent) ||
	    strstr(path, "/../"))
		return 0;
	memcpy(parent, path, class.root_len);
	parent[class.root_len] = '\0';
	if (!strrchr(parent, '/'))
		return 0;
	*strrchr(parent, '/') = '\0';
	cgroup_path__classify(parent, &above);
	if (above.kind != CGROUP_SHARED)
		return 0;
	/* of a user's own manager, whose services no class is of */
	for (const char *at = parent; *at; at += strcspn(at, "/"), at += *at == '/') {
		const size_t size = strcspn(at, "/");

		if (ends_with(at, size, ".service") || ends_with(at, size, ".scope"))
			return 0;
	}
	length = class.root_len;
	memcpy(ret_id, class.id, sizeof(class.id));
	return length;
}

bool proof__is_id(const char *id, const char *wanted)
{
	size_t length = strlen(wanted);

	if (strcmp(id, wanted) == 0)
		return true;
	return length >= ID_DIGITS && is_hex(wanted) && cgroup_path__is_hex_id(id, strlen(id)) &&
	       strncmp(id, wanted, length) == 0;
}

void proof__prepare(void)
{
	struct stat own, init;
	char *text;
	size_t length;

	/* as identity/table.c finds them */
	host_root = stat("/", &own) || stat(HOST_ROOT "/", &init) ||
				    (own.st_dev == init.st_dev && own.st_ino == init.st_ino)
			    ? ""
			    : HOST_ROOT;
	mounts.count = 0;
	if (whole_file__read_proc(*host_root ? "/proc/1/mountinfo" : "/proc/self/mountinfo",
				  FILE_MAX_BYTES, &text, &length))
		return;
	cgroup_mounts__parse(text, &mounts);
	free(text);
}

static bool is_roots(const struct stat *status)
{
	return status->st_uid == 0 && !(status->st_mode & (S_IWGRP | S_IWOTH));
}

/*
 * What the first length bytes of a path name below a directory of the host's, if nobody but root
 * can put something else there. Follows no link. The caller's, or a negative errno.
 */
static int open_roots(const char *below, const char *path, size_t length)
{
	char text[PATH_MAX], *rest = text, *name;
	struct stat status;
	int fd, next;

	if (snprintf(text, sizeof(text), "%s%s/", host_root, below) >= (int)sizeof(text))
		return -ENAMETOOLONG;
	fd = open(text, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (length >= sizeof(text)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	memcpy(text, path, length);
	text[length] = '\0';
	while ((name = strtok_r(rest, "/", &rest))) {
		next = fstat(fd, &status) || !is_roots(&status)
			       ? -EPERM
			       : openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		if (next < 0)
			return -EPERM;
		fd = next;
	}
	return fd;
}

static bool is_exe(int process, const char *path)
{
	int fd = open_roots("", path, strlen(path));
	struct stat file, running;
	bool is;

	if (fd < 0)
		return false;
	is = fstat(fd, &file) == 0 && fstatat(process, "exe", &running, 0) == 0 &&
	     S_ISREG(file.st_mode) && is_roots(&file) && file.st_dev == running.st_dev &&
	     file.st_ino == running.st_ino;
	close(fd);
	return is;
}

static bool is_users(int process, const char *user)
{
	static char text[FILE_MAX_BYTES];
	char path[64];
	uid_t uid;

	snprintf(path, sizeof(path), "%s/etc/passwd", host_root);
	if (enter__read(AT_FDCWD, path, text, sizeof(text)) < 0)
		text[0] = '\0';
	return passwd__find(text, user, &uid) == 0 &&
	       enter__read(process, "status", text, FILE_BYTES) >= 0 && proof__has_user(text, uid);
}

/* Whether the name that a runtime has written down for a container is this one. */
static bool has_name_in(const char *path, const char *id, bool is_docker, const char *name)
{
	struct runtime_facts facts = {};
	size_t length;
	char *text;
	int err;

	if (whole_file__read(path, RUNTIME_DOCUMENT_MAX, &text, &length))
		return false;
	err = is_docker ? runtime_facts__docker(&facts, text, length)
			: runtime_facts__storage(&facts, text, length, id);
	free(text);
	return !err && strcmp(facts.name, name) == 0;
}

/* What a container is called, not what its labels say: an image brings labels of its own. */
static bool has_name(const char *id, const char *name)
{
	char docker[PATH_MAX], storage[PATH_MAX];

	if (!cgroup_path__is_hex_id(id, strlen(id)))
		return false;
	snprintf(docker, sizeof(docker), "%s/var/lib/docker/containers/%s/config.v2.json",
		 host_root, id);
	snprintf(storage, sizeof(storage),
		 "%s/var/lib/containers/storage/overlay-containers/containers.json", host_root);
	return has_name_in(docker, id, true, name) || has_name_in(storage, id, false, name);
}

/* What its cgroups say: one hierarchy that does is enough, since only root could put it there. */
struct claims {
	bool is_contained, is_in_unit, is_in_container;
};

static void look_at(const char *point, const char *path, const struct config_postgres *rule,
		    struct claims *claims)
{
	struct cgroup_path class;
	char id[CGROUP_NAME_BYTES];
	size_t unit = 0, container = 0;
	int fd;

	cgroup_path__classify(path, &class);
	claims->is_contained |= class.kind == CGROUP_CONTAINER;
	if (rule->match_unit)
		unit = proof__in_unit(path, rule->match_unit);
	if (rule->match_container)
		container = proof__in_container(path, id);
	/* whoever owns what is above may give another cgroup any name */
	if (!unit && !container)
		return;
	fd = open_roots(point, path, unit ? unit : container);
	if (fd < 0)
		return;
	close(fd);
	claims->is_in_unit |= unit != 0;
	if (container)
		claims->is_in_container |= proof__is_id(id, rule->match_container) ||
					   has_name(id, rule->match_container);
}

static struct claims look_at_cgroups(int process, const struct config_postgres *rule)
{
	static char text[FILE_BYTES];
	struct claims claims = {};

	/* not known is as good as contained: it makes a user's number count less */
	if (enter__read(process, "cgroup", text, sizeof(text)) < 0 || !mounts.count) {
		claims.is_contained = true;
		return claims;
	}
	for (size_t i = 0; i < mounts.count; i++) {
		const struct cgroup_mount *mount = &mounts.mount[i];
		char controller[CGROUP_CONTROLLERS_BYTES], path[PATH_MAX];

		snprintf(controller, sizeof(controller), "%.*s",
			 (int)strcspn(mount->controllers, ","), mount->controllers);
		if (process__parse_cgroup(text, mount->v2 ? NULL : controller, path,
					  sizeof(path)) == 0)
			look_at(mount->point, path, rule, &claims);
	}
	return claims;
}

/* Root in a container may become any user, and is in a PID namespace of its own. */
static bool is_of_host(int process)
{
	struct stat own, its;

	return stat("/proc/self/ns/pid", &own) == 0 && fstatat(process, "ns/pid", &its, 0) == 0 &&
	       own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

__attribute__((format(printf, 2, 3))) static int refuse(char *ret_sentence, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret_sentence, POSTGRES_SENTENCE_BYTES, format, arguments);
	va_end(arguments);
	return -EPERM;
}

int proof__check(int process, const struct config_postgres *rule,
		 char ret_sentence[POSTGRES_SENTENCE_BYTES])
{
	const struct claims claims = look_at_cgroups(process, rule);

	if (rule->match_user && !is_users(process, rule->match_user))
		return refuse(ret_sentence, "it does not run as user %s", rule->match_user);
	if (rule->match_unit && !claims.is_in_unit)
		return refuse(ret_sentence, "it is not in the unit %s", rule->match_unit);
	if (rule->match_container && !claims.is_in_container)
		return refuse(ret_sentence, "it is not in the container %s", rule->match_container);
	if (rule->match_exe && !is_exe(process, rule->match_exe))
		return refuse(ret_sentence,
			      "its executable is not %s, or that is not root's alone to change",
			      rule->match_exe);
	if (!rule->password_file || rule->match_unit || rule->match_container)
		return 0;
	if (!rule->match_user || claims.is_contained || !is_of_host(process))
		return refuse(ret_sentence, "it is in a container, where root could become any "
					    "user: name the container in match, too");
	return 0;
}
