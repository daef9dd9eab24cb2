/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/buffer.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_BYTES 4096

void buffer__init(struct buffer *buffer)
{
	*buffer = (struct buffer){};
}

void buffer__init_stream(struct buffer *buffer, size_t window,
			 int (*write)(void *ctx, const char *data, size_t length), void *ctx)
{
	*buffer = (struct buffer){ .write = write, .ctx = ctx };
	buffer__make_room(buffer, window);
}

void buffer__free(struct buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->capacity = 0;
	buffer__clear(buffer);
}

void buffer__clear(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->error = 0;
}

char *buffer__take(struct buffer *buffer, size_t *ret_length)
{
	char *data = buffer->data;

	if (buffer->error)
		return NULL;
	*ret_length = buffer->length;
	buffer->data = NULL;
	buffer->capacity = 0;
	buffer__clear(buffer);
	return data;
}

int buffer__flush(struct buffer *buffer)
{
	if (!buffer->error && buffer->write && buffer->length) {
		buffer->error = buffer->write(buffer->ctx, buffer->data, buffer->length);
		buffer->length = 0;
	}
	return buffer->error;
}

char *buffer__make_room(struct buffer *buffer, size_t bytes)
{
	size_t capacity;
	char *data;

	if (buffer->error)
		return NULL;
	if (buffer->write && buffer->length && buffer__flush(buffer))
		return NULL;
	if (buffer->capacity - buffer->length >= bytes && buffer->data)
		return buffer->data + buffer->length;

	if (__builtin_add_overflow(buffer->length, bytes, &capacity)) {
		buffer->error = -ENOMEM;
		return NULL;
	}
	if (capacity < FIRST_BYTES)
		capacity = FIRST_BYTES;
	/* Half as much again: large blocks are remapped, not copied. */
	if (capacity < buffer->capacity + buffer->capacity / 2)
		capacity = buffer->capacity + buffer->capacity / 2;
	data = realloc(buffer->data, capacity);
	if (!data) {
		buffer->error = -ENOMEM;
		return NULL;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return data + buffer->length;
}
