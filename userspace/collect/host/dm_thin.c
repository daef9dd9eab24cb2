// SPDX-License-Identifier: Apache-2.0
#include "collect/host/dm_thin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "collect/host/scan.h"

#define SECTOR_BYTES 512
#define REPLY_BYTES 4096

/* Where it is; an agent in a container may have no /dev of the host's. */
static const char *const control_files[] = { "/dev/mapper/control",
					     "/proc/1/root/dev/mapper/control" };

int dm_thin__parse(const char *status, uint64_t *ret_mapped_sectors)
{
	uint64_t mapped, highest;

	if (strcmp(status, "Fail") == 0 || strcmp(status, "Error") == 0)
		return -EIO;
	/* nothing is mapped yet: no highest one */
	if (!scan__number(&status, &mapped) ||
	    !(strcmp(status, " -") == 0 || (scan__number(&status, &highest) && !*status)))
		return -EBADMSG;
	*ret_mapped_sectors = mapped;
	return 0;
}

static int open_control(void)
{
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(control_files) / sizeof(control_files[0]); i++) {
		int fd = open(control_files[i], O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (errno != ENOENT)
			err = -errno;
	}
	return err;
}

/* As the kernel packs it for user space (include/linux/kdev_t.h, huge_encode_dev). */
static uint64_t encode(dev_t device)
{
	return (minor(device) & 0xff) | major(device) << 8 |
	       (uint64_t)(minor(device) & ~0xffU) << 12;
}

/* The reply is checked like a stranger's: only offsets inside it are followed. */
static int read_reply(const char *reply, uint64_t *ret_size_bytes, uint64_t *ret_used_bytes)
{
	const struct dm_ioctl *header = (const struct dm_ioctl *)reply;
	struct dm_target_spec spec;
	uint64_t mapped;
	int err;

	if ((header->flags & DM_BUFFER_FULL_FLAG) || header->target_count != 1)
		return -ENODEV;
	if (header->data_start > REPLY_BYTES - sizeof(spec) - 1)
		return -EBADMSG;
	memcpy(&spec, reply + header->data_start, sizeof(spec));
	if (strncmp(spec.target_type, "thin", sizeof(spec.target_type)) != 0)
		return -ENODEV;
	err = dm_thin__parse(reply + header->data_start + sizeof(spec), &mapped);
	if (err)
		return err;
	if (mapped > spec.length || spec.length > UINT64_MAX / SECTOR_BYTES)
		return -EBADMSG;
	*ret_size_bytes = spec.length * SECTOR_BYTES;
	*ret_used_bytes = mapped * SECTOR_BYTES;
	return 0;
}

static int dm_thin__status_of(dev_t device, uint64_t *ret_size_bytes, uint64_t *ret_used_bytes)
{
	union {
		struct dm_ioctl header;
		char bytes[REPLY_BYTES];
	} u = { .header = {
			.version = { DM_VERSION_MAJOR, 0, 0 },
			.data_size = REPLY_BYTES - 1, /* the last byte stays NUL */
			.data_start = sizeof(struct dm_ioctl),
			/* no commit of the pool's metadata, which may take long */
			.flags = DM_NOFLUSH_FLAG,
			.dev = encode(device),
		} };
	int fd = open_control();
	int err = 0;

	if (fd < 0)
		return fd;
	if (ioctl(fd, DM_TABLE_STATUS, &u) < 0)
		err = errno == EACCES ? -EPERM : errno == ENXIO ? -ENODEV : -errno;
	close(fd);
	return err ? err : read_reply(u.bytes, ret_size_bytes, ret_used_bytes);
}

int dm_thin__status(const char *device, uint64_t *ret_size_bytes, uint64_t *ret_used_bytes)
{
	uint64_t major_number, minor_number;
	const char *at = device;
	struct stat st;

	if (scan__skip(&at, "/dev/block/") && scan__number(&at, &major_number) &&
	    scan__skip(&at, ":") && scan__number(&at, &minor_number) && !*at)
		return dm_thin__status_of(makedev((unsigned int)major_number,
						  (unsigned int)minor_number),
					  ret_size_bytes, ret_used_bytes);
	if (stat(device, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	return dm_thin__status_of(st.st_rdev, ret_size_bytes, ret_used_bytes);
}
