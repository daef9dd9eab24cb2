/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of capabilities(7): what each is for, who needs it and when. The systemd unit and
 * the man page have what is here (tests/unit/test_privileges.c compares them), and doctor shows it.
 */
#ifndef EDGETAP_BROKER_CAPABILITY_H
#define EDGETAP_BROKER_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

/* What of edgetap needs one. */
enum capability_use {
	USE_ALWAYS,
	USE_UPROBES,	   /* plain text inside TLS: uprobes in processes that come up later */
	USE_UPROBE_EVENTS, /* and these by events, which newer kernels leave to CAP_SYS_ADMIN */
	USE_ENTERING,	   /* the helper process: namespaces of containers, the device mapper */
	USE_POSTGRES,	   /* the helper process: servers of Postgres */
	CAPABILITY_USES
};

#define USE(use) (1U << USE_##use)

struct capability {
	int number;
	const char *name;
	const char *purpose; /* "to ..." */
	const char *without; /* what does not work without it: a sentence without its end */
	bool required;	     /* serve does not start without it */
	unsigned int agent;  /* the agent keeps it once it has attached, for any of these uses */
	unsigned int broker; /* the helper process has it, for any of these uses */
};

#define CAPABILITY_COUNT 10

extern const struct capability capabilities[CAPABILITY_COUNT];

/* Bits 1 << number of those that the agent keeps, or the helper process has, for any of the uses. */
uint64_t capability__agent(unsigned int uses);
uint64_t capability__broker(unsigned int uses);

/* What the kernel takes a holder of these (bits 1 << number) to have: CAP_SYS_ADMIN is the old name
 * of three. */
uint64_t capability__implied(uint64_t held);

#endif
