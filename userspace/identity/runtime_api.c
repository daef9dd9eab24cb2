// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/curl_list.h"
#include "identity/runtime_api.h"

/* A message of gRPC over HTTP/2 has one byte that says whether it is compressed, and its length. */
#define FRAME_BYTES 5
#define FIRST_ROOM 8192
/* google.golang.org/grpc/codes */
#define GRPC_OK "0"
#define GRPC_UNIMPLEMENTED "12"

struct answer {
	char *body;
	size_t len, room, max;
	char grpc_status[4]; /* decimal; "" if none was sent, or none that there is */
	int err;	     /* why we ended it */
};

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct answer *answer = ctx;
	size_t bytes = size * count, room = answer->room ? answer->room : FIRST_ROOM;
	char *body;

	if (bytes > answer->max - answer->len) {
		answer->err = -EFBIG;
		return 0;
	}
	while (room - answer->len < bytes + 1)
		room *= 2;
	if (room > answer->room) {
		body = realloc(answer->body, room);
		if (!body) {
			answer->err = -ENOMEM;
			return 0;
		}
		answer->body = body;
		answer->room = room;
	}
	memcpy(answer->body + answer->len, data, bytes);
	answer->len += bytes;
	answer->body[answer->len] = '\0';
	return bytes;
}

/* Trailers come here, too; the status is in these, or in the header of an answer without a body. */
static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	static const char name[] = "grpc-status:";
	struct answer *answer = ctx;
	size_t bytes = size * count, at = sizeof(name) - 1, end = bytes;

	if (bytes < at || strncasecmp(data, name, at) != 0)
		return bytes;
	while (at < end && data[at] == ' ')
		at++;
	while (at < end && (data[end - 1] == '\r' || data[end - 1] == '\n'))
		end--;
	memset(answer->grpc_status, 0, sizeof(answer->grpc_status));
	if (end - at < sizeof(answer->grpc_status))
		memcpy(answer->grpc_status, data + at, end - at);
	return bytes;
}

static bool set_options(CURL *easy, struct answer *answer, const char *socket_path, const char *url,
			uint64_t left_ms)
{
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(easy, CURLOPT_URL, url);
	bad |= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket_path);
	bad |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not even the environment's */
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "edgetap");
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, answer);
	return bad == CURLE_OK;
}

/* `frame` is what is sent: the caller's, until the call is over. */
static bool set_call(CURL *easy, struct curl_slist **headers, const char *frame, size_t len,
		     uint64_t left_ms)
{
	CURLcode bad = CURLE_OK;
	char timeout[48];

	/* the server need not work on it any longer than we wait: eight digits at most */
	snprintf(timeout, sizeof(timeout), "grpc-timeout: %um",
		 left_ms < 99999999 ? (unsigned int)left_ms : 99999999);
	if (!curl_list__add(headers, "Content-Type: application/grpc") ||
	    !curl_list__add(headers, "TE: trailers") || !curl_list__add(headers, timeout))
		return false;
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
				(long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
	bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, frame);
	bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)len);
	return bad == CURLE_OK;
}

static int error_of(CURLcode result, const struct answer *answer)
{
	if (answer->err)
		return answer->err;
	switch (result) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_CONNECT:
		return -ENOTCONN;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

/* A question, by POST if there is a frame. Returns the status code or a negative errno. */
static int ask(struct answer *answer, const char *socket_path, const char *target,
	       const char *frame, size_t len, uint64_t deadline_ns)
{
	uint64_t now_ns = clock__now_ns(), left_ms;
	struct curl_slist *headers = NULL;
	CURL *easy;
	long status = 0;
	char *url;
	int err = -ENOMEM;

	if (now_ns >= deadline_ns)
		return -ETIMEDOUT;
	left_ms = (deadline_ns - now_ns) / 1000000 + 1;
	if (left_ms > INT32_MAX)
		left_ms = INT32_MAX;
	if (asprintf(&url, "http://localhost%s", target) < 0)
		return -ENOMEM;
	easy = curl_easy_init();
	if (easy && set_options(easy, answer, socket_path, url, left_ms) &&
	    (!frame || set_call(easy, &headers, frame, len, left_ms))) {
		err = error_of(curl_easy_perform(easy), answer);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	}
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	free(url);
	return err ? err : (int)status;
}

int runtime_api__init(void)
{
	/* nothing of TLS is needed */
	return curl_global_init(CURL_GLOBAL_NOTHING) ? -ENOMEM : 0;
}

int runtime_api__get(const char *socket_path, const char *target, uint64_t deadline_ns, size_t max,
		     char **ret_body, size_t *ret_len)
{
	struct answer answer = { .max = max };
	int status = ask(&answer, socket_path, target, NULL, 0, deadline_ns);

	if (status != 200) {
		free(answer.body);
		return status == 404 ? -ENOENT : status < 0 ? status : -EBADMSG;
	}
	if (!answer.body)
		answer.body = calloc(1, 1);
	if (!answer.body)
		return -ENOMEM;
	*ret_body = answer.body;
	*ret_len = answer.len;
	return 0;
}

/* The one message of an answer that is complete, moved to the front. */
static int take_message(struct answer *answer)
{
	const unsigned char *frame = (const unsigned char *)answer->body;
	size_t len;

	if (strcmp(answer->grpc_status, GRPC_UNIMPLEMENTED) == 0)
		return -ENOENT;
	if (strcmp(answer->grpc_status, GRPC_OK) != 0 || answer->len < FRAME_BYTES || frame[0] != 0)
		return -EBADMSG;
	len = (size_t)frame[1] << 24 | (size_t)frame[2] << 16 | (size_t)frame[3] << 8 | frame[4];
	if (len != answer->len - FRAME_BYTES)
		return -EBADMSG;
	memmove(answer->body, answer->body + FRAME_BYTES, len + 1);
	answer->len = len;
	return 0;
}

int runtime_api__call(const char *socket_path, const char *method, const void *message, size_t len,
		      uint64_t deadline_ns, size_t max, char **ret_message, size_t *ret_len)
{
	struct answer answer = { .max = max + FRAME_BYTES };
	char *frame = malloc(FRAME_BYTES + len);
	int status;

	if (!frame)
		return -ENOMEM;
	frame[0] = 0;
	for (int i = 0; i < 4; i++)
		frame[1 + i] = (char)(len >> (24 - 8 * i));
	memcpy(frame + FRAME_BYTES, message, len);
	status = ask(&answer, socket_path, method, frame, FRAME_BYTES + len, deadline_ns);
	free(frame);
	if (status == 200)
		status = take_message(&answer);
	else if (status >= 0)
		status = -EBADMSG;
	if (status) {
		free(answer.body);
		return status;
	}
	*ret_message = answer.body;
	*ret_len = answer.len;
	return 0;
}
