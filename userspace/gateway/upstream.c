// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/curl_list.h"

#define TOKEN_MAX_BYTES 4096
#define CONNECT_TIMEOUT_MS 5000L

struct transfer {
	const struct upstream_request *request;
	uint64_t received;
	int err; /* why we ended it */
	char reason[CURL_ERROR_SIZE];
};

int upstream__init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) ? -ENOMEM : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;

	size *= count;
	transfer->received += size;
	if (transfer->received > transfer->request->max_bytes)
		transfer->err = -EFBIG;
	else if (size)
		transfer->err = transfer->request->write(transfer->request->ctx, data, size);
	return transfer->err ? 0 : size;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *transfer = ctx;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	if (transfer->request->is_moot && transfer->request->is_moot(transfer->request->ctx))
		transfer->err = -ECANCELED;
	return transfer->err != 0;
}

/* "Authorization: Bearer TOKEN" from a file; white space around the token does not count. */
static int read_token(const char *path, char *header, size_t size)
{
	size_t used = (size_t)snprintf(header, size, "Authorization: Bearer ");
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, header + used, size - used - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	while (n && isspace((unsigned char)header[used + (size_t)n - 1]))
		n--;
	header[used + (size_t)n] = '\0';
	if (!n || used + (size_t)n == size - 1)
		return -EINVAL;
	for (const char *p = header + used; *p; p++)
		if (*p <= ' ' || *p == 0x7f)
			return -EINVAL;
	return 0;
}

/* Whether a field of the client's can be passed on as it is, whole. */
static bool is_plain(const char *value)
{
	size_t length = 0;

	while (value[length] >= ' ' && value[length] < 0x7f)
		length++;
	return !value[length] && length && length < TOKEN_MAX_BYTES - 16;
}

/* Nothing of the client's but Accept. */
static int make_headers(const struct upstream_request *request, struct curl_slist **headers,
			char *message)
{
	char *line = malloc(TOKEN_MAX_BYTES);
	int err;

	if (!line)
		return -ENOMEM;
	err = curl_list__add(headers, "Expect:") ? 0 : -ENOMEM;
	if (!err && request->accept && is_plain(request->accept)) {
		snprintf(line, TOKEN_MAX_BYTES, "Accept: %s", request->accept);
		err = curl_list__add(headers, line) ? 0 : -ENOMEM;
	}
	if (!err && request->token_file) {
		if (read_token(request->token_file, line, TOKEN_MAX_BYTES)) {
			snprintf(message, UPSTREAM_MESSAGE_BYTES,
				 "the token for the upstream cannot be read");
			err = -EACCES;
		} else {
			err = curl_list__add(headers, line) ? 0 : -ENOMEM;
		}
		explicit_bzero(line, TOKEN_MAX_BYTES);
	}
	free(line);
	return err;
}

static char *make_url(const struct upstream_request *request)
{
	bool query = !request->is_post && request->parameters_length;
	char *url;

	if (asprintf(&url, "%s%s%s%.*s", request->base, request->path, query ? "?" : "",
		     query ? (int)request->parameters_length : 0,
		     query ? request->parameters : "") < 0)
		return NULL;
	return url;
}

/* Options that cannot fail but for lack of memory. */
static int set_options(CURL *curl, struct transfer *transfer, const char *url,
		       struct curl_slist *headers)
{
	const struct upstream_request *request = transfer->request;
	int bad = 0;

	bad |= curl_easy_setopt(curl, CURLOPT_URL, url);
	bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	/* Instead of the system's, not beside them. */
	if (request->ca_file) {
		bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
		bad |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	/* The environment's proxy is for others. */
	bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* The thread that resolves a name is not waited for: it may take a minute. */
	bad |= curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	bad |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	bad |= curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	bad |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "edgetap");
	bad |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->reason);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	bad |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	bad |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	bad |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
	if (request->is_post) {
		bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
					(curl_off_t)request->parameters_length);
		bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
					request->parameters_length ? request->parameters : "");
	}
	return bad ? -ENOMEM : 0;
}

static void take_response(CURL *curl, struct upstream_response *ret_response)
{
	struct upstream_response response = {};
	char *type = NULL;
	long status = 0;
	size_t length = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	response.status = (unsigned int)status;
	while (type && type[length] >= ' ' && type[length] < 0x7f)
		length++;
	if (type && !type[length] && length < sizeof(response.content_type))
		memcpy(response.content_type, type, length);
	*ret_response = response;
}

static int fail(const struct transfer *transfer, CURLcode code, char *message)
{
	const char *reason = transfer->reason[0] ? transfer->reason : curl_easy_strerror(code);

	if (transfer->err == -EFBIG)
		snprintf(message, UPSTREAM_MESSAGE_BYTES,
			 "the upstream's answer is larger than %llu bytes",
			 (unsigned long long)transfer->request->max_bytes);
	else
		snprintf(message, UPSTREAM_MESSAGE_BYTES, "the upstream does not answer: %.180s",
			 reason);
	if (transfer->err)
		return transfer->err;
	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	return code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -ECONNREFUSED;
}

int upstream__ask(const struct upstream_request *request, struct upstream_response *ret_response,
		  char ret_message[UPSTREAM_MESSAGE_BYTES])
{
	struct transfer transfer = { .request = request };
	struct curl_slist *headers = NULL;
	char *url = make_url(request);
	CURL *curl = curl_easy_init();
	CURLcode code;
	int err = url && curl ? 0 : -ENOMEM;

	snprintf(ret_message, UPSTREAM_MESSAGE_BYTES, "out of memory");
	if (!err)
		err = make_headers(request, &headers, ret_message);
	if (!err)
		err = set_options(curl, &transfer, url, headers);
	if (!err) {
		code = curl_easy_perform(curl);
		if (code)
			err = fail(&transfer, code, ret_message);
		else
			take_response(curl, ret_response);
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	free(url);
	return err;
}
