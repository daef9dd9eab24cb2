/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's process: takes requests, and has each done by a child. */
#ifndef EDGETAP_BROKER_PROCESS_H
#define EDGETAP_BROKER_PROCESS_H

#include <sys/types.h>

struct broker_options;

/* All that the forked process ever does. channel is its end; agent is its parent. */
_Noreturn void broker_process__run(int channel, pid_t agent, const struct broker_options *options);

#endif
