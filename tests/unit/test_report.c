// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"

Suite *report_suite(void);

static struct report report;

static const struct loader_hook hooks[] = {
	{ "reads", "tp_btf/sock_recv_length", true, true, NULL },
	{ "accept", "fexit/inet_csk_accept", false, false, "the kernel refuses it" },
};

static void setup(void)
{
	memset(&report, 0, sizeof(report));
	report.hooks = hooks;
	report.hook_count = 2;
	report.map_bytes = 3 * 1024 * 1024 / 2;
}

/* What print writes, in static storage. */
static char *printed(bool json, bool colour)
{
	static char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(out);
	if (json)
		ck_assert_int_eq(report__print_json(&report, out), 0);
	else
		report__print(&report, out, colour);
	fclose(out);
	return text;
}

START_TEST(test_good_until_something_is_bad)
{
	ck_assert(report__is_good(&report));
	report__add(&report, "a", GRADE_GOOD, "x");
	report__add(&report, "b", GRADE_NOTE, "y");
	ck_assert(report__is_good(&report));
	report__add(&report, "c", GRADE_BAD, "z");
	ck_assert(!report__is_good(&report));
}
END_TEST

START_TEST(test_text)
{
	struct finding *finding = report__add(&report, "BTF", GRADE_BAD, "no %s", "file");

	strcpy(finding->remedy, "boot another kernel");
	ck_assert_str_eq(printed(false, false),
			 "BTF           bad   no file\n"
			 "                    -> boot another kernel\n"
			 "\nHooks (* will be used):\n"
			 "* reads   tp_btf/sock_recv_length  available\n"
			 "  accept  fexit/inet_csk_accept    unavailable  the kernel refuses it\n"
			 "\nMaps: 1.5 MiB of kernel memory at the configured sizes (64 MiB is the "
			 "budget of the defaults)\n"
			 "\nedgetap cannot start here: see what is marked bad.\n");
	ck_assert_ptr_nonnull(strstr(printed(false, true), "\033[31mbad \033[0m"));

	/* Its own colours, but nobody else's. */
	report__add(&report, "identity", GRADE_NOTE, "at %s", "/\033[2J\n\xff");
	strcpy(report.findings[1].remedy, "umount /\r");
	ck_assert_ptr_nonnull(strstr(printed(false, true), "at /\\x1b[2J\\x0a\\xff\n"));
	ck_assert_ptr_nonnull(strstr(printed(false, true), "-> umount /\\x0d\n"));
}
END_TEST

START_TEST(test_json)
{
	json_t *root;
	const char *topic, *grade, *text, *hook;
	int ok, chosen;
	json_int_t bytes;

	/* A mount point may be any bytes; the finding must not vanish for it. */
	report__add(&report, "identity", GRADE_NOTE, "at /\xff\"");
	root = json_loads(printed(true, false), 0, NULL);
	ck_assert_ptr_nonnull(root);
	ck_assert_int_eq(json_unpack(root,
				     "{s:b, s:[{s:s, s:s, s:s, s:s}], s:[{s:s, s:b}, *], s:I}",
				     "ok", &ok, "findings", "topic", &topic, "grade", &grade,
				     "text", &text, "remedy", &hook, "hooks", "hook", &hook,
				     "chosen", &chosen, "map_bytes", &bytes),
			 0);
	ck_assert_int_eq(ok, 1);
	ck_assert_str_eq(topic, "identity");
	ck_assert_str_eq(grade, "note");
	ck_assert_str_eq(text, "at /\xef\xbf\xbd\"");
	ck_assert_str_eq(hook, "tp_btf/sock_recv_length");
	ck_assert_int_eq(chosen, 1);
	ck_assert_int_eq(bytes, 3 * 1024 * 1024 / 2);
	json_decref(root);
}
END_TEST

/* Every capability is listed, held or not, with what does not work without one that is missing. */
START_TEST(test_capabilities)
{
	const struct capability *missing = &capabilities[CAPABILITY_COUNT - 1];
	json_t *root, *list;

	for (int i = 0; i < CAPABILITY_COUNT; i++)
		report.privileges[i] = (struct privilege){
			.capability = &capabilities[i],
			.is_needed = true,
			.state = &capabilities[i] == missing ? PRIVILEGE_MISSING : PRIVILEGE_HELD,
		};
	report.has_privileges = true;
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		char line[64];

		snprintf(line, sizeof(line), "\n%c %s ", &capabilities[i] == missing ? ' ' : '*',
			 capabilities[i].name);
		ck_assert_ptr_nonnull(strstr(printed(false, false), line));
	}
	ck_assert_ptr_nonnull(strstr(printed(false, false), missing->without));
	ck_assert_ptr_null(strstr(printed(false, false), capabilities[2].without));
	root = json_loads(printed(true, false), 0, NULL);
	list = json_object_get(root, "capabilities");
	ck_assert_uint_eq(json_array_size(list), CAPABILITY_COUNT);
	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		const char *name, *state;

		ck_assert_int_eq(json_unpack(json_array_get(list, i), "{s:s, s:s}", "name", &name,
					     "state", &state),
				 0);
		ck_assert_str_eq(name, capabilities[i].name);
		ck_assert_str_eq(state, &capabilities[i] == missing ? "missing" : "held");
	}
	json_decref(root);
}
END_TEST

START_TEST(test_full_report_keeps_the_last)
{
	for (int i = 0; i < REPORT_MAX_FINDINGS + 5; i++)
		report__add(&report, "n", GRADE_GOOD, "%d", i);
	report__add(&report, "last", GRADE_BAD, "x");
	ck_assert_uint_eq(report.count, REPORT_MAX_FINDINGS);
	ck_assert(!report__is_good(&report));
}
END_TEST

Suite *report_suite(void)
{
	Suite *suite = suite_create("report");
	TCase *tc = tcase_create("report");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_good_until_something_is_bad);
	tcase_add_test(tc, test_text);
	tcase_add_test(tc, test_json);
	tcase_add_test(tc, test_capabilities);
	tcase_add_test(tc, test_full_report_keeps_the_last);
	suite_add_tcase(suite, tc);
	return suite;
}
