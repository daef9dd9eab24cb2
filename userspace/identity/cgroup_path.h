/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cgroup's path says about the processes in it. Pure: no file is looked
 * at. Paths that say nothing may still belong to a container that its runtime
 * knows (see runtime_index.h).
 */
#ifndef EDGETAP_IDENTITY_CGROUP_PATH_H
#define EDGETAP_IDENTITY_CGROUP_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CGROUP_NAME_BYTES 256 /* a path component (NAME_MAX) and its NUL */
#define CGROUP_POD_UID_BYTES 65

enum cgroup_kind {
	CGROUP_SHARED, /* neither container nor unit: the root, slices, login sessions, unknown */
	CGROUP_CONTAINER,
	CGROUP_UNIT, /* systemd service or scope */
};

struct cgroup_path {
	enum cgroup_kind kind;
	const char *runtime;		    /* static; "" where the path does not tell */
	char id[CGROUP_NAME_BYTES];	    /* container id or name; "" for other kinds */
	char unit[CGROUP_NAME_BYTES];	    /* unit with its suffix; "" for other kinds */
	char pod_uid[CGROUP_POD_UID_BYTES]; /* with dashes, as the API server writes it; or "" */
	bool in_kubepods; /* below what a kubelet makes for its pods, or that itself */
	size_t root_len;  /* bytes of the path that name the container's or unit's own cgroup */
	bool is_users;	  /* a user made it, in what is his: its name is his word, not the host's */
	uid_t user;	  /* that user */
};

/*
 * Classifies a path below a hierarchy's mount, "/" being the root. The
 * outermost container or unit is who it is: whoever may make cgroups in it
 * chooses the names of what is below, so these say nothing. What is below
 * user@UID.service is that user's. Never fails: what is not understood is
 * CGROUP_SHARED.
 */
void cgroup_path__classify(const char *path, struct cgroup_path *ret_class);

/*
 * The instance label of a container or unit, which is nobody else's: a user's
 * has "@UID" behind the name. LABEL_BYTES (names.h).
 */
void cgroup_path__instance(const struct cgroup_path *class, char *to);

/* True for 64 lower-case hexadecimal digits, the ids of Docker, containerd, CRI-O and Podman. */
bool cgroup_path__is_hex_id(const char *name, size_t len);

#endif
