// SPDX-License-Identifier: Apache-2.0
#include "probes_process.h"

#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PATHS 16

/*
 * The process is a program of its own: a child of the test would have mapped what
 * the test has, which is a TLS library too.
 */
static const char mapper_source[] =
	"#include <fcntl.h>\n#include <stdlib.h>\n#include <sys/mman.h>\n"
	"#include <sys/prctl.h>\n#include <unistd.h>\n"
	"int main(int argc, char **argv)\n{\n"
	"	char byte = 0;\n"
	"	prctl(PR_SET_PDEATHSIG, 9);\n"
	"	for (int i = 3; i < argc; i++) {\n"
	"		int fd = open(argv[i], O_RDONLY);\n"
	"		if (fd < 0 || mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096) ==\n"
	"			      MAP_FAILED)\n"
	"			return 1;\n"
	"		close(fd);\n"
	"	}\n"
	"	if (write(atoi(argv[1]), &byte, 1) != 1)\n"
	"		return 1;\n"
	"	if (read(atoi(argv[2]), &byte, 1) == 1)\n"
	"		execlp(\"sleep\", \"sleep\", \"1000\", (char *)0);\n"
	"	pause();\n"
	"	return 1;\n"
	"}\n";
static char mapper[PROBES_PATH_BYTES];

static void compile(const char *path, const char *options, const char *source, const char *more)
{
	char command[512];
	FILE *compiler;

	snprintf(command, sizeof(command), "gcc %s -o %s -x c -", options, path);
	compiler = popen(command, "w");
	ck_assert_ptr_nonnull(compiler);
	fprintf(compiler, "%s\n%s\n", source, more);
	ck_assert_int_eq(pclose(compiler), 0);
}

void probes_library__make(char path[PROBES_PATH_BYTES], const char *source)
{
	char directory[] = "/tmp/edgetap-probes-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, PROBES_PATH_BYTES, "%s/libssl.so.9", directory);
	snprintf(mapper, sizeof(mapper), "%s/mapper", directory);
	compile(path, "-shared -fPIC",
		"int SSL_read(void *s, void *b, int n) { return s && b ? n : -1; }\n"
		"int SSL_write(void *s, const void *b, int n) { return s && b ? n : -1; }",
		source);
	compile(mapper, "-D_GNU_SOURCE", mapper_source, "");
}

void probes_library__copy(const char *path, const char *name, char copy[PROBES_PATH_BYTES])
{
	static char bytes[1 << 20];
	int length = (int)(strrchr(path, '/') - path);
	FILE *from = fopen(path, "r"), *to;
	size_t n;

	snprintf(copy, PROBES_PATH_BYTES, "%.*s/%s", length, path, name);
	to = fopen(copy, "w");
	ck_assert_ptr_nonnull(from);
	ck_assert_ptr_nonnull(to);
	n = fread(bytes, 1, sizeof(bytes), from);
	ck_assert_uint_eq(fwrite(bytes, 1, n, to), n);
	ck_assert_int_eq(fclose(to), 0);
	fclose(from);
}

void probes_library__swell(const char *path)
{
	const Elf64_Xword bytes = 64 << 20;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	Elf64_Shdr section = {};
	Elf64_Ehdr header;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (Elf64_Off i = 0; section.sh_type != SHT_DYNSYM; i++) {
		ck_assert_uint_lt(i, header.e_shnum);
		ck_assert_int_eq(pread(fd, &section, sizeof(section),
				       (off_t)(header.e_shoff + i * sizeof(section))),
				 sizeof(section));
	}
	header.e_shoff += section.sh_link * sizeof(section);
	ck_assert_int_eq(pread(fd, &section, sizeof(section), (off_t)header.e_shoff),
			 sizeof(section));
	section.sh_size = bytes;
	ck_assert_int_eq(pwrite(fd, &section, sizeof(section), (off_t)header.e_shoff),
			 sizeof(section));
	ck_assert_int_eq(ftruncate(fd, (off_t)(section.sh_offset + bytes)), 0);
	close(fd);
}

void probes_library__remove(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -r -- '%.*s'", (int)(strrchr(path, '/') - path),
		 path);
	ck_assert_int_eq(system(command), 0);
}

static void be_process(const char *const *paths, size_t count, int ready, int go_on)
{
	char *arguments[MAX_PATHS + 4] = { mapper }, number[2][16];

	snprintf(number[0], sizeof(number[0]), "%d", dup(ready));
	snprintf(number[1], sizeof(number[1]), "%d", dup(go_on));
	arguments[1] = number[0];
	arguments[2] = number[1];
	for (size_t i = 0; i < count && i < MAX_PATHS; i++)
		arguments[i + 3] = (char *)paths[i];
	execv(mapper, arguments);
	_exit(1);
}

pid_t probes_process__start(const char *const *paths, size_t count, pid_t pid, int *ret_go_on)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD };
	int ready[2], go_on[2];
	pid_t child;
	char byte;

	if (pid) {
		arguments.set_tid = (uint64_t)(uintptr_t)&pid;
		arguments.set_tid_size = 1;
	}
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(go_on, O_CLOEXEC), 0);
	child = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (child == 0) {
		close(go_on[1]);
		be_process(paths, count, ready[1], go_on[0]);
	}
	close(ready[1]);
	close(go_on[0]);
	if (child > 0)
		ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	if (ret_go_on && child > 0)
		*ret_go_on = go_on[1];
	else if (child < 0)
		close(go_on[1]);
	return child;
}

void probes_process__end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
