/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function symbols of an executable or a shared library, as offsets in its file.
 *
 * The file belongs to whoever wrote it: a container. So it is read with
 * pread(2) into small windows. A mapping would end the agent with SIGBUS when
 * the owner shortens the file meanwhile, and a library that reads whole
 * sections would take what memory their headers ask for. Every read is counted
 * against a budget, so that no file keeps its reader busy for long.
 *
 * 64-bit little-endian files of this machine's architecture only (System V ABI,
 * chapters 4 and 5).
 */
#ifndef EDGETAP_UPROBES_ELF_H
#define EDGETAP_UPROBES_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ELF_MAX_SEGMENTS 16
#define ELF_WINDOW_BYTES 65536
#define ELF_BUDGET_BYTES (256ULL << 20) /* read from one file */

/* Where the bytes come from: a file, or memory in tests. */
struct elf_source {
	/* As pread(2): bytes read, fewer only at the end, or a negative errno. */
	ssize_t (*read)(void *ctx, void *to, size_t bytes, uint64_t offset);
	void *ctx;
	uint64_t size; /* bytes */
};

/* A part of the file; bytes 0: there is none. Always inside the file. */
struct elf_part {
	uint64_t address; /* virtual */
	uint64_t offset;  /* in the file */
	uint64_t bytes;
};

struct elf_segment {
	struct elf_part part;
	bool is_code;
};

struct elf_table {
	struct elf_part symbols;
	struct elf_part strings;
};

struct elf {
	struct elf_source source;
	uint64_t budget; /* bytes that may still be read */
	uint16_t machine;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
	size_t segment_count;
	struct elf_table symtab;
	struct elf_table dynsym;
	struct elf_part text;
	struct elf_part relocations; /* .rela.dyn */
	struct elf_part go_pclntab;
	struct elf_part go_buildinfo;
};

struct elf_symbol {
	uint64_t address; /* 0: not found */
	uint64_t offset;  /* in the file */
	uint64_t bytes;	  /* as the symbol says, 0 if it does not */
};

/* A sliding piece of the file; zero-initialised it is empty. */
struct elf_window {
	uint64_t start;
	size_t have;
	uint8_t byte[ELF_WINDOW_BYTES];
};

/* Bytes from a file descriptor, which the source does not own. 0 or a negative errno. */
int elf_source__file(struct elf_source *ret_source, int fd);

/*
 * Reads the headers. Returns 0; -ENOEXEC with a static sentence in ret_reason
 * for a file that cannot be used; -E2BIG with one if it asks for too much; or
 * another negative errno of the source (ret_reason untouched).
 */
int elf__open(struct elf *ret_elf, const struct elf_source *source, const char **ret_reason);

/*
 * size bytes (at most ELF_WINDOW_BYTES) at offset, valid until the window's next
 * use; NULL if they are not there or the budget is used up.
 */
const void *elf__at(struct elf *elf, struct elf_window *window, uint64_t offset, size_t size);

/* Reads exactly size bytes. 0, -ENODATA beyond the end, -E2BIG, or an errno of the source. */
int elf__read(struct elf *elf, void *to, size_t size, uint64_t offset);

/*
 * Finds defined functions by name in one table. names are count (at most
 * ELF_MAX_NAMES) names, ret_symbols as many results, of which those found are written.
 * Two passes over the table, no memory that grows. Returns how many are found
 * now, or a negative errno.
 */
#define ELF_MAX_NAMES 16
int elf__find(struct elf *elf, const struct elf_table *table, const char *const *names,
	      size_t count, struct elf_symbol *ret_symbols);

/*
 * Where the size bytes at this address are in the file. 0, or -ENOENT if they are
 * not all in one segment of the file (with code: in one that is executable).
 */
int elf__offset(const struct elf *elf, uint64_t address, uint64_t size, bool code,
		uint64_t *ret_offset);

#endif
