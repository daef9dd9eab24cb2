// SPDX-License-Identifier: Apache-2.0
/* What the kernel tells through the ring. */
#include <bpf/libbpf.h>
#include <string.h>

#include "loader/loader_internal.h"

int loader__on_sample(void *ctx, void *data, size_t bytes)
{
	struct loader *loader = ctx;
	size_t least = sizeof(struct event);
	uint32_t kind;

	if (bytes < sizeof(kind))
		return 0;
	memcpy(&kind, data, sizeof(kind));
	if (kind == EVENT_TLS_HELLO)
		least = offsetof(struct event_tls_hello, byte);
	else if (kind == EVENT_TLS_END)
		least = sizeof(struct event_tls_end);
	if (bytes >= least && loader->on_event)
		loader->on_event(loader->on_event_ctx, data, bytes);
	return 0;
}

int loader__event_fd(const struct loader *loader)
{
	return ring_buffer__epoll_fd(loader->ring);
}

int loader__drain(struct loader *loader,
		  void (*on_event)(void *ctx, const void *event, size_t bytes), void *ctx)
{
	int n;

	loader->on_event = on_event;
	loader->on_event_ctx = ctx;
	n = ring_buffer__consume(loader->ring);
	loader->on_event = NULL;
	return n < 0 ? n : 0;
}
