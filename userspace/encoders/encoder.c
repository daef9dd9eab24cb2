/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/encoder.h"

void encoding__init(struct encoding *encoding)
{
	*encoding = (struct encoding){};
	buffer__init(&encoding->prefix);
}

void encoding__free(struct encoding *encoding)
{
	buffer__free(&encoding->prefix);
}
