// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes_elf.h"
#include "uprobes/plan.h"

Suite *probes_elf_suite(void);

static const char *const both[] = { "SSL_read", "xSSL_write", "SSL_write", "other" };

static struct made made;
static struct elf elf;
static struct plan plan;
static const char *reason;

static int open_made(void)
{
	const struct elf_source source = made__source(&made);

	reason = NULL;
	return elf__open(&elf, &source, &reason);
}

static int plan_made(const char *name)
{
	const struct elf_source source = made__source(&made);

	return plan__make(&plan, &source, name, true);
}

START_TEST(functions_have_file_offsets)
{
	static const char *const names[] = { "SSL_write", "SSL_read", "SSL_peek" };
	struct elf_symbol symbols[3] = {};

	made__build(&made, both, 4, 0);
	ck_assert_int_eq(open_made(), 0);
	ck_assert_int_eq(elf__find(&elf, &elf.symtab, names, 3, symbols), 2);
	ck_assert_uint_eq(symbols[0].offset, MADE_CODE_OFFSET + 128);
	ck_assert_uint_eq(symbols[0].address, MADE_CODE_ADDRESS + 128);
	ck_assert_uint_eq(symbols[0].bytes, 64);
	ck_assert_uint_eq(symbols[1].offset, MADE_CODE_OFFSET);
	ck_assert_uint_eq(symbols[2].address, 0);
}
END_TEST

/* The linker lets a name be the tail of another one. */
START_TEST(a_name_may_be_the_end_of_another)
{
	static const char *const name[] = { "SSL_write" };
	struct elf_symbol symbol = {};

	made__build(&made, both, 2, 0);
	made.symbols[2].st_name++;
	ck_assert_int_eq(open_made(), 0);
	ck_assert_int_eq(elf__find(&elf, &elf.symtab, name, 1, &symbol), 1);
	ck_assert_uint_eq(symbol.address, MADE_CODE_ADDRESS + 64);
}
END_TEST

START_TEST(only_functions_that_are_there_count)
{
	static const char *const name[] = { "SSL_read" };
	struct elf_symbol symbol = {};

	made__build(&made, both, 4, 0);
	made.symbols[1].st_shndx = SHN_UNDEF;
	ck_assert_int_eq(open_made(), 0);
	ck_assert_int_eq(elf__find(&elf, &elf.symtab, name, 1, &symbol), 0);
	made.symbols[1].st_shndx = 4;
	made.symbols[1].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
	ck_assert_int_eq(elf__find(&elf, &elf.symtab, name, 1, &symbol), 0);
	made.symbols[1].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
	made.symbols[1].st_value = 0x403000; /* not executable */
	ck_assert_int_eq(elf__find(&elf, &elf.symtab, name, 1, &symbol), 0);
	made.symbols[1].st_value = MADE_CODE_ADDRESS + 0x7ff; /* ends behind the segment */
	ck_assert_int_eq(elf__find(&elf, &elf.symtab, name, 1, &symbol), 0);
	made.symbols[1].st_value = MADE_CODE_ADDRESS;
	ck_assert_int_eq(elf__find(&elf, &elf.symtab, name, 1, &symbol), 1);
}
END_TEST

START_TEST(what_is_refused)
{
	made__build(&made, both, 4, 0);
	made.byte[0] = 0;
	ck_assert_int_eq(open_made(), -ENOEXEC);
	ck_assert_str_eq(reason, "it is no ELF file");

	made__build(&made, both, 4, 0);
	made.header.e_ident[EI_CLASS] = ELFCLASS32;
	ck_assert_int_eq(open_made(), -ENOEXEC);
	ck_assert_str_eq(reason, "it is a 32-bit program");

	made__build(&made, both, 4, 0);
	made.header.e_machine = EM_MIPS;
	ck_assert_int_eq(open_made(), -ENOEXEC);
	ck_assert_str_eq(reason, "it is for another architecture");

	made__build(&made, both, 4, 0);
	made.header.e_type = ET_REL;
	ck_assert_int_eq(open_made(), -ENOEXEC);

	made__build(&made, both, 4, 0);
	made.code[0].p_filesz = UINT64_MAX;
	ck_assert_int_eq(open_made(), -ENOEXEC);
	ck_assert_str_eq(reason, "a segment is not inside the file");

	made__build(&made, both, 4, 0);
	made.header.e_shnum = 0;
	made.sections[0].sh_size = UINT64_MAX;
	ck_assert_int_eq(open_made(), -E2BIG);

	made__build(&made, both, 4, 0);
	made.header.e_shoff = UINT64_MAX - 8;
	ck_assert_int_eq(open_made(), -ENOEXEC);
}
END_TEST

/* A table that claims more than the file has is none. */
START_TEST(sizes_are_held_against_the_file)
{
	made__build(&made, both, 4, 0);
	made.sections[3].sh_size = 1ULL << 40;
	ck_assert_int_eq(open_made(), 0);
	ck_assert_uint_eq(elf.symtab.symbols.bytes, 0);

	made__build(&made, both, 4, 0);
	made.sections[2].sh_offset = UINT64_MAX;
	ck_assert_int_eq(open_made(), 0);
	ck_assert_uint_eq(elf.symtab.strings.bytes, 0);

	made__build(&made, both, 4, 0);
	made.sections[3].sh_link = 77;
	ck_assert_int_eq(open_made(), 0);
	ck_assert_uint_eq(elf.symtab.symbols.bytes, 0);
}
END_TEST

/* Zeros without end, as a sparse file has them: no more is read than the budget. */
static uint64_t zeros_read;

static ssize_t read_zeros(void *ctx, void *to, size_t bytes, uint64_t offset)
{
	struct made *head = ctx;

	zeros_read += bytes;
	memset(to, 0, bytes);
	for (size_t i = 0; i < bytes && offset + i < MADE_BYTES; i++)
		((uint8_t *)to)[i] = head->byte[offset + i];
	return (ssize_t)bytes;
}

START_TEST(a_huge_file_is_given_up)
{
	struct elf_source source = { read_zeros, &made, 1ULL << 45 };

	made__build(&made, both, 4, 0);
	made.sections[2].sh_size = 1ULL << 44;
	ck_assert_int_eq(plan__make(&plan, &source, "libssl.so.3", false), 1);
	ck_assert_uint_eq(plan.count, 0);
	ck_assert_str_eq(plan.reason, "its symbols cannot be read");
	ck_assert_uint_le(zeros_read, ELF_BUDGET_BYTES);
}
END_TEST

START_TEST(a_name_across_two_windows_is_found)
{
	static char strings[2 * ELF_WINDOW_BYTES];
	static const char *const name[] = { "SSL_read" };

	/* every position of the name around the end of the first window */
	for (size_t at = ELF_WINDOW_BYTES - 12; at < ELF_WINDOW_BYTES + 4; at++) {
		static struct {
			struct made head;
			char more[2 * ELF_WINDOW_BYTES];
		} file;
		struct elf_symbol symbol = {};
		struct elf_source source;

		memset(strings, 'a', sizeof(strings));
		strings[at - 1] = '\0';
		strcpy(strings + at, name[0]);
		made__build(&file.head, both, 1, 0);
		file.head.symbols[1].st_name = (Elf64_Word)at;
		file.head.sections[2].sh_offset = offsetof(__typeof__(file), more);
		file.head.sections[2].sh_size = sizeof(strings);
		memcpy(file.more, strings, sizeof(strings));
		source = made__source(&file.head);
		file.head.bytes = source.size = sizeof(file);
		reason = NULL;
		ck_assert_int_eq(elf__open(&elf, &source, &reason), 0);
		ck_assert_int_eq(elf__find(&elf, &elf.symtab, name, 1, &symbol), 1);
	}
}
END_TEST

/* However it is cut or changed, it is read without harm; the sanitizers watch. */
START_TEST(broken_files_do_no_harm)
{
	static const char *const go[] = { "crypto/tls.(*Conn).Read", "crypto/tls.(*Conn).Write" };

	for (size_t bytes = 0; bytes < MADE_BYTES; bytes += bytes < 0x1000 ? 1 : 97) {
		made__build(&made, go, 2, 1);
		made__fill_pclntab(&made, 0xfffffff1U, MADE_CODE_ADDRESS, go, 2);
		made.bytes = bytes;
		plan_made("server");
	}
	for (size_t i = 0; i < 0x1c00; i++) {
		static const uint8_t bad[] = { 0xff, 0x80, 0x7f };

		if (i == 0x900)
			i = 0x1800; /* the table of functions */
		made__build(&made, i & 1 ? go : both, 2, 1);
		made__fill_pclntab(&made, 0xfffffff1U, MADE_CODE_ADDRESS, go, 2);
		for (size_t j = 0; j < sizeof(bad); j++) {
			made.byte[i] ^= bad[j];
			plan_made("server");
		}
	}
}
END_TEST

START_TEST(openssl_takes_its_functions)
{
	made__build(&made, both, 4, 0);
	ck_assert_int_eq(plan_made("libssl.so.3"), 1);
	ck_assert_int_eq(plan.library, TLS_LIBRARY_OPENSSL);
	ck_assert_str_eq(plan.version, "3");
	ck_assert_str_eq(plan.functions, "SSL_read SSL_write");
	ck_assert_ptr_null(plan.reason);
	ck_assert_uint_eq(plan.count, 4);
	ck_assert_str_eq(plan.probe[0].program, "tls_read_enter");
	ck_assert(!plan.probe[0].is_return);
	ck_assert_str_eq(plan.probe[1].program, "tls_read_return");
	ck_assert(plan.probe[1].is_return);
	ck_assert_uint_eq(plan.probe[2].offset, MADE_CODE_OFFSET + 128);
	ck_assert_str_eq(plan.probe[3].program, "tls_write_return");

	/* a program that holds it */
	ck_assert_int_eq(plan_made("envoy"), 1);
	ck_assert_str_eq(plan.version, "");
	/* one direction alone is worse than none; in a library of that name it is told */
	made__build(&made, both, 2, 0);
	ck_assert_int_eq(plan_made("envoy"), 0);
	ck_assert_int_eq(plan_made("libssl.so.1.1"), 1);
	ck_assert_str_eq(plan.reason, "it has no function that writes");
	ck_assert_uint_eq(plan.count, 0);
}
END_TEST

START_TEST(gnutls_takes_its_functions)
{
	static const char *const names[] = { "gnutls_record_send", "gnutls_record_recv",
					     "gnutls_bye" };

	made__build(&made, names, 3, 0);
	ck_assert_int_eq(plan_made("libgnutls.so.30"), 1);
	ck_assert_int_eq(plan.library, TLS_LIBRARY_GNUTLS);
	ck_assert_uint_eq(plan.count, 6);
	ck_assert_str_eq(plan.functions, "gnutls_bye gnutls_record_recv gnutls_record_send");
}
END_TEST

/* The running program: what the file says against where the function is in memory. */
START_TEST(own_program)
{
	static const char *const name[] = { "probes_elf_suite" };
	struct elf_source source;
	struct elf_symbol symbol = {};
	uint8_t in_file[16];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(elf_source__file(&source, fd), 0);
	ck_assert_int_eq(elf__open(&elf, &source, &reason), 0);
	ck_assert_int_eq(elf__find(&elf, &elf.symtab, name, 1, &symbol), 1);
	ck_assert_int_eq(pread(fd, in_file, sizeof(in_file), (off_t)symbol.offset), 16);
	ck_assert_mem_eq(in_file, (const void *)(uintptr_t)probes_elf_suite, sizeof(in_file));
	close(fd);
}
END_TEST

Suite *probes_elf_suite(void)
{
	Suite *suite = suite_create("probes_elf");
	TCase *tc = tcase_create("probes_elf");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, functions_have_file_offsets);
	tcase_add_test(tc, a_name_may_be_the_end_of_another);
	tcase_add_test(tc, only_functions_that_are_there_count);
	tcase_add_test(tc, what_is_refused);
	tcase_add_test(tc, sizes_are_held_against_the_file);
	tcase_add_test(tc, a_huge_file_is_given_up);
	tcase_add_test(tc, a_name_across_two_windows_is_found);
	tcase_add_test(tc, broken_files_do_no_harm);
	tcase_add_test(tc, openssl_takes_its_functions);
	tcase_add_test(tc, gnutls_takes_its_functions);
	tcase_add_test(tc, own_program);
	suite_add_tcase(suite, tc);
	return suite;
}
