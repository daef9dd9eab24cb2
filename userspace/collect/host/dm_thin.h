/* SPDX-License-Identifier: Apache-2.0 */
/* How full a thin volume of the device mapper is (LVM: LSize and Data%). */
#ifndef EDGETAP_COLLECT_HOST_DM_THIN_H
#define EDGETAP_COLLECT_HOST_DM_THIN_H

#include <stdint.h>

/*
 * Asks the device mapper about a block device ("/dev/vg/volume", "/dev/dm-3", or by
 * its number "/dev/block/253:3", which need not exist as a file): what
 * the volume promises and how much of it is mapped. Needs CAP_SYS_ADMIN. Does
 * not wait for the pool. Returns 0; -ENOTBLK or -ENODEV if it is no thin volume;
 * -EIO if the pool has failed; -EPERM; or what opening the device mapper's control
 * file gave.
 */
int dm_thin__status(const char *device, uint64_t *ret_size_bytes, uint64_t *ret_used_bytes);

/*
 * What a thin target says of itself (Documentation/admin-guide/device-mapper/
 * thin-provisioning.rst): sectors that are mapped, and the highest of them; "Fail".
 * Returns 0, -EIO or -EBADMSG. Pure.
 */
int dm_thin__parse(const char *status, uint64_t *ret_mapped_sectors);

#endif
