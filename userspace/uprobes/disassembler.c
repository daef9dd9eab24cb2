// SPDX-License-Identifier: Apache-2.0
#include "uprobes/disassembler.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool find_functions(struct disassembler *d)
{
	d->open = (__typeof__(d->open))dlsym(d->library, "cs_open");
	d->close = (__typeof__(d->close))dlsym(d->library, "cs_close");
	d->option = (__typeof__(d->option))dlsym(d->library, "cs_option");
	d->new_instruction = (__typeof__(d->new_instruction))dlsym(d->library, "cs_malloc");
	d->free_instructions = (__typeof__(d->free_instructions))dlsym(d->library, "cs_free");
	d->next = (__typeof__(d->next))dlsym(d->library, "cs_disasm_iter");
	d->registers = (__typeof__(d->registers))dlsym(d->library, "cs_regs_access");
	return d->open && d->close && d->option && d->new_instruction && d->free_instructions &&
	       d->next && d->registers;
}

int disassembler__open(struct disassembler *ret_disassembler, uint16_t machine)
{
	struct disassembler d = { .library = dlopen(DISASSEMBLER_NAME, RTLD_NOW | RTLD_LOCAL) };
	int err = -EOPNOTSUPP;

	if (!d.library)
		return -ENOPKG;
	if (!find_functions(&d)) {
		dlclose(d.library);
		return -ENOPKG;
	}
	if (machine == EM_X86_64)
		err = d.open(CS_ARCH_X86, CS_MODE_64, &d.handle) ? -EOPNOTSUPP : 0;
	else if (machine == EM_AARCH64)
		err = d.open(CS_ARCH_ARM64, CS_MODE_ARM, &d.handle) ? -EOPNOTSUPP : 0;
	if (err) {
		dlclose(d.library);
		return err;
	}
	d.option(d.handle, CS_OPT_DETAIL, CS_OPT_ON);
	d.instruction = d.new_instruction(d.handle);
	if (!d.instruction) {
		disassembler__close(&d);
		return -ENOMEM;
	}
	*ret_disassembler = d;
	return 0;
}

void disassembler__close(struct disassembler *disassembler)
{
	struct disassembler *d = disassembler;

	if (!d->library)
		return;
	if (d->instruction)
		d->free_instructions(d->instruction, 1);
	d->close(&d->handle);
	dlclose(d->library);
	memset(d, 0, sizeof(*d));
}
