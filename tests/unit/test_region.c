// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/region.h"

Suite *region_suite(void);

/* As on EC2, shortened: what is below ds is the cloud's own and not looked at. */
#define CLOUD                                                                                      \
	"{\"ds\": {\"region\": \"ds\"}, \"v1\": {\"availability_zone\": \"us-east-2b\", \"region\": "

static const struct {
	const char *variable, *data, *region;
} cases[] = {
	{ NULL, NULL, "" },
	{ NULL, CLOUD "\"us-east-2\"}}", "us-east-2" },
	{ NULL, CLOUD "null}}", "" }, /* a zone is no region */
	{ NULL, CLOUD "5}}", "" },
	{ NULL, CLOUD "\"\"}}", "" },
	{ NULL, CLOUD "\"a\\nb\"}}", "" },
	{ NULL, CLOUD "\"a\\u0000b\"}}", "" },
	{ NULL, CLOUD "\"us-east-2\"", "" }, /* cut off */
	{ NULL, "[]", "" },
	{ NULL, "", "" },
	{ NULL, "{\"v1\": [1]}", "" },
	{ "FLY_REGION=ams", CLOUD "\"us-east-2\"}}", "ams" },
	{ "AWS_REGION=eu-west-1", NULL, "eu-west-1" },
	{ "AWS_DEFAULT_REGION=eu-west-2", NULL, "eu-west-2" },
	{ "NODE_REGION=r", NULL, "r" },
	{ "NODE_REGION=", CLOUD "\"us-east-2\"}}", "us-east-2" },
	{ "NODE_REGION=a\tb", CLOUD "\"us-east-2\"}}", "us-east-2" },
	{ "FLY_REGIONS=ams", NULL, "" },
	{ "FLY_REGION", NULL, "" },
};

START_TEST(regions_are_found_or_unknown)
{
	char variable[64] = "", path[] = "PATH=/bin";
	char *environment[] = { path, variable, NULL };
	char region[REGION_BYTES] = "before";

	if (cases[_i].variable)
		strcpy(variable, cases[_i].variable);
	region__of_cloud_init(region, environment, cases[_i].data,
			      cases[_i].data ? strlen(cases[_i].data) : 0);
	ck_assert_str_eq(region, cases[_i].region);
}
END_TEST

START_TEST(the_nearest_variable_wins)
{
	char aws[] = "AWS_REGION=aws", fly[] = "FLY_REGION=fly", node[] = "NODE_REGION=node";
	char *environment[] = { aws, fly, node, NULL };
	char region[REGION_BYTES];

	region__of_cloud_init(region, environment, NULL, 0);
	ck_assert_str_eq(region, "node");
	environment[2] = NULL;
	region__of_cloud_init(region, environment, NULL, 0);
	ck_assert_str_eq(region, "fly");
}
END_TEST

START_TEST(the_file_is_read_if_it_is_one)
{
	char path[] = "/tmp/edgetap-place-XXXXXX", *none[] = { NULL };
	char region[REGION_BYTES] = "before";
	static const char data[] = CLOUD "\"us-east-2\"}}";
	int fd = mkstemp(path);

	ck_assert_int_eq(write(fd, data, sizeof(data) - 1), sizeof(data) - 1);
	region__find(region, none, path);
	ck_assert_str_eq(region, "us-east-2");
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	region__find(region, none, path);
	ck_assert_str_eq(region, "");
	ck_assert_int_eq(ftruncate(fd, 1LL << 32), 0);
	region__find(region, none, path);
	ck_assert_str_eq(region, "");
	close(fd);
	unlink(path);
	region__find(region, none, path);
	ck_assert_str_eq(region, "");
	ck_assert_int_eq(mkfifo(path, 0600), 0); /* nobody writes: not waited for */
	region__find(region, none, path);
	ck_assert_str_eq(region, "");
	unlink(path);
	region__find(region, none, "/tmp");
	ck_assert_str_eq(region, "");
}
END_TEST

/* What is configured is stronger, "no region" too. */
START_TEST(a_configuration_is_stronger)
{
	struct config_flag flag = { "region", "" };
	char fly[] = "FLY_REGION=fly", ours[] = "EDGETAP_REGION=mine";
	char *environment[] = { fly, NULL, NULL };
	struct config_sources sources = { .path = "/dev/null",
					  .flags = &flag,
					  .environment = environment };
	struct config_error error;
	struct config config;

	ck_assert_int_eq(config__load(&config, &sources, &error), 0);
	ck_assert_str_eq(config.region, "fly");
	config__free(&config);
	environment[1] = ours;
	ck_assert_int_eq(config__load(&config, &sources, &error), 0);
	ck_assert_str_eq(config.region, "mine");
	config__free(&config);
	sources.flag_count = 1;
	ck_assert_int_eq(config__load(&config, &sources, &error), 0);
	ck_assert_str_eq(config.region, "");
	config__free(&config);
}
END_TEST

Suite *region_suite(void)
{
	Suite *suite = suite_create("region");
	TCase *tc = tcase_create("region");

	tcase_add_loop_test(tc, regions_are_found_or_unknown, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tc, the_nearest_variable_wins);
	tcase_add_test(tc, the_file_is_read_if_it_is_one);
	tcase_add_test(tc, a_configuration_is_stronger);
	suite_add_tcase(suite, tc);
	return suite;
}
