/* SPDX-License-Identifier: Apache-2.0 */
/* The labels that the series of an instance carry. */
#ifndef EDGETAP_BASE_LABELS_H
#define EDGETAP_BASE_LABELS_H

#include <stdbool.h>
#include <stdint.h>

enum instance_kind {
	INSTANCE_CONTAINER,
	INSTANCE_UNIT,	     /* systemd service or scope */
	INSTANCE_EXECUTABLE, /* processes outside both */
	INSTANCE_OTHER,	     /* `__other__`: slot 0 */
};

/*
 * Labels of one instance. Strings are never NULL; an empty one means that the
 * label is absent. They stay valid until the slot is forgotten.
 */
struct identity {
	enum instance_kind kind;
	const char *app;
	/* container short id, unit name, "@UID" behind a user's; or executable (names.h) */
	const char *instance;
	const char *namespace_; /* Kubernetes only, as are the next two */
	const char *pod;
	const char *container;
	/* "docker", "containerd", "cri-o", "podman", "runc", "crun", "lxc", "systemd-nspawn",
	 * "systemd", or "" */
	const char *runtime;
	uint16_t metrics_port; /* where its labels ask to be scraped; 0: nowhere */
	const char *metrics_path;
	bool is_incomplete; /* its runtime did not say all; see identity_table__retry() */
	bool dropped;	    /* a rule says that its series are not served */
	bool no_uprobes;    /* a rule says that its plain text inside TLS is left alone */
};

#endif
