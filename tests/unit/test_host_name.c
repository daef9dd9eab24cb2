// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/config.h"
#include "config/host_name.h"

Suite *host_name_suite(void);

static const struct {
	const char *text;
	const char *name; /* NULL: none */
} cases[] = {
	{ "node-7\n", "node-7" },
	{ "node-7", "node-7" },
	{ "# of the installer\n\n \t node-7.example \r\nother\n", "node-7.example" },
	{ "n\xc3\xb6rd\n", "n\xc3\xb6rd" },
	{ "", NULL },
	{ "\n \n#\n", NULL },
	{ "a\x01z\n", NULL },
	{ "a\xff\n", NULL },
};

START_TEST(names_are_parsed)
{
	char name[HOST_NAME_BYTES] = "before";

	ck_assert_int_eq(host_name__parse(name, cases[_i].text), cases[_i].name != NULL);
	ck_assert_str_eq(name, cases[_i].name ? cases[_i].name : "before");
}
END_TEST

START_TEST(no_length_is_too_much)
{
	char text[2 * HOST_NAME_BYTES], name[HOST_NAME_BYTES];

	for (size_t length = 1; length < sizeof(text); length++) {
		memset(text, 'a', length);
		text[length] = '\0';
		if (host_name__parse(name, text))
			ck_assert_str_eq(name, text);
		else
			ck_assert_uint_gt(length, 64); /* HOST_NAME_MAX of Linux */
	}
}
END_TEST

#define ID "3d1219c7c4c5404aaa1f6d2a48adfda4"

static const struct {
	const char *hostname, *machine_id; /* NULL: no such file */
	const char *name;		   /* NULL: none */
} roots[] = {
	{ "node-7\n", ID "\n", "node-7" },
	{ NULL, ID "\n", ID },
	{ "\n", ID "\n", ID },
	{ "localhost\n", ID "\n", ID },
	{ "localhost.localdomain", ID, ID },
	{ "localhost-7\n", ID "\n", "localhost-7" },
	{ NULL, "uninitialized\n", NULL },
	{ NULL, "", NULL },
	{ "localhost\n", NULL, NULL },
	{ NULL, NULL, NULL },
	{ "node-7\n", NULL, "node-7" },
};

static void put(const char *root, const char *file, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/etc/%s", root, file);
	unlink(path);
	if (!text)
		return;
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

START_TEST(files_are_asked_in_order)
{
	char root[] = "/tmp/edgetap-host-XXXXXX", etc[64], name[HOST_NAME_BYTES] = "before";

	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(etc, sizeof(etc), "%s/etc", root);
	ck_assert_int_eq(mkdir(etc, 0755), 0);
	put(root, "hostname", roots[_i].hostname);
	put(root, "machine-id", roots[_i].machine_id);
	ck_assert_int_eq(host_name__of_files(name, root), roots[_i].name != NULL);
	ck_assert_str_eq(name, roots[_i].name ? roots[_i].name : "before");
	put(root, "hostname", NULL);
	put(root, "machine-id", NULL);
	rmdir(etc);
	rmdir(root);
}
END_TEST

/* In a UTS namespace of its own, as in a container: 0: the machine's name, each time. */
static int find_in_container(const char *machine)
{
	char name[HOST_NAME_BYTES];

	for (int start = 0; start < 2; start++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			snprintf(name, sizeof(name), "0123456789a%d", start);
			if (unshare(CLONE_NEWUTS) || sethostname(name, strlen(name)))
				_exit(77);
			for (int load = 0; load < 2; load++) {
				host_name__find(name);
				if (strcmp(name, machine) != 0)
					_exit(1);
			}
			_exit(0);
		}
		if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
			return -1;
		if (WEXITSTATUS(status))
			return WEXITSTATUS(status);
	}
	return 0;
}

START_TEST(a_container_has_the_name_of_its_machine)
{
	char machine[HOST_NAME_BYTES];
	int result;

	host_name__find(machine);
	result = find_in_container(machine);
	if (result == 77)
		printf("SKIP a_container_has_the_name_of_its_machine: no right to make one\n");
	else
		ck_assert_int_eq(result, 0);
}
END_TEST

/* What is configured is stronger, "no host" too. */
START_TEST(a_configuration_is_stronger)
{
	struct config_flag flag = { "host", "" };
	char ours[] = "EDGETAP_HOST=mine", *environment[] = { ours, NULL };
	struct config_sources sources = { .path = "/dev/null",
					  .flags = &flag,
					  .environment = environment };
	struct config_error error;
	struct config config;

	ck_assert_int_eq(config__load(&config, &sources, &error), 0);
	ck_assert_str_eq(config.host, "mine");
	config__free(&config);
	sources.flag_count = 1;
	ck_assert_int_eq(config__load(&config, &sources, &error), 0);
	ck_assert_str_eq(config.host, "");
	config__free(&config);
}
END_TEST

Suite *host_name_suite(void)
{
	Suite *suite = suite_create("host_name");
	TCase *tc = tcase_create("host_name");

	tcase_add_loop_test(tc, names_are_parsed, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tc, no_length_is_too_much);
	tcase_add_loop_test(tc, files_are_asked_in_order, 0, sizeof(roots) / sizeof(roots[0]));
	tcase_add_test(tc, a_container_has_the_name_of_its_machine);
	tcase_add_test(tc, a_configuration_is_stronger);
	suite_add_tcase(suite, tc);
	return suite;
}
