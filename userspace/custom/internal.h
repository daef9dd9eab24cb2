/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct custom, for the files that implement custom.h. */
#ifndef EDGETAP_CUSTOM_INTERNAL_H
#define EDGETAP_CUSTOM_INTERNAL_H

#include <pthread.h>
#include <time.h>

#include "custom/endpoint.h"
#include "custom/listener.h"

#define NS_PER_S 1000000000ULL

struct custom {
	struct custom_options options;
	struct fetch_limits limits;
	uint64_t key[2];
	pthread_t thread;
	bool is_started;

	CURLM *multi; /* the thread's, but for curl_multi_wakeup */
	struct memory memory;
	uint64_t next_id;
	uint64_t next_judge_ns;
	struct listener_cache *listeners;

	pthread_mutex_t lock; /* of everything below */
	bool is_ending;
	struct endpoint **endpoint; /* oldest first; changed by the thread only */
	size_t count;
	uint32_t left_out;
	struct endpoint_target **wanted;
	size_t wanted_count;
	uint32_t wanted_left_out;
	bool is_wanted; /* wanted is new */
};

#endif
