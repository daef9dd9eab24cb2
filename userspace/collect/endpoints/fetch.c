// SPDX-License-Identifier: Apache-2.0
#include "collect/endpoints/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/curl_list.h"

#define HEADERS_MAX_BYTES (64 * 1024)
#define FIRST_BODY_BYTES (16 * 1024)

/* What Prometheus asks for, without what it has instead of text. */
#define ACCEPT                                                                                     \
	"Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,"       \
	"*/*;q=0.1"

static bool stop(struct fetch *fetch, enum custom_reason reason)
{
	if (fetch->reason == CUSTOM_NONE)
		fetch->reason = reason;
	return false;
}

static bool hold(struct fetch *fetch, uint64_t bytes)
{
	return share__resize(fetch->shares, fetch->share, SHARE_MEMORY, &fetch->held, bytes);
}

static bool make_room(struct fetch *fetch, size_t bytes)
{
	size_t room = fetch->room ? fetch->room : FIRST_BODY_BYTES;
	char *body;

	while (room < fetch->length + bytes)
		room *= 2;
	if (room > fetch->limits->body_bytes)
		room = fetch->limits->body_bytes;
	if (room <= fetch->room)
		return true;
	if (!hold(fetch, fetch->held + room - fetch->room))
		return stop(fetch, CUSTOM_MEMORY);
	body = realloc(fetch->body, room);
	if (!body) {
		hold(fetch, fetch->held - (room - fetch->room));
		return stop(fetch, CUSTOM_MEMORY);
	}
	fetch->body = body;
	fetch->room = room;
	return true;
}

/* Unpacked bytes of the body. Those of an error's page are counted, and dropped. */
static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct fetch *fetch = ctx;
	size_t bytes = size * count;
	long status = 0;

	fetch->received += bytes;
	if (bytes > fetch->limits->body_bytes - fetch->length) {
		stop(fetch, CUSTOM_TOO_LARGE);
		return 0;
	}
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200) {
		if (!make_room(fetch, bytes))
			return 0;
		memcpy(fetch->body + fetch->length, data, bytes);
	}
	fetch->length += bytes;
	return bytes;
}

/* Interim responses are counted, too, of which there may be any number. */
static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct fetch *fetch = ctx;

	(void)data;
	fetch->received += size * count;
	fetch->header_bytes += size * count;
	if (fetch->header_bytes > HEADERS_MAX_BYTES) {
		stop(fetch, CUSTOM_TOO_LARGE);
		return 0;
	}
	return size * count;
}

static int on_progress(void *ctx, curl_off_t total, curl_off_t received, curl_off_t to_send,
		       curl_off_t sent)
{
	struct fetch *fetch = ctx;

	(void)total;
	(void)to_send;
	(void)sent;
	if ((uint64_t)received <= fetch->limits->wire_bytes)
		return 0;
	stop(fetch, CUSTOM_WIRE_TOO_LARGE);
	return 1;
}

static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetch *fetch = ctx;
	int fd;

	(void)purpose;
	if (fetch->open_socket) {
		fd = fetch->open_socket(fetch->open_ctx, fetch->pid, address->family);
		if (fd >= 0)
			fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	} else {
		fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	if (fd >= 0)
		return fd;
	stop(fetch, CUSTOM_NAMESPACE);
	return CURL_SOCKET_BAD;
}

static bool set_headers(struct fetch *fetch)
{
	char host[32], timeout[80];

	snprintf(host, sizeof(host), "Host: 127.0.0.1:%u", fetch->port);
	snprintf(timeout, sizeof(timeout), "X-Prometheus-Scrape-Timeout-Seconds: %u.%03u",
		 fetch->limits->timeout_ms / 1000, fetch->limits->timeout_ms % 1000);
	return curl_list__add(&fetch->headers, host) && curl_list__add(&fetch->headers, ACCEPT) &&
	       curl_list__add(&fetch->headers, timeout);
}

/* The name in the URL is never looked up: it only tells curl's connections apart. */
static bool set_address(struct fetch *fetch, const char *address)
{
	char text[48];

	snprintf(text, sizeof(text), "::%s:%u", address, fetch->port);
	curl_easy_setopt(fetch->easy, CURLOPT_CONNECT_TO, NULL);
	curl_slist_free_all(fetch->connect_to);
	fetch->connect_to = NULL;
	return curl_list__add(&fetch->connect_to, text) &&
	       curl_easy_setopt(fetch->easy, CURLOPT_CONNECT_TO, fetch->connect_to) == CURLE_OK;
}

static bool set_options(struct fetch *fetch, const char *url)
{
	CURL *easy = fetch->easy;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(easy, CURLOPT_URL, url);
	bad |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not even the environment's */
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "edgetap");
	bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->headers);
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)fetch->limits->timeout_ms);
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)fetch->limits->connect_ms);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
	bad |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	bad |= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	bad |= curl_easy_setopt(easy, CURLOPT_XFERINFODATA, fetch);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch);
	bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
	return bad == CURLE_OK;
}

int fetch__init(struct fetch *fetch, uint64_t id, uint16_t port, const char *path,
		const struct fetch_limits *limits, struct shares *shares, struct share *share)
{
	char *url;
	bool good;

	*fetch = (struct fetch){
		.easy = curl_easy_init(),
		.limits = limits,
		.port = port,
		.shares = shares,
		.share = share,
		.reason = CUSTOM_NONE,
	};
	if (asprintf(&url, "http://e%llu.invalid:%u%s", (unsigned long long)id, port, path) < 0)
		url = NULL;
	good = fetch->easy && url && set_headers(fetch) && set_options(fetch, url);
	free(url);
	if (good)
		return 0;
	fetch__free(fetch);
	return -ENOMEM;
}

void fetch__free(struct fetch *fetch)
{
	fetch__drop_body(fetch);
	if (fetch->easy)
		curl_easy_cleanup(fetch->easy);
	curl_slist_free_all(fetch->headers);
	curl_slist_free_all(fetch->connect_to);
	fetch->easy = NULL;
	fetch->headers = fetch->connect_to = NULL;
}

static int begin(struct fetch *fetch, CURLM *multi, const char *address)
{
	fetch->reason = CUSTOM_NONE;
	fetch->header_bytes = 0;
	fetch->received = 0;
	fetch__drop_body(fetch);
	if (!set_address(fetch, address) || curl_multi_add_handle(multi, fetch->easy) != CURLM_OK)
		return -ENOMEM;
	fetch->is_running = true;
	return 0;
}

int fetch__begin(struct fetch *fetch, CURLM *multi)
{
	/* once more where it answered the last time */
	return begin(fetch, multi, fetch->is_second ? "[::1]" : "127.0.0.1");
}

void fetch__cancel(struct fetch *fetch, CURLM *multi)
{
	if (!fetch->is_running)
		return;
	curl_multi_remove_handle(multi, fetch->easy);
	fetch->is_running = false;
	fetch__drop_body(fetch);
}

static enum custom_reason reason_of(CURLcode result)
{
	switch (result) {
	case CURLE_COULDNT_CONNECT:
		return CUSTOM_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return CUSTOM_TIMEOUT;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return CUSTOM_CLOSED;
	case CURLE_OUT_OF_MEMORY:
		return CUSTOM_MEMORY;
	default:
		return CUSTOM_PROTOCOL;
	}
}

bool fetch__end(struct fetch *fetch, CURLM *multi, CURLcode result, enum custom_reason *ret_reason)
{
	enum custom_reason reason = fetch->reason;
	long status = 0;

	curl_multi_remove_handle(multi, fetch->easy);
	fetch->is_running = false;
	if (reason == CUSTOM_NONE && result != CURLE_OK)
		reason = reason_of(result);
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	if (reason == CUSTOM_NONE && status != 200)
		reason = CUSTOM_STATUS;
	if (reason == CUSTOM_CONNECT && !fetch->is_second) {
		fetch->is_second = true;
		if (fetch__begin(fetch, multi) == 0)
			return true;
	}
	if (reason == CUSTOM_CONNECT)
		fetch->is_second = false;
	if (reason != CUSTOM_NONE)
		fetch__drop_body(fetch);
	*ret_reason = reason;
	return false;
}

bool fetch__is_openmetrics(const struct fetch *fetch)
{
	static const char name[] = "application/openmetrics-text";
	const char *type = NULL;

	curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_TYPE, &type);
	if (!type || strncasecmp(type, name, sizeof(name) - 1) != 0)
		return false;
	type += sizeof(name) - 1;
	return strcspn(type, "; \t") == 0;
}

void fetch__drop_body(struct fetch *fetch)
{
	free(fetch->body);
	if (fetch->room)
		hold(fetch, fetch->held - fetch->room);
	fetch->body = NULL;
	fetch->length = fetch->room = 0;
}
