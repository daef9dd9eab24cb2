// SPDX-License-Identifier: Apache-2.0
#include "gateway/api.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/promql.h"

#define APP_LABEL "app"
#define PARAMETERS_MAX 7
#define LABEL_MAX_BYTES 128

enum parameter_kind {
	PARAMETER_WORD = 1,  /* a number, time or duration */
	PARAMETER_QUERY,     /* an expression, needed */
	PARAMETER_SELECTORS, /* match[]: any number of selectors */
};

struct parameter {
	const char *name;
	enum parameter_kind kind;
};

/* What match[] means where a reader sees some apps only and has given none. */
enum without_match {
	MATCH_IS_NONE,	/* has none */
	MATCH_IS_ADDED, /* all series of the apps */
	MATCH_IS_NEEDED,
};

struct endpoint {
	const char *path; /* %: a label's name */
	bool is_post;	  /* the upstream takes a form */
	bool unrestricted_only;
	enum without_match without_match;
	struct parameter parameters[PARAMETERS_MAX];
};

#define TIMES                                                                                      \
	{ "start", PARAMETER_WORD },                                                               \
	{                                                                                          \
		"end", PARAMETER_WORD                                                              \
	}
#define MATCH                                                                                      \
	{                                                                                          \
		"match[]", PARAMETER_SELECTORS                                                     \
	}

static const struct endpoint endpoints[] = {
	{ "/api/v1/query",
	  true,
	  false,
	  MATCH_IS_NONE,
	  { { "query", PARAMETER_QUERY },
	    { "time", PARAMETER_WORD },
	    { "step", PARAMETER_WORD },
	    { "timeout", PARAMETER_WORD } } },
	{ "/api/v1/query_range",
	  true,
	  false,
	  MATCH_IS_NONE,
	  { { "query", PARAMETER_QUERY },
	    TIMES,
	    { "step", PARAMETER_WORD },
	    { "timeout", PARAMETER_WORD },
	    { "nocache", PARAMETER_WORD } } },
	{ "/api/v1/series",
	  true,
	  false,
	  MATCH_IS_ADDED,
	  { MATCH, TIMES, { "limit", PARAMETER_WORD } } },
	{ "/api/v1/labels",
	  true,
	  false,
	  MATCH_IS_ADDED,
	  { MATCH, TIMES, { "limit", PARAMETER_WORD } } },
	{ "/api/v1/label/%/values",
	  false,
	  false,
	  MATCH_IS_ADDED,
	  { MATCH, TIMES, { "limit", PARAMETER_WORD } } },
	/* Prometheus ignores match[] there, and counts the whole database. */
	{ "/api/v1/status/tsdb",
	  false,
	  true,
	  MATCH_IS_NONE,
	  { MATCH,
	    { "limit", PARAMETER_WORD },
	    { "topN", PARAMETER_WORD },
	    { "date", PARAMETER_WORD } } },
	{ "/federate", false, false, MATCH_IS_NEEDED, { MATCH, TIMES } },
};

int api_error__set(struct api_error *error, unsigned int status, const char *type,
		   const char *format, ...)
{
	va_list arguments;

	error->status = status;
	error->type = type;
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

char *api_error__body(const struct api_error *error)
{
	json_t *object = json_pack("{s:s,s:s,s:s}", "status", "error", "errorType", error->type,
				   "error", error->message);
	char *text = object ? json_dumps(object, JSON_PRESERVE_ORDER | JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

void api_call__free(struct api_call *call)
{
	buffer__free(&call->parameters);
}

/* The length of a label's name at the start of text; 0 if there is none. */
static size_t label_length(const char *text)
{
	size_t length = 0;

	while (isalpha((unsigned char)text[length]) || text[length] == '_' ||
	       (length && isdigit((unsigned char)text[length])))
		length++;
	return length <= LABEL_MAX_BYTES ? length : 0;
}

/* Whether the path is the endpoint's. */
static bool endpoint_fits(const struct endpoint *endpoint, const char *path)
{
	const char *label = strchr(endpoint->path, '%');
	size_t before = label ? (size_t)(label - endpoint->path) : 0, length;

	if (!label)
		return !strcmp(endpoint->path, path);
	if (strncmp(endpoint->path, path, before))
		return false;
	length = label_length(path + before);
	return length && !strcmp(path + before + length, label + 1);
}

static const struct endpoint *find_endpoint(const char *path, struct api_error *error)
{
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		if (endpoint_fits(&endpoints[i], path))
			return &endpoints[i];
	if (!strcmp(path, "/api/v1/read"))
		api_error__set(error, 501, "unavailable",
			       "remote read is not supported; use /api/v1/query_range");
	else if (!strcmp(path, "/api/v1/write"))
		api_error__set(error, 501, "unavailable", "there is nothing to be written here");
	else
		api_error__set(error, 404, "not_found",
			       "there are query, query_range, series, labels, label/NAME/values "
			       "and status/tsdb below /api/v1, and /federate");
	return NULL;
}

/* Quotes what RE2 gives a meaning to. */
static void put_quoted(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\.+*?()|[]{}^$", *text))
			buffer__append_char(out, '\\');
		buffer__append_char(out, *text);
	}
}

/*
 * The matcher that a scope comes to. An app without a name would be every series
 * without the label, so it counts for nothing. value is the filter's memory.
 */
static int scope_filter(const struct scope *scope, struct promql_filter *ret_filter,
			struct buffer *value, struct api_error *error)
{
	const char *only = NULL;
	size_t count = 0;

	for (size_t i = 0; i < scope->app_count; i++) {
		if (!scope->app[i][0])
			continue;
		only = scope->app[i];
		if (count++)
			buffer__append_char(value, '|');
		put_quoted(value, scope->app[i]);
	}
	if (!count)
		return api_error__set(error, 403, "forbidden",
				      "this token opens the series of no app");
	if (count == 1) {
		buffer__clear(value);
		buffer__append_text(value, only);
	}
	buffer__append(value, "", 1);
	if (value->error)
		return -ENOMEM;
	*ret_filter = (struct promql_filter){ APP_LABEL, count == 1 ? "=" : "=~", value->data };
	return 0;
}

struct translation {
	struct api_call *call;
	const struct promql_filter *filter; /* NULL: everything may be seen */
	struct api_error *error;
};

static int refuse_query(struct api_error *error, unsigned int status, const char *name,
			const struct promql_error *why)
{
	return api_error__set(error, status, status == 403 ? "forbidden" : "bad_data",
			      "invalid parameter \"%s\": %u:%u: %s%s", name, why->line, why->column,
			      status == 403 ? "" : "parse error: ", why->reason);
}

/* Restricts an expression or a selector, and adds it to the call. */
static int put_query(struct translation *t, const struct parameter *parameter, const char *text)
{
	bool is_expression = parameter->kind == PARAMETER_QUERY;
	struct promql_error why = { .line = 1, .column = 1 };
	struct promql *query = NULL;
	struct buffer printed;
	int err;

	err = is_expression ? promql__parse(&query, text, strlen(text), &why)
			    : promql__parse_selector(&query, text, strlen(text), &why);
	if (err)
		return err == -EINVAL ? refuse_query(t->error, 400, parameter->name, &why) : err;
	buffer__init(&printed);
	if (t->filter && promql__check_functions(query, &why)) {
		err = refuse_query(t->error, 403, parameter->name, &why);
	} else {
		err = promql__print(query, t->filter, &printed);
		buffer__append(&printed, "", 1);
		if (err == -EFBIG)
			err = api_error__set(t->error, 400, "bad_data",
					     "invalid parameter \"%s\": the query is too large",
					     parameter->name);
		else if (!err && printed.error)
			err = printed.error;
		if (!err)
			form__put(&t->call->parameters, parameter->name, printed.data);
	}
	buffer__free(&printed);
	promql__free(query);
	return err;
}

/* Times, numbers and durations need no other characters. */
static bool is_word(const char *text)
{
	size_t length = strlen(text);

	if (length > 64)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(".:+-", text[i]))
			return false;
	return true;
}

static int put_once(struct translation *t, const struct parameter *parameter,
		    const struct form *form)
{
	size_t count;
	const char *value = form__get(form, parameter->name, &count);

	if (count > 1)
		return api_error__set(t->error, 400, "bad_data",
				      "the parameter \"%s\" is there more than once",
				      parameter->name);
	if (parameter->kind == PARAMETER_QUERY)
		return put_query(t, parameter, value ? value : "");
	if (!value || !value[0])
		return 0;
	if (!is_word(value))
		return api_error__set(t->error, 400, "bad_data",
				      "invalid parameter \"%s\": expected a number, time or "
				      "duration",
				      parameter->name);
	form__put(&t->call->parameters, parameter->name, value);
	return 0;
}

static int put_selectors(struct translation *t, const struct endpoint *endpoint,
			 const struct parameter *parameter, const struct form *form)
{
	size_t count = 0;

	for (size_t i = 0; i < form->count; i++) {
		int err;

		if (strcmp(form->fields[i].name, parameter->name))
			continue;
		count++;
		err = put_query(t, parameter, form->fields[i].value);
		if (err)
			return err;
	}
	if (count)
		return 0;
	if (endpoint->without_match == MATCH_IS_NEEDED)
		return api_error__set(t->error, 400, "bad_data", "no match[] parameter provided");
	if (t->filter && endpoint->without_match == MATCH_IS_ADDED)
		return put_query(t, parameter, "{}");
	return 0;
}

static int put_all(struct translation *t, const struct endpoint *endpoint, const struct form *form)
{
	for (size_t i = 0; i < PARAMETERS_MAX && endpoint->parameters[i].name; i++) {
		const struct parameter *parameter = &endpoint->parameters[i];
		int err;

		if (parameter->kind == PARAMETER_SELECTORS)
			err = put_selectors(t, endpoint, parameter, form);
		else
			err = put_once(t, parameter, form);
		if (err)
			return err;
	}
	return t->call->parameters.error;
}

int api__translate(struct api_call *ret_call, const char *rest, const struct form *form,
		   const struct scope *scope, struct api_error *error)
{
	const struct endpoint *endpoint = find_endpoint(rest, error);
	struct api_call call = {};
	struct translation t = { .call = &call, .error = error };
	struct promql_filter filter;
	struct buffer apps;
	int err = 0;

	if (!endpoint)
		return -EINVAL;
	if (endpoint->unrestricted_only && !scope->all)
		return api_error__set(error, 403, "forbidden",
				      "these are statistics of all apps, which this token does "
				      "not open");
	buffer__init(&apps);
	buffer__init(&call.parameters);
	if (!scope->all) {
		err = scope_filter(scope, &filter, &apps, error);
		t.filter = &filter;
	}
	if (!err)
		err = put_all(&t, endpoint, form);
	buffer__free(&apps);
	if (err) {
		api_call__free(&call);
		return err;
	}
	snprintf(call.path, sizeof(call.path), "%s", rest);
	call.is_post = endpoint->is_post;
	*ret_call = call;
	return 0;
}
