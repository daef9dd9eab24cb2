// SPDX-License-Identifier: Apache-2.0
/* Many endpoints on one page: who is shown where two cannot both be. */
#include "custom_parse.h"

#include <stdio.h>

#include "custom/endpoint.h"
#include "custom/listener.h"
#include "custom/memory.h"
#include "custom/targets.h"

Suite *custom_page_suite(void);

#define SOURCES_MAX 4

static struct page_source sources[SOURCES_MAX];
static size_t source_count;
static struct page_left_out left_out[SOURCES_MAX];

static void add(const char *labels, const char *owner, const char *text)
{
	sources[source_count++] = (struct page_source){
		.labels = labels,
		.owner = owner,
		.exposed = custom_expose(parse__text, text),
	};
}

static void check_page(const char *want)
{
	char *page = custom_page(sources, source_count, left_out);

	ck_assert_str_eq(page, want);
	free(page);
}

static void teardown(void)
{
	while (source_count)
		exposed__unref((struct exposed *)sources[--source_count].exposed);
}

START_TEST(families_are_merged)
{
	add("app=\"1\"", "1", "# HELP a\n# TYPE a counter\nb 1\na 1\n");
	add("app=\"2\"", "2", "# HELP a Second.\n# TYPE a counter\na{c=\"d\"} 2 5\n");
	add("app=\"3\"", "3", "# HELP a Third.\na 3\n");
	check_page("# HELP a Second.\n# TYPE a counter\na{app=\"1\"} 1\na{app=\"2\",c=\"d\"} 2 5\n"
		   "a{app=\"3\"} 3\n# TYPE b untyped\nb{app=\"1\"} 1\n");
	for (size_t i = 0; i < source_count; i++)
		ck_assert_uint_eq(left_out[i].of_other_type + left_out[i].duplicate, 0);
}
END_TEST

START_TEST(the_older_decides_the_type)
{
	add("app=\"1\"", "1", "a 0\n");
	add("app=\"2\"", "2", "# TYPE a gauge\na 1\n");
	add("app=\"3\"", "3", "# TYPE a counter\na 2\na{b=\"c\"} 3\nd 4\n");
	check_page(
		"# TYPE a gauge\na{app=\"1\"} 0\na{app=\"2\"} 1\n# TYPE d untyped\nd{app=\"3\"} 4\n");
	ck_assert_uint_eq(left_out[0].of_other_type, 0);
	ck_assert_uint_eq(left_out[2].of_other_type, 2);
}
END_TEST

START_TEST(a_histogram_takes_its_names)
{
	add("app=\"1\"", "1", "# TYPE a gauge\na_sum 1\n");
	add("app=\"2\"", "2",
	    "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n"
	    "# TYPE b summary\nb_sum 1\nb_count 1\n");
	add("app=\"3\"", "3",
	    "# TYPE b_count gauge\nb_count 1\n# TYPE b_bucket gauge\nb_bucket 1\n");
	check_page(
		"# TYPE a_sum untyped\na_sum{app=\"1\"} 1\n# TYPE b summary\nb_sum{app=\"2\"} 1\n"
		"b_count{app=\"2\"} 1\n# TYPE b_bucket gauge\nb_bucket{app=\"3\"} 1\n");
	ck_assert_uint_eq(left_out[0].of_other_type, 0);
	ck_assert_uint_eq(left_out[1].of_other_type, 3);
	ck_assert_uint_eq(left_out[2].of_other_type, 1);
}
END_TEST

START_TEST(an_undeclared_one_is_no_histogram)
{
	add("app=\"1\"", "1", "a 1\n");
	add("app=\"2\"", "2", "# TYPE a histogram\na_bucket{le=\"1\"} 1\n");
	check_page("# TYPE a histogram\na_bucket{app=\"2\",le=\"1\"} 1\n");
	ck_assert_uint_eq(left_out[0].of_other_type, 1);
}
END_TEST

START_TEST(no_series_twice)
{
	add("app=\"1\",host=\"h\"", "1", "a 1\nb{c=\"} \\\"\"} 2\nd{e=\"f\",g=\"i\"} 1\n");
	add("app=\"1\",host=\"h\"", "1", "a 10\nb{c=\"} \\\"\"} 20\nb{c=\"}\"} 30\n");
	add("app=\"2\",host=\"h\"", "2", "a 100\n");
	/* the same labels, some of them its own */
	add("app=\"1\",host=\"h\",e=\"f\"", "1", "d{g=\"i\"} 2\nd{g=\"k\"} 3\na 4\n");
	check_page("# TYPE a untyped\na{app=\"1\",host=\"h\"} 1\na{app=\"2\",host=\"h\"} 100\n"
		   "a{app=\"1\",host=\"h\",e=\"f\"} 4\n"
		   "# TYPE b untyped\nb{app=\"1\",host=\"h\",c=\"} \\\"\"} 2\n"
		   "b{app=\"1\",host=\"h\",c=\"}\"} 30\n"
		   "# TYPE d untyped\nd{app=\"1\",host=\"h\",e=\"f\",g=\"i\"} 1\n"
		   "d{app=\"1\",host=\"h\",e=\"f\",g=\"k\"} 3\n");
	ck_assert_uint_eq(left_out[0].duplicate, 0);
	ck_assert_uint_eq(left_out[1].duplicate, 2);
	ck_assert_uint_eq(left_out[2].duplicate, 0);
	ck_assert_uint_eq(left_out[3].duplicate, 1);
}
END_TEST

/* A scraper's labels stay off where a line has none; its own stay. */
START_TEST(labels_of_pods_are_bare)
{
	add("app=\"1\"", "1",
	    "a 1\na{b=\"c\"} 2\na{pod=\"p\"} 3\na{namespace=\"n\",pods=\"}\\\"\"} 4 5\n"
	    "a{b=\"pod=\"} 6\na{a=\"\\\",pod=\\\"\"} 7\n"
	    "a{container=\"c\",namespace=\"n\",pod=\"\"} 8\n");
	sources[0].bare = 1U << MODEL_NAMESPACE | 1U << MODEL_POD;
	add("app=\"2\",pod=\"q\"", "2", "a 1\na{b=\"c\"} 2\n");
	sources[1].bare = 1U << MODEL_CONTAINER;
	add("app=\"3\"", "3", "a 1\n");
	check_page("# TYPE a untyped\n"
		   "a{app=\"1\",namespace=\"\",pod=\"\"} 1\n"
		   "a{app=\"1\",namespace=\"\",pod=\"\",b=\"c\"} 2\n"
		   "a{app=\"1\",namespace=\"\",pod=\"p\"} 3\n"
		   "a{app=\"1\",pod=\"\",namespace=\"n\",pods=\"}\\\"\"} 4 5\n"
		   "a{app=\"1\",namespace=\"\",pod=\"\",b=\"pod=\"} 6\n"
		   "a{app=\"1\",namespace=\"\",pod=\"\",a=\"\\\",pod=\\\"\"} 7\n"
		   "a{app=\"1\",pod=\"\",container=\"c\",namespace=\"n\"} 8\n"
		   "a{app=\"2\",pod=\"q\",container=\"\"} 1\n"
		   "a{app=\"2\",pod=\"q\",container=\"\",b=\"c\"} 2\n"
		   "a{app=\"3\"} 1\n");
}
END_TEST

/* Only where there are pods, and only those that the instance has not. */
START_TEST(an_instance_says_which_are_bare)
{
	const struct custom_place nowhere = { "r", "h", false }, cluster = { "r", "h", true };
	struct custom_target target = { .cgroup = "", .path = "/metrics", .port = 1 };
	const struct {
		struct model_labels labels;
		unsigned int bare;
	} instances[] = {
		{ { { "a", "", "i", "", "" } },
		  1U << MODEL_NAMESPACE | 1U << MODEL_POD | 1U << MODEL_CONTAINER },
		{ { { "a", "n", "i", "p", "c" } }, 0 },
		{ { { "a", "n", "i", "p", "" } }, 1U << MODEL_CONTAINER },
	};

	for (size_t i = 0; i < sizeof(instances) / sizeof(instances[0]); i++) {
		struct endpoint_target *copy;

		target.labels = instances[i].labels;
		copy = endpoint_target__new(&target);
		ck_assert_ptr_nonnull(copy);
		ck_assert_uint_eq(endpoint_target__bare(copy, &cluster), instances[i].bare);
		ck_assert_uint_eq(endpoint_target__bare(copy, &nowhere), 0);
		endpoint_target__free(copy);
	}
}
END_TEST

/* For a page that has families of these names itself. */
START_TEST(families_one_by_one)
{
	struct buffer out;
	struct page *page;

	add("app=\"1\"", "1",
	    "# TYPE a gauge\na 1\n# TYPE b counter\nb 1\nc 1\n"
	    "# TYPE s summary\ns_sum 1\ns_count 1\n");
	buffer__init(&out);
	ck_assert_int_eq(page__new(&page, sources, source_count, custom_key), 0);
	page__family(page, "a", EXPOSED_GAUGE, &out);
	page__family(page, "b", EXPOSED_GAUGE, &out);
	page__family(page, "s", EXPOSED_GAUGE, &out);
	page__family(page, "x", EXPOSED_GAUGE, &out);
	page__rest(page, &out);
	buffer__append_char(&out, '\0');
	ck_assert_str_eq(out.data,
			 "a{app=\"1\"} 1\nb{app=\"1\"} 1\n# TYPE c untyped\nc{app=\"1\"} 1\n");
	ck_assert_uint_eq(page__left_out(page, 0)->of_other_type, 2);
	page__free(page);
	buffer__free(&out);
}
END_TEST

START_TEST(memory_is_shared_fairly)
{
	struct memory memory = { .own = 100, .common = 1000 };
	size_t greedy = 0, modest = 0, other = 0;

	ck_assert(memory__resize(&memory, &greedy, 1100));
	ck_assert(!memory__resize(&memory, &greedy, 1101));
	ck_assert_uint_eq(greedy, 1100);
	ck_assert(memory__resize(&memory, &modest, 100));
	ck_assert(!memory__resize(&memory, &modest, 101));
	ck_assert(memory__resize(&memory, &greedy, 600));
	ck_assert(memory__resize(&memory, &other, 600));
	ck_assert(!memory__resize(&memory, &modest, 101));
	ck_assert(memory__resize(&memory, &greedy, 0));
	ck_assert(memory__resize(&memory, &modest, 600));
	ck_assert(memory__resize(&memory, &modest, 0));
	ck_assert(memory__resize(&memory, &other, 0));
	ck_assert_uint_eq(memory.used, 0);
}
END_TEST

static const struct identity web = {
	.kind = INSTANCE_CONTAINER,
	.app = "web-1",
	.instance = "abc",
	.namespace_ = "",
	.pod = "",
	.container = "front",
	.runtime = "",
	.metrics_path = "",
};

static size_t endpoints(const struct identity *identity, const char *exe,
			const struct config_metrics *metrics, size_t count, char *text, size_t size)
{
	const struct identity_instance instance = { .identity = identity, .cgroup = "/c" };
	struct targets targets = { 0 };
	size_t used = 0;

	ck_assert_int_eq(targets__add(&targets, &instance, 7, exe, metrics, count), 0);
	text[0] = '\0';
	for (size_t i = 0; i < targets.count; i++) {
		ck_assert_int_eq(targets.target[i].pid, 7);
		ck_assert_str_eq(targets.target[i].labels.value[MODEL_APP], identity->app);
		used += (size_t)snprintf(text + used, size - used, "%u%s ", targets.target[i].port,
					 targets.target[i].path);
	}
	free(targets.target);
	return targets.count;
}

START_TEST(rules_and_labels_name_endpoints)
{
	char *processes[] = { "other", "fro*" }, *file[] = { "ngin?" };
	struct config_metrics metrics[] = {
		{ .match = { .match_app = "web-*" }, .port = 1, .path = "/metrics" },
		{ .match = { .match_app = "web-*" }, .port = 2, .path = "/x" },
		{ .match = { .match_app = "api-*" }, .port = 3, .path = "/metrics" },
		{ .port = 4, .path = "/p", .processes = processes, .process_count = 1 },
		{ .port = 5, .path = "/p", .processes = processes, .process_count = 2 },
		{ .port = 6, .path = "/p", .processes = file, .process_count = 1 },
		{ .match = { .match_exe = "nginx", .match_cgroup = "/c" },
		  .port = 1,
		  .path = "/metrics" },
	};
	struct identity labelled = web;
	char text[128];

	endpoints(&web, "/usr/sbin/nginx", metrics, 7, text, sizeof(text));
	ck_assert_str_eq(text, "1/metrics 2/x 5/p 6/p ");
	endpoints(&web, "", metrics + 6, 1, text, sizeof(text));
	ck_assert_str_eq(text, "");
	labelled.metrics_port = 2;
	labelled.metrics_path = "/x";
	endpoints(&labelled, "/usr/sbin/nginx", metrics, 2, text, sizeof(text));
	ck_assert_str_eq(text, "1/metrics 2/x ");
	endpoints(&labelled, "/usr/sbin/nginx", NULL, 0, text, sizeof(text));
	ck_assert_str_eq(text, "2/x ");
}
END_TEST

START_TEST(lines_of_listeners)
{
	static const char v4[] =
		"   0: 0100007F:23A3 00000000:0000 0A 00000000:00000000 00:00000000 "
		"00000000     0        0 20034 1 0000000000000000 100 0 0 10 0\n";
	static const char v6[] =
		"   1: 00000000000000000000000001000000:23A3 "
		"00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 "
		"00000000     0        0 4294967295 1 0000000000000000 100 0 0 10 0\n";
	static const char connected[] =
		"   2: 0100007F:23A3 0100007F:9C40 01 00000000:00000000 00:00000000 "
		"00000000     0        0 20035 1 0000000000000000 20 4 30 10 -1\n";

	ck_assert_uint_eq(listener__parse_line(v4, 9123), 20034);
	ck_assert_uint_eq(listener__parse_line(v4, 9124), 0);
	ck_assert_uint_eq(listener__parse_line(v6, 9123), 4294967295);
	ck_assert_uint_eq(listener__parse_line(connected, 9123), 0);
	ck_assert_uint_eq(listener__parse_line("  sl  local_address\n", 9123), 0);
	ck_assert_uint_eq(listener__parse_line("", 0), 0);
}
END_TEST

Suite *custom_page_suite(void)
{
	Suite *suite = suite_create("custom_page");
	TCase *tcase = tcase_create("core");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, families_are_merged);
	tcase_add_test(tcase, the_older_decides_the_type);
	tcase_add_test(tcase, a_histogram_takes_its_names);
	tcase_add_test(tcase, an_undeclared_one_is_no_histogram);
	tcase_add_test(tcase, no_series_twice);
	tcase_add_test(tcase, families_one_by_one);
	tcase_add_test(tcase, labels_of_pods_are_bare);
	tcase_add_test(tcase, an_instance_says_which_are_bare);
	tcase_add_test(tcase, memory_is_shared_fairly);
	tcase_add_test(tcase, rules_and_labels_name_endpoints);
	tcase_add_test(tcase, lines_of_listeners);
	suite_add_tcase(suite, tcase);
	return suite;
}
