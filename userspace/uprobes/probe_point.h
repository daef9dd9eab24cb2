/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a function a probe costs least. The kernel runs the instruction under
 * a breakpoint in its own stead if it is one of a few (arch/x86/kernel/uprobes.c,
 * branch_setup_xol_ops() and push_setup_xol_ops(): relative jumps and calls, push
 * of a register), and else lets the thread run a copy of it with a second trap
 * behind, for more than ten times the time.
 *
 * A place other than the first instruction must be one through which each call of
 * the function passes once, with the arguments and the stack pointer as they were at
 * its begin. What cannot be shown to be one is none.
 *
 * x86-64 only: pure functions on bytes, whatever these are.
 */
#ifndef EDGETAP_UPROBES_PROBE_POINT_H
#define EDGETAP_UPROBES_PROBE_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uprobes/disassembler.h"

enum probe_abi {
	PROBE_ABI_C3, /* System V, of which three arguments count */
	PROBE_ABI_C4, /* four */
	PROBE_ABI_GO, /* from 1.17: up to three words and the receiver; the goroutine */
};

/* Whether the kernel emulates the instruction at the start of these bytes. */
bool probe_point__is_cheap(const uint8_t *code, size_t bytes);

/*
 * The offset of such a place, good for a probe and for a return probe, in a
 * function whose whole code this is; 0, the first instruction, if there is no better one.
 * disassembler may be NULL: then only what most functions begin with is known.
 */
uint32_t probe_point__in(const struct disassembler *disassembler, enum probe_abi abi,
			 const uint8_t *code, size_t bytes);

/* What the function at hand takes behind (object, buffer, length). */
enum place_form {
	PLACE_FORM_INT,	  /* nothing: an int length, the number of bytes is returned */
	PLACE_FORM_BYTES, /* where to write the number of bytes */
};

/*
 * Whether a function does little else than call another with the same first three arguments
 * and, as the fourth, where to write the number of bytes: its own such argument, or, of
 * PLACE_FORM_INT, a place on its stack. code is at this address. True with the address of
 * the function that it calls first. A function that returns before it calls may be one.
 */
bool probe_point__calls(const struct disassembler *disassembler, enum place_form form,
			const uint8_t *code, size_t bytes, uint64_t address, uint64_t *ret_target);

#endif
