// SPDX-License-Identifier: Apache-2.0
#include "cli/facts.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <zlib.h>

#include "agent/privileges.h"
#include "cli/kernel.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define LOCKDOWN_PATH "/sys/kernel/security/lockdown"
#define KERNEL_CONFIG_MAX_BYTES (1024 * 1024)

/* Kernel options that every hook stands on. */
static const char *const kernel_options[] = {
	"CONFIG_BPF",	      "CONFIG_BPF_SYSCALL",    "CONFIG_BPF_JIT", "CONFIG_BPF_EVENTS",
	"CONFIG_PERF_EVENTS", "CONFIG_DEBUG_INFO_BTF", "CONFIG_INET",	 "CONFIG_CGROUPS",
};

/* A whole text, plain or gzipped, from malloc; NULL if it cannot be read. */
static char *read_text(const char *path, unsigned int max)
{
	gzFile file = gzopen(path, "rbe");
	char *text = file ? malloc(max + 1) : NULL;
	int length = text ? gzread(file, text, max) : -1;

	if (file)
		gzclose(file);
	if (length < 0) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

static void report_kernel(struct report *report, const struct utsname *name)
{
	char path[sizeof(name->release) + 16], missing[REPORT_TEXT_BYTES] = "";
	size_t used = 0;
	char *text;

	report__add(report, "kernel", GRADE_GOOD, "%s %s %s", name->sysname, name->release,
		    name->machine);
	snprintf(path, sizeof(path), "/boot/config-%s", name->release);
	text = read_text("/proc/config.gz", KERNEL_CONFIG_MAX_BYTES);
	if (!text)
		text = read_text(path, KERNEL_CONFIG_MAX_BYTES);
	if (!text) {
		report__add(report, "config", GRADE_NOTE,
			    "not known: neither /proc/config.gz nor %s can be read", path);
		return;
	}
	for (size_t i = 0; i < sizeof(kernel_options) / sizeof(kernel_options[0]); i++)
		if (kernel__config_value(text, kernel_options[i]) == 'n' && used < sizeof(missing))
			used += (size_t)snprintf(missing + used, sizeof(missing) - used, " %s",
						 kernel_options[i]);
	free(text);
	if (!used)
		report__add(report, "config", GRADE_GOOD,
			    "the kernel is built with what is needed");
	else
		snprintf(report__add(report, "config", GRADE_BAD, "the kernel is built without%s",
				     missing)
				 ->remedy,
			 REPORT_TEXT_BYTES, "boot a kernel that has them set to y");
}

static void report_btf(struct report *report)
{
	if (access(BTF_PATH, R_OK) == 0)
		report__add(report, "BTF", GRADE_GOOD, "%s", BTF_PATH);
	else
		snprintf(
			report__add(report, "BTF", GRADE_BAD, "%s: %s", BTF_PATH, strerror(errno))
				->remedy,
			REPORT_TEXT_BYTES,
			"boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, or mount sysfs: mount -t "
			"sysfs sysfs /sys");
}

static void report_lockdown(struct report *report)
{
	char *text = read_text(LOCKDOWN_PATH, 128);
	struct finding *finding;

	switch (text ? kernel__lockdown(text) : LOCKDOWN_UNKNOWN) {
	case LOCKDOWN_NONE:
		report__add(report, "lockdown", GRADE_GOOD, "none");
		break;
	case LOCKDOWN_INTEGRITY:
		report__add(report, "lockdown", GRADE_GOOD,
			    "integrity, which allows what edgetap does");
		break;
	case LOCKDOWN_CONFIDENTIALITY:
		finding = report__add(report, "lockdown", GRADE_BAD,
				      "confidentiality, which forbids programs to read memory");
		snprintf(finding->remedy, sizeof(finding->remedy),
			 "boot with lockdown=integrity, or without lockdown");
		break;
	case LOCKDOWN_UNKNOWN:
		finding = report__add(report, "lockdown", GRADE_NOTE, "not known: no %s",
				      LOCKDOWN_PATH);
		snprintf(finding->remedy, sizeof(finding->remedy),
			 "to see it: mount -t securityfs securityfs /sys/kernel/security");
		break;
	}
	free(text);
}

static void report_tracefs(struct report *report)
{
	static const char path[] = "/sys/kernel/tracing";
	struct statfs stat;
	struct finding *finding;

	if (statfs(path, &stat) == 0 && (long)stat.f_type == TRACEFS_MAGIC) {
		report__add(report, "tracefs", GRADE_GOOD, "%s", path);
		return;
	}
	finding = report__add(
		report, "tracefs", GRADE_NOTE,
		"not mounted at %s; only needed where kprobes stand in for tracepoints", path);
	snprintf(finding->remedy, sizeof(finding->remedy), "mount -t tracefs tracefs %s", path);
}

static void report_privilege(struct report *report, const struct privilege *privilege)
{
	const struct capability *capability = privilege->capability;
	struct finding *finding;

	if (privilege->state == PRIVILEGE_STOOD_FOR)
		finding = report__add(report, "privileges", GRADE_NOTE,
				      "no %s: CAP_SYS_ADMIN stands for it, and is kept for that",
				      capability->name);
	else
		finding = report__add(report, "privileges",
				      capability->required ? GRADE_BAD : GRADE_NOTE, "no %s: %s",
				      capability->name, capability->without);
	snprintf(finding->remedy, sizeof(finding->remedy), "%s",
		 geteuid() ? "run edgetap as root: sudo edgetap"
			   : "give it to edgetap's unit or container");
}

void facts__report_machine(struct report *report)
{
	struct utsname name;

	if (uname(&name) == 0)
		report_kernel(report, &name);
	report_btf(report);
	report_lockdown(report);
	report_tracefs(report);
}

void facts__report_privileges(struct report *report, unsigned int uses)
{
	int lacking = 0, err = privileges__read(uses, report->privileges);

	if (err) {
		report__add(report, "privileges", GRADE_BAD, "cannot be read: %s", strerror(-err));
		return;
	}
	report->has_privileges = true;
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		const struct privilege *privilege = &report->privileges[i];

		if (privilege->state == PRIVILEGE_HELD || !privilege->is_needed)
			continue;
		lacking++;
		report_privilege(report, privilege);
	}
	if (!lacking)
		report__add(report, "privileges", GRADE_GOOD,
			    "every capability that is needed, see below");
}

const char *facts__obstacle(void)
{
	static char sentence[160];
	const char *missing = privileges__obstacle();

	if (missing) {
		snprintf(sentence, sizeof(sentence),
			 geteuid()
				 ? "must run as root, or with CAP_BPF and CAP_PERFMON, to observe "
				   "this machine: it has no %s"
				 : "lacks %s: give it to the unit or container that edgetap runs "
				   "in",
			 missing);
		return sentence;
	}
	if (access(BTF_PATH, R_OK) != 0)
		return "needs the kernel's type information: no " BTF_PATH
		       " (boot a kernel built with CONFIG_DEBUG_INFO_BTF=y)";
	return NULL;
}
