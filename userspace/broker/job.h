/* SPDX-License-Identifier: Apache-2.0 */
/* One request, done by the process that was forked for it. */
#ifndef EDGETAP_BROKER_JOB_H
#define EDGETAP_BROKER_JOB_H

#include <stdbool.h>

struct broker_options;
struct broker_request;

/* Whether it is one of those that there are, with values that it may have. Pure. */
bool job__is_valid(const struct broker_request *request);

/* After that it is ended. */
unsigned int job__deadline_ms(const struct broker_request *request);

/* Does it and answers through the socket; err, if it is not 0, is the answer. */
void job__do(const struct broker_request *request, int socket, const struct broker_options *options,
	     int err);

#endif
