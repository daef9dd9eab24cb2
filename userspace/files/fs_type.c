// SPDX-License-Identifier: Apache-2.0
#include "files/fs_type.h"

#include <string.h>

/* What lives in memory has no size to speak of; images (squashfs, erofs) are always full. */
static const struct fs_type {
	const char *name;
	unsigned int uses;
} types[] = {
	{ "ext2", FS_READ | FS_SIZE },
	{ "ext3", FS_READ | FS_SIZE },
	{ "ext4", FS_READ | FS_SIZE },
	{ "xfs", FS_READ | FS_SIZE },
	{ "btrfs", FS_READ | FS_SIZE },
	{ "f2fs", FS_READ | FS_SIZE },
	{ "zfs", FS_READ | FS_SIZE },
	{ "bcachefs", FS_READ | FS_SIZE },
	{ "jfs", FS_READ | FS_SIZE },
	{ "vfat", FS_READ | FS_SIZE },
	{ "msdos", FS_READ | FS_SIZE },
	{ "exfat", FS_READ | FS_SIZE },
	{ "ntfs", FS_READ | FS_SIZE },
	{ "ntfs3", FS_READ | FS_SIZE },
	{ "reiserfs", FS_READ | FS_SIZE },
	{ "nilfs2", FS_READ | FS_SIZE },
	{ "hfs", FS_READ | FS_SIZE },
	{ "hfsplus", FS_READ | FS_SIZE },
	{ "ufs", FS_READ | FS_SIZE },
	{ "udf", FS_READ | FS_SIZE },
	{ "overlay", FS_LAYERED },
	{ "tmpfs", FS_READ },
	{ "ramfs", FS_READ },
	{ "rootfs", FS_READ },
	{ "squashfs", FS_READ },
	{ "erofs", FS_READ },
	{ "iso9660", FS_READ },
	{ "cramfs", FS_READ },
};

unsigned int fs_type__uses(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i].name) == length && memcmp(types[i].name, name, length) == 0)
			return types[i].uses;
	return 0;
}
