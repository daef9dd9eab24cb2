// SPDX-License-Identifier: Apache-2.0
/* Many endpoints on one page: who is shown where two cannot both be. */
#include "custom_parse.h"

#include <stdio.h>
#include <time.h>

#include "collect/endpoints/allot.h"
#include "collect/endpoints/endpoint.h"
#include "collect/endpoints/listener.h"
#include "collect/endpoints/share.h"
#include "collect/endpoints/targets.h"

Suite *custom_page_suite(void);

#define SOURCES_MAX 4

static struct page_source sources[SOURCES_MAX];
static size_t source_count;
static struct page_tally tally[SOURCES_MAX];

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
	char *page = custom_page(sources, source_count, tally);

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
		ck_assert_uint_eq(tally[i].untyped + tally[i].duplicate, 0);
}
END_TEST

/* Whoever was there first. */
START_TEST(nobody_takes_a_family_by_its_type)
{
	add("app=\"1\"", "1", "a 0\n# HELP c x\n# TYPE c gauge\nc 1\n");
	add("app=\"2\"", "2", "# HELP a One.\n# TYPE a gauge\na 1\n# TYPE c gauge\nc 2\n");
	add("app=\"3\"", "3", "# HELP a Two.\n# TYPE a counter\na 2\na{b=\"c\"} 3\nd 4\n");
	check_page("# TYPE a untyped\na{app=\"1\"} 0\na{app=\"2\"} 1\na{app=\"3\"} 2\n"
		   "a{app=\"3\",b=\"c\"} 3\n"
		   "# HELP c x\n# TYPE c gauge\nc{app=\"1\"} 1\nc{app=\"2\"} 2\n"
		   "# TYPE d untyped\nd{app=\"3\"} 4\n");
	for (size_t i = 0; i < source_count; i++)
		ck_assert_uint_eq(tally[i].untyped, 1);
}
END_TEST

/* Samples of a histogram or summary that others name are untyped, each under its own name. */
START_TEST(nobody_takes_a_family_by_its_suffix)
{
	add("app=\"1\"", "1", "# TYPE a_sum gauge\na_sum 1\n# TYPE b_bucket gauge\nb_bucket 1\n");
	add("app=\"2\"", "2",
	    "# HELP a x\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 2\na_count 3\n"
	    "# TYPE b summary\nb{quantile=\"1\"} 4\nb_sum 1\nb_count 1\n");
	add("app=\"3\"", "3", "# TYPE a histogram\na_bucket{le=\"+Inf\"} 4\na_sum 5\n");
	check_page("# TYPE a_bucket untyped\na_bucket{app=\"2\",le=\"+Inf\"} 1\n"
		   "a_bucket{app=\"3\",le=\"+Inf\"} 4\n"
		   "# TYPE a_count untyped\na_count{app=\"2\"} 3\n"
		   "# TYPE a_sum untyped\na_sum{app=\"1\"} 1\na_sum{app=\"2\"} 2\n"
		   "a_sum{app=\"3\"} 5\n"
		   "# TYPE b summary\nb{app=\"2\",quantile=\"1\"} 4\nb_sum{app=\"2\"} 1\n"
		   "b_count{app=\"2\"} 1\n"
		   "# TYPE b_bucket gauge\nb_bucket{app=\"1\"} 1\n");
	ck_assert_uint_eq(tally[0].untyped, 1);
	ck_assert_uint_eq(tally[1].untyped, 3);
	ck_assert_uint_eq(tally[2].untyped, 2);
}
END_TEST

START_TEST(kinds_with_suffixes_disagree)
{
	add("app=\"1\"", "1",
	    "# TYPE a summary\na{quantile=\"1\"} 1\na_sum 1\n# TYPE u histogram\n"
	    "u_count 1\n");
	add("app=\"2\"", "2", "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_sum 2\nu 2\n");
	add("app=\"3\"", "3", "# TYPE a counter\na 3\n");
	check_page("# TYPE a untyped\na{app=\"1\",quantile=\"1\"} 1\na{app=\"3\"} 3\n"
		   "# TYPE a_bucket untyped\na_bucket{app=\"2\",le=\"1\"} 2\n"
		   "# TYPE a_sum untyped\na_sum{app=\"1\"} 1\na_sum{app=\"2\"} 2\n"
		   "# TYPE u untyped\nu{app=\"2\"} 2\n"
		   "# TYPE u_count untyped\nu_count{app=\"1\"} 1\n");
}
END_TEST

/* Names of names of samples: what gets samples of another is no type of its own either. */
START_TEST(suffixes_of_suffixes)
{
	add("app=\"1\"", "1", "# TYPE a histogram\na_sum 1\na_sum{x=\"y\"} 1\n");
	add("app=\"2\"", "2", "# TYPE a_sum summary\na_sum{quantile=\"1\"} 2\na_sum_count 2\n");
	add("app=\"3\"", "3", "# TYPE a_sum_count histogram\na_sum_count_bucket{le=\"1\"} 3\n");
	check_page("# TYPE a_sum untyped\na_sum{app=\"1\"} 1\na_sum{app=\"1\",x=\"y\"} 1\n"
		   "a_sum{app=\"2\",quantile=\"1\"} 2\n"
		   "# TYPE a_sum_count untyped\na_sum_count{app=\"2\"} 2\n"
		   "# TYPE a_sum_count_bucket untyped\na_sum_count_bucket{app=\"3\",le=\"1\"} 3\n");
}
END_TEST

/* Two endpoints of one instance, of which one has a sample of the other's histogram. */
START_TEST(one_owner_disagrees_with_itself)
{
	add("app=\"1\"", "1", "# TYPE a histogram\na_sum 1\na_count 1\n");
	add("app=\"1\"", "1", "# TYPE a_sum gauge\na_sum 2\na_sum{x=\"y\"} 3\n");
	add("app=\"2\"", "2",
	    "# TYPE b summary\n# TYPE b_sum gauge\nb_sum 1\nb_count 2\nb{quantile=\"1\"} 3\n");
	check_page("# TYPE a_count untyped\na_count{app=\"1\"} 1\n"
		   "# TYPE a_sum untyped\na_sum{app=\"1\"} 1\na_sum{app=\"1\",x=\"y\"} 3\n"
		   "# TYPE b untyped\nb{app=\"2\",quantile=\"1\"} 3\n"
		   "# TYPE b_count untyped\nb_count{app=\"2\"} 2\n"
		   "# TYPE b_sum gauge\nb_sum{app=\"2\"} 1\n");
	ck_assert_uint_eq(tally[1].duplicate, 1);
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
	ck_assert_uint_eq(tally[0].duplicate, 0);
	ck_assert_uint_eq(tally[1].duplicate, 2);
	ck_assert_uint_eq(tally[2].duplicate, 0);
	ck_assert_uint_eq(tally[3].duplicate, 1);
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
		endpoint_target__unref(copy);
	}
}
END_TEST

/* For a page that has families of these names itself. */
START_TEST(families_one_by_one)
{
	static const char *const taken[] = { "a", "b", "s", "t_sum", "x" };
	struct buffer out;
	struct page *page;

	add("app=\"1\"", "1",
	    "# TYPE a gauge\na 1\n# TYPE b counter\nb 1\nc 1\n"
	    "# TYPE s summary\ns{quantile=\"1\"} 0\ns_sum 1\ns_count 1\n"
	    "# TYPE t histogram\nt_sum 1\nt_count 2\n");
	buffer__init(&out);
	ck_assert_int_eq(page__new(&page, sources, source_count, custom_key, taken, 5), 0);
	for (size_t i = 0; i < 5; i++)
		page__family(page, taken[i], &out);
	page__rest(page, &out);
	buffer__append_char(&out, '\0');
	ck_assert_str_eq(out.data, "a{app=\"1\"} 1\nb{app=\"1\"} 1\ns{app=\"1\",quantile=\"1\"} 0\n"
				   "t_sum{app=\"1\"} 1\n# TYPE c untyped\nc{app=\"1\"} 1\n"
				   "# TYPE s_count untyped\ns_count{app=\"1\"} 1\n"
				   "# TYPE s_sum untyped\ns_sum{app=\"1\"} 1\n"
				   "# TYPE t_count untyped\nt_count{app=\"1\"} 2\n");
	page__free(page);
	buffer__free(&out);
}
END_TEST

/* Two endpoints of one owner: one family of so many series, and so many families. */
static double work_ms(size_t count)
{
	struct parse_options options = custom_options();
	struct page_source pair[2];
	struct parse_error error;
	struct timespec from, to;
	struct buffer text;
	char line[64];

	options.max_samples = UINT32_MAX;
	for (int k = 0; k < 2; k++) {
		struct exposed *exposed;

		buffer__init(&text);
		for (size_t i = 0; i < count; i++) {
			snprintf(line, sizeof(line), "m%zu{k=\"%d\"} 1\n", i, k);
			buffer__append_text(&text, line);
			snprintf(line, sizeof(line), "a{i=\"%zu\"} 1\n", i);
			if (k)
				buffer__append_text(&text, line);
		}
		buffer__append_text(&text, "a 1\n");
		ck_assert_int_eq(parse__text(text.data, text.length, &options, &exposed, &error),
				 0);
		buffer__free(&text);
		pair[k] = (struct page_source){ "app=\"1\"", 0, "1", exposed };
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	free(custom_page(pair, 2, NULL));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	for (int k = 0; k < 2; k++)
		exposed__unref((struct exposed *)pair[k].exposed);
	return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

/* No time is asserted: sixteen times as much takes about so much longer, not 256 times. */
START_TEST(work_grows_with_samples)
{
	double small = work_ms(2000);

	for (int i = 0; i < 4; i++) {
		double again = work_ms(2000);

		small = again < small ? again : small;
	}
	ck_assert_double_le(work_ms(32000), 80 * small + 5);
}
END_TEST

START_TEST(apps_share_fairly)
{
	struct shares shares = { .limit[SHARE_PAGE] = { 100, 1000 } };
	struct share *greedy = share__get(&shares, "greedy"),
		     *modest = share__get(&shares, "modest");
	uint64_t many[20] = { 0 }, one = 0;
	size_t taken = 0;

	/* how many endpoints it has does not matter: half of all is its part */
	while (taken < 20 && share__resize(&shares, greedy, SHARE_PAGE, &many[taken], 200))
		taken++;
	ck_assert_uint_eq(taken, 5);
	/* what each may have is nobody's to take */
	ck_assert(share__resize(&shares, greedy, SHARE_PAGE, &many[taken], 100));
	ck_assert(!share__resize(&shares, greedy, SHARE_PAGE, &many[taken], 101));
	ck_assert_uint_eq(many[taken], 100);
	/* who comes next finds room */
	ck_assert(share__resize(&shares, modest, SHARE_PAGE, &one, 350));
	ck_assert(!share__resize(&shares, modest, SHARE_PAGE, &one, 351));
	/* and who gives back does not get more than its part again */
	ck_assert(share__resize(&shares, greedy, SHARE_PAGE, &many[0], 0));
	ck_assert(!share__resize(&shares, greedy, SHARE_PAGE, &many[0], 200));
	ck_assert_ptr_eq(share__get(&shares, "greedy"), greedy);
	for (size_t i = 0; i < 20; i++)
		ck_assert(share__resize(&shares, greedy, SHARE_PAGE, &many[i], 0));
	ck_assert(share__resize(&shares, modest, SHARE_PAGE, &one, 0));
	ck_assert_uint_eq(shares.used[SHARE_PAGE], 0);
	share__put(&shares, greedy);
	share__put(&shares, greedy);
	share__put(&shares, modest);
	ck_assert_ptr_null(shares.first);
}
END_TEST

START_TEST(time_is_shared_fairly)
{
	struct shares shares = { .time = { 10, 1000 }, .period_ns = 2000 };
	struct share *greedy = share__get(&shares, "greedy"), *other = share__get(&shares, "other");
	struct share *modest = share__get(&shares, "modest");

	ck_assert(share__has_time(&shares, greedy, 1));
	share__spend(&shares, greedy, 400);
	ck_assert(share__has_time(&shares, greedy, 2));
	share__spend(&shares, greedy, 2000);
	ck_assert(!share__has_time(&shares, greedy, 3));
	ck_assert(share__has_time(&shares, other, 3));
	share__spend(&shares, other, 300);
	ck_assert(share__has_time(&shares, other, 3));
	share__spend(&shares, modest, 5);
	ck_assert(share__has_time(&shares, modest, 3));
	/* what was spent too much has to be waited for, and nobody else waits */
	for (uint64_t now = 2001; now < 2001 + 2000 * 5; now += 2000) {
		ck_assert(share__has_time(&shares, other, now));
		ck_assert_int_eq(share__has_time(&shares, greedy, now), now > 10000);
	}
	share__put(&shares, greedy);
	share__put(&shares, other);
	share__put(&shares, modest);
}
END_TEST

START_TEST(endpoints_are_shared_fairly)
{
	static const char *const apps[] = { "a", "a", "a", "b", "a", "a", "c", "b", "a" };
	struct custom_target targets[9];
	struct allotment allotment;
	char given[10] = "";

	for (size_t i = 0; i < 9; i++)
		targets[i] = (struct custom_target){ .labels = { { apps[i], "", "", "", "" } } };
	for (size_t limit = 3; limit < 10; limit++) {
		static const char *const want[] = { "100100100", "110100100", "110100110",
						    "111100110", "111110110", "111111110",
						    "111111111" };

		ck_assert_int_eq(allotment__make(&allotment, targets, 9, limit), 0);
		ck_assert_uint_eq(allotment.app_count, 3);
		for (size_t i = 0; i < 9; i++)
			given[i] = allotment.is_given[i] ? '1' : '0';
		ck_assert_str_eq(given, want[limit - 3]);
		allotment__free(&allotment);
	}
	/* the same name in another namespace is another app */
	targets[0].labels.value[MODEL_NAMESPACE] = "n";
	ck_assert_int_eq(allotment__make(&allotment, targets, 9, 4), 0);
	ck_assert_uint_eq(allotment.app_count, 4);
	ck_assert(allotment.is_given[0] && allotment.is_given[1] && !allotment.is_given[2]);
	allotment__free(&allotment);
}
END_TEST

START_TEST(labels_are_text)
{
	static const struct custom_place place = { "", "h", false };
	const struct custom_target target = {
		.cgroup = "",
		.path = "/",
		.labels = { { "a\xff\"\n", "", "b\xc3", "", "" } },
	};
	struct endpoint_target *copy = endpoint_target__new(&target);
	char *labels = endpoint_target__labels(copy, &place);

	ck_assert_str_eq(labels,
			 "app=\"a\xef\xbf\xbd\\\"\\n\",host=\"h\",instance=\"b\xef\xbf\xbd\"");
	ck_assert_str_eq(copy->owner, "a\xef\xbf\xbd\"\n\nb\xef\xbf\xbd");
	free(labels);
	endpoint_target__unref(copy);
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
	tcase_add_test(tcase, nobody_takes_a_family_by_its_type);
	tcase_add_test(tcase, nobody_takes_a_family_by_its_suffix);
	tcase_add_test(tcase, kinds_with_suffixes_disagree);
	tcase_add_test(tcase, suffixes_of_suffixes);
	tcase_add_test(tcase, one_owner_disagrees_with_itself);
	tcase_add_test(tcase, no_series_twice);
	tcase_add_test(tcase, families_one_by_one);
	tcase_add_test(tcase, labels_of_pods_are_bare);
	tcase_add_test(tcase, an_instance_says_which_are_bare);
	tcase_add_test(tcase, work_grows_with_samples);
	tcase_add_test(tcase, apps_share_fairly);
	tcase_add_test(tcase, time_is_shared_fairly);
	tcase_add_test(tcase, endpoints_are_shared_fairly);
	tcase_add_test(tcase, labels_are_text);
	tcase_add_test(tcase, rules_and_labels_name_endpoints);
	tcase_add_test(tcase, lines_of_listeners);
	suite_add_tcase(suite, tcase);
	return suite;
}
