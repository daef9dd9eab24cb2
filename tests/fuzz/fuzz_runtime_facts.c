// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a runtime answers or leaves on disk. Whatever comes out is
 * UTF-8 without control characters, of at most 128 bytes.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "identity/cri.h"
#include "identity/runtime_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_label(const char *text)
{
	json_t *string = json_string(text);

	/* jansson refuses what is not UTF-8 */
	if (!string || strlen(text) > LABEL_BYTES - 1)
		abort();
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			abort();
	json_decref(string);
}

static void check(const struct runtime_facts *facts)
{
	const char *path;

	check_label(facts->name);
	check_label(facts->app);
	check_label(facts->namespace_);
	check_label(facts->pod);
	check_label(facts->container);
	check_label(facts->sandbox_id);
	if (runtime_facts__metrics(facts, &path))
		check_label(path +
			    (strlen(path) > LABEL_BYTES - 1 ? strlen(path) - LABEL_BYTES + 1 : 0));
	if (!facts->app_rank != !facts->app[0] || strlen(facts->bundle) >= RUNTIME_PATH_BYTES)
		abort();
}

static const char *strip_point(void *ctx, const char *file)
{
	(void)ctx;
	return strchr(file, '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct runtime_facts facts = { 0 };
	const char *text = (const char *)data;
	char label[LABEL_BYTES], path[64];

	runtime_facts__docker(&facts, text, size);
	runtime_facts__oci(&facts, text, size);
	runtime_facts__runc(&facts, text, size);
	runtime_facts__storage(&facts, text, size, "x");
	cri__take_sandbox(&facts, text, size, "x");
	if (runtime_facts__cgroup(text, size, strip_point, NULL, path, sizeof(path)) == 0 &&
	    (path[0] != '/' || strlen(path) >= sizeof(path)))
		abort();
	check(&facts);
	names__clean(label, text, size);
	check_label(label);
	return 0;
}
