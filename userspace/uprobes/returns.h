/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a function returns. A return probe replaces the return address on the
 * stack, which Go's runtime walks and moves: there, only probes on the return
 * instructions themselves are safe, and they are found by disassembling.
 */
#ifndef EDGETAP_UPROBES_RETURNS_H
#define EDGETAP_UPROBES_RETURNS_H

#include <stddef.h>
#include <stdint.h>

#define RETURNS_MAX_CODE_BYTES 65536

/*
 * Writes the offsets of the return instructions in the code of one function, in
 * ascending order. machine is EM_X86_64 or EM_AARCH64. The disassembler is a
 * shared library that is loaded for the call, so that nobody has its tables in
 * memory who does not meet such a program. Returns how many (1 to max); or a negative errno
 * with a static sentence in ret_reason: -ENOPKG without the library, -EILSEQ if the code
 * cannot be decoded to its end, -E2BIG for too much code or too many returns, -ENOENT for none.
 */
int returns__find(uint16_t machine, const uint8_t *code, size_t bytes, uint32_t *ret_offsets,
		  size_t max, const char **ret_reason);

#endif
