/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct custom, for the files that implement custom.h. */
#ifndef EDGETAP_COLLECT_ENDPOINTS_CUSTOM_INTERNAL_H
#define EDGETAP_COLLECT_ENDPOINTS_CUSTOM_INTERNAL_H

#include <pthread.h>
#include <time.h>

#include "collect/endpoints/endpoint.h"
#include "collect/endpoints/listener.h"

#define NS_PER_S 1000000000ULL

/* Endpoints of an app that are not asked. */
struct not_asked {
	char *app, *namespace_;
	uint32_t count;
};

struct custom {
	struct custom_options options;
	struct fetch_limits limits;
	uint64_t key[2];
	pthread_t thread;
	bool is_started;

	CURLM *multi; /* the thread's, but for curl_multi_wakeup */
	struct shares shares;
	uint64_t next_id;
	uint64_t judge_from_ns;
	bool is_changed; /* since it was judged */
	struct listener_cache *listeners;

	pthread_mutex_t lock; /* of everything below */
	bool is_ending;
	struct endpoint **endpoint; /* oldest first; changed by the thread only */
	size_t count;
	struct not_asked *not_asked;
	size_t not_asked_count;
	struct endpoint_target **wanted;
	size_t wanted_count;
	bool is_wanted; /* wanted is new */
};

/* The thread takes over what custom__set_targets left; the lock is held for the exchange only. */
void wanted__take(struct custom *custom);

/* Frees all endpoints, and what waits. */
void wanted__free(struct custom *custom);

#endif
