// SPDX-License-Identifier: Apache-2.0
#include "uprobes/returns.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "uprobes/disassembler.h"

static int refuse(int err, const char **ret_reason, const char *reason)
{
	*ret_reason = reason;
	return err;
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

static int walk(const struct disassembler *d, uint16_t machine, const uint8_t *code, size_t bytes,
		uint32_t *ret_offsets, size_t max, const char **ret_reason)
{
	const uint8_t *at = code;
	size_t left = bytes, count = 0;
	uint64_t address = 0;
	int err = 0;

	while (left && !err) {
		uint64_t start = address;
		bool is_signed = is_signed_return(machine, at, left);

		if (is_signed) {
			at += 4;
			left -= 4;
			address += 4;
		} else if (!d->next(d->handle, &at, &left, &address, d->instruction)) {
			if (!is_padding(machine, at, left))
				err = refuse(-EILSEQ, ret_reason,
					     "a function has code that cannot be decoded");
			break;
		}
		if (!is_signed && !is_return(machine, d->instruction))
			continue;
		if (count == max)
			err = refuse(-E2BIG, ret_reason, "a function returns in too many places");
		else
			ret_offsets[count++] = (uint32_t)start;
	}
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
	int err;

	if (!bytes || bytes > RETURNS_MAX_CODE_BYTES)
		return refuse(-E2BIG, ret_reason, "a function is larger than any that is known");
	err = disassembler__open(&d, machine);
	if (err == -ENOPKG)
		return refuse(err, ret_reason,
			      DISASSEMBLER_NAME " is not installed, which finds where Go's "
						"functions return");
	if (err == -EOPNOTSUPP)
		return refuse(err, ret_reason, "the disassembler does not know this architecture");
	if (err)
		return refuse(err, ret_reason, "there is no memory to disassemble it");
	err = walk(&d, machine, code, bytes, ret_offsets, max, ret_reason);
	disassembler__close(&d);
	return err;
}
