// SPDX-License-Identifier: Apache-2.0
#include "cli/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since 5.8; the distribution's headers may be older than its kernel. */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

/* Since 5.9. */
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

#define BIT(number) (1ULL << (number))

static const struct capability wanted[CAPABILITY_COUNT] = {
	{ CAP_BPF, "CAP_BPF", "load programs, and read and write maps", true, BIT(USE_ALWAYS),
	  false },
	{ CAP_PERFMON, "CAP_PERFMON", "attach to tracepoints", true, BIT(USE_ALWAYS), false },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "see the executables of other users' processes", false,
	  BIT(USE_ALWAYS), false },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "read the state of container runtimes", false,
	  BIT(USE_ALWAYS), false },
	{ CAP_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE",
	  "see the TLS library of a process whose file was replaced", false, BIT(USE_UPROBES),
	  false },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "place uprobes by events", false, BIT(USE_UPROBE_EVENTS),
	  false },
};

struct sets {
	uint64_t effective;
	uint64_t permitted;
};

static int sets__read(struct sets *ret_sets)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data))
		return -errno;
	ret_sets->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	ret_sets->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static int sets__write(uint64_t kept)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)kept, .permitted = (uint32_t)kept },
		{ .effective = (uint32_t)(kept >> 32), .permitted = (uint32_t)(kept >> 32) },
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

int privileges__read(struct capability ret_capabilities[CAPABILITY_COUNT])
{
	struct sets sets;
	int err = sets__read(&sets);

	if (err)
		return err;
	if (sets.effective & BIT(CAP_SYS_ADMIN))
		sets.effective |= BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_CHECKPOINT_RESTORE);
	memcpy(ret_capabilities, wanted, sizeof(wanted));
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		ret_capabilities[i].held = sets.effective & BIT(wanted[i].number);
	return 0;
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

int privileges__drop(unsigned int uses)
{
	uint64_t kept = 0;
	struct sets sets;
	int err = sets__read(&sets);

	if (err)
		return err;
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if (wanted[i].kept & (uses | BIT(USE_ALWAYS)))
			kept |= BIT(wanted[i].number);
	kept &= sets.permitted;
	/* A container may have been given the old name for it only. */
	if (!(kept & BIT(CAP_BPF)))
		kept |= sets.permitted & BIT(CAP_SYS_ADMIN);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	/* Without CAP_SETPCAP the bounding set stays, which no_new_privs makes harmless. */
	if (sets.effective & BIT(CAP_SETPCAP)) {
		err = drop_bounding(kept);
		if (err)
			return err;
	}
	return sets__write(kept);
}
