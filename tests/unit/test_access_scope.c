// SPDX-License-Identifier: Apache-2.0
/* Scopes: what they allow, and that an exposition leaves out the rest and nothing else. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "sample_rich.h"
#include "views/views.h"

Suite *access_scope_suite(void);

static struct sample sample;
static struct rollup *rollup;

static void setup(void)
{
	sample__init_rich(&sample, &rollup);
}

static void teardown(void)
{
	rollup__free(rollup);
	sample__free(&sample);
}

START_TEST(names_are_compared_whole)
{
	const char *const apps[] = { "web", "a=b" };
	const struct scope two = { .app = apps, .app_count = 2 };

	ck_assert(scope__allows(&two, "web"));
	ck_assert(scope__allows(&two, "a=b"));
	ck_assert(!scope__allows(&two, "web2"));
	ck_assert(!scope__allows(&two, "we"));
	ck_assert(!scope__allows(&two, "WEB"));
	ck_assert(!scope__allows(&two, ""));
	ck_assert(!scope__allows(&two, NULL));
	ck_assert(!scope__allows(&two, "__other__"));
	ck_assert(scope__allows(&scope_all, "__other__"));
	ck_assert(scope__allows(&scope_all, NULL));
	ck_assert(!scope__allows(&scope_none, "web"));
	ck_assert(!scope__allows(&scope_none, NULL));
}
END_TEST

START_TEST(an_empty_name_is_no_app)
{
	const char *const apps[] = { "" };
	const struct scope scope = { .app = apps, .app_count = 1 };

	ck_assert(!scope__allows(&scope, ""));
	ck_assert(!scope__allows(&scope, NULL));
}
END_TEST

START_TEST(what_is_the_same_scope)
{
	const char *const ab[] = { "a", "b" }, *const a_b[] = { "a,b" }, *const ac[] = { "a", "c" };
	const struct scope scopes[] = {
		scope_all,
		scope_none,
		{ .all = true, .org = "o" },
		{ .all = true, .org = "p" },
		{ .app = ab, .app_count = 1 },
		{ .app = ab, .app_count = 2 },
		{ .app = ac, .app_count = 2 },
		{ .app = a_b, .app_count = 1 },
		{ .app = ab, .app_count = 2, .org = "o" },
	};
	const size_t count = sizeof(scopes) / sizeof(*scopes);

	for (size_t i = 0; i < count; i++) {
		struct scope *copy;

		for (size_t j = 0; j < count; j++)
			ck_assert_int_eq(scope__is_same(&scopes[i], &scopes[j]), i == j);
		ck_assert_int_eq(scope__copy(&copy, &scopes[i]), 0);
		ck_assert(scope__is_same(copy, &scopes[i]));
		free(copy);
	}
}
END_TEST

START_TEST(organisations)
{
	const struct scope one = { .all = true, .org = "personal" };

	ck_assert(scope__allows_org(&scope_all, "any"));
	ck_assert(scope__allows_org(&one, "personal"));
	ck_assert(!scope__allows_org(&one, "person"));
	ck_assert(!scope__allows_org(&one, ""));
	ck_assert(!scope__allows_org(&one, NULL));
}
END_TEST

START_TEST(a_copy_is_its_own)
{
	char name[] = "web", org[] = "personal";
	const char *apps[] = { name, "db" };
	const struct scope scope = { .app = apps, .app_count = 2, .org = org };
	struct scope *copy;

	ck_assert_int_eq(scope__copy(&copy, &scope), 0);
	memset(name, 'x', 3);
	memset(org, 'x', 3);
	apps[1] = NULL;
	ck_assert(scope__allows(copy, "web"));
	ck_assert(scope__allows(copy, "db"));
	ck_assert(!scope__allows(copy, "xxx"));
	ck_assert(scope__allows_org(copy, "personal"));
	free(copy);
}
END_TEST

/* The next line, without its end; NULL behind the last. */
static char *next_line(char **text)
{
	char *line = *text, *end;

	if (!*line)
		return NULL;
	end = strchr(line, '\n');
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	*text = end + 1;
	return line;
}

/* The next series, with a label app="APP" if app is not NULL. */
static char *next_series(char **text, const char *app)
{
	char label[64];
	char *line;

	snprintf(label, sizeof(label), "app=\"%s\"", app ? app : "");
	while ((line = next_line(text)))
		if (line[0] != '#' && (!app || strstr(line, label)))
			return line;
	return NULL;
}

/* What the restricted one shows is what the other shows of the app: every line, in its order. */
static void check_view(const struct view *view, const struct encoder *encoder, const char *app)
{
	const struct scope scope = { .app = &app, .app_count = 1 };
	char *all = sample__render(&sample, rollup, view, encoder, NULL), *all_at = all;
	char *some, *some_at, *line;
	size_t count = 0;

	sample.scope = &scope;
	some = some_at = sample__render(&sample, rollup, view, encoder, NULL);
	sample.scope = NULL;
	while ((line = next_series(&some_at, NULL))) {
		const char *expected = next_series(&all_at, app);

		ck_assert_ptr_nonnull(expected);
		ck_assert_str_eq(line, expected);
		count++;
	}
	ck_assert_ptr_null(next_series(&all_at, app));
	ck_assert_uint_gt(count, 5);
	free(all);
	free(some);
}

START_TEST(an_exposition_shows_what_is_allowed)
{
	size_t count;
	const struct view *const *views = view__all(&count);

	for (size_t i = 0; i < count; i++) {
		check_view(views[i], &encoder_text, "shop");
		check_view(views[i], &encoder_openmetrics, "shop");
	}
}
END_TEST

START_TEST(nothing_is_shown_to_nobody)
{
	size_t count, length;
	const struct view *const *views = view__all(&count);
	const struct encoder *const encoders[] = { &encoder_text, &encoder_openmetrics,
						   &encoder_protobuf };

	sample.scope = &scope_none;
	for (size_t i = 0; i < count * 3; i++) {
		const struct encoder *encoder = encoders[i % 3];
		char *text = sample__render(&sample, rollup, views[i / 3], encoder, &length);

		ck_assert_str_eq(text, encoder == &encoder_openmetrics ? "# EOF\n" : "");
		ck_assert_uint_eq(length, strlen(text));
		free(text);
	}
}
END_TEST

Suite *access_scope_suite(void)
{
	Suite *suite = suite_create("access_scope");
	TCase *names = tcase_create("names"), *views = tcase_create("views");

	tcase_add_test(names, names_are_compared_whole);
	tcase_add_test(names, an_empty_name_is_no_app);
	tcase_add_test(names, what_is_the_same_scope);
	tcase_add_test(names, organisations);
	tcase_add_test(names, a_copy_is_its_own);
	suite_add_tcase(suite, names);
	tcase_add_checked_fixture(views, setup, teardown);
	tcase_add_test(views, an_exposition_shows_what_is_allowed);
	tcase_add_test(views, nothing_is_shown_to_nobody);
	suite_add_tcase(suite, views);
	return suite;
}
