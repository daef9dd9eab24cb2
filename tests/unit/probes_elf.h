/* SPDX-License-Identifier: Apache-2.0 */
/* A small ELF file made by hand, so that a test can break each part of it. */
#ifndef EDGETAP_TESTS_PROBES_ELF_H
#define EDGETAP_TESTS_PROBES_ELF_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "uprobes/elf.h"

#define MADE_BYTES 8192
#define MADE_CODE_OFFSET 0x1000
#define MADE_CODE_ADDRESS 0x401000
#define MADE_MAX_SYMBOLS 8

/* What `made` is laid out as; for tests that change a field. */
struct made {
	union {
		uint8_t byte[MADE_BYTES];
		Elf64_Ehdr header;
	};
	size_t bytes;
	Elf64_Phdr *code; /* PT_LOAD, executable */
	Elf64_Shdr *sections;
	Elf64_Sym *symbols;
	char *strings;
	uint8_t *pclntab; /* 1024 bytes, NULL unless asked for */
};

/*
 * A program with these functions (names, one after the other 64 bytes long each, at
 * MADE_CODE_ADDRESS) in .symtab, and with room for a .gopclntab at address 0x403000 if
 * has_pclntab.
 */
void made__build(struct made *made, const char *const *names, size_t count, int has_pclntab);

/* Reads from it; made must outlive the source. */
struct elf_source made__source(struct made *made);

/*
 * Fills the .gopclntab with the same functions in the layout of this magic. text is
 * the word for the start of the text (1.18 and later); the functions are at MADE_CODE_ADDRESS.
 */
void made__fill_pclntab(struct made *made, uint32_t magic, uint64_t text, const char *const *names,
			size_t count);

#endif
