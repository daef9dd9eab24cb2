/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGETAP_CLI_DOCTOR_DATABASES_H
#define EDGETAP_CLI_DOCTOR_DATABASES_H

#include "cli/report.h"
#include "config/config.h"

/* Looks for servers and asks each, for `doctor`: takes as long as they take to answer. */
void doctor__report_databases(struct report *report, const struct config *config);

#endif
