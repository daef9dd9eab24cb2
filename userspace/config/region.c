// SPDX-License-Identifier: Apache-2.0
#include "config/region.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/value.h"

#define FILE_MAX_BYTES (4 * 1024 * 1024)

/* From the most to the least particular. */
static const char *const variables[] = { "NODE_REGION", "FLY_REGION", "AWS_REGION",
					 "AWS_DEFAULT_REGION" };

static bool set_region(char ret_region[REGION_BYTES], const char *text)
{
	if (!text || !*text || strlen(text) >= REGION_BYTES || !value__is_label(text))
		return false;
	strcpy(ret_region, text);
	return true;
}

static bool from_environment(char ret_region[REGION_BYTES], char *const *environment)
{
	for (size_t v = 0; v < sizeof(variables) / sizeof(variables[0]); v++) {
		size_t length = strlen(variables[v]);

		for (char *const *entry = environment; *entry; entry++)
			if (!strncmp(*entry, variables[v], length) && (*entry)[length] == '=' &&
			    set_region(ret_region, *entry + length + 1))
				return true;
	}
	return false;
}

/* Standardised keys are below v1, whatever the cloud. */
static bool from_cloud_init(char ret_region[REGION_BYTES], const char *data, size_t length)
{
	json_t *root = json_loadb(data, length, 0, NULL);
	bool found = set_region(ret_region, json_string_value(json_object_get(
						    json_object_get(root, "v1"), "region")));

	json_decref(root);
	return found;
}

void region__of_cloud_init(char ret_region[REGION_BYTES], char *const *environment,
			   const char *data, size_t length)
{
	ret_region[0] = '\0';
	if (!from_environment(ret_region, environment) && data)
		from_cloud_init(ret_region, data, length);
}

void region__find(char ret_region[REGION_BYTES], char *const *environment, const char *path)
{
	/* whatever lies there, opening it must not wait */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t length = 0;
	char *data = NULL;
	struct stat stat;
	ssize_t got = 0;

	if (fd >= 0 && !fstat(fd, &stat) && S_ISREG(stat.st_mode) && stat.st_size > 0 &&
	    stat.st_size <= FILE_MAX_BYTES)
		data = malloc((size_t)stat.st_size);
	while (data && length < (size_t)stat.st_size &&
	       (got = read(fd, data + length, (size_t)stat.st_size - length)) > 0)
		length += (size_t)got;
	if (fd >= 0)
		close(fd);
	region__of_cloud_init(ret_region, environment, data, length);
	free(data);
}
