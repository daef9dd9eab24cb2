// SPDX-License-Identifier: Apache-2.0
#include "base/version.h"

#include "build.h" /* the Makefile's */

const char version_number[] = EDGETAP_VERSION;
const char version_revision[] = EDGETAP_REVISION;
