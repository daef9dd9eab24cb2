// SPDX-License-Identifier: Apache-2.0
/* Files of processes that may be hostile: what is opened, what is not, and who waits. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "files/foreign.h"
#include "files/fs_type.h"
#include "files/layer.h"
#include "files/patience.h"
#include "files/whole_file.h"
#include "identity/process.h"

Suite *files_suite(void);

static struct filesystems *filesystems;
static char directory[] = "/tmp/edgetap-files-XXXXXX";
static int root = -1;

static void setup(void)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
	ck_assert_int_eq(filesystems__new(&filesystems), 0);
}

static void teardown(void)
{
	char command[64];

	filesystems__free(filesystems);
	close(root);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static unsigned int uses(const char *type)
{
	return fs_type__uses(type, strlen(type));
}

START_TEST(types_that_may_hang_are_not_known)
{
	static const char *const may_hang[] = { "nfs",	    "nfs4",	  "cifs",     "smb3",
						"ceph",	    "afs",	  "9p",	      "fuse",
						"fuseblk",  "fuse.sshfs", "virtiofs", "autofs",
						"lustre",   "ext44",	  "ext",      "",
						"devtmpfs", "proc",	  "sysfs" };

	for (size_t i = 0; i < sizeof(may_hang) / sizeof(may_hang[0]); i++)
		ck_assert_uint_eq(uses(may_hang[i]), 0);
	ck_assert_uint_eq(uses("ext4"), FS_READ | FS_SIZE);
	ck_assert_uint_eq(uses("tmpfs"), FS_READ);
	ck_assert_uint_eq(uses("overlay"), FS_LAYERED);
}
END_TEST

START_TEST(lines_of_mountinfo)
{
	struct filesystem_line line;

	ck_assert(filesystem_line__parse(
		&line,
		"36 35 98:5 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"));
	ck_assert_uint_eq(line.mount, 36);
	ck_assert_uint_eq(line.major, 98);
	ck_assert_uint_eq(line.minor, 5);
	ck_assert_uint_eq(line.uses, FS_READ | FS_SIZE);
	/* what a user may choose is written without blanks */
	ck_assert(filesystem_line__parse(
		&line, "1 2 0:3 / /a\\040-\\040ext4 rw - fuse.x ext4 rw,user_id=0\n"));
	ck_assert_uint_eq(line.uses, 0);
	ck_assert(filesystem_line__parse(&line, "1 2 0:3 / / rw - tmpfs"));
	ck_assert_uint_eq(line.uses, FS_READ);
	ck_assert(!filesystem_line__parse(&line, "1 2 0:3 / / rw ext4 / rw\n"));
	ck_assert(!filesystem_line__parse(&line, "x 2 0:3 / / rw - ext4 / rw\n"));
	ck_assert(!filesystem_line__parse(&line, ""));
}
END_TEST

static struct layer_handle handle_of(uint8_t type, uint8_t uuid)
{
	struct layer_handle handle = { .type = 0xf8, .length = 32 };

	handle.byte[4] = 0xfb;
	handle.byte[7] = type;
	handle.byte[20] = uuid;
	return handle;
}

START_TEST(layers_of_servers_are_not_local)
{
	struct layer_handle handle = handle_of(0x81, 7);

	ck_assert(layer__is_local(&handle)); /* XFS */
	handle = handle_of(1, 0);
	ck_assert(layer__is_local(&handle)); /* ext4 made without a UUID */
	handle = handle_of(0x81, 0);
	ck_assert(!layer__is_local(&handle)); /* FUSE */
	handle = handle_of(0xf8, 7);
	ck_assert(!layer__is_local(&handle)); /* layers of layers */
	handle = handle_of(1, 7);
	handle.length = 23;
	ck_assert(!layer__is_local(&handle));
	handle = handle_of(1, 7);
	handle.type = 1; /* not overlayfs' */
	ck_assert(!layer__is_local(&handle));
	handle = handle_of(1, 7);
	handle.byte[4] = 0;
	ck_assert(!layer__is_local(&handle));
}
END_TEST

/* Checks a descriptor of this process's, and opens the file. */
static int check_and_open(int fd)
{
	int err = foreign__check(filesystems, getpid(), fd, 0, 0);

	return err ? err : foreign__open(fd);
}

/* Opens a path below the root: what became of both steps. */
static int open_below(const char *path)
{
	int fd = foreign__below(root, path, 0), opened;

	if (fd < 0)
		return fd;
	opened = check_and_open(fd);
	close(fd);
	return opened;
}

static void make_file(const char *name, const char *text)
{
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Whoever is there is in the kernel's cache, as what is mapped is. */
static void touch(const char *name)
{
	struct stat stat;

	ck_assert_int_eq(fstatat(root, name, &stat, AT_SYMLINK_NOFOLLOW), 0);
}

static void put_link(const char *name, const char *to)
{
	ck_assert_int_eq(symlinkat(to, root, name), 0);
	touch(name);
}

START_TEST(no_link_is_followed)
{
	char absolute[128];
	int fd;

	make_file("file", "text");
	ck_assert_int_eq(mkdirat(root, "sub", 0700), 0);
	make_file("sub/file", "text");
	fd = open_below("/sub/../file");
	ck_assert_int_ge(fd, 0);
	close(fd);
	/* no way out of the root */
	fd = open_below("/../../file");
	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(absolute, sizeof(absolute), "%s/file", directory);
	put_link("absolute", absolute);
	put_link("relative", "file");
	put_link("up", "../../etc/passwd");
	put_link("way", "sub");
	put_link("magic", "/proc/self/exe");
	ck_assert_int_eq(open_below("/absolute"), -ELOOP);
	ck_assert_int_eq(open_below("/relative"), -ELOOP);
	ck_assert_int_eq(open_below("/up"), -ELOOP);
	ck_assert_int_eq(open_below("/way/file"), -ELOOP);
	ck_assert_int_eq(open_below("/magic"), -ELOOP);
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		static const char *const paths[] = { "/proc/self/exe",
						     "/proc/self/root/etc/passwd" };
		int err = foreign__below(fd, paths[i], 0);

		/* or it is not even looked for */
		ck_assert(err == -ELOOP || err == -EAGAIN);
	}
	close(fd);
	ck_assert_int_eq(foreign__below(root, "/file", O_DIRECTORY), -ENOTDIR);
}
END_TEST

static int read_state(const char *name)
{
	char path[128], *text;
	size_t length;
	int err;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	err = whole_file__read(path, 100, &text, &length);
	if (!err)
		free(text);
	return err;
}

START_TEST(only_regular_files_are_opened)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), devices = 0;
	static const char *const names[] = { "/pipe", "/socket", "/sub", "/device" };

	ck_assert_int_eq(mkfifoat(root, "pipe", 0600), 0);
	ck_assert_int_eq(mkdirat(root, "sub", 0700), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	/* a device without a driver: whoever opens it is told so */
	devices = mknodat(root, "device", S_IFCHR | 0600, makedev(4095, 1)) == 0;
	for (int i = 0; i < 3 + devices; i++) {
		touch(names[i] + 1);
		ck_assert_int_eq(open_below(names[i]), -EINVAL);
		ck_assert_int_eq(read_state(names[i] + 1), -EINVAL);
	}
	make_file("file", "text");
	ck_assert_int_eq(read_state("file"), 0);
	close(listener);
}
END_TEST

/* A file system of a kind that is not on the list: here proc stands for those that may hang. */
START_TEST(the_file_system_decides)
{
	int fd = open("/proc/self/status", O_PATH | O_CLOEXEC), opened;
	char path[128];

	ck_assert_int_eq(check_and_open(fd), -EREMOTE);
	close(fd);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		fprintf(stderr, "SKIP files: no mount namespace of its own\n");
		return;
	}
	close(root);
	root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* another mount on the way is none of our business, if it is of a kind that is known */
	ck_assert_int_eq(mkdirat(root, "mount", 0700), 0);
	snprintf(path, sizeof(path), "%s/mount", directory);
	ck_assert_int_eq(mount("tmpfs", path, "tmpfs", 0, NULL), 0);
	make_file("mount/file", "text");
	opened = open_below("/mount/file");
	ck_assert_int_ge(opened, 0);
	close(opened);
	/* one that nobody lists any more is not known */
	fd = foreign__below(root, "/mount/file", 0);
	ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
	filesystems__free(filesystems);
	ck_assert_int_eq(filesystems__new(&filesystems), 0);
	ck_assert_int_eq(check_and_open(fd), -EREMOTE);
	close(fd);
}
END_TEST

static int open_mapped(const void *at, char *text)
{
	uint64_t start = (uint64_t)(uintptr_t)at;
	int fd = foreign__mapped(getpid(), start, start + 4096), opened;

	if (fd < 0)
		return fd;
	opened = check_and_open(fd);
	if (opened >= 0) {
		ck_assert_int_eq(pread(opened, text, 4, 0), 4);
		close(opened);
	}
	close(fd);
	return opened < 0 ? opened : 0;
}

START_TEST(what_is_mapped_is_opened_whatever_the_path_has_now)
{
	int fd, memory = memfd_create("test", MFD_CLOEXEC);
	char text[5] = "";
	void *at;

	make_file("file", "text");
	fd = openat(root, "file", O_RDWR | O_CLOEXEC);
	at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(at, MAP_FAILED);
	close(fd);
	ck_assert_int_eq(unlinkat(root, "file", 0), 0);
	if (open_mapped(at, text) == -EPERM) {
		fprintf(stderr, "SKIP files: no right to open mapped files\n");
		return;
	}
	ck_assert_str_eq(text, "text");
	put_link("file", "/dev/zero");
	ck_assert_int_eq(open_mapped(at, text), 0);
	ck_assert_str_eq(text, "text");
	munmap(at, 4096);
	ck_assert_int_lt(open_mapped(at, text), 0);
	/* a memory file has a path that nobody has ever seen */
	ck_assert_int_eq(write(memory, "memo", 4), 4);
	at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, memory, 0);
	ck_assert_int_eq(open_mapped(at, text), 0);
	ck_assert_str_eq(text, "memo");
	munmap(at, 4096);
	close(memory);
	/* a device is mapped, and not opened */
	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	ck_assert_int_lt(open_mapped(at, text), 0);
	munmap(at, 4096);
}
END_TEST

/* Another user, or the same in another mount namespace, is not the machine's. */
START_TEST(whose_command_line_is_read)
{
	ck_assert(!process__is_hosts(1 << 30));
	if (geteuid() != 0) {
		fprintf(stderr, "SKIP files: not root\n");
		return;
	}
	ck_assert(process__is_hosts(getpid()));
	for (int i = 0; i < 2; i++) {
		int ready[2];
		uid_t uid = 1;
		char byte;
		pid_t pid;

		ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0) {
			if (i ? setresuid(1234, 0, 0) : unshare(CLONE_NEWNS))
				_exit(1);
			if (write(ready[1], "", 1) == 1)
				pause();
			_exit(1);
		}
		ck_assert_int_eq(read(ready[0], &byte, 1), 1);
		ck_assert(!process__is_hosts(pid));
		ck_assert_int_eq(process__uid(pid, &uid), 0);
		ck_assert_uint_eq(uid, i ? 1234 : 0);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(ready[0]);
		close(ready[1]);
	}
}
END_TEST

/* Work that ends when the test says so: a byte for each. */
static int gate[2];
static int done, dropped, left; /* left: alone, so that it has to be dropped */

static void wait_at_gate(void *ctx)
{
	char byte;

	(void)ctx;
	ck_assert_int_eq(read(gate[0], &byte, 1), 1);
}

static void run_at_once(void *ctx)
{
	(void)ctx;
	done++;
}

static void drop(void *ctx)
{
	(void)ctx;
	__atomic_add_fetch(&dropped, 1, __ATOMIC_SEQ_CST);
}

static bool is_brief;

static int do_work(struct patience *patience, void (*run)(void *ctx), pid_t pid, uint64_t owner)
{
	const struct patience_work work = { run, drop, NULL, pid, owner, is_brief };
	int err = patience__do(patience, &work);

	left += err == -ETIMEDOUT;
	return err;
}

/* What does not hang may be late all the same, on a machine that is busy. */
static void do_in_the_end(struct patience *patience, pid_t pid, uint64_t owner)
{
	while (do_work(patience, run_at_once, pid, owner))
		usleep(1000);
}

START_TEST(nobody_waits_for_who_hangs)
{
	struct patience *patience;
	uint64_t begun_ns;
	char byte, path[32];
	int spare, hanging = 1;

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", gate[0]);
	spare = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_eq(patience__new(&patience, 20), 0);
	begun_ns = clock__now_ns();
	ck_assert_int_eq(do_work(patience, wait_at_gate, 1, 7), -ETIMEDOUT);
	ck_assert_uint_lt(clock__now_ns() - begun_ns, 5000000000ULL);
	/* not the same process again, but others, of its owner too */
	ck_assert_int_eq(do_work(patience, wait_at_gate, 1, 7), -EBUSY);
	do_in_the_end(patience, 2, 7);
	ck_assert_int_gt(done, 0);
	/* who is in haste waits for nobody of an owner of whom one hangs */
	is_brief = true;
	ck_assert_int_eq(do_work(patience, run_at_once, 2, 7), -EBUSY);
	do_in_the_end(patience, 3, 8);
	is_brief = false;
	/* whatever one owner does, there is room for another's */
	for (pid_t pid = 100; pid < 200; pid++)
		hanging += do_work(patience, wait_at_gate, pid, 7) == -ETIMEDOUT;
	ck_assert_int_gt(hanging, 1);
	ck_assert_int_le(hanging, PATIENCE_MAX / 2);
	ck_assert_int_eq(do_work(patience, run_at_once, 3, 7), -EBUSY);
	ck_assert_int_eq(do_work(patience, wait_at_gate, 4, 8), -ETIMEDOUT);
	do_in_the_end(patience, 5, 9);
	/* all that come back are forgotten, and drop what they brought */
	while (__atomic_load_n(&dropped, __ATOMIC_SEQ_CST) != left) {
		ck_assert_int_eq(write(gate[1], "", 1), 1);
		usleep(1000);
	}
	do_in_the_end(patience, 1, 7);
	while (read(spare, &byte, 1) == 1) /* bytes that nobody waited for */
		continue;
	/* one that hangs when all is over keeps what it needs */
	ck_assert_int_eq(do_work(patience, wait_at_gate, 1, 7), -ETIMEDOUT);
	patience__free(patience);
	ck_assert_int_eq(write(gate[1], "", 1), 1);
	for (int i = 0; i < 5000 && __atomic_load_n(&dropped, __ATOMIC_SEQ_CST) != left; i++)
		usleep(1000);
	ck_assert_int_eq(dropped, left);
	patience__free(NULL);
	close(spare);
}
END_TEST

Suite *files_suite(void)
{
	Suite *suite = suite_create("files");
	TCase *tc = tcase_create("files");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, types_that_may_hang_are_not_known);
	tcase_add_test(tc, lines_of_mountinfo);
	tcase_add_test(tc, layers_of_servers_are_not_local);
	tcase_add_test(tc, no_link_is_followed);
	tcase_add_test(tc, only_regular_files_are_opened);
	tcase_add_test(tc, the_file_system_decides);
	tcase_add_test(tc, what_is_mapped_is_opened_whatever_the_path_has_now);
	tcase_add_test(tc, whose_command_line_is_read);
	tcase_add_test(tc, nobody_waits_for_who_hangs);
	suite_add_tcase(suite, tc);
	return suite;
}
