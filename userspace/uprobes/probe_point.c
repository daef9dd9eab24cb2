// SPDX-License-Identifier: Apache-2.0
#include "uprobes/probe_point.h"

#include <string.h>

#define MAX_INSTRUCTIONS 16 /* looked at from the begin of a function */
#define MARK_BYTES 4	    /* endbr64, where indirect calls may land */

enum {
	RAX = 1 << 0,
	RBX = 1 << 1,
	RCX = 1 << 2,
	RDX = 1 << 3,
	RSI = 1 << 4,
	RDI = 1 << 5,
	RSP = 1 << 6,
	R14 = 1 << 7,
};

/* The registers that must be as they were when the function was called. */
static const unsigned int kept[] = {
	[PROBE_ABI_C3] = RDI | RSI | RDX | RSP,
	[PROBE_ABI_C4] = RDI | RSI | RDX | RCX | RSP,
	[PROBE_ABI_GO] = RAX | RBX | RCX | RDI | R14 | RSP,
};

/* The register, or that of which it is a part; 0 for all others. */
static unsigned int register_of(unsigned int part)
{
	switch (part) {
	case X86_REG_RAX:
	case X86_REG_EAX:
	case X86_REG_AX:
	case X86_REG_AL:
	case X86_REG_AH:
		return RAX;
	case X86_REG_RBX:
	case X86_REG_EBX:
	case X86_REG_BX:
	case X86_REG_BL:
	case X86_REG_BH:
		return RBX;
	case X86_REG_RCX:
	case X86_REG_ECX:
	case X86_REG_CX:
	case X86_REG_CL:
	case X86_REG_CH:
		return RCX;
	case X86_REG_RDX:
	case X86_REG_EDX:
	case X86_REG_DX:
	case X86_REG_DL:
	case X86_REG_DH:
		return RDX;
	case X86_REG_RSI:
	case X86_REG_ESI:
	case X86_REG_SI:
	case X86_REG_SIL:
		return RSI;
	case X86_REG_RDI:
	case X86_REG_EDI:
	case X86_REG_DI:
	case X86_REG_DIL:
		return RDI;
	case X86_REG_RSP:
	case X86_REG_ESP:
	case X86_REG_SP:
	case X86_REG_SPL:
		return RSP;
	case X86_REG_R14:
	case X86_REG_R14D:
	case X86_REG_R14W:
	case X86_REG_R14B:
		return R14;
	}
	return 0;
}

/*
 * Instructions of which the disassembler is known to tell all the registers that
 * they write, and that go on at the next one.
 */
static bool is_plain(const cs_insn *instruction)
{
	switch (instruction->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
	case X86_INS_MOVSXD:
	case X86_INS_MOVZX:
	case X86_INS_LEA:
	case X86_INS_ADD:
	case X86_INS_SUB:
	case X86_INS_AND:
	case X86_INS_OR:
	case X86_INS_XOR:
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_NOP:
		return true;
	}
	return false;
}

static bool is_mark(const uint8_t *code, size_t bytes)
{
	return bytes >= MARK_BYTES && !memcmp(code, "\xf3\x0f\x1e\xfa", MARK_BYTES);
}

static bool is_push(const uint8_t *code, size_t bytes)
{
	if (bytes >= 2 && code[0] == 0x41) /* r8 to r15 */
		code++;
	return bytes && (code[0] & 0xf8) == 0x50;
}

static bool is_branch(const uint8_t *code, size_t bytes)
{
	return bytes >= 2 && ((code[0] & 0xf0) == 0x70 || code[0] == 0xeb || code[0] == 0xe9 ||
			      (code[0] == 0x0f && (code[1] & 0xf0) == 0x80));
}

bool probe_point__is_cheap(const uint8_t *code, size_t bytes)
{
	return is_push(code, bytes) || is_branch(code, bytes) || (bytes && code[0] == 0xe8);
}

static int32_t word_at(const uint8_t *code)
{
	int32_t word;

	memcpy(&word, code, sizeof(word));
	return word;
}

/*
 * Whether something in the code might jump to behind its begin, up to place, so that one
 * call passes there more than once. Takes any byte for the begin of an instruction: it
 * may see a jump where there is none, never the other way round.
 */
static bool is_jumped_to(const uint8_t *code, size_t bytes, size_t place)
{
	for (size_t i = 0; i + 2 <= bytes; i++) {
		int64_t target = 0;

		if ((code[i] & 0xf0) == 0x70 || code[i] == 0xeb || (code[i] & 0xfc) == 0xe0)
			target = (int64_t)i + 2 + (int8_t)code[i + 1];
		else if ((code[i] & 0xfe) == 0xe8 && i + 5 <= bytes)
			target = (int64_t)i + 5 + word_at(code + i + 1);
		else if (code[i] == 0x0f && (code[i + 1] & 0xf0) == 0x80 && i + 6 <= bytes)
			target = (int64_t)i + 6 + word_at(code + i + 2);
		if (target > 0 && target <= (int64_t)place)
			return true;
	}
	return false;
}

/* The registers that the decoded instruction writes; all if that is not known. */
static unsigned int written(const struct disassembler *d)
{
	cs_regs reads, writes;
	uint8_t read_count = 0, write_count = 0;
	unsigned int registers = 0;

	if (!is_plain(d->instruction) ||
	    d->registers(d->handle, d->instruction, reads, &read_count, writes, &write_count))
		return ~0U;
	for (uint8_t i = 0; i < write_count; i++)
		registers |= register_of(writes[i]);
	return registers;
}

/* The first cheap instruction that is reached with the registers as they were; 0: none. */
static size_t first_cheap(const struct disassembler *d, unsigned int keep, const uint8_t *code,
			  size_t bytes)
{
	const uint8_t *at = code;
	size_t left = bytes;
	uint64_t address = 0;

	for (int i = 0; i < MAX_INSTRUCTIONS && left; i++) {
		if (is_push(at, left) || is_branch(at, left))
			return (size_t)(at - code);
		if (is_mark(at, left)) {
			at += MARK_BYTES;
			left -= MARK_BYTES;
			address += MARK_BYTES;
		} else if (!d->next(d->handle, &at, &left, &address, d->instruction) ||
			   written(d) & keep) {
			return 0;
		}
	}
	return 0;
}

uint32_t probe_point__in(const struct disassembler *disassembler, enum probe_abi abi,
			 const uint8_t *code, size_t bytes)
{
	size_t place = 0;

	if (probe_point__is_cheap(code, bytes))
		return 0;
	if (is_mark(code, bytes) && is_push(code + MARK_BYTES, bytes - MARK_BYTES))
		place = MARK_BYTES;
	else if (disassembler)
		place = first_cheap(disassembler, kept[abi], code, bytes);
	return is_jumped_to(code, bytes, place) ? 0 : (uint32_t)place;
}

static bool is_register(const cs_x86_op *operand, x86_reg reg)
{
	return operand->type == X86_OP_REG && operand->reg == reg;
}

/* "lea rcx, [rsp + x]" or "mov rcx, rsp" */
static bool takes_stack(const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	const cs_x86_op *from = &x86->operands[1];

	if (x86->op_count != 2 || !is_register(&x86->operands[0], X86_REG_RCX))
		return false;
	if (instruction->id == X86_INS_MOV)
		return is_register(from, X86_REG_RSP);
	return instruction->id == X86_INS_LEA && from->type == X86_OP_MEM &&
	       from->mem.base == X86_REG_RSP && from->mem.index == X86_REG_INVALID;
}

/* "movsxd rdx, edx" or "mov edx, edx" */
static bool extends_length(const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;

	if (x86->op_count != 2 || !is_register(&x86->operands[1], X86_REG_EDX))
		return false;
	return instruction->id == X86_INS_MOVSXD
		       ? is_register(&x86->operands[0], X86_REG_RDX)
		       : instruction->id == X86_INS_MOV &&
				 is_register(&x86->operands[0], X86_REG_EDX);
}

/* "sub rsp, x" */
static bool makes_room(const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;

	return instruction->id == X86_INS_SUB && x86->op_count == 2 &&
	       is_register(&x86->operands[0], X86_REG_RSP) && x86->operands[1].type == X86_OP_IMM;
}

static bool is_jump_on_condition(const uint8_t *code, size_t bytes)
{
	return is_branch(code, bytes) && code[0] != 0xeb && code[0] != 0xe9;
}

bool probe_point__calls(const struct disassembler *disassembler, enum place_form form,
			const uint8_t *code, size_t bytes, uint64_t address, uint64_t *ret_target)
{
	const struct disassembler *d = disassembler;
	bool has_fourth = form == PLACE_FORM_BYTES;
	const uint8_t *at = code;
	size_t left = bytes;

	for (int i = 0; i < MAX_INSTRUCTIONS && left; i++) {
		const uint8_t *start = at;
		size_t start_left = left;
		unsigned int changed;

		if (is_mark(at, left)) {
			at += MARK_BYTES;
			left -= MARK_BYTES;
			address += MARK_BYTES;
			continue;
		}
		if (!d->next(d->handle, &at, &left, &address, d->instruction))
			return false;
		if (start[0] == 0xe8 && at - start == 5) {
			if (!has_fourth)
				return false;
			*ret_target = address + (uint64_t)(int64_t)word_at(start + 1);
			return true;
		}
		if (is_jump_on_condition(start, start_left))
			continue;
		changed = written(d);
		if (changed == RCX && form == PLACE_FORM_INT)
			has_fourth = takes_stack(d->instruction);
		else if (changed == RDX && form == PLACE_FORM_INT) {
			if (!extends_length(d->instruction))
				return false;
		} else if (changed == RSP) {
			/* what is on the stack already may be the fourth argument */
			if ((has_fourth && form == PLACE_FORM_INT) || !makes_room(d->instruction))
				return false;
		} else if (changed & (RDI | RSI | RDX | RCX | RSP)) {
			return false;
		}
	}
	return false;
}
