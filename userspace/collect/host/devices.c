// SPDX-License-Identifier: Apache-2.0
#include "collect/host/devices.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool devices__is_disk(const char *name)
{
	static const char *const others[] = { "loop", "ram", "zram", "fd", "sr" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		size_t len = strlen(others[i]);

		if (strncmp(name, others[i], len) == 0 && name[len] >= '0' && name[len] <= '9')
			return false;
	}
	return true;
}

static void look(struct device *device)
{
	char path[64], link[PATH_MAX];
	const char *slash;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", device->major, device->minor);
	len = readlink(path, link, sizeof(link) - 1);
	if (len <= 0)
		return;
	link[len] = '\0';
	slash = strrchr(link, '/');
	slash = slash ? slash + 1 : link;
	if (strlen(slash) >= sizeof(device->name))
		return;
	strcpy(device->name, slash);
	/* sysfs has no slashes in names (drivers/base/core.c) */
	for (char *c = device->name; *c; c++)
		if (*c == '!')
			*c = '/';
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", device->major,
		 device->minor);
	device->is_partition = access(path, F_OK) == 0;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm", device->major, device->minor);
	device->is_mapped = access(path, F_OK) == 0;
}

const struct device *devices__find(struct devices *devices, unsigned int major, unsigned int minor)
{
	struct device *device;

	for (size_t i = 0; i < devices->count; i++)
		if (devices->device[i].minor == minor && devices->device[i].major == major)
			return devices->device[i].name[0] ? &devices->device[i] : NULL;
	if (devices->count == devices->room) {
		size_t room = devices->room ? devices->room * 2 : 16;

		device = room > DEVICES_MAX ? NULL
					    : reallocarray(devices->device, room, sizeof(*device));
		if (!device)
			return NULL;
		devices->device = device;
		devices->room = room;
	}
	device = &devices->device[devices->count++];
	*device = (struct device){ .major = major, .minor = minor };
	look(device);
	return device->name[0] ? device : NULL;
}

void devices__forget(struct devices *devices)
{
	devices->count = 0;
}

void devices__free(struct devices *devices)
{
	free(devices->device);
	*devices = (struct devices){ 0 };
}
