// SPDX-License-Identifier: Apache-2.0
#include "broker/confine.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(number) (1ULL << (number))
#define MAX_DESCRIPTORS 16

int confine__capabilities(uint64_t *ret_effective, uint64_t *ret_permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data))
		return -errno;
	*ret_effective = data[0].effective | (uint64_t)data[1].effective << 32;
	*ret_permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static int set_capabilities(uint64_t kept)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)kept, .permitted = (uint32_t)kept },
		{ .effective = (uint32_t)(kept >> 32), .permitted = (uint32_t)(kept >> 32) },
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* Ends at the first number that the kernel does not know. */
static int drop_bounding(uint64_t kept)
{
	for (int number = 0; number < 64; number++) {
		int is_set = prctl(PR_CAPBSET_READ, number, 0, 0, 0);

		if (is_set < 0)
			return errno == EINVAL ? 0 : -errno;
		if (is_set == 0 || (kept & BIT(number)))
			continue;
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0))
			return -errno;
	}
	return 0;
}

int confine__keep(uint64_t kept)
{
	uint64_t effective, permitted;
	int err = confine__capabilities(&effective, &permitted);

	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	/* Without CAP_SETPCAP the bounding set stays, which no_new_privs makes harmless. */
	if (effective & BIT(CAP_SETPCAP)) {
		err = drop_bounding(kept);
		if (err)
			return err;
	}
	return set_capabilities(kept & permitted);
}

int confine__become(uid_t uid, gid_t gid)
{
	if (uid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EPERM;
	if (setgroups(1, &gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	return confine__keep(0);
}

int confine__limit(unsigned int cpu_s, uint64_t data_bytes)
{
	const struct {
		int resource;
		rlim_t most;
	} limits[] = {
		{ RLIMIT_CPU, cpu_s },
		{ RLIMIT_NOFILE, MAX_DESCRIPTORS },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_CORE, 0 },
/* their shadow is no memory that is used, but it counts */
#if !defined(__SANITIZE_ADDRESS__)
		{ RLIMIT_DATA, data_bytes },
#endif
	};

	(void)data_bytes;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const struct rlimit limit = { limits[i].most, limits[i].most };

		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit))
			return -errno;
	}
	return 0;
}

/* Of include/uapi/linux/landlock.h, whose older copies lack the later ones. */
enum {
	FS_READ = 1 << 2 | 1 << 3, /* of files, of directories */
	FS_ABI_1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEVICE = 1 << 15,
	NET_BIND_TCP = 1 << 0,
	SCOPE_ABSTRACT_SOCKETS = 1 << 0,
	SCOPE_SIGNALS = 1 << 1,
};

struct ruleset {
	uint64_t fs, net, scoped;
};

/* What each version of the kernel's interface has been able to refuse. */
static struct ruleset ruleset_of(long version)
{
	struct ruleset ruleset = { .fs = FS_ABI_1 };

	if (version >= 2)
		ruleset.fs |= FS_REFER;
	if (version >= 3)
		ruleset.fs |= FS_TRUNCATE;
	if (version >= 4)
		ruleset.net = NET_BIND_TCP;
	if (version >= 5)
		ruleset.fs |= FS_IOCTL_DEVICE;
	if (version >= 6)
		ruleset.scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
	ruleset.fs &= ~(uint64_t)FS_READ;
	return ruleset;
}

int confine__read_only(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1U /* VERSION */);
	struct ruleset ruleset = ruleset_of(version);
	int fd, err = 0;

	if (version < 0)
		return -EOPNOTSUPP;
	/* a longer struct than an older kernel knows is fine, if the rest of it is zeros */
	fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0U);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_landlock_restrict_self, fd, 0U))
		err = -errno;
	close(fd);
	return err;
}

void confine__close_from(unsigned int first)
{
	DIR *directory;
	struct dirent *entry;

	/* close_range(2) is 5.9 */
	if (syscall(SYS_close_range, first, UINT_MAX, 0) == 0)
		return;
	directory = opendir("/proc/self/fd");
	while (directory && (entry = readdir(directory))) {
		int fd = atoi(entry->d_name);

		if (fd >= (int)first && fd != dirfd(directory))
			close(fd);
	}
	if (directory)
		closedir(directory);
}
