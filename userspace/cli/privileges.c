// SPDX-License-Identifier: Apache-2.0
#include "cli/privileges.h"

#include <linux/capability.h>
#include <string.h>

#include "broker/confine.h"

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

int privileges__read(struct capability ret_capabilities[CAPABILITY_COUNT])
{
	uint64_t effective, permitted;
	int err = confine__capabilities(&effective, &permitted);

	if (err)
		return err;
	if (effective & BIT(CAP_SYS_ADMIN))
		effective |= BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_CHECKPOINT_RESTORE);
	memcpy(ret_capabilities, wanted, sizeof(wanted));
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		ret_capabilities[i].held = effective & BIT(wanted[i].number);
	return 0;
}

int privileges__drop(unsigned int uses)
{
	uint64_t kept = 0, effective, permitted;
	int err = confine__capabilities(&effective, &permitted);

	if (err)
		return err;
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if (wanted[i].kept & (uses | BIT(USE_ALWAYS)))
			kept |= BIT(wanted[i].number);
	kept &= permitted;
	/* A container may have been given the old name for it only. */
	if (!(kept & BIT(CAP_BPF)))
		kept |= permitted & BIT(CAP_SYS_ADMIN);
	return confine__keep(kept);
}
