// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes_process.h"
#include "uprobes/find.h"
#include "uprobes/listeners.h"

Suite *probes_find_suite(void);

#define OPENSSL (1U << (TLS_LIBRARY_OPENSSL - 1))
#define ALL 7U
#define HEADER_BYTES 64 /* of an ELF file, of which there is more to read */

static struct find *find;
static char library[PROBES_PATH_BYTES];

/* What on_found was told last, and how often. */
static struct {
	int count;
	struct file_state state;
	char path[256];
	size_t probes;
} told;

static void on_found(void *ctx, const struct found *found)
{
	struct stat stat;

	(void)ctx;
	told.count++;
	told.state = found->state;
	told.probes = found->plan->count;
	snprintf(told.path, sizeof(told.path), "%s", found->path);
	ck_assert_int_eq(fstat(found->fd, &stat), 0);
	ck_assert_uint_eq((uint64_t)stat.st_size, found->state.bytes);
}

static int look(pid_t pid)
{
	const struct find_look look = { .pid = pid, .libraries = ALL, .on_found = on_found };

	told.count = 0;
	return find__process(find, &look, NULL);
}

static void setup(void)
{
	probes_library__make(library, "");
	ck_assert_int_eq(find__new(&find), 0);
}

static void teardown(void)
{
	find__free(find);
	probes_library__remove(library);
}

static bool parse(const char *text, struct mapping *mapping, char *line)
{
	strcpy(line, text);
	return mapping__parse(mapping, line);
}

START_TEST(lines_of_maps)
{
	struct mapping mapping;
	char line[256];

	ck_assert(parse("7f0a1000-7f0a2000 r-xp 00001000 fe:10 42     /usr/lib/a b.so", &mapping,
			line));
	ck_assert_uint_eq(mapping.start, 0x7f0a1000);
	ck_assert_uint_eq(mapping.end, 0x7f0a2000);
	ck_assert_uint_eq(mapping.major, 0xfe);
	ck_assert_uint_eq(mapping.minor, 0x10);
	ck_assert_uint_eq(mapping.inode, 42);
	ck_assert_str_eq(mapping.path, "/usr/lib/a b.so");
	ck_assert(!mapping.is_deleted);
	ck_assert(parse("1000-2000 --xs 00000000 00:01 9 /memfd:x (deleted)", &mapping, line));
	ck_assert(mapping.is_deleted);
	ck_assert_str_eq(mapping.path, "/memfd:x");
	ck_assert(!parse("1000-2000 r--p 00000000 00:01 9 /usr/lib/a.so", &mapping, line));
	ck_assert(!parse("1000-2000 r-xp 00000000 00:00 0 [vdso]", &mapping, line));
	ck_assert(!parse("1000-2000 r-xp 00000000 00:00 0 ", &mapping, line));
	ck_assert(!parse("1000-2000 r-xp 00000000 00:01 9 anon_inode:x", &mapping, line));
	ck_assert(!parse("", &mapping, line));
	ck_assert(!parse("1000-2000", &mapping, line));
	ck_assert(!parse("1000-2000 r-x", &mapping, line));
	ck_assert(!parse("zz-2000 r-xp 00000000 00:01 9 /a", &mapping, line));
	ck_assert(
		!parse("1000-2000 r-xp 00000000 00:01 99999999999999999999999 /a", &mapping, line));
}
END_TEST

/* Bytes that this process has read until now, by the kernel's account. */
static uint64_t bytes_read(void)
{
	FILE *file = fopen("/proc/self/io", "re");
	uint64_t bytes;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "rchar: %" SCNu64, &bytes), 1);
	fclose(file);
	return bytes;
}

static uint64_t read_to_look(pid_t pid)
{
	uint64_t before = bytes_read();

	ck_assert_int_eq(look(pid), 0);
	return bytes_read() - before;
}

/* Whatever the number of processes, a file is read once; maps are read each time. */
START_TEST(a_library_is_read_once)
{
	const char *paths[] = { library };
	pid_t first = probes_process__start(paths, 1, 0, NULL);
	pid_t second = probes_process__start(paths, 1, 0, NULL);
	const struct find_look others = {
		.pid = first,
		.libraries = ALL & ~OPENSSL,
		.on_found = on_found,
	};
	uint64_t with_files = read_to_look(first), again;

	ck_assert_int_eq(told.count, 1);
	ck_assert_str_eq(told.path, library);
	ck_assert_uint_eq(told.probes, 4);
	for (int i = 0; i < 20; i++) {
		again = read_to_look(i & 1 ? first : second);
		ck_assert_uint_lt(10 * again, with_files);
		ck_assert_int_eq(told.count, 1);
	}
	/* libraries that are not wanted are found, and not told of */
	told.count = 0;
	ck_assert_int_eq(find__process(find, &others, NULL), 0);
	ck_assert_int_eq(told.count, 0);
	/* a file that is written to is another one */
	ck_assert_int_eq(truncate(library, 0x3000), 0);
	ck_assert_uint_gt(read_to_look(first), again + HEADER_BYTES);
	probes_process__end(first);
	probes_process__end(second);
	ck_assert_int_lt(look(first), 0);
}
END_TEST

/* Others do not wait for a file that takes long; once it has been read, it takes no time. */
START_TEST(a_brief_look_comes_to_an_end)
{
	const char *paths[] = { library };
	pid_t pid = probes_process__start(paths, 1, 0, NULL);
	struct find_look brief = {
		.pid = pid,
		.libraries = ALL,
		.is_brief = true,
		.on_found = on_found,
	};

	told.count = 0;
	ck_assert_int_eq(find__process(find, &brief, NULL), 0);
	ck_assert_int_eq(told.count, 1);
	probes_library__swell(library);
	told.count = 0;
	ck_assert_int_eq(find__process(find, &brief, NULL), -EAGAIN);
	ck_assert_int_eq(find__process(find, &brief, NULL), -EAGAIN);
	ck_assert_int_eq(told.count, 0);
	ck_assert_int_eq(look(pid), 0);
	ck_assert_int_eq(told.count, 1);
	ck_assert_int_eq(find__process(find, &brief, NULL), 0);
	ck_assert_int_eq(told.count, 2);
	ck_assert_uint_eq(told.probes, 4);
	probes_process__end(pid);
}
END_TEST

/* An update removes the file under a running process, or puts another one there. */
START_TEST(replaced_files)
{
	const char *paths[] = { library };
	pid_t pid = probes_process__start(paths, 1, 0, NULL);
	char other[PROBES_PATH_BYTES];
	struct stat stat_;

	ck_assert_int_eq(stat(library, &stat_), 0);
	probes_library__copy(library, "new", other);
	ck_assert_int_eq(rename(other, library), 0);
	ck_assert_int_eq(look(pid), 0);
	if (told.count == 0) {
		/* without the privilege the file is not had, and surely not the new one */
		fprintf(stderr, "SKIP probes_find: no right to open mapped files\n");
	} else {
		ck_assert_int_eq(told.count, 1);
		ck_assert_uint_eq(told.state.seen.inode, stat_.st_ino);
		ck_assert_uint_eq(told.probes, 4);
	}
	/* neither a pipe nor a directory at the path holds anybody up */
	ck_assert_int_eq(unlink(library), 0);
	ck_assert_int_eq(mkfifo(library, 0600), 0);
	ck_assert_int_eq(look(pid), 0);
	ck_assert_int_eq(unlink(library), 0);
	ck_assert_int_eq(mkdir(library, 0700), 0);
	ck_assert_int_eq(look(pid), 0);
	probes_process__end(pid);
}
END_TEST

/* The same lower file through two mounts is one file, and one that was copied up another. */
START_TEST(layers_share_their_files)
{
	char directory[PROBES_PATH_BYTES], path[512], options[1024];
	struct file_state state[3];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		fprintf(stderr, "SKIP probes_find: no mount namespace of its own\n");
		return;
	}
	snprintf(directory, sizeof(directory), "%.*s/layers",
		 (int)(strrchr(library, '/') - library), library);
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	/* upper directories have to be on a filesystem that may have them */
	ck_assert_int_eq(mount("tmpfs", directory, "tmpfs", 0, NULL), 0);
	for (int i = 0; i < 2; i++) {
		static const char *const names[] = { "lower", "upper", "work", "merged" };

		for (int j = i ? 1 : 0; j < 4; j++) {
			snprintf(path, sizeof(path), "%s/%s%d", directory, names[j], j ? i : 0);
			ck_assert_int_eq(mkdir(path, 0700), 0);
		}
		if (i == 0) {
			snprintf(path, sizeof(path), "cp %s %s/lower0/", library, directory);
			ck_assert_int_eq(system(path), 0);
		}
		snprintf(options, sizeof(options),
			 "lowerdir=%s/lower0,upperdir=%s/upper%d,workdir=%s/work%d", directory,
			 directory, i, directory, i);
		snprintf(path, sizeof(path), "%s/merged%d", directory, i);
		if (mount("overlay", path, "overlay", 0, options)) {
			fprintf(stderr, "SKIP probes_find: no overlayfs: %s\n", strerror(errno));
			umount2(directory, MNT_DETACH);
			return;
		}
	}
	for (int i = 0; i < 3; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/merged%d/libssl.so.9", directory, i & 1);
		if (i == 2) /* copied up in the first */
			snprintf(path, sizeof(path), "%s/merged0/libssl.so.9", directory);
		if (i == 2)
			ck_assert_int_eq(chmod(path, 0700), 0);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(file__state(fd, NULL, &state[i]), 0);
		close(fd);
	}
	umount2(directory, MNT_DETACH);
	if (file_id__equals(&state[0].id, &state[0].seen)) {
		fprintf(stderr, "SKIP probes_find: this kernel has no handles of layered files\n");
		return;
	}
	ck_assert(!file_id__equals(&state[0].seen, &state[1].seen));
	ck_assert(file_id__equals(&state[0].id, &state[1].id));
	ck_assert(!file_id__equals(&state[2].id, &state[1].id));
}
END_TEST

static int open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

START_TEST(no_descriptor_is_left_open)
{
	int before = open_files();

	for (int i = 0; i < 50; i++)
		look(getpid());
	look(-1);
	look(1 << 30);
	ck_assert_int_eq(open_files(), before);
}
END_TEST

START_TEST(lines_of_listeners)
{
	ck_assert_uint_eq(listener__parse("   0: 0100007F:2531 00000000:0000 0A 00000000:00000000 "
					  "00:00000000 00000000     0        0 123456 1 0"),
			  123456);
	ck_assert_uint_eq(listener__parse("  12: 00000000000000000000000000000000:1F90 "
					  "00000000000000000000000000000000:0000 0A "
					  "00000000:00000000 00:00000000 00000000 65534 0 77 1 0"),
			  77);
	/* established */
	ck_assert_uint_eq(listener__parse("   0: 0100007F:2531 0100007F:1000 01 00000000:00000000 "
					  "00:00000000 00000000     0        0 123456 1 0"),
			  0);
	ck_assert_uint_eq(listener__parse("  sl  local_address rem_address   st tx_queue"), 0);
	ck_assert_uint_eq(listener__parse(""), 0);
}
END_TEST

static void count_own(void *ctx, pid_t pid)
{
	*(int *)ctx += pid == getpid();
}

START_TEST(who_listens)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), count = 0;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	ck_assert_int_ge(listeners__each(count_own, &count), 0);
	ck_assert_int_eq(count, 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_ge(listeners__each(count_own, &count), 1);
	ck_assert_int_eq(count, 1);
	close(fd);
}
END_TEST

Suite *probes_find_suite(void)
{
	Suite *suite = suite_create("probes_find");
	TCase *tc = tcase_create("probes_find");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, lines_of_maps);
	tcase_add_test(tc, a_library_is_read_once);
	tcase_add_test(tc, a_brief_look_comes_to_an_end);
	tcase_add_test(tc, replaced_files);
	tcase_add_test(tc, layers_share_their_files);
	tcase_add_test(tc, no_descriptor_is_left_open);
	tcase_add_test(tc, lines_of_listeners);
	tcase_add_test(tc, who_listens);
	suite_add_tcase(suite, tc);
	return suite;
}
