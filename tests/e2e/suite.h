/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end-to-end scripts as a Check suite. A script is tests/e2e/test_NAME.py
 * (run by /usr/bin/python3) or test_NAME.sh (by bash), run from the root of the
 * repository with BUILD naming the build folder. It exits 0 (passed), 77
 * (skipped, its last line being "SKIP: why") or anything else (failed).
 *
 * Two run at a time; one with a line "# alone: WHY" near its start runs by itself,
 * after the others. CHECK_ALL in the environment gives each more time.
 */
#ifndef EDGETAP_E2E_SUITE_H
#define EDGETAP_E2E_SUITE_H

#include <check.h>

/*
 * A suite of the script called name (with or without test_ and its ending),
 * or of all if name is NULL. A suite that would be empty fails instead.
 */
Suite *e2e_suite(const char *name);

#endif
