// SPDX-License-Identifier: Apache-2.0
/* The parsers of the serving stage: the first byte chooses one, the rest is its input. */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/listen.h"
#include "http/framing.h"
#include "http/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void listen_address(const char *text)
{
	struct listen_address address;
	const char *message = NULL;

	/* Either an address of a known size, or a sentence that begins with the input. */
	if (!listen_address__parse(&address, text, &message)) {
		if (address.len != sizeof(struct sockaddr_in6) &&
		    address.len != sizeof(struct sockaddr_in))
			abort();
	} else if (!message || strncmp(message, "listen ", 7)) {
		abort();
	}
}

/* Lines of names and values: what is taken has one length at most, and one Host. */
static void head(char *text)
{
	struct framing framing;

	framing__begin(&framing, false, "POST", "/", 1, "HTTP/1.1");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t name = strcspn(line, ":");

		if (line[name])
			framing__field(&framing, line, name, line + name + 1,
				       strlen(line + name + 1));
		else
			framing__trailer(&framing, line, name, "", 0);
	}
	framing__end(&framing, 0);
	if (!framing.status != !framing.why)
		abort();
	if (!framing.status && (framing.hosts != 1 || framing.lengths + framing.codings > 1 ||
				framing.is_chunked != framing.codings))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	uint64_t ns = 0;

	if (!size)
		return 0;
	/* A copy of its own size, so that reading past the end is seen. */
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 4) {
	case 0:
		http_header__accepts_gzip(text);
		break;
	case 1:
		if (!http_header__scrape_timeout(&ns, text) && (!ns || ns > 3600000000000ULL))
			abort();
		break;
	case 2:
		listen_address(text);
		break;
	case 3:
		head(text);
		break;
	}
	free(text);
	return 0;
}
