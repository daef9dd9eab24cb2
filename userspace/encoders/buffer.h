/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes being written: into memory that grows, or through a window of fixed
 * size that is handed on whenever it is full (to a compressor, a socket). A
 * failure sticks: later writes do nothing, and the error is read once, at the
 * end.
 */
#ifndef EDGETAP_ENCODERS_BUFFER_H
#define EDGETAP_ENCODERS_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
	char *data;
	size_t length; /* bytes in data */
	size_t capacity;
	int error; /* 0, or the negative errno that stopped it */
	int (*write)(void *ctx, const char *data, size_t length); /* NULL: memory that grows */
	void *ctx;
};

/* An empty buffer that grows; takes no memory until it is written. */
void buffer__init(struct buffer *buffer);

/*
 * A buffer that calls write with at most about window bytes at a time, and
 * once more in buffer__flush. write returns 0 or a negative errno, which
 * becomes the buffer's error.
 */
void buffer__init_stream(struct buffer *buffer, size_t window,
			 int (*write)(void *ctx, const char *data, size_t length), void *ctx);

/* Frees the memory; the buffer is empty and usable again. */
void buffer__free(struct buffer *buffer);

/* Forgets what is in it, and any error; keeps the memory for the next use. */
void buffer__clear(struct buffer *buffer);

/*
 * Gives what is in it to the caller, who frees it; the buffer is empty and
 * without memory. NULL, and no length, if it failed.
 */
char *buffer__take(struct buffer *buffer, size_t *ret_length);

/* Hands on what is left of a stream. Returns the buffer's error, 0 if none. */
int buffer__flush(struct buffer *buffer);

/* Out of line part of buffer__reserve. */
char *buffer__make_room(struct buffer *buffer, size_t bytes);

/*
 * Room for at least so many bytes at the end, or NULL after a failure. What
 * is written there counts from buffer__commit on.
 */
static inline char *buffer__reserve(struct buffer *buffer, size_t bytes)
{
	if (buffer->capacity - buffer->length >= bytes && !buffer->error)
		return buffer->data + buffer->length;
	return buffer__make_room(buffer, bytes);
}

/* end: one after the last byte written into the reserved room. */
static inline void buffer__commit(struct buffer *buffer, const char *end)
{
	buffer->length = (size_t)(end - buffer->data);
}

static inline void buffer__append(struct buffer *buffer, const void *data, size_t length)
{
	char *p = buffer__reserve(buffer, length);

	if (!p || !length)
		return;
	memcpy(p, data, length);
	buffer__commit(buffer, p + length);
}

static inline void buffer__append_text(struct buffer *buffer, const char *text)
{
	buffer__append(buffer, text, strlen(text));
}

static inline void buffer__append_char(struct buffer *buffer, char c)
{
	buffer__append(buffer, &c, 1);
}

#endif
