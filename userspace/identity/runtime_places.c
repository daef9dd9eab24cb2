// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "identity/runtime_places.h"

static void add(struct runtime_places *places, const char *root, const char *dir, const char *below)
{
	size_t len = strlen(dir), below_len = strlen(below);
	char *to;

	if (places->count == RUNTIME_PLACES_MAX)
		return;
	to = places->dir[places->count];
	while (len > 1 && dir[len - 1] == '/')
		len--;
	/* a user may name the runtime's directory, or the one in it that is meant */
	if (below_len && len >= below_len && memcmp(dir + len - below_len, below, below_len) == 0)
		below = "";
	if (snprintf(to, RUNTIME_PLACE_BYTES, "%s%.*s%s", root, (int)len, dir, below) <
	    RUNTIME_PLACE_BYTES)
		places->count++;
}

static void fill(struct runtime_places *places, const char *configured, const char *const *usual,
		 const char *below, const char *host_root)
{
	places->count = 0;
	if (configured && *configured) {
		add(places, "", configured, below);
		return;
	}
	for (size_t i = 0; usual[i]; i++)
		add(places, "", usual[i], below);
	for (size_t i = 0; *host_root && usual[i]; i++)
		add(places, host_root, usual[i], below);
}

void runtime_places__containerd(struct runtime_places *places, const struct config *config,
				const char *host_root)
{
	static const char *const usual[] = { "/run/containerd", "/run/k3s/containerd", NULL };

	fill(places, config->containerd_state, usual, "/io.containerd.runtime.v2.task", host_root);
}

void runtime_places__containerd_socket(struct runtime_places *places, const struct config *config,
				       const char *host_root)
{
	static const char *const usual[] = { "/run/containerd/containerd.sock",
					     "/run/k3s/containerd/containerd.sock", NULL };

	fill(places, config->containerd_socket, usual, "", host_root);
}

void runtime_places__storage(struct runtime_places *places, const struct config *config,
			     const char *host_root)
{
	static const char *const usual[] = { "/run/containers/storage", NULL };

	fill(places, config->crio_state, usual, "/overlay-containers", host_root);
}

void runtime_places__docker_socket(struct runtime_places *places, const struct config *config,
				   const char *host_root)
{
	static const char *const usual[] = { "/var/run/docker.sock", NULL };

	fill(places, config->docker_socket, usual, "", host_root);
}

void runtime_places__podman_socket(struct runtime_places *places, const struct config *config,
				   const char *host_root)
{
	static const char *const usual[] = { "/run/podman/podman.sock", NULL };

	fill(places, config->podman_socket, usual, "", host_root);
}

void runtime_places__fixed(struct runtime_places *places, const char *dir, const char *host_root)
{
	const char *const usual[] = { dir, NULL };

	fill(places, NULL, usual, "", host_root);
}
