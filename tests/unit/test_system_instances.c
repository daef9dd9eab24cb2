// SPDX-License-Identifier: Apache-2.0
/* Containers as this machine's cgroups and processes, from their birth to their end. */
#include "collect/host/controllers.h"
#include "collect/host/system.h"
#include "config/config.h"
#include "identity_host.h"
#include "system_seen.h"

Suite *system_instances_suite(void);

#define NS_PER_S 1000000000ULL

static struct config config;
static struct config_error error;
static struct identity_table *table;
static struct system *sys;
static struct readings *readings;
static char parent[256], dir[256 + 80];
static const char id[] = "1234567890ab";
static bool ready;
static uint64_t now_ns = NS_PER_S;

static void setup(void)
{
	char path[256];

	ready = host__make_cgroup("system_instances", HOST_V1, path, parent);
	if (!ready)
		return;
	snprintf(dir, sizeof(dir), "%s/docker-%s%052d.scope", parent, id, 0);
	ck_assert_int_eq(config__init(&config, &error), 0);
	free(config.cgroup_hierarchy);
	config.cgroup_hierarchy = strdup(HOST_V1);
	ck_assert_int_eq(identity_table__new(&table, &config, 64), 0);
	ck_assert_int_eq(system__new(&sys, &(struct system_options){ .identity = table,
								     .max_instances = 64 }),
			 0);
	ck_assert_int_eq(readings__new(&readings), 0);
}

static void teardown(void)
{
	if (!ready)
		return;
	system__free(sys);
	readings__free(readings);
	identity_table__free(table);
	config__free(&config);
	rmdir(dir);
	host__remove_cgroup(parent);
}

/* A walk, and all that it finds out. */
static void look(void)
{
	now_ns += 11 * NS_PER_S;
	for (int i = 0; i < 100 && system__next_ns(sys) <= now_ns; i++) {
		system__look(sys, now_ns);
		now_ns += NS_PER_S / 10;
	}
}

/* True if the container is among the owners of what is read. */
static bool is_read(void)
{
	size_t found = 0;

	readings__clear(readings);
	system__read(sys, "host", readings);
	for (size_t i = 0; i < readings__owners(readings); i++)
		found += strcmp(readings__labels(readings, (uint32_t)i)->value[MODEL_INSTANCE],
				id) == 0;
	ck_assert_uint_le(found, 1);
	return found;
}

START_TEST(lives_and_dies)
{
	pid_t one, two;

	if (!ready)
		return;
	look();
	ck_assert(!is_read());
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	look();
	ck_assert_msg(!is_read(), "nothing runs in it");
	one = host__start("/bin/sleep", dir);
	look();
	ck_assert(is_read());
	/* another process is found without a look, and its end, too */
	two = host__start("/bin/sleep", dir);
	host__stop(one);
	ck_assert(is_read());
	host__stop(two);
	ck_assert(!is_read());
	/* gone and back again before anybody looked: another one, to be found out about first */
	host__remove_cgroup(dir);
	ck_assert(!is_read());
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	one = host__start("/bin/sleep", dir);
	ck_assert(!is_read());
	look();
	ck_assert(is_read());
	host__stop(one);
	host__remove_cgroup(dir);
	look();
	ck_assert(!is_read());
}
END_TEST

START_TEST(only_what_is_its_own)
{
	const struct reading *reading;
	const char *instance;
	pid_t pid;

	if (!ready)
		return;
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	pid = host__start("/bin/sleep", dir);
	look();
	ck_assert(is_read());
	/* its memory and network are shared with others here: the machine's alone are shown */
	for (int kind = 0; kind < READING_KINDS; kind++)
		for (size_t i = readings__of(readings, (enum reading_kind)kind, &reading); i--;) {
			instance =
				readings__labels(readings, reading[i].owner)->value[MODEL_INSTANCE];
			ck_assert_msg(strcmp(instance, id) != 0 ||
					      (kind >= READING_DISK_READS &&
					       kind <= READING_DISK_TIME_IO_WEIGHTED),
				      "kind %d", kind);
		}
	ck_assert_uint_gt(seen__count(readings, READING_MEM_TOTAL), 0);
	host__stop(pid);
	host__remove_cgroup(dir);
}
END_TEST

/* True if the container is among the owners, when this is wanted. */
static bool is_read_for(unsigned int groups, const struct scope *scope)
{
	const struct readings_wanted wanted = { groups, scope };

	readings__clear(readings);
	readings__want(readings, &wanted);
	system__read(sys, "host", readings);
	for (size_t i = 0; i < readings__owners(readings); i++)
		if (strcmp(readings__labels(readings, (uint32_t)i)->value[MODEL_INSTANCE], id) == 0)
			return true;
	return false;
}

START_TEST(nobody_is_read_for_nothing)
{
	static const char *const apps[] = { "other" };
	const struct scope only_other = { .app = apps, .app_count = 1 };
	pid_t pid;

	if (!ready)
		return;
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	pid = host__start("/bin/sleep", dir);
	look();
	ck_assert(is_read_for(READINGS_OF_DISKS, &scope_all));
	for (int kind = 0; kind < READING_KINDS; kind++)
		if (reading__group((enum reading_kind)kind) != READINGS_OF_DISKS &&
		    reading__group((enum reading_kind)kind) != READINGS_AT_HAND)
			ck_assert_uint_eq(seen__count(readings, (enum reading_kind)kind), 0);
	ck_assert(is_read_for(READINGS_OF_LIFE, &scope_all));
	ck_assert_uint_eq(seen__count(readings, READING_DISK_READS), 0);
	ck_assert(!is_read_for(READINGS_AT_HAND | READINGS_OF_UNIX, &scope_all));
	ck_assert(!is_read_for(READINGS_OF_INSTANCES, &only_other));
	host__stop(pid);
	host__remove_cgroup(dir);
}
END_TEST

START_TEST(rules_apply_to_those_without_a_slot)
{
	pid_t pid;

	if (!ready)
		return;
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	pid = host__start("/bin/sleep", dir);
	look();
	ck_assert(is_read());
	config.rules = calloc(1, sizeof(*config.rules));
	config.rules[0].match_instance = strdup("1234*");
	config.rules[0].drop = true;
	config.rule_count = 1;
	system__forget_labels(sys);
	look();
	ck_assert(!is_read());
	host__stop(pid);
	host__remove_cgroup(dir);
}
END_TEST

/* Of a cgroup's processes one is asked that is not in a container inside, if there is one. */
START_TEST(own_processes_first)
{
	char box[sizeof(dir) + 80], plain[sizeof(dir) + 80];
	pid_t boxed, own;
	int root_fd;

	if (!ready)
		return;
	snprintf(box, sizeof(box), "%s/docker-%s%052d.scope", dir, "ba0987654321", 0);
	snprintf(plain, sizeof(plain), "%s/workers", dir);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	ck_assert_int_eq(mkdir(box, 0755), 0);
	ck_assert_int_eq(mkdir(plain, 0755), 0);
	root_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root_fd, 0);
	ck_assert_int_eq(controllers__process(root_fd, strrchr(dir, '/')), 0);
	boxed = host__start("/bin/sleep", box);
	ck_assert_int_eq(controllers__process(root_fd, strrchr(dir, '/')), boxed);
	own = host__start("/bin/sleep", plain);
	ck_assert_int_eq(controllers__process(root_fd, strrchr(dir, '/')), own);
	close(root_fd);
	host__stop(own);
	host__stop(boxed);
	host__remove_cgroup(box);
	host__remove_cgroup(plain);
}
END_TEST

Suite *system_instances_suite(void)
{
	Suite *suite = suite_create("system_instances");
	TCase *tc = tcase_create("cgroups");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, lives_and_dies);
	tcase_add_test(tc, only_what_is_its_own);
	tcase_add_test(tc, nobody_is_read_for_nothing);
	tcase_add_test(tc, rules_apply_to_those_without_a_slot);
	tcase_add_test(tc, own_processes_first);
	suite_add_tcase(suite, tc);
	return suite;
}
