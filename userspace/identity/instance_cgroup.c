// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "identity/instance_cgroup.h"

static bool is_hex(const char *id)
{
	return cgroup_path__is_hex_id(id, strlen(id));
}

/* Whether `place` is what the first len bytes of path name, or is in it. */
static bool is_in(const char *place, const char *path, size_t len)
{
	return strncmp(place, path, len) == 0 && (place[len] == '\0' || place[len] == '/');
}

/* What the component says that ends at `end`: false if it marks no container. */
static bool read_component(const char *path, size_t end, struct cgroup_path *ret_class)
{
	char name[CGROUP_NAME_BYTES + 1] = "/";
	size_t start = end;

	while (start && path[start - 1] != '/')
		start--;
	if (end - start >= CGROUP_NAME_BYTES)
		return false;
	memcpy(name + 1, path + start, end - start);
	name[1 + end - start] = '\0';
	cgroup_path__classify(name, ret_class);
	return ret_class->kind == CGROUP_CONTAINER;
}

/* Makes it the container that the host's runtime has at the first root_len bytes of the path. */
static void take(struct cgroup_path *class, const char *id, const char *runtime, const char *path,
		 size_t root_len)
{
	size_t end = root_len;

	memset(class, 0, sizeof(*class));
	class->kind = CGROUP_CONTAINER;
	class->runtime = runtime;
	class->root_len = root_len;
	snprintf(class->id, sizeof(class->id), "%s", id);
	/* it may be in a cgroup below its own, whose name tells who is above runc and crun */
	while (end) {
		struct cgroup_path named;

		if (read_component(path, end, &named) && strcmp(named.id, id) == 0) {
			class->runtime = named.runtime;
			class->root_len = end;
			return;
		}
		while (end && path[--end] != '/')
			;
	}
}

/* Whether the host's runtime has the container of that id at the first `end` bytes of the path. */
static bool is_there(const struct runtime_index *index, const char *id, const char *path,
		     size_t end)
{
	char place[CGROUP_PATH_BYTES];

	return is_hex(id) && runtime_index__place(index, id, place, sizeof(place)) == 0 &&
	       is_in(place, path, end);
}

/* The deepest container below the outermost that its runtime has written down as being there. */
static bool find_inner(const struct runtime_index *index, const char *path,
		       struct cgroup_path *class)
{
	size_t end = strlen(path);

	while (end > class->root_len) {
		struct cgroup_path inner;

		if (read_component(path, end, &inner) && strcmp(inner.id, class->id) != 0 &&
		    is_there(index, inner.id, path, end)) {
			take(class, inner.id, inner.runtime, path, end);
			return true;
		}
		while (end > class->root_len && path[--end] != '/')
			;
	}
	return false;
}

/* Whether the host's runtime has the container of that id elsewhere in this hierarchy. */
static bool is_elsewhere(const struct runtime_index *index,
			 const struct cgroup_hierarchy *hierarchy, const char *path,
			 const struct cgroup_path *class)
{
	char place[CGROUP_PATH_BYTES];

	/* other names may be those of different runtimes' containers */
	if (!is_hex(class->id) && strcmp(class->runtime, "runc") != 0 &&
	    strcmp(class->runtime, "crun") != 0)
		return false;
	return runtime_index__place(index, class->id, place, sizeof(place)) == 0 &&
	       !is_in(place, path, class->root_len) && cgroup_hierarchy__id(hierarchy, place);
}

/* Finds out whether a user could have made the cgroup that ends at root_len. */
static int find_user(const struct runtime_index *index, const struct cgroup_hierarchy *hierarchy,
		     const char *path, struct cgroup_path *class)
{
	uid_t user;
	int err = cgroup_hierarchy__maker(hierarchy, path, class->root_len, &user);

	if (err < 0)
		return err;
	if (err) {
		class->is_users = true;
		class->user = user;
	}
	if (class->is_users && class->kind == CGROUP_CONTAINER &&
	    is_there(index, class->id, path, class->root_len))
		class->is_users = false;
	return 0;
}

int instance_cgroup__find(struct runtime_index *index, const struct cgroup_hierarchy *hierarchy,
			  const char *path, enum instance_cgroup_look look,
			  struct cgroup_path *ret_class)
{
	const struct runtime_container *known = look == LOOK_NOW
							? runtime_index__find(index, path)
							: runtime_index__known(index, path);
	struct cgroup_path class;
	int err;

	cgroup_path__classify(path, &class);
	if (known && (class.kind != CGROUP_CONTAINER || strcmp(known->id, class.id) != 0 ||
		      strlen(known->path) < class.root_len)) {
		take(ret_class, known->id, known->runtime, path, strlen(known->path));
		return 0;
	}
	if (known)
		class.is_users = false;
	if (class.kind != CGROUP_SHARED && !known && !find_inner(index, path, &class) &&
	    look == LOOK_NOW) {
		err = find_user(index, hierarchy, path, &class);
		if (err)
			return err;
		if (class.kind == CGROUP_CONTAINER && !class.is_users &&
		    is_elsewhere(index, hierarchy, path, &class))
			class = (struct cgroup_path){ .runtime = "" };
	}
	*ret_class = class;
	return 0;
}
