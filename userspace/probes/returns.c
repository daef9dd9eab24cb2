// SPDX-License-Identifier: Apache-2.0
#include "probes/returns.h"

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#ifndef EM_AARCH64
#define EM_AARCH64 183
#endif

#define TEXT_OF(number) #number
#define SONAME_OF(major) "libcapstone.so." TEXT_OF(major)

struct disassembler {
	void *library;
	__typeof__(&cs_open) open;
	__typeof__(&cs_close) close;
	__typeof__(&cs_malloc) new_instruction;
	__typeof__(&cs_free) free_instructions;
	__typeof__(&cs_disasm_iter) next;
};

static int refuse(int err, const char **ret_reason, const char *reason)
{
	*ret_reason = reason;
	return err;
}

static int disassembler__load(struct disassembler *d)
{
	d->library = dlopen(SONAME_OF(CS_API_MAJOR), RTLD_NOW | RTLD_LOCAL);
	if (!d->library)
		return -ENOPKG;
	d->open = (__typeof__(d->open))dlsym(d->library, "cs_open");
	d->close = (__typeof__(d->close))dlsym(d->library, "cs_close");
	d->new_instruction = (__typeof__(d->new_instruction))dlsym(d->library, "cs_malloc");
	d->free_instructions = (__typeof__(d->free_instructions))dlsym(d->library, "cs_free");
	d->next = (__typeof__(d->next))dlsym(d->library, "cs_disasm_iter");
	if (d->open && d->close && d->new_instruction && d->free_instructions && d->next)
		return 0;
	dlclose(d->library);
	return -ENOPKG;
}

static bool is_return(uint16_t machine, const cs_insn *instruction)
{
	if (machine == EM_X86_64)
		return instruction->id == X86_INS_RET || instruction->id == X86_INS_RETF ||
		       instruction->id == X86_INS_RETFQ;
	return instruction->id == ARM64_INS_RET;
}

/* RETAA and RETAB, which this disassembler may not know: their encodings (Arm ARM, C6.2). */
static bool is_signed_return(uint16_t machine, const uint8_t *code, size_t bytes)
{
	return machine == EM_AARCH64 && bytes >= 4 &&
	       (!memcmp(code, "\xff\x0b\x5f\xd6", 4) || !memcmp(code, "\xff\x0f\x5f\xd6", 4));
}

/* What stands between two functions on arm64: words of zero, which are no instruction. */
static bool is_padding(uint16_t machine, const uint8_t *code, size_t bytes)
{
	if (machine != EM_AARCH64)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (code[i])
			return false;
	return true;
}

static int walk(const struct disassembler *d, csh handle, uint16_t machine, const uint8_t *code,
		size_t bytes, uint32_t *ret_offsets, size_t max, const char **ret_reason)
{
	const uint8_t *at = code;
	cs_insn *instruction = d->new_instruction(handle);
	size_t left = bytes, count = 0;
	uint64_t address = 0;
	int err = 0;

	if (!instruction)
		return -ENOMEM;
	while (left && !err) {
		uint64_t start = address;
		bool is_signed = is_signed_return(machine, at, left);

		if (is_signed) {
			at += 4;
			left -= 4;
			address += 4;
		} else if (!d->next(handle, &at, &left, &address, instruction)) {
			if (!is_padding(machine, at, left))
				err = refuse(-EILSEQ, ret_reason,
					     "a function has code that cannot be decoded");
			break;
		}
		if (!is_signed && !is_return(machine, instruction))
			continue;
		if (count == max)
			err = refuse(-E2BIG, ret_reason, "a function returns in too many places");
		else
			ret_offsets[count++] = (uint32_t)start;
	}
	d->free_instructions(instruction, 1);
	if (err)
		return err;
	if (!count)
		return refuse(-ENOENT, ret_reason, "a function never returns");
	return (int)count;
}

int returns__find(uint16_t machine, const uint8_t *code, size_t bytes, uint32_t *ret_offsets,
		  size_t max, const char **ret_reason)
{
	struct disassembler d;
	csh handle;
	int err;

	if (!bytes || bytes > RETURNS_MAX_CODE_BYTES)
		return refuse(-E2BIG, ret_reason, "a function is larger than any that is known");
	if (disassembler__load(&d))
		return refuse(-ENOPKG, ret_reason,
			      SONAME_OF(CS_API_MAJOR) " is not installed, which finds where Go's "
						      "functions return");
	if (machine == EM_X86_64)
		err = (int)d.open(CS_ARCH_X86, CS_MODE_64, &handle);
	else
		err = (int)d.open(CS_ARCH_ARM64, CS_MODE_ARM, &handle);
	if (err) {
		err = refuse(-EOPNOTSUPP, ret_reason,
			     "the disassembler does not know this architecture");
	} else {
		err = walk(&d, handle, machine, code, bytes, ret_offsets, max, ret_reason);
		d.close(&handle);
	}
	dlclose(d.library);
	return err;
}
