/* SPDX-License-Identifier: Apache-2.0 */
/* What the running kernel says about itself, from texts. Pure. */
#ifndef EDGETAP_CLI_KERNEL_H
#define EDGETAP_CLI_KERNEL_H

enum lockdown {
	LOCKDOWN_UNKNOWN,
	LOCKDOWN_NONE,
	LOCKDOWN_INTEGRITY,
	LOCKDOWN_CONFIDENTIALITY, /* forbids programs to read kernel memory */
};

/* Reads /sys/kernel/security/lockdown: "none [integrity] confidentiality" (kernel_lockdown(7)). */
enum lockdown kernel__lockdown(const char *text);

/*
 * The value of an option ("CONFIG_BPF") in a kernel's .config text: 'y', 'm',
 * or 'n' for "is not set" and for one that is not mentioned, as that means that
 * something it depends on is off.
 */
char kernel__config_value(const char *text, const char *option);

#endif
