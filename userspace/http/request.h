/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a route's handler sees of a request and says in reply. Nothing here
 * knows the HTTP library.
 */
#ifndef EDGETAP_HTTP_REQUEST_H
#define EDGETAP_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_REPLY_FIELDS_MAX 8
#define HTTP_FIELD_VALUE_MAX 256
#define HTTP_TYPE_MAX 128

/* Strings that the accessors return live as long as the handler runs. */
struct http_request;
struct scope;

/* The path without query, percent-decoded, always starting with a slash. */
const char *http_request__path(const struct http_request *request);

/*
 * "GET" or "HEAD" for a route, "POST" too where it takes a form; any token for
 * the hook before dispatch.
 */
const char *http_request__method(const struct http_request *request);

/* What stands behind the first `?` of the target, as the client wrote it; "" if nothing does. */
const char *http_request__raw_query(const struct http_request *request);

/* The content, for a route that takes a form. ret_size: its bytes, at most 64 KiB. */
const char *http_request__content(const struct http_request *request, size_t *ret_size);

/* First value of a header field (its name in any case), or NULL. */
const char *http_request__header(const struct http_request *request, const char *name);

/* How often a header field stands there. */
size_t http_request__header_count(const struct http_request *request, const char *name);

/*
 * What this request may see: everything, unless the server has a hook that
 * controls access (http_server_options.before); then what the hook has given
 * it, and nothing if it has given nothing. Lives as long as the handler runs.
 */
const struct scope *http_request__scope(const struct http_request *request);

/* For the hook: the scope, from malloc (scope__copy), becomes the request's. */
void http_request__give_scope(struct http_request *request, struct scope *scope);

/*
 * For the hook: who the credentials are of. Requests of one address and one holder share what
 * others find room beside; a client that has a holder keeps its connection. 0: nobody.
 */
void http_request__give_holder(struct http_request *request, uint64_t holder);

/* Whether this is the hook's second call, and the check has run. */
bool http_request__was_checked(const struct http_request *request);

/*
 * For the hook: adds a header field to whatever the response will be, in place of
 * the server's own or the handler's of that name. Both are copied. Returns 0,
 * -ENOMEM, or -ENOSPC for more than HTTP_GIVEN_FIELDS_MAX.
 */
#define HTTP_GIVEN_FIELDS_MAX 8
int http_request__give_field(struct http_request *request, const char *name, const char *value);

/*
 * CLOCK_MONOTONIC nanoseconds after which nobody waits for the reply any more:
 * from X-Prometheus-Scrape-Timeout-Seconds, else the server's render timeout.
 */
uint64_t http_request__deadline_ns(const struct http_request *request);

/*
 * Whether nobody waits for the reply: the server stops, or the client has gone or
 * will send nothing more, which few do who still listen.
 */
bool http_request__is_moot(const struct http_request *request);

struct gzip;

struct http_field {
	const char *name; /* static storage */
	char value[HTTP_FIELD_VALUE_MAX];
};

/* All zeros before the handler runs. */
struct http_reply {
	unsigned int status;	       /* 200 .. 599; 0 is taken as 200 */
	const char *content_type;      /* lives as long as the reply; NULL: text/plain in UTF-8 */
	char type_text[HTTP_TYPE_MAX]; /* where content_type may stand */
	char *body;	     /* from malloc; the server frees it, whatever the handler returns */
	size_t size;	     /* bytes in body */
	struct gzip *stream; /* what http_reply__write took, in place of body; the server's */
	struct http_field fields[HTTP_REPLY_FIELDS_MAX];
	size_t field_count;
};

/*
 * Adds a header field beside those the server sends itself. The name must be
 * in static storage, the value is copied. Returns 0, -EINVAL (a control
 * character), -E2BIG (value too long) or -ENOSPC (too many fields).
 */
int http_reply__field(struct http_reply *reply, const char *name, const char *value);

/*
 * Makes the reply a line of plain text in place of any body. Returns 0, or
 * -ENOMEM, in which case the body is empty.
 */
int http_reply__text(struct http_reply *reply, unsigned int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Appends to a body of any size, which is held compressed: the way to write
 * much of it, piece by piece. Returns 0, or a negative errno, after which the
 * handler gives up and returns it: past the request's deadline, and at the
 * server's limit of response memory, the server then answers 503.
 */
int http_reply__write(struct http_reply *reply, const struct http_request *request,
		      const void *data, size_t size);

/*
 * Answers a request. ctx is what http_server__start got. Returns 0, or a
 * negative errno, which the client sees as a 500 with its text.
 */
typedef int (*http_handle_fn)(void *ctx, const struct http_request *request,
			      struct http_reply *reply);

/* The hook's check would take long: let check run, then ask the hook again. */
#define HTTP_BEFORE_CHECK 2

/*
 * The same before a route is run. 1: the reply is sent; 0: the request goes on;
 * HTTP_BEFORE_CHECK.
 */
typedef int (*http_before_fn)(void *ctx, struct http_request *request, struct http_reply *reply);

/*
 * What of a request, apart from path and scope, its page depends on. Requests for which it
 * returns the same are served by one rendering, if they came before it began.
 */
typedef const void *(*http_variant_fn)(const struct http_request *request);

struct http_route {
	const char *path;	 /* compared whole, or its beginning if `prefix` */
	const char *description; /* one line for the landing page; NULL: not listed */
	http_handle_fn handle;
	http_variant_fn variant; /* NULL: each request is rendered for itself */
	/*
	 * Quick handlers run on the network thread, beside a scrape in
	 * progress: they must not block and make small replies. The others run
	 * one at a time on the render thread.
	 */
	bool quick;
	/*
	 * Slow handlers wait for others. They run beside scrapes, a few at a time,
	 * on threads of their own. They keep to the deadline themselves, which is
	 * the server's slow timeout.
	 */
	bool slow;
	bool prefix;
	bool takes_form; /* POST too, with content of at most 64 KiB */
};

#endif
