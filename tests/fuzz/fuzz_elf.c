// SPDX-License-Identifier: Apache-2.0
/* A file of a container is read without harm, and no probe is placed outside of it. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "uprobes/go.h"
#include "uprobes/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *count, char ***arguments);

struct input {
	const uint8_t *data;
	size_t size;
};

static ssize_t read_input(void *ctx, void *to, size_t bytes, uint64_t offset)
{
	const struct input *input = ctx;

	if (offset >= input->size)
		return 0;
	if (bytes > input->size - offset)
		bytes = input->size - offset;
	memcpy(to, input->data + offset, bytes);
	return (ssize_t)bytes;
}

/* Loaded for good, so that it need not be for every input. */
int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	if (!dlopen("libcapstone.so.4", RTLD_NOW))
		dlopen("libcapstone.so.5", RTLD_NOW);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "SSL_read", "libssl.so.3", "libgnutls.so.30" };
	static const char *const method[] = { "crypto/tls.(*Conn).Read" };
	static struct plan plan;
	struct input input = { data, size };
	const struct elf_source source = { read_input, &input, size };
	struct elf_symbol symbol = {};
	const char *reason = NULL;
	struct elf elf;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int result = plan__make(&plan, &source, names[i], i == 0);

		if (result != 1)
			continue;
		if (plan.library == TLS_LIBRARY_NONE ||
		    (plan.count == 0) != (plan.reason != NULL) || plan.count > PLAN_MAX_PROBES)
			abort();
		for (size_t j = 0; j < plan.count; j++)
			if (plan.probe[j].offset >= size || !plan.probe[j].program)
				abort();
	}
	/* also where there are symbols, and the table would not be looked at */
	if (elf__open(&elf, &source, &reason) == 0 &&
	    go__find_in_pclntab(&elf, method, 1, &symbol, &reason) == 1 &&
	    symbol.offset + symbol.bytes > size)
		abort();
	return 0;
}
