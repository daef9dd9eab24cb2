// SPDX-License-Identifier: Apache-2.0
#include "http/request.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/scope.h"
#include "http/gzip.h"
#include "http/server_internal.h"

const char *http_request__path(const struct http_request *request)
{
	return request->path;
}

const char *http_request__method(const struct http_request *request)
{
	return request->method;
}

const struct scope *http_request__scope(const struct http_request *request)
{
	if (request->scope)
		return request->scope;
	return request->server->options.before ? &scope_none : &scope_all;
}

void http_request__give_scope(struct http_request *request, struct scope *scope)
{
	free(request->scope);
	request->scope = scope;
}

void http_request__give_holder(struct http_request *request, uint64_t holder)
{
	request->holder = holder;
}

bool http_request__was_checked(const struct http_request *request)
{
	return request->was_checked;
}

int http_request__give_field(struct http_request *request, const char *name, const char *value)
{
	struct given_field *field = &request->given[request->given_count];

	if (request->given_count == HTTP_GIVEN_FIELDS_MAX)
		return -ENOSPC;
	field->name = strdup(name);
	field->value = strdup(value);
	if (!field->name || !field->value) {
		free(field->name);
		free(field->value);
		return -ENOMEM;
	}
	request->given_count++;
	return 0;
}

uint64_t http_request__deadline_ns(const struct http_request *request)
{
	return request->deadline_ns;
}

const char *http_request__raw_query(const struct http_request *request)
{
	return request->raw_query ? request->raw_query : "";
}

const char *http_request__content(const struct http_request *request, size_t *ret_size)
{
	*ret_size = request->content ? request->content_bytes : 0;
	return request->content ? request->content : "";
}

struct count {
	const char *name;
	size_t count;
};

static enum MHD_Result count_field(void *cls, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct count *count = cls;

	(void)kind;
	(void)value;
	count->count += !strcasecmp(name, count->name);
	return MHD_YES;
}

size_t http_request__header_count(const struct http_request *request, const char *name)
{
	struct count count = { name, 0 };

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, count_field, &count);
	return count.count;
}

const char *http_request__header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

int http_reply__field(struct http_reply *reply, const char *name, const char *value)
{
	struct http_field *field;
	size_t len = strlen(value);

	if (reply->field_count == HTTP_REPLY_FIELDS_MAX)
		return -ENOSPC;
	if (len >= sizeof(field->value))
		return -E2BIG;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return -EINVAL;
	field = &reply->fields[reply->field_count++];
	field->name = name;
	memcpy(field->value, value, len + 1);
	return 0;
}

int http_reply__text(struct http_reply *reply, unsigned int status, const char *fmt, ...)
{
	char *text;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	free(reply->body);
	gzip__free(reply->stream);
	reply->stream = NULL;
	reply->status = status;
	reply->content_type = NULL;
	reply->body = len < 0 ? NULL : text;
	reply->size = len < 0 ? 0 : len;
	return len < 0 ? -ENOMEM : 0;
}

int http_reply__write(struct http_reply *reply, const struct http_request *request,
		      const void *data, size_t size)
{
	if (!reply->stream) {
		int err = response__open_stream(request, &reply->stream);

		if (err)
			return err;
	}
	return gzip__write(reply->stream, data, size);
}
