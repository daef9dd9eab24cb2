/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Where __uN comes from on either side. */
#ifndef EDGETAP_TYPES_H
#define EDGETAP_TYPES_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#endif
