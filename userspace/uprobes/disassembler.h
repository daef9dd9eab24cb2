/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disassembler: a shared library that is loaded while it is needed, so that
 * nobody has its tables in memory who does not meet a program that needs it.
 */
#ifndef EDGETAP_UPROBES_DISASSEMBLER_H
#define EDGETAP_UPROBES_DISASSEMBLER_H

#include <capstone/capstone.h>
#include <stdint.h>

#ifndef EM_AARCH64
#define EM_AARCH64 183
#endif

#define DISASSEMBLER_TEXT_OF(number) #number
#define DISASSEMBLER_NAME_OF(major) "libcapstone.so." DISASSEMBLER_TEXT_OF(major)
#define DISASSEMBLER_NAME DISASSEMBLER_NAME_OF(CS_API_MAJOR)

struct disassembler {
	void *library; /* NULL: closed */
	csh handle;
	cs_insn *instruction; /* what next() decoded last */
	__typeof__(&cs_open) open;
	__typeof__(&cs_close) close;
	__typeof__(&cs_option) option;
	__typeof__(&cs_malloc) new_instruction;
	__typeof__(&cs_free) free_instructions;
	__typeof__(&cs_disasm_iter) next;
	__typeof__(&cs_regs_access) registers;
};

/*
 * For code of EM_X86_64 or EM_AARCH64. Returns 0; -ENOPKG without the library;
 * -EOPNOTSUPP if it does not know the machine; or -ENOMEM. To be closed by disassembler__close().
 */
int disassembler__open(struct disassembler *ret_disassembler, uint16_t machine);

/* One that is closed, or zeroed, may be closed again. */
void disassembler__close(struct disassembler *disassembler);

#endif
