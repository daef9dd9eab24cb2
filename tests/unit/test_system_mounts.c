// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "collect/host/devices.h"
#include "collect/host/dm_thin.h"
#include "collect/host/file_buffers.h"
#include "collect/host/filesystem.h"
#include "collect/host/mounts.h"
#include "collect/host/volumes.h"

Suite *system_mounts_suite(void);

START_TEST(lines)
{
	const char *at =
		"27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard\n"
		"28 27 0:25 /a\\040b /x\\134y ro - tmpfs none ro\n"
		"broken\n29 27 0:26 / /nfs rw - nfs4 server:/x rw\n"
		"30 27 0:27 / /sshfs rw - fuse.sshfs a:/ rw\n31 27 0:28 / / rw - overlay o rw,lowerdir=/l,upperdir=/u\n";
	struct mount_line mount;

	ck_assert(mounts__next(&at, &mount));
	ck_assert_uint_eq(mount.id, 27);
	ck_assert_uint_eq(mount.major, 254);
	ck_assert(mount.is_local && mount.has_quota && !mount.is_overlay);
	ck_assert_str_eq(mount.source, "/dev/vda");
	ck_assert(mounts__next(&at, &mount));
	ck_assert_str_eq(mount.root, "/a b");
	ck_assert_str_eq(mount.point, "/x\\y");
	ck_assert(!mount.is_local);
	ck_assert(!mounts__next(&at, &mount));
	ck_assert(mounts__next(&at, &mount));
	ck_assert(!mount.is_local);
	ck_assert(mounts__next(&at, &mount));
	ck_assert(!mount.is_local);
	ck_assert(mounts__next(&at, &mount));
	ck_assert(!mount.is_local && mount.is_overlay);
	ck_assert_str_eq(at, "");
}
END_TEST

START_TEST(names_of_volumes)
{
	static const struct {
		const char *path, *name;
	} cases[] = {
		{ "/var/lib/docker/volumes/pg-data/_data", "pg-data" },
		{ "/volumes/x/_data/below", "x" },
		{ "/home/u/.local/share/containers/storage/volumes/v/_data", "v" },
		{ "/var/lib/kubelet/pods/1-2/volumes/kubernetes.io~csi/pvc-9/mount", "pvc-9" },
		{ "/var/lib/kubelet/pods/1-2/volumes/kubernetes.io~local-volume/pv1", "pv1" },
		{ "/var/lib/kubelet/pods/1-2/volumes/kubernetes.io~empty-dir/cache", NULL },
		{ "/var/lib/kubelet/pods/1-2/volumes/kubernetes.io~projected/token", NULL },
		{ "/var/lib/kubelet/pods/1-2/volumes/kubernetes.io~csi", NULL },
		{ "/var/lib/docker/volumes", NULL },
		{ "/volumes//_data", NULL },
		{ "/data/volumes/x", NULL },
		{ "/", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[64] = "";

		ck_assert_msg(mounts__volume_name(cases[i].path, name, sizeof(name)) ==
				      (cases[i].name != NULL),
			      "%s", cases[i].path);
		if (cases[i].name)
			ck_assert_str_eq(name, cases[i].name);
	}
	ck_assert(!mounts__volume_name("/volumes/toolong/_data", (char[4]){ "" }, 4));
	ck_assert(mounts__is_below("/a/b", "/a") && mounts__is_below("/a", "/a") &&
		  mounts__is_below("/a", "/"));
	ck_assert(!mounts__is_below("/ab", "/a"));
}
END_TEST

/* The first local mount of a text that is at a point. */
static const struct mount *at_point(const struct mount_list *list, const char *point)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->mount[i].point, point) == 0)
			return &list->mount[i];
	ck_abort_msg("no mount at %s", point);
}

START_TEST(ids_of_volumes)
{
	static const char host_text[] =
		"1 0 254:0 / / rw - ext4 /dev/vda rw\n"
		"2 1 254:16 / /var/lib/kubelet/pods/U/volumes/kubernetes.io~csi/pvc-1/mount rw - xfs /dev/sdb rw\n"
		"3 1 254:0 /mnt/d /var/lib/kubelet/pods/U/volumes/kubernetes.io~local-volume/pv-2 rw - ext4 /dev/vda rw\n"
		"4 1 254:32 / /srv/disk rw - ext4 /dev/sdc rw\n"
		"5 1 254:48 / /var/lib/docker rw - ext4 /dev/sdd rw\n";
	static const char own_text[] =
		"10 9 0:50 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/u\n"
		"11 10 254:16 /sub /pvc rw - xfs /dev/sdb rw\n"
		"12 10 254:0 /mnt/d /local rw - ext4 /dev/vda rw\n"
		"13 10 254:0 /var/lib/docker/volumes/named/_data /named rw - ext4 /dev/vda rw\n"
		"14 10 254:48 / /docker rw - ext4 /dev/sdd rw\n"
		"15 10 254:0 /etc/x /x rw - ext4 /dev/vda rw\n";
	struct mount_list host, own;
	struct devices devices = { 0 };
	char id[64];
	bool is_whole;

	ck_assert_int_eq(mount_list__read(&host, host_text, 100), 0);
	ck_assert_int_eq(mount_list__read(&own, own_text, 100), 0);
	ck_assert_uint_eq(own.count, 6);
	ck_assert(volumes__id(at_point(&own, "/pvc"), &host, &devices, id, sizeof(id), &is_whole));
	ck_assert_str_eq(id, "pvc-1");
	ck_assert(is_whole);
	ck_assert(
		volumes__id(at_point(&own, "/local"), &host, &devices, id, sizeof(id), &is_whole));
	ck_assert_str_eq(id, "pv-2");
	ck_assert(!is_whole);
	ck_assert(
		volumes__id(at_point(&own, "/named"), &host, &devices, id, sizeof(id), &is_whole));
	ck_assert_str_eq(id, "named");
	ck_assert(!is_whole);
	/* the runtime's own disk, and a directory of the host's */
	ck_assert(!volumes__id(at_point(&own, "/docker"), &host, &devices, id, sizeof(id),
			       &is_whole));
	ck_assert(!volumes__id(at_point(&own, "/x"), &host, &devices, id, sizeof(id), &is_whole));
	ck_assert_str_eq(volumes__whole(&host, 254, 0)->point, "/");
	ck_assert_ptr_null(volumes__whole(&host, 1, 1));
	mount_list__free(&host);
	mount_list__free(&own);
	devices__free(&devices);
}
END_TEST

START_TEST(one_mount_of_each_file_system)
{
	static const char text[] = "1 0 8:1 /part /a rw - ext4 /dev/sda1 rw\n"
				   "2 0 8:2 /x /b rw - ext4 /dev/sda2 rw\n"
				   "3 0 8:1 / /c rw - ext4 /dev/sda1 rw\n"
				   "4 0 9:1 / /d rw - xfs /dev/md1 rw\n"
				   "5 0 8:1 / /e rw - ext4 /dev/sda1 rw\n"
				   "6 0 8:2 /y /f rw - ext4 /dev/sda2 rw\n"
				   "7 0 8:1 /z /g rw - ext4 /dev/sda1 rw\n";
	struct mount_list list;

	ck_assert_int_eq(mount_list__read(&list, text, 100), 0);
	ck_assert_uint_eq(list.count, 7);
	mount_list__choose(&list);
	for (size_t i = 0; i < list.count; i++)
		ck_assert_msg(list.mount[i].is_chosen ==
				      (strchr("bcd", list.mount[i].point[1]) != NULL),
			      "%s", list.mount[i].point);
	mount_list__free(&list);
	mount_list__choose(&list);
}
END_TEST

START_TEST(only_the_mount_that_is_meant_is_asked)
{
	struct mount_list mounts;
	struct file_buffers texts = { 0 };
	struct filesystem fs;
	struct statvfs real;
	const struct mount *root;
	char dir[] = "/tmp/edgetap-unit-XXXXXX";
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), dir_fd;
	ssize_t place = file_buffers__read_file(&texts, AT_FDCWD, "/proc/self/mountinfo", false);

	ck_assert_int_ge(place, 0);
	ck_assert_int_eq(mount_list__read(&mounts, file_buffers__at(&texts, place), 1000), 0);
	root = at_point(&mounts, "/");
	ck_assert_int_eq(filesystem__read(root_fd, "/", root->id, &fs), 0);
	ck_assert_int_eq(statvfs("/", &real), 0);
	ck_assert_uint_eq(fs.blocks, real.f_blocks);
	ck_assert_uint_eq(fs.block_bytes, real.f_frsize);
	ck_assert_int_eq(filesystem__read(root_fd, "/proc", root->id, &fs), -ESTALE);
	ck_assert_int_eq(filesystem__read(root_fd, "/etc/passwd", root->id, &fs), -ENOTDIR);
	/* a link out of the directory is not followed */
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(symlinkat("/", dir_fd, "link"), 0);
	ck_assert_int_eq(filesystem__read(dir_fd, "/link", root->id, &fs), -ELOOP);
	ck_assert_int_eq(unlinkat(dir_fd, "link", 0), 0);
	rmdir(dir);
	close(dir_fd);
	close(root_fd);
	mount_list__free(&mounts);
	file_buffers__free(&texts);
}
END_TEST

START_TEST(disks_have_names)
{
	struct devices devices = { 0 };

	ck_assert(devices__is_disk("sda") && devices__is_disk("nvme0n1") &&
		  devices__is_disk("dm-0"));
	ck_assert(!devices__is_disk("loop0") && !devices__is_disk("ram15") &&
		  !devices__is_disk("zram0") && !devices__is_disk("sr0"));
	ck_assert(devices__is_disk("loopy"));
	ck_assert_ptr_null(devices__find(&devices, 4000, 4000));
	ck_assert_ptr_null(devices__find(&devices, 4000, 4000));
	ck_assert_uint_eq(devices.count, 1);
	devices__free(&devices);
}
END_TEST

START_TEST(thin_volumes_say_how_full_they_are)
{
	uint64_t mapped = 0, size, used;

	ck_assert_int_eq(dm_thin__parse("20480 204799", &mapped), 0);
	ck_assert_uint_eq(mapped, 20480);
	ck_assert_int_eq(dm_thin__parse("0 -", &mapped), 0);
	ck_assert_uint_eq(mapped, 0);
	ck_assert_int_eq(dm_thin__parse("Fail", &mapped), -EIO);
	ck_assert_int_eq(dm_thin__parse("", &mapped), -EBADMSG);
	ck_assert_int_eq(dm_thin__parse("5", &mapped), -EBADMSG);
	ck_assert_int_eq(dm_thin__parse("5 6 7", &mapped), -EBADMSG);
	ck_assert_int_eq(dm_thin__status("/etc/passwd", &size, &used), -ENOTBLK);
	/* whatever is missing here, it is not thin */
	ck_assert_int_lt(dm_thin__status("/dev/block/4000:1", &size, &used), 0);
}
END_TEST

Suite *system_mounts_suite(void)
{
	Suite *suite = suite_create("system_mounts");
	TCase *tc = tcase_create("mounts");

	tcase_add_test(tc, lines);
	tcase_add_test(tc, names_of_volumes);
	tcase_add_test(tc, ids_of_volumes);
	tcase_add_test(tc, one_mount_of_each_file_system);
	tcase_add_test(tc, only_the_mount_that_is_meant_is_asked);
	tcase_add_test(tc, disks_have_names);
	tcase_add_test(tc, thin_volumes_say_how_full_they_are);
	suite_add_tcase(suite, tc);
	return suite;
}
