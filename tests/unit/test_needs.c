// SPDX-License-Identifier: Apache-2.0
/* What is read for a page: all that it shows, and nothing else. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "views/views.h"

Suite *needs_suite(void);

#define GROUPS 10

static const char *const of_memory[] = { "edgetap_instance_memory_*" };
static const char *const of_files[] = { "edgetap_instance_pressure_*", "edgetap_instance_disk_*",
					"edgetap_instance_network_*",
					"edgetap_instance_filesystem_*", "edgetap_volume_*" };
static const char *const of_life[] = { "edgetap_instance_[ulpcf]*", "edgetap_unix_*" };
static const char *const all_families[] = { "*" };

static const struct hidden {
	const char *const *pattern;
	size_t count;
} hidden_sets[] = {
	{ NULL, 0 }, { of_memory, 1 }, { of_files, 5 }, { of_life, 2 }, { all_families, 1 },
};

#define HIDDEN_SETS (sizeof(hidden_sets) / sizeof(hidden_sets[0]))

static const char *const b[] = { "b" };
static const struct scope only_b = { .app = b, .app_count = 1 };
static const struct scope *const scopes[] = { &scope_all, &only_b, &scope_none };

static struct sample sample;

static void setup(void)
{
	sample__init(&sample, 4, 4, 4);
	sample__instance(&sample, 1, "b", "1");
	sample.slots[1].count[COUNT_RUN_DELAY_NS] = 5;
	ck_assert_int_eq(readings__new(&sample.readings), 0);
}

static void teardown(void)
{
	sample__free(&sample);
}

/* As collectors do that look at nothing but what is wanted. */
static void read_wanted(const struct readings_wanted *wanted)
{
	static const char *const apps[] = { "a", "b" };

	readings__clear(sample.readings);
	readings__want(sample.readings, wanted);
	for (int i = 0; i < 2; i++) {
		const struct model_labels labels = { { apps[i], "", "1", "", "" } };
		int64_t owner = readings__owner(sample.readings, &labels);

		for (enum reading_kind kind = 0; kind < READING_KINDS; kind++)
			if (readings__wants(sample.readings, reading__group(kind)) &&
			    readings__wants_app(sample.readings, apps[i]))
				readings__add(sample.readings, owner, kind, kind + 1, "x", "y",
					      "z");
	}
}

static struct exposition *make(const struct hidden *hidden)
{
	struct exposition_options options = {
		.region = "test",
		.host = "node",
		.version = "1",
		.revision = "1",
		.classic_ns = sample.classic_ns,
		.classic_count = sample.classic_count,
		.identities = sample.source,
		.readings = sample.readings,
		.hidden_count = hidden->count,
	};
	struct exposition *exposition;

	for (size_t i = 0; i < hidden->count; i++)
		options.hidden[i] = hidden->pattern[i];
	ck_assert_int_eq(exposition__new(&exposition, &options), 0);
	return exposition;
}

/* Without what differs at each rendering: how long the last one took. */
static char *page(struct exposition *exposition, const struct view *view, const struct scope *scope)
{
	struct buffer out;
	size_t length;
	char *text, *line;

	buffer__init(&out);
	ck_assert_int_eq(exposition__render(exposition, &sample.snapshot, view, &encoder_text,
					    scope, &out),
			 0);
	buffer__append_char(&out, '\0');
	text = buffer__take(&out, &length);
	line = strstr(text, "\nedgetap_last_scrape_duration_seconds{");
	if (line) {
		size_t behind = 1 + strcspn(line + 1, "\n");

		memmove(line, line + behind, strlen(line + behind) + 1);
	}
	return text;
}

static void check_same(const char *got, const char *want)
{
	size_t same = 0;

	while (got[same] && got[same] == want[same])
		same++;
	ck_assert_msg(got[same] == want[same], "from byte %zu on: %.200s\ninstead of %.200s", same,
		      got + same, want + same);
}

static void check(const struct view *view, const struct hidden *hidden, const struct scope *scope)
{
	struct exposition *exposition = make(hidden);
	struct exposition_needs needs;
	char *whole, *got;

	read_wanted(&readings_all);
	whole = page(exposition, view, scope);
	exposition__needs(exposition, view, scope, &needs);
	read_wanted(&needs.readings);
	got = page(exposition, view, scope);
	check_same(got, whole);
	free(got);
	/* who may see nothing is not told from who sees an app that is not here */
	if (scope != &scope_none)
		ck_assert_int_eq(needs.run_delays, strstr(whole, "run_queue_seconds") != NULL);
	for (int bit = 0; bit < GROUPS; bit++) {
		struct readings_wanted less = needs.readings;

		if (!(less.groups & 1U << bit))
			continue;
		less.groups &= ~(1U << bit);
		read_wanted(&less);
		got = page(exposition, view, scope);
		ck_assert_msg(strcmp(got, whole) != 0 || scope == &scope_none,
			      "%s asks for group %d, which it does not show", view->path, bit);
		free(got);
	}
	free(whole);
	exposition__free(exposition);
}

START_TEST(a_page_asks_for_what_it_shows)
{
	size_t count;
	const struct view *const *views = view__all(&count);

	for (size_t v = 0; v < count; v++)
		for (size_t s = 0; s < sizeof(scopes) / sizeof(scopes[0]); s++)
			check(views[v], &hidden_sets[_i], scopes[s]);
}
END_TEST

START_TEST(who_sees_apps_asks_for_no_instance)
{
	struct exposition *exposition = make(&hidden_sets[0]);
	struct exposition_needs needs;

	exposition__needs(exposition, &view_apps, &scope_all, &needs);
	ck_assert_uint_eq(needs.readings.groups, READINGS_OF_VOLUMES);
	exposition__free(exposition);
}
END_TEST

/* A kind that is put elsewhere in the list must not leave its group. */
START_TEST(kinds_are_in_groups_by_their_names)
{
	static const struct {
		const char *prefix;
		enum reading_group group;
	} groups[] = {
		{ "MEM_", READINGS_OF_MEMORY },	      { "CPU", READINGS_OF_CPU },
		{ "PRESSURE", READINGS_OF_PRESSURE }, { "DISK_", READINGS_OF_DISKS },
		{ "NET_", READINGS_OF_NETWORK },      { "FILESYSTEM_", READINGS_OF_FILESYSTEMS },
		{ "VOLUME_", READINGS_OF_VOLUMES },   { "UNIX_", READINGS_OF_UNIX },
		{ "UP", READINGS_OF_LIFE },	      { "PROCESSES", READINGS_OF_LIFE },
	};
	static const char *const names[] = {
#define KIND_NAME(name, unit) #name,
		READINGS(KIND_NAME)
#undef KIND_NAME
	};

	for (int kind = 0; kind < READING_KINDS; kind++) {
		enum reading_group want = READINGS_AT_HAND;

		for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
			if (strncmp(names[kind], groups[i].prefix, strlen(groups[i].prefix)) == 0)
				want = groups[i].group;
		ck_assert_msg(reading__group((enum reading_kind)kind) == want, "%s", names[kind]);
	}
}
END_TEST

Suite *needs_suite(void)
{
	Suite *suite = suite_create("needs");
	TCase *tc = tcase_create("pages");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_page_asks_for_what_it_shows, 0, HIDDEN_SETS);
	tcase_add_test(tc, who_sees_apps_asks_for_no_instance);
	tcase_add_test(tc, kinds_are_in_groups_by_their_names);
	suite_add_tcase(suite, tc);
	return suite;
}
