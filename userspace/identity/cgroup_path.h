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
	const char *qos;		    /* Kubernetes class, static; "" outside pods */
	char id[CGROUP_NAME_BYTES];	    /* container id or name; "" for other kinds */
	char unit[CGROUP_NAME_BYTES];	    /* unit with its suffix; "" for other kinds */
	char pod_uid[CGROUP_POD_UID_BYTES]; /* with dashes, as the API server writes it; or "" */
	size_t root_len; /* bytes of the path that name the container's or unit's own cgroup */
};

/*
 * Classifies a path below a hierarchy's mount, "/" being the root. The
 * innermost container wins over whatever surrounds it; sub-cgroups belong to
 * the container or unit that they are in. Never fails: what is not understood
 * is CGROUP_SHARED.
 */
void cgroup_path__classify(const char *path, struct cgroup_path *ret_class);

/* True for 64 lower-case hexadecimal digits, the ids of Docker, containerd, CRI-O and Podman. */
bool cgroup_path__is_hex_id(const char *name, size_t len);

#endif
