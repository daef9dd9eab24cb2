/* SPDX-License-Identifier: Apache-2.0 */
/* Names of block devices by number, from /sys/dev/block, remembered for a while. */
#ifndef EDGETAP_COLLECT_HOST_DEVICES_H
#define EDGETAP_COLLECT_HOST_DEVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "collect/host/proc_files.h"

struct device {
	unsigned int major, minor;
	bool is_partition;
	bool is_mapped;		      /* by the device mapper */
	char name[DEVICE_NAME_BYTES]; /* as in /proc/diskstats; "": there is none */
};

#define DEVICES_MAX 4096

struct devices {
	struct device *device;
	size_t count;
	size_t room;
};

/* The device with this number; NULL if there is none. Valid until the next call. */
const struct device *devices__find(struct devices *devices, unsigned int major, unsigned int minor);

/* Looks again from now on: a number may have got another device. */
void devices__forget(struct devices *devices);
void devices__free(struct devices *devices);

/* False for what is no disk: loops, memory, floppies, optical drives. Pure. */
bool devices__is_disk(const char *name);

#endif
