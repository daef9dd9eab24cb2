// SPDX-License-Identifier: Apache-2.0
#include "http/page.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/printable.h"

static const char head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<title>edgetap</title>\n"
	"<style>\n"
	"body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; "
	"padding: 0 1rem; }\n"
	"h1 { margin-bottom: 0; }\n"
	".version { margin-top: 0; opacity: .7; }\n"
	"dt { font-family: ui-monospace, monospace; margin-top: 1rem; }\n"
	"dd { margin-left: 0; }\n"
	"</style>\n"
	"</head>\n"
	"<body>\n"
	"<h1>edgetap</h1>\n";

/* For text and for attribute values in double quotes. */
static void put_escaped(FILE *out, const char *raw)
{
	char shown[1024];

	printable__copy(shown, sizeof(shown), raw);
	for (const char *text = shown; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void put_element(FILE *out, const char *open, const char *text, const char *close)
{
	fputs(open, out);
	put_escaped(out, text);
	fputs(close, out);
}

/* Ends the stream; a short write anywhere means that memory ran out. */
static char *finish(FILE *out, char **text)
{
	int failed = ferror(out);

	if (fclose(out) || failed) {
		free(*text);
		return NULL;
	}
	return *text;
}

char *page__landing(const char *version, const char *observed, const struct http_route *routes,
		    size_t count)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(head, out);
	if (version)
		put_element(out, "<p class=\"version\">version ", version, "</p>\n");
	if (observed)
		put_element(out, "<p>", observed, "</p>\n");
	fputs("<dl>\n", out);
	for (size_t i = 0; i < count; i++) {
		if (!routes[i].description)
			continue;
		put_element(out, "<dt><a href=\"", routes[i].path, "\">");
		put_element(out, "", routes[i].path, "</a></dt>\n");
		put_element(out, "<dd>", routes[i].description, "</dd>\n");
	}
	fputs("</dl>\n</body>\n</html>\n", out);
	return finish(out, &text);
}

char *page__not_found(const struct http_route *routes, size_t count)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("Not found. There is:\n", out);
	for (size_t i = 0; i < count; i++)
		if (routes[i].description)
			fprintf(out, "  %-16s %s\n", routes[i].path, routes[i].description);
	return finish(out, &text);
}
