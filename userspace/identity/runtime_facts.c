// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "config/metrics.h"
#include "config/value.h"
#include "identity/runtime_facts.h"

static json_t *load(const char *json, size_t len)
{
	/* jansson bounds the depth of nesting itself (JSON_PARSER_MAX_DEPTH) */
	return len <= RUNTIME_DOCUMENT_MAX ? json_loadb(json, len, JSON_ALLOW_NUL, NULL) : NULL;
}

static void set_bytes(char *to, const char *from, size_t len)
{
	if (!to[0])
		names__clean(to, from, len);
}

static void set(char *to, const json_t *value)
{
	if (json_is_string(value))
		set_bytes(to, json_string_value(value), json_string_length(value));
}

/* Labels and annotations, of whatever runtime, that say something about who the container is. */
enum fact {
	FACT_APP,
	FACT_NAME,
	FACT_NAMESPACE,
	FACT_POD,
	FACT_CONTAINER,
	FACT_SANDBOX,
	FACT_SCRAPE, /* this and what follows: where its metrics are */
	FACT_SCHEME,
	FACT_PORT,
	FACT_PATH,
};

static const struct {
	const char *key;
	enum fact fact;
	int rank; /* FACT_APP: the highest wins */
} known_labels[] = {
	{ "app.kubernetes.io/name", FACT_APP, 4 },
	{ "com.docker.compose.service", FACT_APP, 3 },
	{ "io.podman.compose.service", FACT_APP, 3 },
	{ "com.docker.swarm.service.name", FACT_APP, 3 },
	{ "app", FACT_APP, 2 },
	{ "k8s-app", FACT_APP, 1 },
	{ "io.kubernetes.pod.namespace", FACT_NAMESPACE, 0 },
	{ "io.kubernetes.pod.name", FACT_POD, 0 },
	{ "io.kubernetes.container.name", FACT_CONTAINER, 0 },
	{ "io.kubernetes.cri.sandbox-namespace", FACT_NAMESPACE, 0 },
	{ "io.kubernetes.cri.sandbox-name", FACT_POD, 0 },
	{ "io.kubernetes.cri.container-name", FACT_CONTAINER, 0 },
	{ "io.kubernetes.cri.sandbox-id", FACT_SANDBOX, 0 },
	{ "io.kubernetes.cri-o.Namespace", FACT_NAMESPACE, 0 },
	{ "io.kubernetes.cri-o.KubeName", FACT_POD, 0 },
	{ "io.kubernetes.cri-o.SandboxID", FACT_SANDBOX, 0 },
	{ "nerdctl/name", FACT_NAME, 0 },
	{ "prometheus.io/scrape", FACT_SCRAPE, 0 },
	{ "prometheus.io/scheme", FACT_SCHEME, 0 },
	{ "prometheus.io/port", FACT_PORT, 0 },
	{ "prometheus.io/path", FACT_PATH, 0 },
};

/* A text that is compared or sent as it stands: whole, or one that no check lets pass. */
static void set_whole(char *to, size_t size, const char *value, size_t len)
{
	if (to[0])
		return;
	if (len >= size || memchr(value, '\0', len))
		snprintf(to, size, "?");
	else
		snprintf(to, size, "%.*s", (int)len, value);
}

void runtime_facts__label(struct runtime_facts *facts, unsigned int kinds, const char *key,
			  size_t key_len, const char *value, size_t value_len)
{
	for (size_t i = 0; i < sizeof(known_labels) / sizeof(known_labels[0]); i++) {
		const char *known = known_labels[i].key;
		bool is_metrics = known_labels[i].fact >= FACT_SCRAPE;

		if (!(kinds & (is_metrics ? RUNTIME_ANNOTATION : RUNTIME_LABEL)) ||
		    key_len != strlen(known) || memcmp(key, known, key_len) != 0 || value_len == 0)
			continue;
		switch (known_labels[i].fact) {
		case FACT_APP:
			if (known_labels[i].rank > facts->app_rank) {
				names__clean(facts->app, value, value_len);
				facts->app_rank = known_labels[i].rank;
			}
			break;
		case FACT_NAME:
			set_bytes(facts->name, value, value_len);
			break;
		case FACT_NAMESPACE:
			set_bytes(facts->namespace_, value, value_len);
			break;
		case FACT_POD:
			set_bytes(facts->pod, value, value_len);
			break;
		case FACT_CONTAINER:
			set_bytes(facts->container, value, value_len);
			break;
		case FACT_SANDBOX:
			set_bytes(facts->sandbox_id, value, value_len);
			break;
		case FACT_SCRAPE:
			set_whole(facts->metrics.scrape, sizeof(facts->metrics.scrape), value,
				  value_len);
			break;
		case FACT_SCHEME:
			set_whole(facts->metrics.scheme, sizeof(facts->metrics.scheme), value,
				  value_len);
			break;
		case FACT_PORT:
			set_whole(facts->metrics.port, sizeof(facts->metrics.port), value,
				  value_len);
			break;
		case FACT_PATH:
			set_whole(facts->metrics.path, sizeof(facts->metrics.path), value,
				  value_len);
			break;
		}
		return;
	}
}

static void add_labels(struct runtime_facts *facts, unsigned int kinds, json_t *labels)
{
	const char *key;
	json_t *value;

	json_object_foreach(labels, key, value) {
		if (json_is_string(value))
			runtime_facts__label(facts, kinds, key, strlen(key),
					     json_string_value(value), json_string_length(value));
	}
}

int runtime_facts__docker(struct runtime_facts *facts, const char *json, size_t len)
{
	json_auto_t *root = load(json, len);
	const json_t *name = json_object_get(root, "Name");
	const char *text = json_string_value(name);

	if (!json_is_object(root) || !text)
		return -EBADMSG;
	/* Docker writes names with a slash in front, Podman without */
	set_bytes(facts->name, text + (text[0] == '/'), strlen(text + (text[0] == '/')));
	add_labels(facts, RUNTIME_LABEL | RUNTIME_ANNOTATION,
		   json_object_get(json_object_get(root, "Config"), "Labels"));
	return 0;
}

int runtime_facts__oci(struct runtime_facts *facts, const char *json, size_t len)
{
	json_auto_t *root = load(json, len);
	static const struct {
		const char *key;
		unsigned int kind;
	} packed[] = { { "io.kubernetes.cri-o.Labels", RUNTIME_LABEL },
		       { "io.kubernetes.cri-o.Annotations", RUNTIME_ANNOTATION } };
	json_t *annotations = json_object_get(root, "annotations");
	const json_t *text;

	if (!json_is_object(root))
		return -EBADMSG;
	/* CRI-O packs the container's labels, and in a sandbox the pod's, into one annotation;
	 * the annotations likewise */
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		json_auto_t *labels = NULL;

		text = json_object_get(annotations, packed[i].key);
		if (!json_is_string(text))
			continue;
		labels = load(json_string_value(text), json_string_length(text));
		add_labels(facts, packed[i].kind, labels);
	}
	add_labels(facts, RUNTIME_LABEL | RUNTIME_ANNOTATION, annotations);
	return 0;
}

int runtime_facts__storage(struct runtime_facts *facts, const char *json, size_t len,
			   const char *id)
{
	json_auto_t *root = load(json, len);
	json_t *entry;
	size_t i;

	if (!json_is_array(root))
		return -EBADMSG;
	json_array_foreach(root, i, entry) {
		const char *entry_id = json_string_value(json_object_get(entry, "id"));

		if (!entry_id || strcmp(entry_id, id) != 0)
			continue;
		set(facts->name, json_array_get(json_object_get(entry, "names"), 0));
		return 0;
	}
	return -ENOENT;
}

int runtime_facts__runc(struct runtime_facts *facts, const char *json, size_t len)
{
	json_auto_t *root = load(json, len);
	json_t *labels = json_object_get(json_object_get(root, "config"), "labels");
	json_t *label;
	size_t i;

	if (!json_is_object(root) || !json_is_string(json_object_get(root, "id")))
		return -EBADMSG;
	set(facts->name, json_object_get(root, "id"));
	json_array_foreach(labels, i, label) {
		const char *text = json_string_value(label);
		const char *equals = text ? strchr(text, '=') : NULL;

		if (!equals)
			continue;
		if (strncmp(text, "bundle=", 7) == 0 && strlen(equals + 1) < sizeof(facts->bundle))
			snprintf(facts->bundle, sizeof(facts->bundle), "%s", equals + 1);
		else
			runtime_facts__label(facts, RUNTIME_LABEL | RUNTIME_ANNOTATION, text,
					     (size_t)(equals - text), equals + 1,
					     strlen(equals + 1));
	}
	return 0;
}

uint16_t runtime_facts__metrics(const struct runtime_facts *facts, const char **ret_path)
{
	const char *path = facts->metrics.path[0] ? facts->metrics.path : "/metrics";
	uint32_t port;

	if (strcmp(facts->metrics.scrape, "true") != 0 ||
	    (facts->metrics.scheme[0] && strcmp(facts->metrics.scheme, "http") != 0) ||
	    !config_metrics__is_path(path) || value__u32(facts->metrics.port, 1, 65535, &port))
		return 0;
	*ret_path = path;
	return (uint16_t)port;
}

static int give_path(const char *from, char *path, size_t size)
{
	size_t len = strlen(from);

	while (len > 1 && from[len - 1] == '/')
		len--;
	if (len + 2 > size)
		return -ENAMETOOLONG;
	snprintf(path, size, "%s%.*s", from[0] == '/' ? "" : "/", (int)len, from);
	return 0;
}

int runtime_facts__cgroup(const char *json, size_t len,
			  const char *(*strip_point)(void *ctx, const char *file), void *ctx,
			  char *path, size_t size)
{
	static const char *const hierarchies[] = { "", "memory", "pids", "name=systemd" };
	json_auto_t *root = load(json, len);
	json_t *paths = json_object_get(root, "cgroup_paths");
	const char *text;

	if (!json_is_object(root))
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++) {
		text = json_string_value(json_object_get(paths, hierarchies[i]));
		text = text ? strip_point(ctx, text) : NULL;
		if (text && *text)
			return give_path(text, path, size);
	}
	text = json_string_value(json_object_get(root, "cgroup-path")); /* crun */
	if (!text)
		text = json_string_value(
			json_object_get(json_object_get(root, "linux"), "cgroupsPath"));
	/* slice:prefix:name is for systemd to turn into a path, which then tells by itself */
	if (!text || !*text || strchr(text, ':'))
		return -ENOENT;
	return give_path(text, path, size);
}
