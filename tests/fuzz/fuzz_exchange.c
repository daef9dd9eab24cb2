// SPDX-License-Identifier: Apache-2.0
/*
 * The BPF programs as a whole, compiled natively over a model of the kernel. The
 * input is a script of what happens on a few connections; what must hold always
 * is checked after each step and at the end.
 */
#include <stdlib.h>

#include "../unit/exchange.c" /* one program, one kernel: not in the library */

#include "../unit/exchange_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *found;

	if (size > 4096)
		return 0;
	found = script_run(data, size);
	if (found) {
		fprintf(stderr, "%s\n", found);
		abort();
	}
	return 0;
}
