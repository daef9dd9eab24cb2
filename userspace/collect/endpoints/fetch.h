/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One endpoint's requests, one after the other on a connection that is kept, through a
 * curl multi handle. The endpoint is hostile: what it sends is bounded in bytes, on
 * the wire and unpacked, and in time.
 */
#ifndef EDGETAP_COLLECT_ENDPOINTS_FETCH_H
#define EDGETAP_COLLECT_ENDPOINTS_FETCH_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collect/endpoints/reason.h"
#include "collect/endpoints/share.h"

struct fetch_limits {
	size_t body_bytes; /* unpacked */
	size_t wire_bytes; /* packed */
	uint32_t timeout_ms;
	uint32_t connect_ms;
};

struct fetch {
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	const struct fetch_limits *limits;
	uint16_t port;
	bool is_running;
	bool is_second; /* address tried: 127.0.0.1, then ::1 */

	pid_t pid;
	int (*open_socket)(void *ctx, pid_t pid, int family); /* a descriptor or an errno */
	void *open_ctx;

	struct shares *shares;
	struct share *share;
	uint64_t held; /* of memory, kept answers included */
	char *body;
	size_t length, room;
	size_t header_bytes;
	uint64_t received; /* bytes, as they were sent and unpacked, dropped ones included */
	enum custom_reason reason; /* why it stopped the transfer itself */
};

/*
 * id: never used before in this multi handle; it keeps endpoints from using each
 * other's connections, which are of different network namespaces. path begins with a
 * slash. 0 or -ENOMEM.
 */
int fetch__init(struct fetch *fetch, uint64_t id, uint16_t port, const char *path,
		const struct fetch_limits *limits, struct shares *shares, struct share *share);

/* Not while it runs. Gives back all memory but what is kept. */
void fetch__free(struct fetch *fetch);

/* Starts a request. 0 or a negative errno. */
int fetch__begin(struct fetch *fetch, CURLM *multi);

/* Stops one that runs. */
void fetch__cancel(struct fetch *fetch, CURLM *multi);

/*
 * The transfer is over, with curl's result. Returns true if it has to go on: it was
 * begun again with the other address. Else ret_reason tells why it failed, or is
 * CUSTOM_NONE; then body has the answer until fetch__drop_body.
 */
bool fetch__end(struct fetch *fetch, CURLM *multi, CURLcode result, enum custom_reason *ret_reason);

/* Whether the answer's Content-Type says OpenMetrics. */
bool fetch__is_openmetrics(const struct fetch *fetch);

/* Frees the answer, if there is one. */
void fetch__drop_body(struct fetch *fetch);

#endif
