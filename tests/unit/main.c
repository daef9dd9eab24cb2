// SPDX-License-Identifier: Apache-2.0
/*
 * The test runner: `check` runs every unit suite and the end-to-end scripts,
 * `check unit [NAME]` one or all unit suites, `check e2e [NAME]` one or all
 * scripts. Suites are listed in the generated suites.h, one SUITE(NAME) for
 * every tests/unit/test_NAME.c.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../e2e/suite.h"

#define SUITE(name) Suite *name##_suite(void);
#include "suites.h"
#undef SUITE

static const struct unit {
	const char *name;
	Suite *(*make)(void);
} units[] = {
#define SUITE(name) { #name, name##_suite },
#include "suites.h"
#undef SUITE
};

/* Adds the unit suites that name selects (NULL: all) and returns how many. */
static int add_units(SRunner *runner, const char *name)
{
	int added = 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (name && strcmp(name, units[i].name))
			continue;
		srunner_add_suite(runner, units[i].make());
		added++;
	}
	return added;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : NULL;
	const char *name = argc > 2 ? argv[2] : NULL;
	SRunner *runner = srunner_create(NULL);
	int added = 0, failed;

	if (argc > 3 || (kind && strcmp(kind, "unit") && strcmp(kind, "e2e"))) {
		fprintf(stderr, "usage: %s [unit|e2e [NAME]]\n", argv[0]);
		return EXIT_FAILURE;
	}
	/* Lines of tests and of Check come in order even through a pipe. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!kind || !strcmp(kind, "unit"))
		added += add_units(runner, name);
	if (!kind || !strcmp(kind, "e2e")) {
		srunner_add_suite(runner, e2e_suite(name));
		added++;
	}
	if (!added) {
		fprintf(stderr, "%s: no unit suite is named %s\n", argv[0], name ? name : "at all");
		return EXIT_FAILURE;
	}

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
