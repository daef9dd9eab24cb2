/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's lists of texts, which grow or stay as they are. */
#ifndef EDGETAP_BASE_CURL_LIST_H
#define EDGETAP_BASE_CURL_LIST_H

#include <curl/curl.h>
#include <stdbool.h>

/* Appends a copy of the text. False, and the list is what it was, without memory. */
static inline bool curl_list__add(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (longer)
		*list = longer;
	return longer;
}

#endif
