// SPDX-License-Identifier: Apache-2.0
#include "broker/capability.h"

#include <linux/capability.h>

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

const struct capability capabilities[CAPABILITY_COUNT] = {
	{ CAP_BPF, "CAP_BPF", "load programs, and read and write maps", "nothing is observed", true,
	  USE(ALWAYS), 0 },
	{ CAP_PERFMON, "CAP_PERFMON", "attach programs to tracepoints and libraries",
	  "nothing is observed", true, USE(ALWAYS), 0 },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "look at processes of other users",
	  "their executables are not known, plain text inside their TLS is not seen, and no "
	  "container is entered",
	  false, USE(ALWAYS), USE(ENTERING) | USE(POSTGRES) },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH",
	  "read the state of container runtimes, and find a cgroup by its id",
	  "files that are not root's or open to all are not read, such as names of containers, "
	  "libraries and passwords",
	  false, USE(ALWAYS), USE(POSTGRES) },
	{ CAP_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE",
	  "open the TLS library that a process still has when its file was replaced",
	  "plain text inside TLS is not seen of processes that are older than an upgrade of their "
	  "library",
	  false, USE(UPROBES), 0 },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN",
	  "enter namespaces, ask the device mapper, and, on kernels without links of many uprobes "
	  "(before 6.6), place uprobes",
	  "endpoints of containers and servers of Postgres are not asked, and thin volumes are shown "
	  "as if they were not",
	  false, USE(UPROBE_EVENTS), USE(ENTERING) | USE(POSTGRES) },
	{ CAP_SYS_CHROOT, "CAP_SYS_CHROOT", "enter the mount namespace of a server of Postgres",
	  "servers of Postgres are not asked through their own sockets", false, 0, USE(POSTGRES) },
	{ CAP_SETUID, "CAP_SETUID", "become the user of a server of Postgres",
	  "servers of Postgres are not asked", false, 0, USE(POSTGRES) },
	{ CAP_SETGID, "CAP_SETGID", "become the group of a server of Postgres",
	  "servers of Postgres are not asked", false, 0, USE(POSTGRES) },
	{ CAP_KILL, "CAP_KILL", "end what has become another user",
	  "asking a server of Postgres that hangs is ended by its own alarm only, which a stopped "
	  "process does not see",
	  false, 0, USE(POSTGRES) },
};

uint64_t capability__agent(unsigned int uses)
{
	uint64_t bits = 0;

	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if (capabilities[i].agent & (uses | USE(ALWAYS)))
			bits |= BIT(capabilities[i].number);
	return bits;
}

uint64_t capability__broker(unsigned int uses)
{
	uint64_t bits = 0;

	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if (capabilities[i].broker & uses)
			bits |= BIT(capabilities[i].number);
	return bits;
}

uint64_t capability__implied(uint64_t held)
{
	if (!(held & BIT(CAP_SYS_ADMIN)))
		return held;
	return held | BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_CHECKPOINT_RESTORE);
}
