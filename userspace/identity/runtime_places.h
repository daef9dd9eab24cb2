/* SPDX-License-Identifier: Apache-2.0 */
/* Where container runtimes keep their sockets and state, by default or as configured. */
#ifndef EDGETAP_IDENTITY_RUNTIME_PLACES_H
#define EDGETAP_IDENTITY_RUNTIME_PLACES_H

#include <stddef.h>

#define RUNTIME_PLACES_MAX 6
#define RUNTIME_PLACE_BYTES 512

struct config;

/* In the order in which they are tried. */
struct runtime_places {
	size_t count;
	char dir[RUNTIME_PLACES_MAX][RUNTIME_PLACE_BYTES];
};

/*
 * Each fills places from the configuration, where it says something, else with
 * the usual places here and below host_root (unless that is ""). They need not
 * exist.
 */

/* Directories with one directory per namespace, with one per container. */
void runtime_places__containerd(struct runtime_places *places, const struct config *config,
				const char *host_root);
void runtime_places__containerd_socket(struct runtime_places *places, const struct config *config,
				       const char *host_root);
/* Directories of containers/storage with one directory per container (CRI-O, Podman). */
void runtime_places__storage(struct runtime_places *places, const struct config *config,
			     const char *host_root);
void runtime_places__docker_socket(struct runtime_places *places, const struct config *config,
				   const char *host_root);
void runtime_places__podman_socket(struct runtime_places *places, const struct config *config,
				   const char *host_root);
/* Fixed places: Docker's own state, Podman's list of names, runc and crun. */
void runtime_places__fixed(struct runtime_places *places, const char *dir, const char *host_root);

#endif
