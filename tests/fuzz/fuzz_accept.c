// SPDX-License-Identifier: Apache-2.0
/* Any Accept header gets one of the encoders. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "encoders/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *accept = malloc(size + 1);
	const struct encoder *encoder;

	if (!accept)
		return 0;
	if (size)
		memcpy(accept, data, size);
	accept[size] = '\0';
	encoder = encoder__negotiate(accept);
	if (encoder != &encoder_text && encoder != &encoder_openmetrics &&
	    encoder != &encoder_protobuf)
		abort();
	free(accept);
	return 0;
}
